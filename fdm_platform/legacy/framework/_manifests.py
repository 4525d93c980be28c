"""What a folder that was staged holds: files, rows, columns. No row is read where the files or the write say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.emptiness import parquet_rows
from fdm_platform.engines.files import list_files
from fdm_platform.engines.footers import FooterReader
from fdm_platform.engines.orc_footer import Footer, merged
from fdm_platform.model.manifest import Manifest, StagedFile
from fdm_platform.model.partition import BIZ_DT
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.table import SECRET, ColumnSpec

from ._options import How
from ._platform import Context
from ._targets import SNAPSHOT, Target

SAYS_ROWS = ("orc", "parquet")
"""Formats whose files say how many rows they hold."""


@dataclass(frozen=True)
class Write:
    """One write of a script: where, of what, and how."""

    target: Target
    path: str
    """In the script's words."""
    how: How


@dataclass
class Staged:
    """A date, or an output without dates, as this run has staged it so far."""

    root: str
    folder: str
    biz_dt: date
    staging: str
    rows: int | None = 0
    """As counted while they were written; None where some of them were not."""
    total: int = 0
    """Its rows, by its last manifest."""
    broken: dict[str, int] = field(default_factory=dict)
    """Rows that break each `expect`."""
    added_to: str | None = None
    """As in Manifest."""

    @property
    def place(self) -> str:
        """Its staged folder."""
        return f"{self.staging}/{self.folder}"

    @property
    def live(self) -> str:
        """The folder that it is to replace."""
        return f"{self.root}/{self.folder}"


def read_manifest(df: DataFrame, write: Write, context: Context, of: Staged) -> Manifest:
    """The manifest of a staged folder."""
    plan, rows, fmt = context.plan, of.rows, write.how.format
    spark, folder = df.sparkSession, of.place
    listed = list_files(spark, folder)
    footers = _footers(spark, folder, [path for path, _ in listed], fmt)
    is_parquet = fmt == "parquet"
    counted = [f.rows for f in footers] or [
        parquet_rows(spark, f"{folder}/{path}") if is_parquet else 0 for path, _ in listed
    ]
    if fmt not in SAYS_ROWS and rows is None:
        rows = _read_rows(spark, folder, write.how)
    schema = _schema(df, write, plan)
    return Manifest(
        load_id=plan.load_id,
        table=plan.table,  # of other outputs the publisher knows the ledger's name
        biz_dt=of.biz_dt,
        folder=of.folder,
        staging=of.staging,
        files=tuple(StagedFile(*file, n) for file, n in zip(listed, counted, strict=True)),
        schema=schema,
        columns=merged(footers, {c.name.lower() for c in schema if c.sensitivity in SECRET}),
        control_version=context.date.control_version,
        code_version=plan.code_version,
        parameter_hash=plan.parameter_hash(context.date.biz_dt),
        format=fmt,
        row_count=None if fmt in SAYS_ROWS else rows,
        added_to=of.added_to,
    )


def _schema(df: DataFrame, write: Write, plan: LoadPlan) -> tuple[ColumnSpec, ...]:
    """Data columns, then partition columns; what is declared of a column of the job's own table is kept."""
    own = write.target.root == plan.output.root
    declared = {c.name.lower(): c for c in plan.output.columns if own}
    found = {
        x.name.lower(): declared.get(x.name.lower()) or ColumnSpec(x.name, x.dataType.simpleString())
        for x in df.schema.fields
    }
    partitions = [p.lower() for p in write.how.partition_by]
    last = [found[p] for p in partitions if p in found]
    if BIZ_DT not in found and write.target.biz_dt not in (None, SNAPSHOT):
        last.insert(0, ColumnSpec(BIZ_DT, "string"))
    return (*(c for n, c in found.items() if n not in partitions), *last)


def _footers(spark: SparkSession, folder: str, paths: Sequence[str], fmt: str) -> list[Footer]:
    reader = FooterReader(spark) if fmt == "orc" and paths else None
    return [reader.read(f"{folder}/{path}") for path in paths] if reader else []


def _read_rows(spark: SparkSession, folder: str, how: How) -> int:
    """Of text that holds several dates' rows, or more than this write's: by reading what was staged, once."""
    reader = spark.read.format(how.format).options(**how.options)
    if how.format == "csv" and "multiline" not in (n.lower() for n in how.options):
        reader = reader.option("multiLine", "true")
    return reader.load(folder).count()
