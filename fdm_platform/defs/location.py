"""The code location: every declared table as an asset, on the resources of this process's settings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from fdm_platform.defs.assets import landing_asset
from fdm_platform.defs.dependencies import saved_dependencies
from fdm_platform.defs.freshness import freshness_policy
from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.jobs_sensor import buildable
from fdm_platform.defs.legacy_jobs import read_catalog
from fdm_platform.defs.platform import use_catalog
from fdm_platform.defs.reloading import note_definitions
from fdm_platform.defs.resources import ControlStoreResource, PlatformResource
from fdm_platform.defs.step_launcher import SparkSubmitStepLauncher
from fdm_platform.defs.watching import Watched, watch
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog

log = logging.getLogger(__name__)
_MOST_TOLD = 20
"""Findings on job_master that every process which loads definitions logs."""


def build_definitions(
    settings: Settings,
    *,
    catalog: Catalog | None = None,
    only: Sequence[TableSpec] = (),
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Definitions of the catalog's tables with what watches over them, or of `only` some tables alone.

    A broken table is logged and left out: it never takes the others down with it (`fdm validate`
    tells what is wrong). Runs execute in one process, because a run has one step.
    """
    if catalog is None:
        note_definitions(settings)
        catalog = _sound(read_catalog(settings))
    for error in catalog.errors:
        log.warning("left out of the definitions: %s", error)
    _tell_findings(catalog)
    use_catalog(catalog)
    waits_for = saved_dependencies(settings, catalog)
    control = ControlStoreResource()
    platform = PlatformResource(control=control)
    today = datetime.now(UTC).date()
    with warnings.catch_warnings():
        # Code references, backfill policies and conditions of our own are beta in Dagster 1.13; the pinned
        # range is our answer.
        warnings.simplefilter("ignore", dg.BetaWarning)
        watched = Watched() if only else watch(settings, catalog, waits_for.of)
        assets = [
            landing_asset(
                spec,
                catalog.tables,
                settings,
                waits_for.of.get(spec.name, ()),
                watched.follow.get(spec.name),
                freshness=freshness_policy(catalog.calendars.of(spec), today),
            )
            for spec in (only or catalog.tables.values())
        ]
    return dg.Definitions(
        assets=assets,
        sensors=watched.sensors,
        schedules=watched.schedules,
        resources={
            "control": control,
            "platform": platform,
            "step_launcher": SparkSubmitStepLauncher(),
            "orc_io_manager": OrcIOManager(platform=platform),
        },
        executor=dg.in_process_executor,
        loggers=loggers,
    )


def _sound(catalog: Catalog) -> Catalog:
    """Without legacy jobs that Dagster refuses; what a table.yaml declares is held to its rules when it is read."""
    jobs = [spec for spec in catalog.tables.values() if spec.legacy]
    kept = {spec.name for spec in buildable(jobs)}
    gone = {spec.name for spec in jobs} - kept
    return (
        replace(catalog, tables={n: s for n, s in catalog.tables.items() if n not in gone})
        if gone
        else catalog
    )


def _tell_findings(catalog: Catalog) -> None:
    for finding in catalog.job_findings[:_MOST_TOLD]:
        log.warning("job_master %s is no asset: %s", finding.job_name, finding.message)
    if len(catalog.job_findings) > _MOST_TOLD:
        more = len(catalog.job_findings) - _MOST_TOLD
        log.warning("%d more jobs are none: see `fdm job list`", more)
