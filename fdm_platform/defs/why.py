"""What is known of one business date of a table, read from the control tables. No Dagster here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from fdm_platform.control.attempts import read_attempts
from fdm_platform.control.parents import read_parents
from fdm_platform.control.requests import TABLE as REQUESTS
from fdm_platform.control.requests import Requests
from fdm_platform.control.rows import process_control_dates
from fdm_platform.defs.facts import StoreFacts
from fdm_platform.defs.limits import limits_of
from fdm_platform.defs.parking import parked
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.status import Statuses
from fdm_platform.errors import ControlError
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dependency import UNPUBLISHED, Dependency
from fdm_platform.model.request import DateRequest
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.dependencies import parent_dates
from fdm_platform.planning.due import Verdict, Verdicts
from fdm_platform.planning.evidence import CalendarDay, Evidence, ParentDate, Watcher
from fdm_platform.planning.status import DateStatus

MOST_ATTEMPTS = 10
"""Newest attempts that are told."""


def read_evidence(platform: Platform, spec: TableSpec, biz_dt: date, now: datetime | None = None) -> Evidence:
    """All that the control tables say of the date. ControlError where they cannot be read."""
    now = now or datetime.now(UTC)
    status = Statuses(platform, [spec], now).of_dates(spec, [biz_dt]).dates.get(biz_dt)
    row = _row(platform, spec, biz_dt, status)
    versions = platform.ledger.versions(spec.name, biz_dt)
    attempts = read_attempts(platform.store, spec.name, [biz_dt])
    calendar = _calendar_day(platform, spec, biz_dt, now)
    return Evidence(
        table=spec.name,
        biz_dt=biz_dt,
        at=now,
        watcher=_watcher(platform, spec, calendar),
        retries=limits_of(platform.settings).retries.of(spec.retries).limit,
        status=status,
        row=row,
        nearest=() if row or not calendar.has_control_rows else _nearest(platform, spec, biz_dt),
        calendar=calendar,
        parents=_parents(platform, spec, biz_dt, versions, now),
        verdict=_verdict(platform, spec, biz_dt, now) if row else None,
        requests=_requests(platform, spec, biz_dt),
        attempts=attempts[::-1][:MOST_ATTEMPTS],
        versions=versions,
        dead_letter=parked(platform, spec, [biz_dt], is_whole=True).get(biz_dt),
    )


def _row(
    platform: Platform, spec: TableSpec, biz_dt: date, status: DateStatus | None
) -> ProcessControlRow | None:
    """The control row; None where there is none, or none that can be used."""
    if status is None or status.state == "broken":
        return None
    return next(iter(platform.control_rows(spec, [biz_dt])), None)


def _nearest(platform: Platform, spec: TableSpec, biz_dt: date) -> Sequence[date]:
    """The dates with a row before and after one without."""
    known = process_control_dates(platform.store, spec.entity, spec.source_system, lambda _error: None)
    at = bisect_left(known, biz_dt)
    return [d for d in known[max(at - 1, 0) : at + 1] if d != biz_dt]


def _calendar_day(platform: Platform, spec: TableSpec, biz_dt: date, now: datetime) -> CalendarDay:
    calendar = platform.catalog.calendars.of(spec)
    is_business_day = calendar.is_business_day(biz_dt)
    due_at = calendar.due_at(biz_dt) if is_business_day else None
    return CalendarDay(
        is_declared=calendar.file is not None,
        is_business_day=is_business_day,
        why=calendar.why(biz_dt),
        due_at=due_at,
        is_overdue=due_at is not None and due_at <= now,
        today=now.astimezone(calendar.zone).date(),
        start=calendar.start,
        timezone=calendar.timezone,
        has_control_rows=calendar.control_rows,
        file=calendar.file,
    )


def _watcher(platform: Platform, spec: TableSpec, calendar: CalendarDay) -> Watcher:
    if platform.dependencies.of.get(spec.name):
        return "automation"
    return "sensor" if calendar.has_control_rows else "schedule"


def _verdict(platform: Platform, spec: TableSpec, biz_dt: date, now: datetime) -> Verdict:
    try:
        return Verdicts(StoreFacts(platform, now)).of(spec.name, [biz_dt])[biz_dt]
    except ControlError as error:  # a row of another date that it reads cannot be used
        return Verdict("waiting", error.message)


def _requests(platform: Platform, spec: TableSpec, biz_dt: date) -> list[DateRequest]:
    if not platform.store.has(REQUESTS):  # a deployment of an earlier release
        return []
    return Requests(platform.store).of_date(spec.partition_set, spec.name, biz_dt)


def _parents(
    platform: Platform, spec: TableSpec, biz_dt: date, versions: Sequence[Published], now: datetime
) -> list[ParentDate]:
    """Each date that the date reads of each parent, or runs after."""
    dependencies, tables = platform.dependencies.of.get(spec.name, ()), platform.catalog.tables
    states = read_parents(platform.store, tables, dependencies, [biz_dt])
    recorded = versions[0].parents if versions else {}
    found: list[ParentDate] = []
    for dependency in dependencies:
        state = states.get(dependency.parent, UNPUBLISHED)
        dates = parent_dates(dependency.dates, biz_dt, state.known or (), state.published_dates)
        found += _parent_dates(platform, dependency, dates, recorded.get(dependency.parent, {}), now)
    return found


def _parent_dates(
    platform: Platform,
    dependency: Dependency,
    dates: Sequence[date],
    recorded: Mapping[str, int],
    now: datetime,
) -> Iterable[ParentDate]:
    rule, name = str(dependency.dates), dependency.parent
    if not dates:
        yield ParentDate(name, None, rule, dependency.origin, None)
        return
    parent = platform.catalog.tables[name]
    statuses = Statuses(platform, [parent], now).of_dates(parent, dates).dates
    published = platform.ledger.published(name, dates)
    for day in dates:
        newest = published.get(day)
        yield ParentDate(
            name,
            day,
            rule,
            dependency.origin,
            statuses.get(day),
            newest.version if newest else None,
            recorded.get(day.isoformat()),
            newest.published_at if newest else None,
        )
