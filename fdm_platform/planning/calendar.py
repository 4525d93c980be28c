"""What a calendar and process_control together say of a date. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from fdm_platform.model.calendar import Calendar, Verdict
from fdm_platform.model.control import ProcessControlRow

Standing = Literal[
    "there",
    "held",
    "extra",
    "history",
    "overdue",
    "absent",
    "future",
    "before",
    "calendar",
    "closed",
    "undeclared",
]
"""Where a date stands. `there`, `held`, `extra` (no business day, and yet a row) and `history` have a control
row; `overdue`, `absent` and `future` are expected and have none; `calendar` is a business day of a source
without control rows; `before` is one before the source's first row, where no start is declared; `closed` is none; of an `undeclared` calendar no date is expected."""

REMARKS: Mapping[Standing, str] = {
    "there": "",
    "held": "held",
    "extra": "runs all the same",
    "history": "history",
    "overdue": "expected but absent, overdue",
    "absent": "expected but absent",
    "future": "",
    "before": "",
    "calendar": "",
    "closed": "",
    "undeclared": "",
}
CONSEQUENCES: Mapping[Standing, str] = {
    "there": "The sensor requests it once for each version of its control row.",
    "held": "Nothing is loaded until run_indicator is set to Y.",
    "extra": "It runs all the same: a control row counts for more than the calendar.",
    "history": "The sensor does not request it; `fdm backfill` and `fdm materialize` load it.",
    "overdue": "It is never run without a control row. Insert the row, or add the date to the holidays.",
    "absent": "It is expected, and loaded when its control row is there.",
    "future": "The date has not come. It is loaded when its control row is there.",
    "before": "Not expected: it is before the first control row, and the calendar declares no start.",
    "calendar": "It needs no control row. The schedule loads it at its next time after it is due.",
    "closed": "Nothing is expected. A control row for it would run all the same.",
    "undeclared": "Nobody declared a calendar, so that no date is expected. A control row for it would run.",
}


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One date: what the calendar says of it, and whether its control row is there."""

    biz_dt: date
    verdict: Verdict
    due_at: datetime | None
    """In UTC; None where it is no business day."""
    run_indicator: Literal["Y", "N"] | None
    """Of its control row, where NULL counts as Y; None without a row."""
    standing: Standing


def calendar_day(
    calendar: Calendar, day: date, row: ProcessControlRow | None, now: datetime, since: date
) -> CalendarDay:
    """The date with its control row, or None where there is none; `since` is the first expected date."""
    verdict = calendar.verdict(day)
    due_at = calendar.due_at(day) if verdict.is_business_day else None
    indicator: Literal["Y", "N"] | None = ("N" if row.is_held else "Y") if row else None
    return CalendarDay(day, verdict, due_at, indicator, _standing(calendar, day, row, now, since))


def calendar_days(
    calendar: Calendar,
    first: date,
    last: date,
    rows: Sequence[ProcessControlRow],
    now: datetime,
    *,
    since: date,
) -> list[CalendarDay]:
    """Every date from first to last, both included."""
    by_date = {row.biz_dt: row for row in rows}
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [calendar_day(calendar, day, by_date.get(day), now, since) for day in every]


def _standing(
    calendar: Calendar, day: date, row: ProcessControlRow | None, now: datetime, since: date
) -> Standing:
    if row is not None:
        return _standing_of_row(calendar, day, row)
    if not calendar.is_business_day(day):
        return "closed"
    if not calendar.control_rows:
        return "calendar"
    if calendar.file is None:
        return "undeclared"
    return _standing_of_absent(calendar, day, now, since)


def _standing_of_absent(calendar: Calendar, day: date, now: datetime, since: date) -> Standing:
    if day < since:
        return "before"
    if day > now.astimezone(calendar.zone).date():
        return "future"
    return "overdue" if calendar.due_at(day) <= now else "absent"


def _standing_of_row(calendar: Calendar, day: date, row: ProcessControlRow) -> Standing:
    if day < calendar.start:
        return "history"
    if row.is_held:
        return "held"
    return "there" if calendar.file is None or calendar.is_business_day(day) else "extra"
