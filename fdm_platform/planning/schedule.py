"""Which dates a source without control rows is loaded for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from fdm_platform.model.calendar import Calendar


def scheduled_dates(calendar: Calendar, now: datetime) -> Sequence[date]:
    """The business dates that are due by now, in order, from the calendar's start on.

    A calendar that stands for process_control declares its start (planning/calendar_file.py). What was published
    before is no beginning: whoever loads an old date by hand asks for that date, and for none after it.
    """
    newest = calendar.latest_due(now)
    return calendar.expected(calendar.start, newest) if newest else ()
