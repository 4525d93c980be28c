"""A load as a Dagster run in this process: what `fdm materialize` calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import dagster as dg

from fdm_platform.defs.load import Load
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.step_launcher import hand_over, take_back
from fdm_platform.errors import LoadError
from fdm_platform.model.table import TableSpec


def run_load(
    instance: dg.DagsterInstance,
    load: Load,
    spec: TableSpec,
    handler: logging.Handler,
    raise_if_stopped: Callable[[], None] = lambda: None,
) -> str | None:
    """Run a load that was begun: neighbouring dates of one table. The run has the load's id in it.

    What failed is in the load; the text returned is of a run that ended before its step could say more.
    `raise_if_stopped` raises where a signal came: Dagster may have made a failed run of it.
    """
    platform = load.platform
    add_dates(instance, spec.partition_set, [r.biz_dt for r in platform.control_rows(spec)])
    definitions = build_definitions(
        platform.settings, catalog=platform.catalog, only=[spec], loggers={"console": _logger(handler)}
    )
    hand_over(load)
    try:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            run_id=load.load_id.removesuffix(f"-{spec.name}"),
            run_config={"loggers": {"console": {}}},
            raise_on_error=False,
            **_selection(load.dates),
        )
    finally:
        if take_back(load):
            raise_if_stopped()
            load.abandon(LoadError("the run ended before its step began; see it in the UI"))
    return None if result.success else _error(result)


def _selection(dates: Sequence[date]) -> dict[str, Any]:
    """One date is a partition of its own; several are a range, which must be neighbours in the set."""
    if len(dates) == 1:
        return {"partition_key": dates[0].isoformat()}
    first, last = min(dates).isoformat(), max(dates).isoformat()
    return {"tags": {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}}


def _logger(handler: logging.Handler) -> dg.LoggerDefinition:
    def console(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.getLogger("fdm.run")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = [handler]
        return logger

    return dg.LoggerDefinition(console, description="Lines of the run for the terminal.")


def _error(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step said, without Dagster's own frames."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error
            while error and error.cause:
                error = error.cause
            if error is None:
                return "the step failed"
            return error.message.partition(f"{error.cls_name}: ")[2].strip() or error.message.strip()
    return "the run failed before its step began; see it in the UI"
