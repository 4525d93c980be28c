"""Rows of the control tables as the platform uses them, whichever generation they came from.

Source of the columns: the legacy framework's contract (docs/control-tables.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


def row_version(last_update_ts: datetime | None, reprocess_dt: date | None) -> str:
    """The version of a process_control row with these values."""
    updated = last_update_ts.isoformat() if last_update_ts else ""
    return f"{updated}/{reprocess_dt.isoformat() if reprocess_dt else ''}"


def is_held(run_indicator: str | None) -> bool:
    """This run_indicator says N."""
    return (run_indicator or "Y").strip().upper() == "N"


@dataclass(frozen=True, slots=True)
class ProcessControlRow:
    """One business date of an entity and source system. Both window dates are inclusive."""

    entity: str
    source_system: str
    biz_dt: date
    process_from_date: date | None = None
    process_to_date: date | None = None
    process_dt: date | None = None
    reprocess_dt: date | None = None
    run_indicator: str | None = None
    change_indicator: str | None = None
    run_id: str | None = None
    business_keys: tuple[str, ...] = ()
    compare_cols: tuple[str, ...] = ()
    last_update_ts: datetime | None = None

    @property
    def version(self) -> str:
        """What distinguishes one request for this date from the next: last_update_ts and reprocess_dt."""
        return row_version(self.last_update_ts, self.reprocess_dt)

    @property
    def is_held(self) -> bool:
        """run_indicator says N."""
        return is_held(self.run_indicator)


@dataclass(frozen=True, slots=True)
class JobMasterRow:
    """One job: its context parameters and Spark configuration, parsed from their JSON."""

    job_id: str
    job_name: str
    entity: str | None = None
    source_system: str | None = None
    context_params: Mapping[str, Any] | None = None
    script_path: str | None = None
    spark_config: Mapping[str, Any] | None = None
    comments: str | None = None


@dataclass(frozen=True, slots=True)
class SysParamRow:
    """A setting of one environment for one job, or for all jobs."""

    param_key: str
    environment: str
    key_name: str
    param_value: str | None
    param_type: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobDependencyRow:
    """A job, and a parent that it runs after."""

    dependent_job_id: str
    dependent_job_name: str
    parent_job_id: str | None = None
    parent_job_name: str | None = None
    dependency_level: int | None = None


VOID = "void"
"""Kind of a ledger row whose number was taken from a load that was declared dead. No version to anybody."""

UNMANAGED = "unmanaged"
"""Kind of a version that a legacy script made live by itself: the platform has moved nothing, and keeps nothing."""


@dataclass(frozen=True, slots=True)
class PublishRecord:
    """A published version of a date: one row of the ledger. Its insert is the commit point."""

    table_name: str
    biz_dt: date
    version: int
    load_id: str
    control_version: str
    manifest: str
    """The Manifest as JSON."""
    published_at: datetime
    code_version: str = ""
    """Hash of the declaration and its SQL."""
    settings_version: str = ""
    """Hash of the parameters that job_master and sys_params gave."""
    parents: str | None = None
    """What it read of other landing tables, as JSON: their dates' versions, by table and ISO date."""
    kind: str | None = None
    """None for what a load made; `rollback of <version>` for what a rollback published; UNMANAGED; VOID."""


@dataclass(frozen=True, slots=True)
class Published:
    """The newest version of a date, without its manifest: what it was made from, and when."""

    biz_dt: date
    version: int
    load_id: str
    control_version: str
    code_version: str
    settings_version: str
    parents: Mapping[str, Mapping[str, int]]
    """Versions of the landing tables that it read, by table and ISO date."""
    published_at: datetime
    kind: str | None = None
    """As in PublishRecord; never VOID."""
