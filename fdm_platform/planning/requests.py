"""Decides what a sensor requests of the control rows that it found: pure.

One version of a control row is requested once for each table. What is not requested now is held back with a
reason, and looked at again where time alone can change that: dates beyond the cap of a tick, and dates that
have not come yet.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.partition import contiguous_runs
from fdm_platform.model.request import DateRequest, RunOfDates
from fdm_platform.model.table import TableSpec

PublishedVersions = Callable[[str, Collection[date]], Mapping[date, str]]
"""The control row version that each of a table's dates was published from, for those that were."""


Parked = Callable[[str], Mapping[date, DeadLetter]]
"""The dead letters of a table, whether or not they still hold."""


def nothing_parked(_table: str) -> Mapping[date, DeadLetter]:
    """No date is."""
    return {}


def nothing_waits(_table: str) -> str:
    """No table does."""
    return ""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Dates that are not requested, and why."""

    reason: str
    dates: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a tick requests, what it holds back, and which dates it looks at again."""

    runs: tuple[RunOfDates, ...] = ()
    requests: tuple[DateRequest, ...] = ()
    """The dates of `runs`, to be remembered before they are requested."""
    held: tuple[HeldBack, ...] = ()
    again: tuple[date, ...] = ()
    """Beyond the cap: at the next tick."""
    later: tuple[date, ...] = ()
    """When the date has come."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source system as its sensor sees it."""

    partition_set: str
    tables: tuple[TableSpec, ...]
    """Those that the sensor requests."""
    dates: Sequence[date]
    """The partition set, in order."""
    today: date
    """In the calendar's zone."""
    start: date = date.min
    """The calendar's first date: what is before is history."""


def decide(
    source: Source,
    rows: Iterable[ProcessControlRow],
    requested: Iterable[DateRequest],
    published: PublishedVersions,
    *,
    now: datetime,
    most_runs: int,
    parked: Parked = nothing_parked,
    waiting: Callable[[str], str] = nothing_waits,
) -> Decision:
    """The runs for these control rows, newest dates first, at most so many.

    `requested` is what is remembered of these rows' dates. `now` is what the new requests are stamped with. A
    date that is parked is not requested until its row is another; of a table that is `waiting`, for the reason that
    is told, all dates are looked at again.
    """
    ready, held, later = _sort_out(source, rows)
    groups = _groups(source, ready, requested)
    runs: list[RunOfDates] = []
    requests: list[DateRequest] = []
    rest: Sequence[tuple[TableSpec, list[date]]] = ()
    known: dict[str, Mapping[date, str]] = {}
    letters: dict[str, Mapping[date, DeadLetter]] = {}
    wanted: dict[str, set[date]] = defaultdict(set)
    for table, dates in groups:
        wanted[table.name].update(dates)
    groups, delayed = _without_waiting(groups, waiting)
    held += delayed
    for at, (table, dates) in enumerate(groups):
        if len(runs) >= most_runs:
            rest = groups[at:]
            break
        if table.name not in known:  # one look at the ledger for all runs of a table
            known[table.name] = published(table.name, wanted[table.name])
            letters[table.name] = parked(table.name)
        due = [d for d in dates if known[table.name].get(d) != ready[d].version]
        # A date that was published from this row is not due: nothing that was published since speaks against a letter.
        stopped = {d for d, x in letters[table.name].items() if d in due and x.holds(ready[d].version, None)}
        if stopped:
            held.append(HeldBack(f"{table.name} is parked, see `fdm dead-letters`", tuple(sorted(stopped))))
            due = [d for d in due if d not in stopped]
        for run in _runs(table, due, ready, source.dates):
            runs.append(run)
            requests += _remembered(source.partition_set, run, ready, now)
    beyond = {d for _, dates in rest for d in dates}
    if beyond:
        why = f"beyond the {most_runs} runs of one tick: at the next one"
        held.append(HeldBack(why, tuple(sorted(beyond))))
    again = sorted(beyond.union(*(h.dates for h in delayed)))
    return Decision(tuple(runs), tuple(requests), tuple(held), tuple(again), tuple(later))


def _without_waiting(
    groups: list[tuple[TableSpec, list[date]]], waiting: Callable[[str], str]
) -> tuple[list[tuple[TableSpec, list[date]]], list[HeldBack]]:
    """The groups of tables that may be loaded, and the dates of the others with the reason."""
    why = {name: waiting(name) for name in {table.name for table, _ in groups}}
    delayed: dict[str, set[date]] = defaultdict(set)
    for table, dates in groups:
        if reason := why[table.name]:
            delayed[reason].update(dates)
    kept = [group for group in groups if not why[group[0].name]]
    return kept, [HeldBack(reason, tuple(sorted(dates))) for reason, dates in sorted(delayed.items())]


def repeated(requests: Iterable[DateRequest]) -> tuple[RunOfDates, ...]:
    """The runs that these requests were made as, to be requested again under their keys."""
    dates = defaultdict(list)
    for r in requests:
        dates[r.run_key, r.table_name].append(r.biz_dt)
    return tuple(RunOfDates(key, table, tuple(sorted(ds))) for (key, table), ds in sorted(dates.items()))


def settled(
    requests: Iterable[DateRequest],
    current: Mapping[date, Collection[str]],
    dates: Collection[date],
    published: PublishedVersions,
) -> list[DateRequest]:
    """Requests that can no longer matter: all dates of their run are published so, or have changed since.

    `current` are the versions of each date's control row, in whatever spellings there are; `dates` the partition
    set. A date without a row may have it again in a moment, where somebody replaces rows: it is settled when it
    was taken out of the set. The dates of a run are settled together, since it asks which of them are its own.
    """
    of_run: dict[tuple[str, str], list[DateRequest]] = defaultdict(list)
    asked: dict[str, set[date]] = defaultdict(set)
    for r in requests:
        of_run[r.table_name, r.run_key].append(r)
        if r.control_version in current.get(r.biz_dt, ()):
            asked[r.table_name].add(r.biz_dt)
    done = {table: published(table, days) for table, days in asked.items()}
    there = set(dates)

    def is_settled(r: DateRequest) -> bool:
        if r.biz_dt not in current:
            return r.biz_dt not in there
        is_current = r.control_version in current[r.biz_dt]
        return not is_current or done[r.table_name].get(r.biz_dt) == r.control_version

    return [r for of in of_run.values() if all(map(is_settled, of)) for r in of]


def _sort_out(
    source: Source, rows: Iterable[ProcessControlRow]
) -> tuple[dict[date, ProcessControlRow], list[HeldBack], list[date]]:
    """Rows to act on, what is held back, and dates that have not come."""
    ready: dict[date, ProcessControlRow] = {}
    held: dict[str, list[date]] = defaultdict(list)
    later = []
    for row in rows:
        if row.is_held:
            held["run_indicator is N"].append(row.biz_dt)
        elif row.biz_dt < source.start:
            held[f"before {source.start}, the start of the calendar"].append(row.biz_dt)
        elif row.biz_dt > source.today:
            held["the date has not come"].append(row.biz_dt)
            later.append(row.biz_dt)
        else:
            ready[row.biz_dt] = row
    return ready, [HeldBack(why, tuple(sorted(ds))) for why, ds in held.items()], sorted(later)


def _groups(
    source: Source, ready: Mapping[date, ProcessControlRow], requested: Iterable[DateRequest]
) -> list[tuple[TableSpec, list[date]]]:
    """What nobody has requested yet: neighbouring dates of a table, at most its dates_per_run, newest first."""
    taken: dict[str, set[date]] = defaultdict(set)
    for r in requested:
        if r.biz_dt in ready and ready[r.biz_dt].version == r.control_version:
            taken[r.table_name].add(r.biz_dt)
    every = contiguous_runs(ready, source.dates)
    groups = []
    for table in source.tables:
        mine = taken.get(table.name)
        runs = contiguous_runs([d for d in ready if d not in mine], source.dates) if mine else every
        groups += [(table, chunk) for run in runs for chunk in _chunks(run, table.dates_per_run)]
    return sorted(groups, key=lambda group: group[1][-1], reverse=True)


def _runs(
    table: TableSpec, due: Sequence[date], ready: Mapping[date, ProcessControlRow], known: Sequence[date]
) -> Iterable[RunOfDates]:
    for dates in contiguous_runs(due, known) if due else ():
        versions = "\0".join(f"{d} {ready[d].version}" for d in dates)
        digest = hashlib.blake2b(versions.encode(), digest_size=6).hexdigest()
        span = str(dates[0]) if len(dates) == 1 else f"{dates[0]}..{dates[-1]}"
        yield RunOfDates(f"{table.name} {span} {digest}", table.name, tuple(dates))


def _remembered(
    partition_set: str, run: RunOfDates, ready: Mapping[date, ProcessControlRow], now: datetime
) -> list[DateRequest]:
    return [
        DateRequest(partition_set, d, run.table_name, ready[d].version, run.run_key, now) for d in run.dates
    ]


def _chunks(dates: Sequence[date], size: int) -> Iterable[list[date]]:
    rest = iter(dates)
    while chunk := list(islice(rest, size)):
        yield chunk
