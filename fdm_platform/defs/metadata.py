"""What Dagster's UI shows of a table and of each published date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from fdm_platform.engines.publishing import PublishReport
from fdm_platform.engines.rejected import rejected_folder
from fdm_platform.errors import FdmError
from fdm_platform.model.codec import to_sparse
from fdm_platform.model.manifest import LoadReport, Manifest
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.settings import Settings, is_uri
from fdm_platform.model.table import ColumnSpec, TableSpec
from fdm_platform.planning.places import output_root
from fdm_platform.planning.status import State, TableStatus

SHOWN_STATES: tuple[State, ...] = ("published", "missing", "failed", "stale", "held", "overdue")
"""Counts of these are on the newest date of each load."""


def table_schema(columns: tuple[ColumnSpec, ...]) -> dg.TableSchema:
    """The columns in Dagster's form, with keys, nullability and sensitivity."""
    return dg.TableSchema(columns=[_column(c) for c in columns])


def _column(column: ColumnSpec) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=column.type,
        description=column.description,
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
        tags={
            **({"key": ""} if column.key else {}),
            **({"sensitivity": column.sensitivity} if column.sensitivity else {}),
        },
    )


def asset_metadata(spec: TableSpec, settings: Settings) -> dict[str, Any]:
    """Metadata of the table itself, the same for all dates."""
    metadata: dict[str, Any] = {
        "dagster/table_name": spec.name,
        "dagster/uri": _uri(output_root(settings, spec)),
        "dagster/storage_kind": "orc",
        "partition_by": list(spec.partition_by),
        "folder_date_format": spec.folder_date_format,
    }
    if spec.columns:
        metadata["dagster/column_schema"] = table_schema(spec.columns)
    files = [spec.file, *([spec.legacy.script] if spec.legacy else [])]
    references: list[Any] = [
        dg.LocalFileCodeReference(file_path=file, line_number=1, label=Path(file).name)
        for file in dict.fromkeys(files)
    ]
    references += [
        dg.LocalFileCodeReference(file_path=s.file, line_number=1, label=s.view) for s in spec.steps
    ]
    metadata["dagster/code_references"] = dg.CodeReferencesMetadataValue(code_references=references)
    return metadata


def _uri(root: str) -> str:
    return root if is_uri(root) else Path(root).as_uri()


def description(spec: TableSpec) -> str:
    """The table's description, with its SQL as written, or which job's script makes it."""
    steps = (f"**{s.view}**\n```sql\n{s.sql.strip()}\n```" for s in spec.steps)
    body = [f"Transform `{spec.transform}`"] if spec.transform else list(steps)
    body += [f"Legacy job {spec.legacy.job_id}: `{spec.legacy.script}`"] if spec.legacy else []
    return "\n\n".join([*([spec.description] if spec.description else []), *body])


def date_metadata(
    plan: LoadPlan, date: DatePlan, manifest: Manifest, published: PublishReport, report: LoadReport
) -> dict[str, Any]:
    """Metadata of one materialization; every number is drawn over time by the UI."""
    metadata: dict[str, Any] = {
        "dagster/row_count": manifest.rows,
        "dagster/column_schema": table_schema(manifest.schema),
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "files": len(manifest.files),
        "version": published.version,
        "path": dg.MetadataValue.path(published.path),
        "reason": date.reason,
        "control_row_version": date.control_version.rstrip("/"),
        "parameter_hash": plan.parameter_hash(date.biz_dt),
        "load_id": plan.load_id,
        "sql": dg.MetadataValue.md(_sql(plan, date)),
    }
    metadata |= _counts(plan, date, manifest)
    if manifest.columns:
        metadata["column_statistics"] = dg.MetadataValue.json(to_sparse(manifest.columns))
    if report.application_id:
        metadata["spark_application_id"] = report.application_id
    if report.ui_url:
        metadata["spark_ui"] = dg.MetadataValue.url(report.ui_url)
    return metadata | _seconds(manifest, published, report)


def status_metadata(status: TableStatus) -> dict[str, Any]:
    """How the table's dates stand, as `fdm status` tells it."""
    counts = {f"dates_{state}": status.counts.get(state, 0) for state in SHOWN_STATES}
    last = {"last_date_published": str(status.last_published)} if status.last_published else {}
    return {**last, **counts}


def failure_metadata(error: FdmError, load_id: str) -> dict[str, Any]:
    """Metadata of a date that was not published."""
    fields = {k: v for k, v in error.to_json().items() if v not in (None, "")}
    where = fields.pop("file", None)
    place = {"file": dg.MetadataValue.path(str(where))} if where else {}
    return {
        "error": fields.pop("message"),
        "error_type": type(error).__name__,
        **place,
        **fields,
        "load_id": load_id,
    }


def _seconds(manifest: Manifest, published: PublishReport, report: LoadReport) -> dict[str, Any]:
    """The date's own seconds as one number to plot; by phase, with the submit's that it shared, as JSON."""
    own = {**manifest.seconds, **published.seconds}
    phases = {"date": own, "submit": dict(report.seconds)}
    return {"seconds": round(float(sum(own.values())), 3), "seconds_by_phase": dg.MetadataValue.json(phases)}


def _counts(plan: LoadPlan, date: DatePlan, manifest: Manifest) -> dict[str, Any]:
    """Rows in = rows + rejected + filtered; what is not known without another pass is left out."""
    counts: dict[str, Any] = {"rows_rejected": manifest.rejected}
    if manifest.rows_in:
        counts["rows_in"] = sum(manifest.rows_in.values())
    if len(manifest.rows_in) > 1:
        counts["rows_in_by_source"] = dg.MetadataValue.json(dict(manifest.rows_in))
    if manifest.filtered is not None:
        counts["rows_filtered"] = manifest.filtered
    if manifest.rejected:
        where = f"{plan.output.root}/{rejected_folder(date.folder, plan.load_id)}"
        counts["rejected_path"] = dg.MetadataValue.path(where)
    return counts


def _sql(plan: LoadPlan, date: DatePlan) -> str:
    if plan.transform:
        return f"Transform `{plan.transform}`"
    return "\n\n".join(f"**{s.view}**\n```sql\n{s.sql.strip()}\n```" for s in date.steps)
