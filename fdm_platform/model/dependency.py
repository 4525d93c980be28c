"""Which tables a table waits for, and for which of their business dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from fdm_platform.model.control import JobDependencyRow

DateRule = Literal["same", "previous", "latest", "window"]
"""Of a business date D: D itself; the parent's date before D; its newest published date up to D; its newest n."""


@dataclass(frozen=True, slots=True)
class ParentDates:
    """Which business dates of a landing table a load of one date reads."""

    rule: DateRule = "same"
    window: int = 1
    """How many dates a window has."""

    def __str__(self) -> str:
        return f"window of {self.window}" if self.rule == "window" else self.rule

    @property
    def needs_known_dates(self) -> bool:
        """The parent's dates in process_control tell which are meant."""
        return self.rule in ("previous", "window")


SAME = ParentDates()


@dataclass(frozen=True, slots=True)
class Dependency:
    """A table waits for another one."""

    child: str
    parent: str
    """Both are TableSpec.name."""
    dates: ParentDates
    origin: str
    """Where it is declared: `sources.<view>`, or the job_dependency row."""
    is_read: bool
    """The child's SQL reads it; else it only runs after it."""
    may_be_empty: bool = False
    """A date that the parent lacks is read as no rows."""


@dataclass(frozen=True)
class ParentState:
    """What a plan must know of a parent: its published dates, and where they matter its dates in process_control."""

    published: Mapping[date, int]
    """The newest version of each date that has one."""
    known: Sequence[date] | None = None
    """Dates of process_control in order; None where the plan can do without."""

    @cached_property
    def published_dates(self) -> Sequence[date]:
        """In order."""
        return sorted(self.published)


UNPUBLISHED = ParentState({})
"""Of a parent of which nothing is published."""


@dataclass(frozen=True, slots=True)
class DependencyRows:
    """job_dependency, and what job_master says of the jobs that it names."""

    rows: tuple[JobDependencyRow, ...] = ()
    jobs: tuple[tuple[str, str], ...] = ()
    """job_id and job_name of jobs in job_master."""
