"""What a sensor of process_control requests: one version of a control row for one landing table, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class DateRequest:
    """A request for one table and date, as it is remembered. Those of one run share its key."""

    partition_set: str
    biz_dt: date
    table_name: str
    control_version: str
    run_key: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class RunOfDates:
    """A run that is requested: neighbouring dates of one table."""

    run_key: str
    table_name: str
    dates: tuple[date, ...]
