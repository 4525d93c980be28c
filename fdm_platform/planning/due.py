"""Whether a table's date is to be loaded: by its control row, what is published of it, and its parents. Pure.

A date is due when its control row may run and is newer than what is published, or when a parent's date that
it reads is. It waits while a parent's date is due itself, so that it is never loaded before one, however
long the line of parents is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dependency import Dependency, ParentState
from fdm_platform.planning.dependencies import newer_parents, parent_dates, versions_read

_MOST_NEWER = 30
"""Dates of a parent that are looked at for `latest`, of those that are newer than what is published."""
State = Literal["current", "due", "waiting", "stopped", "absent"]
"""Published from what there is; to be loaded; to be loaded after a parent; not to be loaded; without a control row."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a date, and why, for people."""

    state: State
    reason: str


class Facts(Protocol):
    """What the control tables say of landing tables, by TableSpec.name."""

    def today(self, table: str) -> date:
        """Dates after it have not come."""
        ...

    def start(self, table: str) -> date:
        """The first date of its calendar: those before are history."""
        ...

    def dependencies(self, table: str) -> Sequence[Dependency]:
        """What the table waits for."""
        ...

    def rows(self, table: str, dates: Collection[date]) -> Mapping[date, ProcessControlRow]:
        """Its control rows of these dates, those that there are."""
        ...

    def published(self, table: str, dates: Collection[date]) -> Mapping[date, Published]:
        """What is published of these dates."""
        ...

    def parent(self, dependency: Dependency, dates: Collection[date]) -> ParentState:
        """The parent's dates, as far as these dates of the child need them."""
        ...


@dataclass(slots=True)
class Verdicts:
    """Verdicts on dates of tables; each is found once."""

    facts: Facts
    _known: dict[tuple[str, date], Verdict] = field(default_factory=dict)

    def of(self, table: str, dates: Collection[date]) -> dict[date, Verdict]:
        """The verdict on each of the dates; a few reads for each table above this one, whatever their number."""
        unknown = sorted({d for d in dates if (table, d) not in self._known})
        if unknown:
            self._known |= {(table, d): v for d, v in self._judge(table, unknown).items()}
        return {d: self._known[table, d] for d in dates}

    def _judge(self, table: str, dates: Sequence[date]) -> dict[date, Verdict]:
        rows, published = self.facts.rows(table, dates), self.facts.published(table, dates)
        today, start = self.facts.today(table), self.facts.start(table)
        verdicts = {d: v for d in dates if (v := _not_to_run(rows.get(d), d, start, today))}
        open_dates = [d for d in dates if d not in verdicts]
        dependencies = self.facts.dependencies(table) if open_dates else ()
        states = {x: self.facts.parent(x, open_dates) for x in dependencies}
        waiting = self._waiting(open_dates, states)
        for d in open_dates:
            verdicts[d] = waiting.get(d) or _own(d, rows[d], published.get(d), states)
        return verdicts

    def _waiting(
        self, dates: Sequence[date], states: Mapping[Dependency, ParentState]
    ) -> dict[date, Verdict]:
        """Dates with a parent that is not there yet, or is about to change."""
        waiting: dict[date, Verdict] = {}
        for dependency, state in states.items():
            reads = {d: _looked_at(dependency, d, state) for d in dates}
            parents = self.of(dependency.parent, sorted({p for read in reads.values() for p in read}))
            for d, read in reads.items():
                reason = _why_waiting(dependency, read, state, parents)
                if reason and d not in waiting:
                    waiting[d] = Verdict("waiting", reason)
        return waiting


def _not_to_run(row: ProcessControlRow | None, biz_dt: date, start: date, today: date) -> Verdict | None:
    if row is None:
        return Verdict("absent", "process_control has no row that can be used")
    if biz_dt < start:
        return Verdict("stopped", f"before {start}, the start of the calendar: for `fdm backfill`")
    if row.is_held:
        return Verdict("stopped", "held: run_indicator is N")
    return Verdict("stopped", "the date has not come") if biz_dt > today else None


def _looked_at(dependency: Dependency, biz_dt: date, state: ParentState) -> Sequence[date]:
    """The parent's dates that the date reads, and of `latest` those that it would read if they were published."""
    known, published = state.known or (), state.published_dates
    read = parent_dates(dependency.dates, biz_dt, known, published)
    if dependency.dates.rule != "latest":
        return read
    newer = known[bisect_right(known, read[-1]) if read else 0 : bisect_right(known, biz_dt)]
    return [*read, *newer[-_MOST_NEWER:]]


def _why_waiting(
    dependency: Dependency, read: Sequence[date], state: ParentState, verdicts: Mapping[date, Verdict]
) -> str:
    parent, rule, is_needed = dependency.parent, dependency.dates.rule, dependency.is_read
    for p in read:
        verdict = verdicts[p]
        if verdict.state in ("due", "waiting"):
            return f"{parent} {p} comes first: {verdict.reason}"
        is_there = p in state.published or rule == "latest" or dependency.may_be_empty
        if not is_there and (is_needed or verdict.state != "absent"):
            return f"{parent} {p} is not published: {verdict.reason}"
    if not is_needed or dependency.may_be_empty:
        return ""
    if rule == "latest" and not any(p in state.published for p in read):
        return f"{parent} has nothing published"
    if len(read) < dependency.dates.window or not read:
        return f"{parent} has {len(read)} of the dates that are read ({dependency.dates})"
    return ""


def _own(
    biz_dt: date,
    row: ProcessControlRow,
    published: Published | None,
    states: Mapping[Dependency, ParentState],
) -> Verdict:
    """Of a date whose parents are done."""
    if published is None:
        return Verdict("due", "not published yet")
    if published.control_version != row.version:
        return Verdict("due", "its control row changed after it was published")
    now: dict[str, dict[str, int]] = {}
    for dependency, state in states.items():
        for table, versions in versions_read([dependency], biz_dt, {dependency.parent: state}).items():
            now.setdefault(table, {}).update(versions)
    newer = newer_parents(published.parents, now)
    return Verdict("due", newer[0]) if newer else Verdict("current", f"version {published.version}")
