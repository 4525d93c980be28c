"""Sensors that close execution_log for runs that died: every attempt ends in one final line.

A run that fails closes its attempts itself. One whose process is killed cannot: Dagster's run monitoring finds
it and fails it, or somebody cancels it, and then its open attempts are closed here.
"""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

from collections.abc import Iterator
from datetime import date

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from fdm_platform.control.execution_log.journal import Journal
from fdm_platform.control.execution_log.rows import BY_DATE, STARTED
from fdm_platform.control.store import Predicate
from fdm_platform.control.values import Row
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource

_ENDS = {dg.DagsterRunStatus.FAILURE: "failed", dg.DagsterRunStatus.CANCELED: "canceled"}


def dead_run_sensors() -> list[dg.SensorDefinition]:
    """One for runs that failed and one for those that were canceled. They run unless they are switched off."""
    return [_sensor(run_status, word) for run_status, word in _ENDS.items()]


def _sensor(run_status: dg.DagsterRunStatus, word: str) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=run_status,
        name=f"attempts_of_{word}_runs",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Closes what execution_log still calls Started of runs that {word}.",
    )
    def close(context: dg.RunStatusSensorContext, platform: PlatformResource) -> dg.SkipReason | None:
        closed = close_attempts(platform.platform, context.dagster_run, _words(context))
        if not closed:
            return None
        context.log.info("closed in execution_log: %s", ", ".join(closed))
        return None

    return close


def close_attempts(platform: Platform, run: dg.DagsterRun, why: str) -> list[str]:
    """Write the final line of the run's attempts that have none and whose process is gone; which they were."""
    journal, closed = Journal(platform.settings.journal), []
    for attempt in _open_attempts(platform, run):
        if journal.is_owned(attempt["id"]):
            continue  # its process lives, and closes it
        platform.execution_log.finish(attempt["id"], status="Failed", error=why)
        closed.append(f"{attempt['table_name']} {attempt['biz_dt']}")
    return closed


def _open_attempts(platform: Platform, run: dg.DagsterRun) -> Iterator[Row]:
    first = run.tags.get(PARTITION_NAME_TAG) or run.tags.get(ASSET_PARTITION_RANGE_START_TAG)
    last = run.tags.get(PARTITION_NAME_TAG) or run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    if not first or not last:
        return
    dates = [
        Predicate("biz_dt", ">=", date.fromisoformat(first)),
        Predicate("biz_dt", "<=", date.fromisoformat(last)),
    ]
    for key in sorted(run.asset_selection or ()):
        for row in platform.store.scan(BY_DATE, [Predicate("table_name", "=", "_".join(key.path)), *dates]):
            if row["load_id"].startswith(run.run_id) and row["status"] == STARTED:
                yield row


def _words(context: dg.RunStatusSensorContext) -> str:
    said = context.dagster_event.message
    return "the run ended without a word about this date" + (f": {said}" if said else "")
