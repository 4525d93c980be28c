"""A shaped result into staging, and the manifest of what was written.

Spark writes once, into a folder that did not exist. Nothing is counted by a pass of its own: rows and
the columns' statistics come from ORC's footers.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.files import list_files, make_folder
from fdm_platform.engines.footers import FooterReader
from fdm_platform.engines.orc_footer import merged
from fdm_platform.errors import ContractError
from fdm_platform.model.manifest import Manifest, StagedFile
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.table import SECRET, ColumnSpec

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
"""Hive's folder for a partition value that is NULL or an empty string."""


def stage(shaped: DataFrame, plan: LoadPlan, date: DatePlan) -> None:
    """Write the date below its own staging folder, which must not exist yet."""
    writer = shaped.write.mode("errorifexists").partitionBy(*plan.output.partition_by)
    writer.option("compression", plan.output.compression).orc(date.staging)


def read_manifest(spark: SparkSession, shaped: DataFrame, plan: LoadPlan, date: DatePlan) -> Manifest:
    """What was staged, by the folder's listing and the files' footers; its `seconds` are empty.

    ContractError: no rows though the table does not allow it, or NULL in a partition column.
    """
    folder = f"{date.staging.rstrip('/')}/{date.folder}"
    reader, listed = FooterReader(spark), list(list_files(spark, folder))
    footers = [reader.read(f"{folder}/{path}") for path, _ in listed]
    schema = _schema(shaped, plan)
    manifest = Manifest(
        load_id=plan.load_id,
        table=plan.table,
        biz_dt=date.biz_dt,
        folder=date.folder,
        staging=date.staging,
        files=tuple(StagedFile(*of, footer.rows) for of, footer in zip(listed, footers, strict=True)),
        schema=schema,
        columns=merged(footers, {c.name.lower() for c in schema if c.sensitivity in SECRET}),
        control_version=date.control_version,
        code_version=plan.code_version,
        parameter_hash=plan.parameter_hash(date.biz_dt),
    )
    _require_values(manifest, plan)
    if not manifest.rows:
        _accept_empty(spark, plan, folder)
    return manifest


def _schema(shaped: DataFrame, plan: LoadPlan) -> tuple[ColumnSpec, ...]:
    """Data columns, then partition columns; what is declared of a column is kept."""
    declared = {c.name.lower(): c for c in plan.output.columns}
    found = [
        declared.get(x.name.lower()) or ColumnSpec(x.name, x.dataType.simpleString())
        for x in shaped.schema.fields
    ]
    partitions = [p.lower() for p in plan.output.partition_by]
    data = [c for c in found if c.name.lower() not in partitions]
    by_name = {c.name.lower(): c for c in found}
    return (*data, *(by_name[p] for p in partitions))


def _require_values(manifest: Manifest, plan: LoadPlan) -> None:
    """No file lies in a folder of a NULL partition value."""
    rows: Counter[str] = Counter()
    for file in manifest.files:
        for part in file.path.split("/")[:-1]:
            column, _, value = part.partition("=")
            if value == NULL_FOLDER:
                rows[unquote(column)] += file.rows
    if rows:
        column, count = rows.most_common(1)[0]
        raise ContractError(
            f"NULL or empty text in the partition column {column}: {count} of {manifest.rows} rows",
            file=plan.file,
            field=f"partition_by.{column}",
            remedy=f"give those rows a value, for example coalesce({column}, 'UNKNOWN') AS {column}",
        )


def _accept_empty(spark: SparkSession, plan: LoadPlan, folder: str) -> None:
    """An empty date is published as an empty folder, so that readers no longer see its old version."""
    if not plan.output.allow_empty:
        raise ContractError(
            "the result has no rows",
            file=plan.file,
            field="allow_empty",
            remedy="look at the sources and the filters, or set `allow_empty: true` if that can be right",
        )
    make_folder(spark, folder)
