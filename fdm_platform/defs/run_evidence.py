"""What Dagster knows of one business date of a table: runs, the queue, the sensor, the pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
)
from dagster._daemon.daemon import SensorDaemon
from dagster._time import get_current_timestamp

from fdm_platform.defs.automation import MOST_TABLES
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resuming import LOAD
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.evidence import DagsterFacts, Evidence, Pool, RunOfDate, SensorFacts, Watcher

_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_PREFIXES: Mapping[Watcher, str] = {
    "sensor": "process_control",
    "automation": "dependents",
    "schedule": "calendar",
}
ALIVE_S = 120
"""A daemon that was not heard of for so long is not there: it gives a sign of life every 30 seconds."""
_NEVER = datetime.min.replace(tzinfo=UTC)
RUN_ID_LENGTH = 36
"""A run's id is a UUID."""


def read_dagster(
    instance: dg.DagsterInstance, platform: Platform, spec: TableSpec, evidence: Evidence
) -> DagsterFacts:
    """What the instance knows of the date."""
    open_records = instance.get_run_records(dg.RunsFilter(statuses=_OPEN))
    queue = _queue(open_records)
    mine = [r for r in open_records if _is_of(r.dagster_run, spec, evidence.biz_dt)]
    of_loads = {a.load_id[:RUN_ID_LENGTH] for a in evidence.attempts[:1]} - {
        r.dagster_run.run_id for r in mine
    }
    if of_loads:
        mine += instance.get_run_records(dg.RunsFilter(run_ids=sorted(of_loads)))
    seen = instance.get_daemon_heartbeats().get(SensorDaemon.daemon_type())
    runs = [_run(r, queue) for r in sorted(mine, key=lambda r: r.create_timestamp, reverse=True)]
    return DagsterFacts(
        runs=runs,
        sensor=_sensor(instance, _sensor_name(platform, spec, evidence.watcher), evidence.watcher),
        pool=_pool(instance, spec.partition_set, open_records),
        daemon_seen_at=_moment(seen.timestamp) if seen else None,
        is_daemon_alive=bool(seen and get_current_timestamp() - seen.timestamp < ALIVE_S),
    )


def _is_of(run: dg.DagsterRun, spec: TableSpec, biz_dt: date) -> bool:
    is_of_command = run.tags.get(LOAD, "").endswith(f"-{spec.name}")
    if not is_of_command and dg.AssetKey(spec.key) not in (run.asset_selection or ()):
        return False
    key = biz_dt.isoformat()
    if PARTITION_NAME_TAG in run.tags:
        return run.tags[PARTITION_NAME_TAG] == key
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    return bool(first and last and first <= key <= last)


def _queue(records: Iterable[RunRecord]) -> Sequence[str]:
    """Ids of queued runs in the order in which the daemon starts them: by priority, then by age."""
    queued = [r for r in records if r.dagster_run.status == dg.DagsterRunStatus.QUEUED]
    queued.sort(key=lambda r: (-_priority(r.dagster_run), r.create_timestamp, r.storage_id))
    return [r.dagster_run.run_id for r in queued]


def _priority(run: dg.DagsterRun) -> int:
    try:
        return int(run.tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0


def _run(record: RunRecord, queue: Sequence[str]) -> RunOfDate:
    run = record.dagster_run
    return RunOfDate(
        run_id=run.run_id,
        status=run.status.value,
        created_at=record.create_timestamp.astimezone(UTC),
        started_at=_moment(record.start_time),
        ended_at=_moment(record.end_time),
        priority=_priority(run),
        position=queue.index(run.run_id) + 1 if run.run_id in queue else None,
        queue_length=len(queue),
    )


def _sensor_name(platform: Platform, spec: TableSpec, watcher: Watcher) -> str:
    """What requests the table's dates; tables with parents of a large source are spread over several sensors."""
    name = f"{_PREFIXES[watcher]}_{spec.partition_set}"
    if watcher != "automation":
        return name
    of, tables = platform.dependencies.of, platform.catalog.tables.values()
    children = [t.name for t in tables if t.partition_set == spec.partition_set and of.get(t.name)]
    number = children.index(spec.name) // MOST_TABLES
    return f"{name}_{number}" if number else name


def _sensor(instance: dg.DagsterInstance, name: str, watcher: Watcher) -> SensorFacts:
    """Its state and last tick; of several code locations that have it, the one that ticked last."""
    kind = InstigatorType.SCHEDULE if watcher == "schedule" else InstigatorType.SENSOR
    states = [s for s in instance.all_instigator_state(instigator_type=kind) if s.instigator_name == name]
    facts = [_sensor_facts(instance, state) for state in states]
    return max(facts, key=lambda f: f.last_tick_at or _NEVER, default=SensorFacts(name, None))


def _sensor_facts(instance: dg.DagsterInstance, state: InstigatorState) -> SensorFacts:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    if not ticks:
        return SensorFacts(state.instigator_name, state.is_running)
    tick = ticks[0]
    words = tick.error.message.strip().partition("\n")[0] if tick.error else tick.skip_reason or ""
    return SensorFacts(
        state.instigator_name, state.is_running, _moment(tick.timestamp), tick.status.value, words
    )


def _pool(instance: dg.DagsterInstance, name: str, open_records: Sequence[RunRecord]) -> Pool:
    """Its limit, and how many runs that are started or being started are in it."""
    info = instance.event_log_storage.get_concurrency_info(name)
    waiting = dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED
    started = [r.dagster_run for r in open_records if r.dagster_run.status not in waiting]
    in_use = [r for r in started if r.run_op_concurrency and name in (r.run_op_concurrency.all_pools or ())]
    return Pool(name, info.limit, len(in_use))


def _moment(timestamp: float | None) -> datetime | None:
    return datetime.fromtimestamp(timestamp, UTC) if timestamp else None
