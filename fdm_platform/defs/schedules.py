"""The schedule of a source system without control rows: its calendar says which dates there are, and when they are due."""

# Annotations stay real here: Dagster reads those of a schedule's function, and takes no strings.

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from fdm_platform.defs.partitions import add_dates, dates_of
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.run_requests import run_request
from fdm_platform.defs.sensors import MOST_RUNS, SourceSystem
from fdm_platform.model.partition import contiguous_runs
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.schedule import scheduled_dates


def calendar_schedule(source: SourceSystem, *, is_running: bool) -> dg.ScheduleDefinition:
    """At its times, each table is loaded for the dates that are due and not published."""
    calendar = source.calendar

    @dg.schedule(
        name=f"calendar_{source.partition_set}",
        cron_schedule=calendar.schedule or "",
        execution_timezone=calendar.timezone,
        target=[dg.AssetKey(spec.key) for spec in source.tables],
        default_status=dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Loads the dates of {source.name} that are due by its calendar.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, platform: PlatformResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = context.scheduled_execution_time.astimezone(UTC)
        ledger = platform.platform.ledger
        due = {
            spec: scheduled_dates(calendar, sorted(ledger.published(spec.name)), now)
            for spec in source.tables
        }
        add_dates(context.instance, source.partition_set, {d for dates in due.values() for d in dates})
        known = dates_of(context.instance, source.partition_set)
        requests = [r for spec, dates in due.items() for r in _requests(spec, dates, known, now)]
        return requests[:MOST_RUNS] or dg.SkipReason(f"every date of {source.name} that is due is published")

    return schedule


def _requests(
    spec: TableSpec, dates: Sequence[date], known: Sequence[date], now: datetime
) -> Iterator[dg.RunRequest]:
    """Newest first. A date that failed is requested again at the next time: the key is of this one."""
    for run in reversed(contiguous_runs(dates, known)):
        for start in range(0, len(run), spec.dates_per_run):
            chunk = run[start : start + spec.dates_per_run]
            key = f"{spec.name} {chunk[0]}..{chunk[-1]} at {now.isoformat()}"
            yield run_request(spec, chunk, run_key=key, is_newest=chunk[-1] == known[-1])
