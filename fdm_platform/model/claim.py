"""Who works on a business date: claims, and the loads that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A load has a date of a table to itself; `version` is the number that it may publish, and no other load."""

    table_name: str
    biz_dt: date
    version: int
    load_id: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class LoadRow:
    """A load under way and the process that it belongs to: a row of fdm_loads."""

    load_id: str
    table_name: str
    host: str
    """As processes.this_host names it."""
    pid: int
    process_start: int
    """The process's start in clock ticks after the boot: with the pid it names one process for good."""
    started_at: datetime
    beat_at: datetime
    """When it was last heard of."""
    folder: str | None = None
    """Of its plan, messages and logs; None for a load without Spark."""
    plan_identity: str | None = None
    """Hash of what it loads and how."""
    master: str | None = None
    asked_by: str | None = None
