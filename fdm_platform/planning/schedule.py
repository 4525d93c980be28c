"""Which dates a source without control rows is loaded for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from fdm_platform.model.calendar import Calendar


def scheduled_dates(calendar: Calendar, published: Sequence[date], now: datetime) -> list[date]:
    """The business dates that are due by now and not published, from the first that is published on.

    `published` is in order. Of a table that has none it is the newest date that is due: the ones before are
    for a backfill.
    """
    newest = calendar.latest_due(now)
    if newest is None:
        return []
    first = max(published[0], calendar.start) if published else newest
    there = set(published)
    return [d for d in calendar.expected(first, newest) if d not in there]
