"""Sensors that close execution_log for runs that died: every attempt ends in one final line.

A run that fails closes its attempts itself. One whose process is killed cannot: Dagster's run monitoring finds
it and fails it, or somebody cancels it, and then its open attempts are closed here. What a sensor requested and a
run that is not started again did not deal with is parked, so that somebody hears of it.
"""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

from collections.abc import Iterator
from datetime import date

import dagster as dg
from dagster._core.storage.tags import RETRY_NUMBER_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG, WILL_RETRY_TAG

from fdm_platform.control.execution_log.rows import BY_DATE, STARTED
from fdm_platform.control.requests import Requests
from fdm_platform.control.store import Predicate
from fdm_platform.control.values import Row
from fdm_platform.defs.closing import GONE, close_attempts
from fdm_platform.defs.open_runs import span_of, tables_of
from fdm_platform.defs.parking import park, parked
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.resuming import LOAD
from fdm_platform.defs.telling import untold
from fdm_platform.errors import ControlError, KilledError
from fdm_platform.model.table import TableSpec

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
            if run_status == dg.DagsterRunStatus.FAILURE:
                park_unheard_of(platform.platform, context.instance, context.dagster_run, _words(context))
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


def park_unheard_of(platform: Platform, instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    """Park dates of a sensor's run that died before it could say what became of them, and is not started again.

    The sensor requests a version of a control row once: nobody else would load them.
    """
    if SENSOR_NAME_TAG not in run.tags or RUN_KEY_TAG not in run.tags or _is_started_again(instance, run):
        return
    for spec in filter(None, map(platform.catalog.tables.get, tables_of(run))):
        dates = _unheard_of(platform, spec, run)
        error = KilledError(why, remedy="see the run's log in the UI; `fdm retry` loads the date again")
        tries = int(run.tags.get(RETRY_NUMBER_TAG, "0")) + 1
        park(platform, spec, dict.fromkeys(dates, error), None, tries, load_id=f"{run.run_id}-{spec.name}")


def _unheard_of(platform: Platform, spec: TableSpec, run: dg.DagsterRun) -> list[date]:
    """Dates that the run was asked for, that are as they were then, and of which no try has told its own end."""
    asked = Requests(platform.store).of_run_keys(spec.partition_set, [run.tags[RUN_KEY_TAG]])
    versions = {r.biz_dt: r.control_version for r in asked if r.table_name == spec.name}
    rows = (
        {row.biz_dt: row.version for row in platform.usable_control_rows(spec, versions)} if versions else {}
    )
    dates = [d for d, version in sorted(versions.items()) if rows.get(d) == version]
    published = platform.ledger.published(spec.name, dates)
    tried = [(row["biz_dt"], row["status"]) for row in _attempts(platform, run, spec.name)]
    is_gone = {d for d, status in tried if status.startswith((STARTED, f"Failed: {GONE}"))}
    is_told = {d for d, _ in tried} - is_gone
    is_live = {d for d, p in published.items() if p.control_version == versions[d]}
    over = is_told | is_live | parked(platform, spec, dates).keys()
    return [d for d in dates if d not in over]


def _is_started_again(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """By Dagster, as its settings of `run_retries` say."""
    latest = instance.get_run_by_id(run.run_id)
    said = latest.tags.get(WILL_RETRY_TAG) if latest else "false"
    if latest is None or said or not instance.run_retries_enabled:
        return said == "true"
    # Whoever failed the run has not come to it yet.
    from dagster._daemon.auto_run_reexecution.auto_run_reexecution import should_retry  # noqa: PLC0415 - seldom

    return should_retry(latest, instance)


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
