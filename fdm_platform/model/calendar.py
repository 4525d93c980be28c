"""The business calendar of a source system or a table: which dates are expected, and by when. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import islice
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

MonthEnds = Literal["include", "only"]
Rule = Literal["start", "end", "extra_days", "holidays", "month_ends", "weekend"]
"""The key of calendar.yaml that decides over a date, the strongest first."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EPOCH = date(1970, 1, 1)
NEVER = datetime.max.replace(tzinfo=UTC)
"""A time that does not come."""
_DAY = timedelta(days=1)
_SHORTEST_MONTH = 28


class Verdict(NamedTuple):
    """Whether a date is expected, by which rule, and the rule in words."""

    is_business_day: bool
    rule: Rule
    text: str


@dataclass(frozen=True)
class Calendar:
    """Business dates by rule. The default: Monday to Friday, due at the end of the day itself, in UTC.

    A date is looked up in start and end, extra_days, holidays, month_ends and weekend, in this order: the first
    that knows it decides.
    """

    timezone: str = "UTC"
    """IANA name."""
    weekend: tuple[str, ...] = ("Saturday", "Sunday")
    holidays: Mapping[date, str] = field(default_factory=dict)
    """With their names, which may be empty."""
    extra_days: frozenset[date] = frozenset()
    """Business days in spite of a weekend, or of a holiday of the source where they are a table's."""
    month_ends: MonthEnds | None = None
    """`include`: a month's last calendar day is a business day on a weekend too. `only`: the last working day
    of each month, and no other day but extra_days."""
    cutoff: time | None = None
    """By when a date's data must be there; None means the end of the day."""
    lag: int = 0
    """Working days after the date until it is due: T+n."""
    start: date = EPOCH
    """Dates before are history: neither expected nor requested."""
    end: date = date.max
    """Dates after are not expected."""
    schedule: str | None = None
    """Cron times at which dates that are due are loaded, where there are no control rows."""
    control_rows: bool = True
    """The source has rows in process_control."""
    file: str | None = None
    """Its calendar.yaml; None for the default, which nobody declared."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """Of cutoff and of what day it is."""
        return ZoneInfo(self.timezone)

    def is_business_day(self, day: date) -> bool:
        """The date is expected."""
        return self.start <= day <= self.end and self._is_chosen(day)

    def is_working_day(self, day: date) -> bool:
        """No weekend and no holiday, or an extra day: what `lag` counts, whatever month_ends chooses of them."""
        if day in self.extra_days:
            return True
        return day.weekday() not in self._closed_weekdays and day not in self.holidays

    def why(self, day: date) -> str:
        """Why the date is a business day, or why it is none, for people."""
        return self.verdict(day).text

    def verdict(self, day: date) -> Verdict:
        """The rule that decides over the date."""
        if day < self.start:
            return Verdict(False, "start", f"before {self.start}, the start of the calendar")
        if day > self.end:
            return Verdict(False, "end", f"after {self.end}, the end of the calendar")
        if day in self.extra_days:
            return Verdict(True, "extra_days", f"{_weekday(day)}, an extra day")
        if day in self.holidays:
            return Verdict(False, "holidays", f"holiday {self.holidays[day]}".strip())
        return self._verdict_by_weekday(day)

    def _verdict_by_weekday(self, day: date) -> Verdict:
        is_weekend, is_chosen = day.weekday() in self._closed_weekdays, self._is_chosen(day)
        if is_weekend and is_chosen:
            return Verdict(True, "month_ends", f"{_weekday(day)}, the last day of its month")
        if is_weekend:
            return Verdict(False, "weekend", f"{_weekday(day)}, weekend")
        if self.month_ends == "only":
            text = f"{'' if is_chosen else 'not '}the last working day of its month"
            return Verdict(is_chosen, "month_ends", text)
        return Verdict(True, "weekend", f"{_weekday(day)}, a business day")

    def expected(self, first: date, last: date) -> Sequence[date]:
        """The business dates from `first` to `last`, both included, in order."""
        first, last = max(first, self.start), min(last, self.end)
        return list(self._chosen(range(first.toordinal(), last.toordinal() + 1)))

    def next(self, day: date, count: int = 1) -> date | None:
        """The `count`-th business date after a day; None where the calendar ends before."""
        first = max(day.toordinal() + 1, self.start.toordinal())
        after = self._chosen(range(first, self.end.toordinal() + 1))
        return next(islice(after, count - 1, None), None)

    def previous(self, day: date) -> date | None:
        """The business date before a day; None where the calendar begins after."""
        last = min(day.toordinal() - 1, self.end.toordinal())
        return next(self._chosen(range(last, self.start.toordinal() - 1, -1)), None)

    def due_at(self, day: date) -> datetime:
        """When a date's data must be there, in UTC: at the cutoff of the lag-th working day after it.

        A cutoff in the hour that a change of clocks skips is as much later; in one that comes twice, the first.
        NEVER for dates at the end of year 9999, which control tables hold for "no end".
        """
        try:
            on = self._after(day, self.lag)
            if self.cutoff is None:
                return datetime.combine(on + _DAY, time(), self.zone).astimezone(UTC)
            return datetime.combine(on, self.cutoff, self.zone).astimezone(UTC)
        except OverflowError:
            return NEVER

    def latest_due(self, now: datetime) -> date | None:
        """The newest business date that is due; None where none is yet."""
        today = now.astimezone(self.zone).date()
        day = today if self.is_business_day(today) else self.previous(today)
        while day and self.due_at(day) > now:
            day = self.previous(day)
        return day

    @cached_property
    def _closed_weekdays(self) -> frozenset[int]:
        return frozenset(WEEKDAYS.index(name) for name in self.weekend)

    def _chosen(self, ordinals: range) -> Iterator[date]:
        return filter(self._is_chosen, map(date.fromordinal, ordinals))

    def _is_chosen(self, day: date) -> bool:
        """What `verdict` says of a date between start and end, without its words: for long ranges."""
        if day in self.extra_days:
            return True
        if day in self.holidays:
            return False
        if day.weekday() in self._closed_weekdays:
            return self.month_ends == "include" and _days_left(day) == 0
        return self.month_ends != "only" or self._is_last_working_day(day)

    def _is_last_working_day(self, day: date) -> bool:
        if day.day < _SHORTEST_MONTH and self.is_working_day(day + _DAY):
            return False
        return not any(self.is_working_day(day + n * _DAY) for n in range(1, _days_left(day) + 1))

    def _after(self, day: date, count: int) -> date:
        """The count-th working day after a day."""
        for _ in range(count):
            day += _DAY
            while not self.is_working_day(day):
                day += _DAY
        return day


@dataclass(frozen=True, slots=True)
class AbsentDate:
    """A business date without a control row: expected and not there, never run."""

    biz_dt: date
    due_at: datetime
    is_overdue: bool


def absent(calendar: Calendar, known: Iterable[date], now: datetime) -> list[AbsentDate]:
    """Business dates that have come and are not known, in order: those that process_control does not have.

    From the calendar's start on or, where none is declared, from the first known date on. A calendar that nobody
    declared expects nothing.
    """
    if calendar.file is None:
        return []
    there = set(known)
    days = calendar.expected(expected_from(calendar, there, now), now.astimezone(calendar.zone).date())
    due = ((day, calendar.due_at(day)) for day in days if day not in there)
    return [AbsentDate(day, at, at <= now) for day, at in due]


def expected_from(calendar: Calendar, known: Iterable[date], now: datetime) -> date:
    """The calendar's start or, where none is declared, the first known date; today where there is none."""
    if calendar.start > EPOCH:
        return calendar.start
    today = now.astimezone(calendar.zone).date()
    return min((day for day in known if EPOCH <= day <= today), default=today)


def _weekday(day: date) -> str:
    return WEEKDAYS[day.weekday()]


def _days_left(day: date) -> int:
    """In its month."""
    return monthrange(day.year, day.month)[1] - day.day
