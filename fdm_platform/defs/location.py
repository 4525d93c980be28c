"""The code location: every declared table as an asset, on the resources of this process's settings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping

import dagster as dg

from fdm_platform.defs.assets import landing_asset
from fdm_platform.defs.dependencies import saved_dependencies
from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.resources import ControlStoreResource, PlatformResource
from fdm_platform.defs.step_launcher import SparkSubmitStepLauncher
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog, load_catalog

log = logging.getLogger(__name__)


def build_definitions(
    settings: Settings,
    *,
    catalog: Catalog | None = None,
    only: Iterable[TableSpec] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Definitions of the catalog's tables, or of `only` some of them.

    A broken table is logged and left out: it never takes the others down with it (`fdm validate`
    tells what is wrong). Runs execute in one process, because a run has one step.
    """
    catalog = catalog or load_catalog(settings.sql_root)
    for error in catalog.errors:
        log.warning("left out of the definitions: %s", error)
    waits_for = saved_dependencies(settings, catalog)
    control = ControlStoreResource()
    platform = PlatformResource(control=control)
    chosen = catalog.tables.values() if only is None else only
    with warnings.catch_warnings():
        # Code references and backfill policies are beta in Dagster 1.13; the pinned range is our answer.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [
            landing_asset(spec, catalog.tables, settings.landing_root, waits_for.of.get(spec.name, ()))
            for spec in chosen
        ]
    return dg.Definitions(
        assets=assets,
        resources={
            "control": control,
            "platform": platform,
            "step_launcher": SparkSubmitStepLauncher(),
            "orc_io_manager": OrcIOManager(platform=platform),
        },
        executor=dg.in_process_executor,
        loggers=loggers,
    )
