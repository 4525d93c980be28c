"""Which dates a backfill loads, each with its reason, and what it will cost. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from statistics import median

from fdm_platform.model.attempt import Attempt
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.status import State, TableStatus

Reasons = dict[date, str]
"""Why each of the dates is chosen, for people."""
SECONDS_TO_START = 6.0
"""What a submit costs before its first date, where past loads cannot tell: Spark's start on a quiet machine."""
NEWEST_LOADS = 20
"""Past loads that an estimate looks at."""
IN_A_RANGE: tuple[State, ...] = ("published", "stale", "missing", "failed", "running", "history")
"""States of dates that a range means: those that have a control row and have come."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How the dates of a backfill are chosen: by name, or by range and what became of them."""

    named: tuple[date, ...] = ()
    first: date = date.min
    last: date = date.max
    is_missing: bool = False
    """Dates that were never published."""
    is_stale: bool = False
    is_failed: bool = False

    @property
    def by_state(self) -> bool:
        """The range narrows down what the states choose."""
        return self.is_missing or self.is_stale or self.is_failed

    def reasons(self, status: TableStatus, published: Collection[date], held: Collection[date]) -> Reasons:
        """The chosen dates and why. Those `held` are chosen by name alone; those running by name or range."""
        if self.named:
            return dict.fromkeys(self.named, "asked for")
        chosen = {}
        for biz_dt, found in status.dates.items():
            if biz_dt in held or not self.first <= biz_dt <= self.last:
                continue
            if self._chooses(found.state, biz_dt in published):
                chosen[biz_dt] = _reason(found.state, found.reason) if self.by_state else "asked for"
        return chosen

    def _chooses(self, state: State, is_published: bool) -> bool:
        if not self.by_state:
            return state in IN_A_RANGE
        if state == "failed":
            return self.is_failed or (self.is_missing and not is_published)
        return (self.is_missing and state == "missing") or (self.is_stale and state == "stale")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a backfill costs by what past loads of the table cost."""

    seconds: float
    loads: int
    """How many past loads it is made from."""


def chunks(dates: Iterable[date], size: int) -> list[list[date]]:
    """The dates in order, at most `size` in each chunk: one submit of Spark each."""
    rest = iter(sorted(set(dates)))
    return list(iter(lambda: list(islice(rest, size)), []))


def per_submit(spec: TableSpec, asked: int | None = None) -> int:
    """Dates that share a submit: as many as are asked for, else as the table says. A legacy job's script runs for one."""
    return 1 if spec.legacy else asked or spec.dates_per_run


def estimate(attempts: Iterable[Attempt], submits: Sequence[int]) -> Estimate | None:
    """Seconds of submits of so many dates each, from the newest loads that published; None without any.

    A load's attempts begin and end together, so its seconds are its own, not the sum of its dates'. What
    a date costs is the median over loads, after what a submit costs to start.
    """
    loads: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        loads[attempt.load_id].append(attempt)
    done = [load for load in loads.values() if _has_published(load)]
    newest = sorted(done, key=lambda load: load[0].start_time, reverse=True)[:NEWEST_LOADS]
    if not newest:
        return None
    spans = [(_seconds(load), len(load)) for load in newest]
    start = min(SECONDS_TO_START, *(seconds for seconds, _ in spans))
    per_date = median((seconds - start) / dates for seconds, dates in spans)
    return Estimate(sum(start + per_date * dates for dates in submits if dates), len(newest))


def _has_published(load: Iterable[Attempt]) -> bool:
    """It is over, and not for a reason that ended it early."""
    attempts = list(load)
    return all(a.end_time for a in attempts) and not all(a.is_failed for a in attempts)


def _seconds(load: Iterable[Attempt]) -> float:
    ends = [a.end_time for a in load if a.end_time]
    return (max(ends) - min(a.start_time for a in load)).total_seconds()


def _reason(state: State, why: str) -> str:
    return why if state == "missing" else f"{state}: {why}"
