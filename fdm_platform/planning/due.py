"""Whether a table's date is to be loaded: by its control row, what is published of it, and its parents. Pure.

A date is due when its control row may run and is newer than what is published, or when a parent's date that
it reads is. It waits while a parent's date is due itself, so that it is never loaded before one, however
long the line of parents is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.dependency import Dependency, ParentDates, ParentState
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


_RUNNING = ("Y", None)
"""What run_indicator nearly always is: to ask is_held of 250,000 rows takes as long as all else of them."""
_UNPUBLISHED = Verdict("due", "not published yet")
_CHANGED = Verdict("due", "its control row changed after it was published")


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

    def parked(self, table: str) -> Mapping[date, DeadLetter]:
        """Its dead letters, whether or not they still hold."""
        ...

    def waiting(self, table: str) -> str:
        """Why no load of it may begin now; empty where one may."""
        ...

    def parent(self, dependency: Dependency, dates: Collection[date]) -> ParentState:
        """The parent's dates, as far as these dates of the child need them."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    """What a date finds of one parent."""

    waiting: Verdict | None
    """None where it need not wait."""
    versions: Mapping[str, int]
    """Of the parent's dates that it would read now."""


_Way = tuple[str, ParentDates, bool, bool]
"""How a parent is looked at: what does not depend on the child. A hundred children of one parent look once."""


@dataclass(slots=True)
class Verdicts:
    """Verdicts on dates of tables; each is found once."""

    facts: Facts
    _known: dict[str, dict[date, Verdict]] = field(default_factory=dict)
    _looks: dict[_Way, dict[date, _Look]] = field(default_factory=dict)

    def of(self, table: str, dates: Collection[date]) -> dict[date, Verdict]:
        """The verdict on each of the dates; a few reads for each table above this one, whatever their number."""
        known = self._known.setdefault(table, {})
        unknown = sorted({d for d in dates if d not in known})
        if unknown:
            known |= self._judge(table, unknown)
        return {d: known[d] for d in dates}

    def _judge(self, table: str, dates: Sequence[date]) -> dict[date, Verdict]:
        rows, published = self.facts.rows(table, dates), self.facts.published(table, dates)
        today, start = self.facts.today(table), self.facts.start(table)
        verdicts = {d: v for d in dates if (v := _not_to_run(rows.get(d), d, start, today))}
        for d, letter in self.facts.parked(table).items() if dates else ():
            if d in rows and d not in verdicts and letter.holds(rows[d].version, published.get(d)):
                verdicts[d] = Verdict("stopped", letter.reason)
        open_dates = [d for d in dates if d not in verdicts] if verdicts else dates
        dependencies = self.facts.dependencies(table) if open_dates else ()
        looks = [(x.parent, self._look(x, open_dates)) for x in dependencies]
        for d in open_dates:
            for _, of in looks:
                if waiting := of[d].waiting:
                    verdicts[d] = waiting
                    break
            else:
                verdicts[d] = _own(d, rows[d], published.get(d), looks)
        return self._held_up(table, verdicts)

    def _held_up(self, table: str, verdicts: dict[date, Verdict]) -> dict[date, Verdict]:
        """What is due waits while its source system or cluster is left alone."""
        due = [d for d, v in verdicts.items() if v.state == "due"]
        if due and (why := self.facts.waiting(table)):
            verdicts |= dict.fromkeys(due, Verdict("waiting", why))
        return verdicts

    def _look(self, dependency: Dependency, dates: Sequence[date]) -> Mapping[date, _Look]:
        """What these dates find of the parent, and maybe others too."""
        way = (dependency.parent, dependency.dates, dependency.is_read, dependency.may_be_empty)
        looks = self._looks.setdefault(way, {})
        if unknown := [d for d in dates if d not in looks]:
            state = self.facts.parent(dependency, unknown)
            reads = {d: _looked_at(dependency, d, state) for d in unknown}
            parents = self.of(dependency.parent, sorted({p for read in reads.values() for p in read}))
            for d, read in reads.items():
                versions = versions_read([dependency], d, {dependency.parent: state})
                why = _why_waiting(dependency, read, state, parents)
                waiting = Verdict("waiting", why) if why else None
                looks[d] = _Look(waiting, versions.get(dependency.parent, {}))
        return looks


def _not_to_run(row: ProcessControlRow | None, biz_dt: date, start: date, today: date) -> Verdict | None:
    if row is None:
        return Verdict("absent", "process_control has no row that can be used")
    if biz_dt < start:
        return Verdict("stopped", f"before {start}, the start of the calendar: for `fdm backfill`")
    if row.run_indicator not in _RUNNING and row.is_held:
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
    looks: Iterable[tuple[str, Mapping[date, _Look]]],
) -> Verdict:
    """Of a date whose parents are done."""
    if published is None:
        return _UNPUBLISHED
    if published.control_version != row.version:
        return _CHANGED
    now: dict[str, dict[str, int]] = {}
    for table, of in looks:
        if of[biz_dt].versions:
            now.setdefault(table, {}).update(of[biz_dt].versions)
    newer = newer_parents(published.parents, now)
    return Verdict("due", newer[0]) if newer else Verdict("current", f"version {published.version}")
