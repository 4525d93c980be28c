"""The sensor of process_control: one for each source system, whatever the number of its tables.

A tick reads what changed in process_control, requests runs of the tables that have no parents (the others
follow their parents, see automation.py), and remembers each request in the control store before it hands
it to Dagster. Dagster submits what a tick returned even where the daemon dies in between; what a tick
remembered and never returned, because its process died, is returned by the next one under the same run key.
"""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg

from fdm_platform.control.changes import LIMIT, changes, unstamped_dates
from fdm_platform.control.dependencies import refresh
from fdm_platform.control.requests import Requests
from fdm_platform.control.rows import RowProblem, process_control_dates, readable_rows_of, source_prefixes
from fdm_platform.control.store import Predicate
from fdm_platform.crash import reached
from fdm_platform.defs.breaking import waiting
from fdm_platform.defs.cursor import KeptCursor, SensorCursor
from fdm_platform.defs.partitions import add_dates, dates_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.run_requests import SECONDS_BETWEEN_TICKS, run_request, status
from fdm_platform.errors import ControlError
from fdm_platform.model.breaker import Breaker
from fdm_platform.model.calendar import Calendar
from fdm_platform.model.control import ProcessControlRow, is_held, row_version
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.request import RunOfDates
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.requests import Decision, Source, decide, repeated, settled

MOST_RUNS = 50
"""Runs that one tick requests: Dagster looks up every run key by itself (200 took two minutes)."""
MOST_CHOICES = 100_000
"""Tables times dates that one tick looks at; there are always FEWEST_ROWS dates."""
FEWEST_ROWS = 20
SYNC_EVERY = timedelta(hours=1)
"""How often all dates of a source are compared with its partition set."""
KEPT_FOR = timedelta(days=7)
"""How long a request is kept that can no longer matter: `fdm why` tells of it."""
_MICROSECOND = timedelta(microseconds=1)
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SourceSystem:
    """A source system whose process_control is watched."""

    entity: str
    source_system: str
    tables: tuple[TableSpec, ...]
    """Those that its sensor requests."""
    calendar: Calendar

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.entity}/{self.source_system}"

    @property
    def partition_set(self) -> str:
        """That its tables share."""
        return self.tables[0].partition_set

    @property
    def sensor(self) -> str:
        """The name of its sensor."""
        return f"process_control_{self.partition_set}"

    @property
    def most_rows(self) -> int:
        """Control rows that one tick decides upon."""
        return min(LIMIT, max(MOST_CHOICES // len(self.tables), FEWEST_ROWS))


def process_control_sensor(source: SourceSystem, *, is_running: bool) -> dg.SensorDefinition:
    """The sensor of one source system."""

    @dg.sensor(
        name=source.sensor,
        asset_selection=[dg.AssetKey(spec.key) for spec in source.tables],
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=status(is_running=is_running),
        description=f"Loads what is new or changed in process_control of {source.name}.",
    )
    def sense(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        return Tick(context, platform.platform, source, datetime.now(UTC)).evaluate()

    return sense


class Tick:
    """One evaluation of one source's sensor."""

    def __init__(
        self, context: dg.SensorEvaluationContext, platform: Platform, source: SourceSystem, now: datetime
    ) -> None:
        self.context = context
        self.platform = platform
        self.source = source
        self.now = now
        self.today = now.astimezone(source.calendar.zone).date()
        self.requests = Requests(platform.store)
        self.kept = KeptCursor(context.instance.daemon_cursor_storage, source.sensor)
        self.cursor = self.kept.read(context.cursor, now, context.log)

    def evaluate(self) -> dg.SensorResult:
        """Read, decide, remember, answer."""
        cursor = self._sync(self.cursor)
        rows, problems, cursor = self._rows(cursor)
        name = self.source.partition_set
        known = dates_of(self.context.instance, name) if rows else []
        source = Source(name, self.source.tables, known, self.today, self.source.calendar.start)
        requested = self.requests.of_dates(name, {row.biz_dt for row in rows}) if rows else []
        lost = {r.run_key for r in requested if r.requested_at > self.cursor.requested_at}
        if self.context.last_sensor_start_time != cursor.started:
            lost |= set(cursor.run_keys)  # a sensor that is stopped drops what it has not submitted
        tables = {spec.name for spec in self.source.tables}
        lost_requests = self.requests.of_run_keys(name, lost)
        again = repeated(r for r in lost_requests if r.table_name in tables)[:MOST_RUNS]
        stamp = max(self.now, self.cursor.requested_at + _MICROSECOND)
        # While something may have been lost nothing new is requested: so it is never more than one tick's.
        most = 0 if again else MOST_RUNS
        decision = decide(
            source,
            rows,
            requested,
            self._published,
            now=stamp,
            most_runs=most,
            parked=self._parked,
            waiting=self._waiting,
        )
        reached("sensor.decided")
        self.requests.remember(decision.requests)
        reached("sensor.remembered")
        self._tell(decision, again, problems)
        cursor = cursor.with_broken({p.biz_dt for p in problems if p.biz_dt})
        runs = (*again, *decision.runs)
        cursor = cursor.with_decision(decision, runs, stamp, self.today, self.context.last_sensor_start_time)
        return dg.SensorResult(
            run_requests=[self._request(run, known) for run in runs],
            skip_reason=None if runs else dg.SkipReason(_skip_reason(decision, self.source.name)),
            cursor=self.kept.write(cursor, self.context.cursor),
        )

    @property
    def names(self) -> tuple[str, str]:
        """As the control tables are asked by."""
        return self.source.entity, self.source.source_system

    def _rows(self, cursor: SensorCursor) -> tuple[list[ProcessControlRow], list[RowProblem], SensorCursor]:
        """What changed, and what is to be looked at again. A full backlog is worked off first."""
        store, log, most = self.platform.store, self.context.log, self.source.most_rows
        backlog = set(cursor.again) | {d for d in cursor.later if d <= self.today}
        again = backlog | set(cursor.broken)
        found, problems = readable_rows_of(store, *self.names, again) if again else ([], [])
        rows = {row.biz_dt: row for row in found}
        if len(backlog) < most:
            changed = changes(store, *self.names, cursor.watermark, self.now, limit=most)
            rows |= {row.biz_dt: row for row in changed.rows}
            problems += [p for p in changed.problems if p.biz_dt is None or p.biz_dt not in again]
            cursor = cursor.with_watermark(changed.watermark)
            if changed.has_more:
                log.info("more rows changed than one tick takes: the rest comes with the next")
        if rows:
            self._add(rows)
        return list(rows.values()), problems, cursor

    def _add(self, dates: Collection[date]) -> list[date]:
        added = add_dates(self.context.instance, self.source.partition_set, dates)
        if added:
            self.context.log.info("new in the partition set %s: %s", self.source.partition_set, _shown(added))
        return [date.fromisoformat(key) for key in added]

    def _sync(self, cursor: SensorCursor) -> SensorCursor:
        """Now and then, and at the first tick: every date of the source against its partition set."""
        if cursor.synced and self.now < cursor.synced + SYNC_EVERY:
            return cursor
        store, log = self.platform.store, self.context.log
        unreadable: list[ControlError] = []
        there = set(process_control_dates(store, *self.names, unreadable.append))
        for error in unreadable:
            log.error("left out: %s", error)
        added = self._add(there)
        gone = [d for d in dates_of(self.context.instance, self.source.partition_set) if d not in there]
        if gone and self.source.calendar.control_rows:
            log.warning(
                "no row of process_control any more, nothing is done about it: %s; "
                "`fdm partitions remove` takes a date out of the set",
                _shown(gone),
            )
        unstamped = unstamped_dates(store, *self.names)
        if unstamped:
            log.warning(
                "last_update_ts is NULL, so that no change is noticed: %s; set it to the time of the change",
                _shown(unstamped),
            )
        if refresh(store, self.platform.settings.home):
            log.warning(
                "job_dependency changed: reload the code location to see it in the graph and to follow it"
            )
        # A row that was copied with its old time, or asked for by reprocess_dt alone, shows no change.
        unseen = self._unrequested_reprocessing() | (set(added) if cursor.synced else set())
        self._forget()
        return cursor.with_sync(self.now, sorted(unseen)[-LIMIT:])

    def _unrequested_reprocessing(self) -> set[date]:
        """Dates that have a reprocess_dt, may run, and were requested or loaded for no table as they are now."""
        start, today = self.source.calendar.start, self.today
        may_run = Predicate("reprocess_dt", "is_null", False)
        asked = {d: vs for d, vs in self._versions(may_run, running=True).items() if start <= d <= today}
        requested = self.requests.of_dates(self.source.partition_set, asked) if asked else []
        for r in requested:
            if r.control_version in asked.get(r.biz_dt, ()):
                del asked[r.biz_dt]
        for spec in self.source.tables:  # what was requested long ago is forgotten, and then it is loaded
            published = self._published(spec.name, asked) if asked else {}
            asked = {d: versions for d, versions in asked.items() if published.get(d) not in versions}
        return set(asked)

    def _forget(self) -> None:
        """Of the requests, those that are settled. What is left does not grow with history."""
        old = self.requests.made_before(self.source.partition_set, self.now - KEPT_FOR)
        if old:
            dates = dates_of(self.context.instance, self.source.partition_set)
            self.requests.forget(settled(old, self._versions(), dates, self._published))

    def _versions(self, *where: Predicate, running: bool = False) -> dict[date, set[str]]:
        """The versions of the source's control rows, by date; a date in two spellings has two."""
        found: dict[date, set[str]] = defaultdict(set)
        columns = ["biz_dt", "run_indicator", "reprocess_dt", "last_update_ts"]
        for prefix in source_prefixes(*self.names):
            rows = self.platform.store.scan(
                "process_control", [*prefix, *where], columns, unreadable=lambda _: None
            )
            for row in rows:
                if not running or not is_held(row["run_indicator"]):
                    found[row["biz_dt"]].add(row_version(row["last_update_ts"], row["reprocess_dt"]))
        return dict(found)

    def _published(self, table: str, dates: Collection[date]) -> Mapping[date, str]:
        published = self.platform.ledger.published(table, dates)
        return {d: p.control_version for d, p in published.items()}

    def _parked(self, table: str) -> Mapping[date, DeadLetter]:
        return self._letters.get(table, {})

    def _waiting(self, table: str) -> str:
        return waiting(self._breakers, next(s for s in self.source.tables if s.name == table))

    @cached_property
    def _breakers(self) -> list[Breaker]:
        return self.platform.breakers.not_closed()

    @cached_property
    def _letters(self) -> Mapping[str, Mapping[date, DeadLetter]]:
        return self.platform.dead_letters.all()

    def _request(self, run: RunOfDates, known: Sequence[date]) -> dg.RunRequest:
        spec = next(s for s in self.source.tables if s.name == run.table_name)
        is_newest = bool(known) and run.dates[-1] == known[-1]
        return run_request(spec, run.dates, run_key=run.run_key, is_newest=is_newest)

    def _tell(self, decision: Decision, again: Sequence[RunOfDates], problems: Sequence[RowProblem]) -> None:
        """In the tick's log: what is requested, what is held back, and why."""
        for problem in problems:
            self.context.log.error("left out until it is corrected: %s", problem.error)
        for run in again:
            self.context.log.info("requested again, in case it was lost: %s", run.run_key)
        for run in decision.runs:
            self.context.log.info("requested: %s for %s", run.table_name, _shown(run.dates))
        for held in decision.held:
            self.context.log.info("held back, %s: %s", held.reason, _shown(held.dates))


def _skip_reason(decision: Decision, name: str) -> str:
    if not decision.held:
        return f"nothing to load changed in process_control of {name}"
    return "; ".join(f"held back, {h.reason}: {_shown(h.dates)}" for h in decision.held)


def _shown(dates: Collection[Any]) -> str:
    """The dates, or the first of very many."""
    texts = sorted(map(str, dates))
    more = f" and {len(texts) - _MOST_SHOWN} more" if len(texts) > _MOST_SHOWN else ""
    return ", ".join(texts[:_MOST_SHOWN]) + more
