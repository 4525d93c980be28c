"""A table's freshness policy in Dagster, from its calendar's cutoff.

Dagster knows deadlines as cron times and nothing of holidays: what is said here is an alarm on the asset's page,
and `fdm status` is what knows the calendar.
"""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg

from fdm_platform.model.calendar import WEEKDAYS, Calendar

_DAY = timedelta(days=1)


def freshness_policy(calendar: Calendar, today: date) -> dg.FreshnessPolicy | None:
    """By the cutoff of each working weekday something was loaded since the deadline before.

    None where the calendar declares no cutoff, has ended, or has month-ends only, of which cron cannot tell the
    last working day.
    """
    weekdays = _deadlines(calendar)
    if calendar.cutoff is None or calendar.month_ends == "only" or calendar.end < today or not weekdays:
        return None
    since_midnight = timedelta(hours=calendar.cutoff.hour, minutes=calendar.cutoff.minute)
    days = ",".join(map(str, weekdays))
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{calendar.cutoff.minute} {calendar.cutoff.hour} * * {days}",
        # What is due on its own day cannot have come before that day; yesterday's late load does not count for it.
        lower_bound_delta=_DAY if calendar.lag or not since_midnight else since_midnight,
        timezone=calendar.timezone,
    )


def _deadlines(calendar: Calendar) -> list[int]:
    """Weekdays that have a deadline, as cron numbers them: Sunday is 0.

    Dagster looks back a day at most. With a lag, what is due after a weekend may have been loaded before it or
    during it, and Dagster would call it missed: there is no deadline then.
    """
    is_open = [name not in calendar.weekend for name in WEEKDAYS]
    chosen = [n for n, opens in enumerate(is_open) if opens and (not calendar.lag or is_open[n - 1])]
    return sorted((n + 1) % len(WEEKDAYS) for n in chosen)
