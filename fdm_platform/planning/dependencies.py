"""Which dates of a parent a business date reads, and which dates change with a parent's date. Pure and fast.

Dates are given in order, each once: what is asked is found by bisection, at 25,000 dates too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from fdm_platform.model.dependency import UNPUBLISHED, Dependency, ParentDates, ParentState
from fdm_platform.model.table import TableSpec

Versions = Mapping[str, Mapping[str, int]]
"""Versions of dates, by table and ISO date: what a load has read of its parents."""


def parent_dates(
    rule: ParentDates, biz_dt: date, known: Sequence[date], published: Sequence[date]
) -> Sequence[date]:
    """The parent's dates that a load of `biz_dt` reads, in order; fewer than the rule says where there are no more.

    `known` are the parent's dates in process_control, `published` those that are published.
    """
    if rule.rule == "same":
        return (biz_dt,)
    if rule.rule == "previous":
        end, size, of = bisect_left(known, biz_dt), 1, known
    elif rule.rule == "latest":
        end, size, of = bisect_right(published, biz_dt), 1, published
    else:
        end, size, of = bisect_right(known, biz_dt), rule.window, known
    return of[max(end - size, 0) : end]


def affected_dates(
    rule: ParentDates,
    parent_date: date,
    children: Sequence[date],
    known: Sequence[date],
    published: Sequence[date],
) -> Sequence[date]:
    """The child's dates whose input changes when `parent_date` is published anew: the inverse of `parent_dates`.

    `children` are the child's dates; `published` may have `parent_date` already or not. A date that the
    parent does not have in `known` is nobody's previous one and in no window.
    """
    if rule.rule == "same":
        return children[bisect_left(children, parent_date) : bisect_right(children, parent_date)]
    if rule.rule == "latest":
        following = _after(published, parent_date, 1)
        return children[bisect_left(children, parent_date) : _before(children, following)]
    if bisect_left(known, parent_date) == bisect_right(known, parent_date):
        return ()
    if rule.rule == "previous":
        following = _after(known, parent_date, 1)
        end = len(children) if following is None else bisect_right(children, following)
        return children[bisect_right(children, parent_date) : end]
    following = _after(known, parent_date, rule.window)
    return children[bisect_left(children, parent_date) : _before(children, following)]


def reads_of(spec: TableSpec) -> tuple[Dependency, ...]:
    """What the table's sources read of other landing tables, in their order."""
    return tuple(
        Dependency(
            spec.name, s.table, s.biz_dt, f"sources.{s.view}", is_read=True, may_be_empty=s.allow_empty
        )
        for s in spec.sources
        if s.table
    )


def versions_read(
    dependencies: Iterable[Dependency], biz_dt: date, parents: Mapping[str, ParentState]
) -> dict[str, dict[str, int]]:
    """Versions of the parents' dates that a load of `biz_dt` would read now; dates without one are left out."""
    found: dict[str, dict[str, int]] = {}
    for dependency in dependencies:
        state = parents.get(dependency.parent, UNPUBLISHED)
        for day in parent_dates(dependency.dates, biz_dt, state.known or (), state.published_dates):
            if day in state.published:
                found.setdefault(dependency.parent, {})[day.isoformat()] = state.published[day]
    return {table: dict(sorted(dates.items())) for table, dates in found.items()}


def newer_parents(recorded: Versions, now: Versions) -> list[str]:
    """Why a published date is behind its parents, for people; empty where it is not.

    `recorded` is what it read, `now` is `versions_read`. A date that a parent no longer has is no reason:
    there is nothing newer to read.
    """
    reasons = []
    for table, dates in now.items():
        before = recorded.get(table, {})
        for day, version in dates.items():
            if day not in before:
                reasons.append(f"{table} {day} was not read yet")
            elif version > before[day]:
                reasons.append(f"{table} {day} is version {version}, version {before[day]} was read")
    return reasons


def _after(dates: Sequence[date], day: date, count: int) -> date | None:
    """The date that comes `count` places after a day; None where the dates end before."""
    at = bisect_right(dates, day) + count - 1
    return dates[at] if at < len(dates) else None


def _before(dates: Sequence[date], end: date | None) -> int:
    """How many dates there are before `end`; None means all."""
    return len(dates) if end is None else bisect_left(dates, end)
