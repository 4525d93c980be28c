"""The business calendar of a source system or a table: which dates are expected, and by when. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

MonthEnds = Literal["include", "only"]
_DAY = timedelta(days=1)
_LAST = date(2099, 12, 31)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """Business dates by rule. The default: Monday to Friday, due at the end of the day itself, in UTC."""

    timezone: str = "UTC"
    """IANA name."""
    weekend: tuple[str, ...] = ("Saturday", "Sunday")
    holidays: Mapping[date, str] = field(default_factory=dict)
    """With their names, which may be empty."""
    extra_days: frozenset[date] = frozenset()
    """Business days in spite of a weekend."""
    month_ends: MonthEnds | None = None
    """`include`: a month's last calendar day is a business day on a weekend too. `only`: the last business day
    of each month, and no other."""
    cutoff: time | None = None
    """By when a date's data must be there; None means the end of the day."""
    lag: int = 0
    """Business days after the date until it is due: T+n."""
    start: date = EPOCH
    """Dates before are history: neither expected nor requested."""
    end: date = _LAST
    schedule: str | None = None
    """Cron times at which dates that are due are loaded, where there are no control rows."""
    control_rows: bool = True
    """The source has rows in process_control."""
    file: str | None = None
    """Its calendar.yaml; None for the default."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """Of cutoff and of what day it is."""
        return ZoneInfo(self.timezone)

    def is_business_day(self, day: date) -> bool:
        """The date is expected."""
        if not self.start <= day <= self.end:
            return False
        return day == self._month_end(day) if self.month_ends == "only" else self._is_open(day)

    def why(self, day: date) -> str:
        """Why the date is a business day, or why it is none, for people."""
        if not self.start <= day <= self.end:
            return f"outside the calendar, which goes from {self.start} to {self.end}"
        if self.month_ends == "only" and self._is_open(day):
            said = "" if self.is_business_day(day) else "not "
            return f"{said}the last business day of its month"
        return self._why_open(day)

    def _why_open(self, day: date) -> str:
        if day in self.extra_days:
            return f"{_weekday(day)}, an extra day"
        if day in self.holidays:
            return f"holiday {self.holidays[day]}".strip()
        if self._is_open(day) and _weekday(day) in self.weekend:
            return f"{_weekday(day)}, the last day of its month"
        return f"{_weekday(day)}, " + ("weekend" if _weekday(day) in self.weekend else "a business day")

    def expected(self, first: date, last: date) -> Sequence[date]:
        """The business dates from `first` to `last`, both included, in order."""
        days = self._days
        return days[bisect_left(days, first) : bisect_right(days, last)]

    def next(self, day: date, count: int = 1) -> date | None:
        """The `count`-th business date after a day; None where the calendar ends before."""
        at = bisect_right(self._days, day) + count - 1
        return self._days[at] if at < len(self._days) else None

    def previous(self, day: date) -> date | None:
        """The business date before a day; None where the calendar begins after."""
        at = bisect_left(self._days, day) - 1
        return self._days[at] if at >= 0 else None

    def due_at(self, day: date) -> datetime:
        """When a date's data must be there, in UTC: at the cutoff of the lag-th business day after it.

        A cutoff in the hour that a change of clocks skips is that hour's end; in one that comes twice, the first.
        """
        on = day
        for _ in range(self.lag):
            on = self._open_after(on)
        if self.cutoff is None:
            return datetime.combine(on + _DAY, time(), self.zone).astimezone(UTC)
        return datetime.combine(on, self.cutoff, self.zone).astimezone(UTC)

    def latest_due(self, now: datetime) -> date | None:
        """The newest business date that is due; None where none is yet."""
        today = now.astimezone(self.zone).date()
        at = bisect_right(self._days, today)
        while at > 0:
            at -= 1
            if self.due_at(self._days[at]) <= now:
                return self._days[at]
        return None

    @cached_property
    def _days(self) -> Sequence[date]:
        span = range((min(self.end, _LAST) - self.start).days + 1)
        every = (self.start + n * _DAY for n in span)
        return [day for day in every if self.is_business_day(day)]

    @cached_property
    def _closed_weekdays(self) -> frozenset[int]:
        return frozenset(_WEEKDAYS.index(name) for name in self.weekend)

    def _is_open(self, day: date) -> bool:
        if day in self.extra_days:
            return True
        if day in self.holidays:
            return False
        if day.weekday() not in self._closed_weekdays:
            return True
        return self.month_ends == "include" and (day + _DAY).day == 1

    def _open_after(self, day: date) -> date:
        following = day + _DAY
        while not self._is_open(following) and following < day + 31 * _DAY:
            following += _DAY
        return following

    def _month_end(self, day: date) -> date | None:
        """The last open day of the date's month."""
        last = (day.replace(day=28) + 4 * _DAY).replace(day=1) - _DAY
        while last.month == day.month and not self._is_open(last):
            last -= _DAY
        return last if last.month == day.month else None


@dataclass(frozen=True, slots=True)
class AbsentDate:
    """A business date without a control row: expected and not there, never run."""

    biz_dt: date
    due_at: datetime
    is_overdue: bool


def absent(calendar: Calendar, known: Iterable[date], now: datetime) -> list[AbsentDate]:
    """Business dates that have come and that process_control does not have, from its first date on, in order."""
    there = set(known)
    if not there:
        return []
    today = now.astimezone(calendar.zone).date()
    due = ((day, calendar.due_at(day)) for day in calendar.expected(min(there), today) if day not in there)
    return [AbsentDate(day, at, at <= now) for day, at in due]


def _weekday(day: date) -> str:
    return _WEEKDAYS[day.weekday()]
