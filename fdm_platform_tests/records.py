"""What loads leave in the control tables, written without running them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal

from fdm_platform.control.execution_log.log import DateAttempt, ExecutionLog
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.status import Statuses
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.partition import folder_name


def empty_manifest(platform: Platform, table: str, biz_dt: date) -> str:
    """Of a version without files, of which nothing is staged any more."""
    spec = platform.catalog.get(table)
    root, folder = platform.settings.table_root(spec.name), folder_name(biz_dt, spec.folder_date_format)
    return Manifest("load", spec.name, biz_dt, folder, f"{root}/.staging/load/{biz_dt}", (), ()).to_json()


def publish(platform: Platform, table: str, biz_dt: date, **changes: Any) -> PublishRecord:
    """A version of a date as a load would commit it now, from what there is now; `changes` are its fields."""
    spec = platform.catalog.get(table)
    version = platform.ledger.current_versions(spec.name, [biz_dt]).get(biz_dt, 0) + 1
    values: dict[str, Any] = {
        "version": version,
        "load_id": f"load-{version}",
        "control_version": platform.control_rows(spec, [biz_dt])[0].version,
        "manifest": empty_manifest(platform, table, biz_dt),
        "published_at": datetime.now(UTC),
        "code_version": spec.code_version,
        "settings_version": Statuses(platform, [spec]).settings_of(spec),
        "parents": "{}",
    }
    record = PublishRecord(spec.name, biz_dt, **{**values, **changes})
    platform.ledger.commit(record)
    return record


def attempt(
    platform: Platform,
    table: str,
    biz_dt: date,
    status: Literal["Started", "Completed", "Failed"],
    *,
    error: str | None = None,
    load_id: str = "load-1",
    asked_by: str = "hand",
    now: datetime | None = None,
) -> None:
    """An attempt of a date, of which nobody holds the journal any more."""
    spec = platform.catalog.get(table)
    row = next(iter(platform.control_rows(spec, [biz_dt])), None)
    log = ExecutionLog(platform.store, now=lambda: now or datetime.now(UTC))
    of = DateAttempt(spec.name, biz_dt, load_id, row.version if row else None, asked_by)
    attempt_id = log.start(job_id=spec.job_name, job_name=spec.job_name, run_id=None, of=of)
    if status != "Started":
        log.finish(attempt_id, status=status, error=error)
