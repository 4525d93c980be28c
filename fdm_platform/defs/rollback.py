"""Rollback: a version that is kept is published once more, as a new one. No other step is needed, and none differs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import uuid4

import dagster as dg

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.attempting import Told, attempted
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.registering import registered
from fdm_platform.defs.telling import materialize
from fdm_platform.engines.folders import open_folders, refusal
from fdm_platform.engines.publishing import PublishReport, PublishRequest, publish
from fdm_platform.engines.swapping import MARKER, STAGING, drop, kept_versions
from fdm_platform.errors import PublishError
from fdm_platform.model.control import Published, PublishRecord
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.partition import folder_name
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.places import output_root

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback that is live."""

    replaced: int
    """The version that was live before."""
    restored: int
    """The version whose files are live again."""
    report: PublishReport
    manifest: Manifest


def roll_back(
    instance: dg.DagsterInstance,
    platform: Platform,
    spec: TableSpec,
    biz_dt: date,
    *,
    to: int | None,
    tell: Tell,
) -> Rollback:
    """Publish a kept version of a date once more: `to`, or the newest that is kept; and tell Dagster of it.

    The new version stands for the same control row and the same versions of its parents as the one that it
    replaces, so that no sensor takes it back. PublishError where the version is not kept.
    """
    load_id = f"rollback-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
    with registered(platform, spec.name, biz_dt, load_id, asked_by="hand", tell=tell) as version:
        # What is kept may change until the date is this load's own.
        current = platform.ledger.published(spec.name, [biz_dt]).get(biz_dt)
        kept = _kept(platform, spec, biz_dt)
        restored = _chosen(spec, biz_dt, kept, to, current)
        with _attempted(platform, spec, biz_dt, load_id) as told:
            record = _record(platform, spec, biz_dt, restored, kept[restored])
            manifest = _stage(platform, spec, record, load_id, kept[restored])
            request = _request(platform, spec, manifest, version=version, record=record, current=current)
            report = publish(request, platform.ledger, told)
        # While it is registered: where this process is killed now, recovery tells of it.
        materialize(instance, platform, spec, biz_dt)
    return Rollback(current.version if current else 0, restored, report, manifest)


def _kept(platform: Platform, spec: TableSpec, biz_dt: date) -> dict[int, str]:
    folder = folder_name(biz_dt, spec.folder_date_format)
    root = output_root(platform.settings, spec)
    try:
        return kept_versions(root, folder)
    except OSError as error:
        what = f"kept versions of {spec.name} cannot be listed"
        raise refusal(what, error, root, ", then roll back again") from error


def _chosen(
    spec: TableSpec, biz_dt: date, kept: dict[int, str], to: int | None, current: Published | None
) -> int:
    """The version to restore. Version 0, which the platform did not publish, has no manifest to hold it against."""
    offered = [v for v in kept if v > 0] if current else []
    if offered and (to is None or to in offered):
        return offered[-1] if to is None else to
    raise PublishError(
        f"{spec.name} {biz_dt}: {'no version' if to is None else f'version {to}'} to go back to is kept; "
        f"kept: {', '.join(map(str, offered)) or 'none'}",
        file=spec.file,
        field="keep_versions",
        remedy="load the date again from its sources; keep_versions says how many versions are kept",
    )


def _attempted(
    platform: Platform, spec: TableSpec, biz_dt: date, load_id: str
) -> AbstractContextManager[Told]:
    rows = platform.job_rows(spec, [biz_dt])
    row = next((r for r in rows.control if r.biz_dt == biz_dt), None)
    return attempted(
        platform,
        DateAttempt(spec.name, biz_dt, load_id, row.version if row else None, "hand"),
        job_id=rows.job.job_id if rows.job else spec.job_name,
        job_name=spec.job_name,
        run_id=row.run_id if row else None,
    )


def _record(platform: Platform, spec: TableSpec, biz_dt: date, version: int, kept: str) -> PublishRecord:
    record = platform.ledger.find(spec.name, biz_dt, version)
    if record is None:
        raise PublishError(
            f"{spec.name} {biz_dt}: the ledger knows no version {version}",
            file=kept,
            remedy="load the date again from its sources",
        )
    return record


def _stage(platform: Platform, spec: TableSpec, record: PublishRecord, load_id: str, kept: str) -> Manifest:
    """The kept files in the staging folder of a new load, with the manifest that they were published by."""
    folder = folder_name(record.biz_dt, spec.folder_date_format)
    staging = f"{output_root(platform.settings, spec)}/{STAGING}/{load_id}/{record.biz_dt}"
    try:
        open_folders(staging).copy(kept, f"{staging}/{folder}", but=MARKER)
    except OSError as error:
        drop(staging)
        what = f"version {record.version} of {spec.name} {record.biz_dt} cannot be copied"
        raise refusal(what, error, kept, ", then roll back again") from error
    manifest = Manifest.from_json(record.manifest)
    return replace(manifest, load_id=load_id, staging=staging, folder=folder, seconds={})


def _request(
    platform: Platform,
    spec: TableSpec,
    manifest: Manifest,
    *,
    version: int,
    record: PublishRecord,
    current: Published | None,
) -> PublishRequest:
    return PublishRequest(
        root=output_root(platform.settings, spec),
        manifest=manifest,
        version=version,
        control_version=current.control_version if current else "",
        keep_versions=spec.keep_versions,
        commit_wait_s=platform.settings.commit_wait_s,
        code_version=record.code_version,
        settings_version=current.settings_version if current else "",
        parents=current.parents if current else {},
        kind=f"rollback of {record.version}",
    )
