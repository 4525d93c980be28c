"""Attempts at a landing table's dates, as fdm_attempts has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import date

from fdm_platform.control.execution_log.rows import BY_DATE
from fdm_platform.control.store import MAX_IN_VALUES, ControlStore, Predicate
from fdm_platform.model.attempt import Attempt

_COLUMNS = tuple(f.name for f in fields(Attempt))


def read_attempts(
    store: ControlStore, table_name: str, dates: Collection[date] | None = None
) -> list[Attempt]:
    """Attempts at these dates, or at all, oldest first, in one scan; none where the table is missing."""
    if dates is not None and not dates:
        return []
    if not store.has(BY_DATE):  # a deployment of an earlier release
        return []
    where = [Predicate("table_name", "=", table_name), *_bounds(dates)]
    found = [Attempt(**row) for row in store.scan(BY_DATE, where, _COLUMNS)]
    wanted = None if dates is None else set(dates)
    return sorted((a for a in found if wanted is None or a.biz_dt in wanted), key=lambda a: a.start_time)


def newest_attempts(attempts: Iterable[Attempt]) -> dict[date, Attempt]:
    """The newest attempt at each date."""
    return {a.biz_dt: a for a in sorted(attempts, key=lambda a: a.start_time)}


def _bounds(dates: Collection[date] | None) -> list[Predicate]:
    if dates is None:
        return []
    bounds = [Predicate("biz_dt", ">=", min(dates)), Predicate("biz_dt", "<=", max(dates))]
    few = len(dates) <= MAX_IN_VALUES
    return [*bounds, *([Predicate("biz_dt", "in", sorted(dates))] if few else [])]
