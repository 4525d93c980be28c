"""The state of each of a table's business dates: what is published, and what needs attention. Pure.

A date has one state, the first that holds of: running, held, failed, stale or published, future, history,
missing; a date without a control row is gone, expected or overdue. 25,000 dates take milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from operator import attrgetter
from typing import Literal, get_args

from fdm_platform.model.attempt import Attempt
from fdm_platform.model.calendar import AbsentDate, Calendar, absent
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.dependency import Dependency, ParentState
from fdm_platform.planning.dependencies import parent_dates

State = Literal[
    "published",
    "stale",
    "missing",
    "failed",
    "running",
    "held",
    "overdue",
    "expected",
    "future",
    "history",
    "gone",
    "broken",
]
STATES: tuple[State, ...] = get_args(State)
"""`stale`: published from something that is not what it was; `missing`: may run and was never published;
`failed`: the newest attempt failed; `running`: an attempt has no end; `held`: run_indicator is N;
`overdue`, `expected`: the calendar's date without a control row, after or before its cut-off; `future`: the
date has not come; `history`: before the calendar's start; `gone`: loaded once, and its control row is gone; `broken`: its
control row cannot be used."""
ALARMING: tuple[State, ...] = ("failed", "overdue", "broken")
"""What monitoring is told of."""
QUIET: tuple[State, ...] = ("published", "history")
"""What needs nobody's attention."""


@dataclass(frozen=True, slots=True)
class DateStatus:
    """The state of a date, and why, for people; short enough that dates can be grouped by it."""

    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a calendar says of a table's dates."""

    today: date = date.max
    """In the calendar's zone: dates after it have not come."""
    start: date = date.min
    """Dates before it are history."""
    absent: Sequence[AbsentDate] = ()
    """Dates that it expects and that have no control row; without control rows, that are not published."""
    next: AbsentDate | None = None
    """The date that comes next."""
    has_control_rows: bool = True

    @classmethod
    def by(cls, calendar: Calendar, known: Collection[date], now: datetime) -> Expectations:
        """What a calendar expects besides the `known` dates; the default calendar expects nothing.

        `known` are the dates with a control row, or those that are published where there are none.
        """
        today = now.astimezone(calendar.zone).date()
        if calendar.file is None:
            return cls(today, calendar.start, has_control_rows=calendar.control_rows)
        missing = absent(calendar, known, now)
        following = next((a for a in missing if not a.is_overdue), None) or _next(calendar, known, today)
        return cls(today, calendar.start, missing, following, calendar.control_rows)


def _next(calendar: Calendar, known: Collection[date], today: date) -> AbsentDate | None:
    """The first business date after today that is not there yet."""
    there, day = set(known), calendar.next(today)
    while day in there and day is not None:
        day = calendar.next(day)
    return AbsentDate(day, calendar.due_at(day), is_overdue=False) if day else None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a load would be made from now, besides the control row."""

    code_version: str = ""
    settings_version: str = ""
    """An empty version is unknown: nothing is stale for it."""
    parents: Mapping[Dependency, ParentState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The states of a table's dates, in order of date."""

    table: str
    dates: Mapping[date, DateStatus]
    counts: Mapping[State, int]
    """How many dates are in each state; a state that does not occur is left out."""
    last_published: date | None = None
    next_expected: AbsentDate | None = None
    parked: int = 0
    """Dates that nothing loads by itself: they failed for good."""

    @property
    def summary(self) -> TableStatus:
        """The same without its dates: of thousands of tables, they would not fit into memory."""
        return replace(self, dates={})

    @property
    def is_alarming(self) -> bool:
        """Something failed, is overdue, or has a control row that cannot be used."""
        return any(state in self.counts for state in ALARMING)

    def in_states(self, states: Iterable[State]) -> dict[DateStatus, list[date]]:
        """Dates in these states, by state and reason, in the order of STATES and then of the first date."""
        groups: dict[DateStatus, list[date]] = {}
        wanted = set(states)
        for biz_dt, status in self.dates.items():
            if status.state in wanted:
                groups.setdefault(status, []).append(biz_dt)
        return dict(sorted(groups.items(), key=lambda g: (STATES.index(g[0].state), g[1][0])))


def table_status(
    table: str,
    *,
    rows: Iterable[ProcessControlRow],
    published: Mapping[date, Published],
    attempts: Mapping[date, Attempt],
    basis: Basis | None = None,
    expectations: Expectations | None = None,
    broken: Mapping[date, str] | None = None,
    parked: Mapping[date, DeadLetter] | None = None,
) -> TableStatus:
    """The states of all dates that have a control row, were published or attempted, or are expected.

    `published` is the newest version of each date, `attempts` the newest attempt at each; `broken` are dates
    whose control row cannot be used, and why; `parked` are dead letters, whether or not they still hold.
    """
    basis, expectations = basis or Basis(), expectations or Expectations()
    rows = list(rows)
    letters = _holding(rows, published, parked, expectations) if parked else {}
    judge = _Judge(basis, expectations, letters)
    found = {r.biz_dt: judge.of_row(r, published.get(r.biz_dt), attempts.get(r.biz_dt)) for r in rows}
    found |= {biz_dt: DateStatus("broken", why) for biz_dt, why in (broken or {}).items()}
    for biz_dt in (published.keys() | attempts.keys()) - found.keys():
        if status := judge.without_row(published.get(biz_dt), attempts.get(biz_dt)):
            found[biz_dt] = status
    for expected in expectations.absent:
        if expected.biz_dt not in found:
            found[expected.biz_dt] = _absent(expected)
    counted = Counter(map(attrgetter("state"), found.values()))
    counts = {state: counted[state] for state in STATES if counted[state]}
    last = max(published, default=None)
    return TableStatus(
        table, dict(sorted(found.items())), counts, last, expectations.next, parked=len(letters)
    )


def _holding(
    rows: Iterable[ProcessControlRow],
    published: Mapping[date, Published],
    parked: Mapping[date, DeadLetter],
    expectations: Expectations,
) -> dict[date, DeadLetter]:
    """The letters of which something is true still."""
    versions = {r.biz_dt: r.version for r in rows if r.biz_dt in parked}
    if not expectations.has_control_rows:
        versions = {d: letter.control_version for d, letter in parked.items()}
    return {d: x for d, x in parked.items() if x.holds(versions.get(d), published.get(d))}


_PUBLISHED = DateStatus("published")
_RUNNING_INDICATORS = ("Y", None)
"""What run_indicator is nearly always; asking is_held of every row would take a fifth of the time."""


@dataclass(frozen=True, slots=True)
class _Judge:
    basis: Basis
    expectations: Expectations
    parked: Mapping[date, DeadLetter]
    """Letters that hold."""

    def of_row(
        self, row: ProcessControlRow, published: Published | None, attempt: Attempt | None
    ) -> DateStatus:
        failure = ""
        if attempt is not None and not attempt.is_completed:
            if is_running(attempt, published):
                return _running(attempt)
            failure = failure_of(attempt, published)
        if row.biz_dt in self.parked:
            failure = self.parked[row.biz_dt].reason
        if row.run_indicator not in _RUNNING_INDICATORS and row.is_held:
            return self._held(row, published, failure)
        if failure:
            return DateStatus("failed", failure)
        return self._unpublished(row) if published is None else self._published(row, published)

    def _unpublished(self, row: ProcessControlRow) -> DateStatus:
        if row.biz_dt > self.expectations.today:
            return DateStatus("future", "the date has not come")
        if row.biz_dt < self.expectations.start:
            return DateStatus("history", f"before {self.expectations.start}, the start of the calendar")
        return DateStatus("missing", "never published")

    def without_row(self, published: Published | None, attempt: Attempt | None) -> DateStatus | None:
        """None for a date that never had a row: somebody tried to load it in vain."""
        if attempt is not None and is_running(attempt, published):
            return _running(attempt)
        if self.expectations.has_control_rows:
            if published is None and (attempt is None or attempt.control_version is None):
                return None
            what = "it is published" if published else "it was attempted"
            return DateStatus("gone", f"{what}, and process_control has no row any more")
        failure = failure_of(attempt, published)
        if failure and attempt is not None and attempt.biz_dt in self.parked:
            failure = self.parked[attempt.biz_dt].reason
        if failure or published is None:
            return DateStatus("failed", failure)
        return self._published(None, published)

    def _held(self, row: ProcessControlRow, published: Published | None, failure: str) -> DateStatus:
        if published is None:
            return DateStatus(
                "held", "run_indicator is N" + (f"; failed before: {failure}" if failure else "")
            )
        stale = "; ".join(self.stale_reasons(row, published))
        return DateStatus("held", f"run_indicator is N; stale: {stale}") if stale else _PUBLISHED

    def _published(self, row: ProcessControlRow | None, published: Published) -> DateStatus:
        reasons = self.stale_reasons(row, published)
        return DateStatus("stale", "; ".join(reasons)) if reasons else _PUBLISHED

    def stale_reasons(self, row: ProcessControlRow | None, published: Published) -> list[str]:
        """What of a published version is not what it was."""
        reasons = []
        if row is not None and published.control_version != row.version:
            reasons.append("its control row changed")
        if _differ(published.code_version, self.basis.code_version):
            reasons.append("its table.yaml or SQL changed")
        if _differ(published.settings_version, self.basis.settings_version):
            reasons.append("its parameters changed")
        for dependency, state in self.basis.parents.items():
            if _is_newer(dependency, state, published):
                reasons.append(f"{dependency.parent} is newer")
        return reasons


def is_running(attempt: Attempt, published: Published | None) -> bool:
    """The attempt has no end and has not published; its process may have died."""
    return attempt.is_open and (published is None or published.load_id != attempt.load_id)


def failure_of(attempt: Attempt | None, published: Published | None) -> str:
    """Why the newest attempt failed, where nothing was published since; else empty."""
    if attempt is None or not attempt.is_failed:
        return ""
    is_before = published is not None and published.published_at >= attempt.start_time
    return "" if is_before else attempt.error


def _running(attempt: Attempt) -> DateStatus:
    return DateStatus("running", f"since {attempt.start_time:%Y-%m-%d %H:%M:%S}, load {attempt.load_id}")


def _absent(expected: AbsentDate) -> DateStatus:
    if expected.is_overdue:
        return DateStatus("overdue", "process_control has no row, and the cut-off has passed")
    return DateStatus("expected", "process_control has no row yet, and the cut-off has not passed")


def _is_newer(dependency: Dependency, state: ParentState, published: Published) -> bool:
    """The parent has a version of a date, or a date, that a load would read and this one did not."""
    read = published.parents.get(dependency.parent, {})
    dates = parent_dates(dependency.dates, published.biz_dt, state.known or (), state.published_dates)
    for day in dates:  # noqa: SIM110 - a generator would cost as much again, for every date
        if state.published.get(day, 0) > read.get(day.isoformat(), 0):
            return True
    return False


def _differ(before: str, now: str) -> bool:
    """What an older platform published without a version is not stale for want of one."""
    return before != now and bool(before) and bool(now)
