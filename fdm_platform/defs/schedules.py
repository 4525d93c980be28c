"""The schedule of a source system without control rows: its calendar says which dates there are, and when they are due."""

# Annotations stay real here: Dagster reads those of a schedule's function, and takes no strings.

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from fdm_platform.defs.breaking import waiting
from fdm_platform.defs.open_runs import dates_of_open_runs
from fdm_platform.defs.parking import parked
from fdm_platform.defs.partitions import add_dates, dates_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.run_requests import run_request
from fdm_platform.defs.sensors import MOST_RUNS, SourceSystem
from fdm_platform.model.partition import contiguous_runs
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.schedule import scheduled_dates

Chunk = tuple[TableSpec, Sequence[date]]
"""A table and the dates of one of its runs."""


def calendar_schedule(source: SourceSystem, *, is_running: bool) -> dg.ScheduleDefinition:
    """At its times, each table is loaded for the dates that are due and neither published, parked nor under way."""
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
        stopped = {spec.name: parked(platform.platform, spec) for spec in source.tables}
        due = [
            (spec, _due(platform.platform, source, spec, now, stopped[spec.name])) for spec in source.tables
        ]
        wanted = {d for _, dates in due for d in dates}
        if not wanted:
            others = " or parked: see `fdm dead-letters`" if any(stopped.values()) else ""
            return dg.SkipReason(f"every date of {source.name} that is due is published{others}")
        add_dates(context.instance, source.partition_set, wanted)
        standing = platform.platform.breakers.not_closed()
        waits = {spec.name: waiting(standing, spec) for spec, dates in due if dates}
        due = [(spec, dates) for spec, dates in due if dates and not waits[spec.name]]
        for why in sorted(set(filter(None, waits.values()))):
            context.log.warning("held back for the next time: %s", why)
        if not due:
            return dg.SkipReason("; ".join(sorted(set(waits.values()))))
        open_dates = dates_of_open_runs(context.instance, source.tables)
        known = dates_of(context.instance, source.partition_set)
        chunks = [
            chunk
            for spec, dates in due
            for chunk in _chunks(spec, [d for d in dates if d not in open_dates[spec.name]], known)
        ]
        if not chunks:
            return dg.SkipReason(f"every date of {source.name} that is due and not published is under way")
        chosen = _newest_first(context, chunks)
        return [_request(spec, dates, known, now) for spec, dates in chosen]

    return schedule


def _due(
    platform: Platform, source: SourceSystem, spec: TableSpec, now: datetime, stopped: Collection[date]
) -> list[date]:
    """By the table's calendar, which chooses among the dates of its source's."""
    wanted = scheduled_dates(platform.catalog.calendars.of(spec), now)
    done = {*platform.ledger.published(spec.name, wanted), *stopped}
    return [d for d in wanted if d not in done and source.calendar.is_business_day(d)]


def _chunks(spec: TableSpec, dates: Sequence[date], known: Sequence[date]) -> Iterator[Chunk]:
    """A run each: neighbours in the partition set, at most `dates_per_run`."""
    for run in contiguous_runs(dates, known):
        for start in range(0, len(run), spec.dates_per_run):
            yield spec, run[start : start + spec.dates_per_run]


def _newest_first(context: dg.ScheduleEvaluationContext, chunks: Iterable[Chunk]) -> list[Chunk]:
    """As many runs as one time requests, of all tables alike."""
    ordered = sorted(chunks, key=lambda chunk: chunk[1][-1], reverse=True)
    if later := ordered[MOST_RUNS:]:
        context.log.info("held back for the next time, beyond %d runs: %d runs", MOST_RUNS, len(later))
    return ordered[:MOST_RUNS]


def _request(spec: TableSpec, dates: Sequence[date], known: Sequence[date], now: datetime) -> dg.RunRequest:
    """A date that was stopped is requested again at the next time: the key is of this one."""
    key = f"{spec.name} {dates[0]}..{dates[-1]} at {now.isoformat()}"
    return run_request(spec, dates, run_key=key, is_newest=dates[-1] == known[-1])
