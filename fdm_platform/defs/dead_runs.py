"""Sensors that close execution_log for runs that died: every attempt ends in one final line.

A run that fails closes its attempts itself. One whose process is killed cannot: Dagster's run monitoring finds
it and fails it, or somebody cancels it, and then its open attempts are closed here.
"""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

from collections.abc import Iterator

import dagster as dg

from fdm_platform.control.execution_log.rows import BY_DATE
from fdm_platform.control.store import Predicate
from fdm_platform.control.values import Row
from fdm_platform.defs.closing import close_attempts
from fdm_platform.defs.open_runs import span_of, tables_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.resuming import LOAD, untold
from fdm_platform.errors import ControlError

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
    def close(context: dg.RunStatusSensorContext, platform: PlatformResource) -> None:
        try:
            tell_published(platform.platform, context.instance, context.dagster_run)
            closed = close_attempts_of(platform.platform, context.dagster_run, _words(context))
        except ControlError as error:
            # Of other errors Dagster notes that they happened, and goes on to the next run: this one fails the
            # tick, so that the next one tries again.
            raise dg.DagsterError(str(error)) from error
        if closed:
            context.log.info("closed in execution_log: %s", ", ".join(closed))

    return close


def tell_published(platform: Platform, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Materialize what the run published and died before it told: tables that follow it wait for that."""
    for key in sorted(run.asset_selection or ()):
        for attempt in _attempts(platform, run, "_".join(key.path)):
            biz_dt, name = attempt["biz_dt"], attempt["table_name"]
            published = platform.ledger.published(name, [biz_dt])
            done = {d: p for d, p in published.items() if p.load_id == attempt["load_id"]}
            for event in untold(instance, key, platform.ledger, name, done):
                instance.report_runless_asset_event(event)


def close_attempts_of(platform: Platform, run: dg.DagsterRun, why: str) -> list[str]:
    """Write the final line of the run's attempts that have none and whose process is gone; which they were.

    Not of a load that is registered: the run that is started again may adopt it, and recovery closes what nobody does.
    """
    under_way = {row.load_id for row in platform.loads.open_ones()}

    def find() -> list[Row]:
        found = (row for name in tables_of(run) for row in _attempts(platform, run, name))
        return [row for row in found if row["load_id"] not in under_way]

    found = close_attempts(platform, find, why)
    return [f"{closed.table} {closed.biz_dt}" for closed in found]


def _attempts(platform: Platform, run: dg.DagsterRun, table: str) -> Iterator[Row]:
    """The run's attempts at dates of a table."""
    span = span_of(run)
    if span is None:
        return
    where = [
        Predicate("table_name", "=", table),
        Predicate("biz_dt", ">=", span[0]),
        Predicate("biz_dt", "<=", span[1]),
    ]
    # The second run of a command's load publishes under the id of the first, which its tag has.
    of_run = (run.run_id, run.tags[LOAD]) if LOAD in run.tags else (run.run_id,)
    yield from (row for row in platform.store.scan(BY_DATE, where) if row["load_id"].startswith(of_run))


def _words(context: dg.RunStatusSensorContext) -> str:
    said = context.dagster_event.message
    return "the run ended without a word about this date" + (f": {said}" if said else "")
