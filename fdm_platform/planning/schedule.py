"""Which dates a source without control rows is loaded for. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from fdm_platform.model.calendar import Calendar


def scheduled_dates(
    calendar: Calendar, published: Collection[date], now: datetime, *, first: date | None = None
) -> list[date]:
    """The business dates that are due by now and not published, in order.

    It begins with `first`, the first date that was published, or tried. Of a table that has none it is the newest
    date that is due: the ones before are for a backfill.
    """
    newest = calendar.latest_due(now)
    if newest is None:
        return []
    begin = max(first, calendar.start) if first else newest
    return [d for d in calendar.expected(begin, newest) if d not in published]
