"""The code location: every declared table as an asset, on the resources of this process's settings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from fdm_platform.defs.assets import landing_asset
from fdm_platform.defs.dependencies import saved_dependencies
from fdm_platform.defs.freshness import freshness_policy
from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.platform import use_catalog
from fdm_platform.defs.resources import ControlStoreResource, PlatformResource
from fdm_platform.defs.step_launcher import SparkSubmitStepLauncher
from fdm_platform.defs.watching import Watched, watch
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog, load_catalog

log = logging.getLogger(__name__)


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
    catalog = catalog or load_catalog(settings.sql_root)
    for error in catalog.errors:
        log.warning("left out of the definitions: %s", error)
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
