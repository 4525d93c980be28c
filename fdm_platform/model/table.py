"""A declared landing table: what `table.yaml` and its HQL say, with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fdm_platform.model.dependency import SAME, ParentDates
from fdm_platform.model.legacy import LegacySpec
from fdm_platform.model.limits import DeclaredRetries
from fdm_platform.model.parity import ParitySpec
from fdm_platform.model.partition import FolderDateFormat
from fdm_platform.model.rejected import MaxRejected

FileFormat = Literal["csv", "orc", "parquet", "json", "jdbc", "hive", "kudu"]
PASSED_THROUGH: tuple[FileFormat, ...] = ("jdbc", "hive", "kudu")
"""Read by Spark from another system, named by options alone: the platform lists and judges no files of these."""
Match = Literal["name", "position"]
"""What of a CSV's header says which column is which: its names, or nothing but the columns' order."""
Sensitivity = Literal["public", "internal", "confidential", "restricted"]
SECRET: tuple[Sensitivity, ...] = ("confidential", "restricted")
"""Values of columns of these leave the table's own files for nowhere: no ledger, no metadata."""
Severity = Literal["error", "warn"]


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column of a source or of the output. `type` is a Spark SQL type, e.g. `decimal(18,2)`."""

    name: str
    type: str
    nullable: bool = True
    key: bool = False
    sensitivity: Sensitivity | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """An input, seen by the steps as the temporary view `view`.

    Either `path` (a template below the source root, or absolute) with a file format, or `table`
    (the name of another landing table, read for the business dates `biz_dt`), or a format of another system
    (`PASSED_THROUGH`) with `options` alone.
    `columns` empty means that the reader infers the types.
    """

    view: str
    format: FileFormat
    path: str | None = None
    table: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[ColumnSpec, ...] = ()
    allow_empty: bool = False
    biz_dt: ParentDates = SAME
    match: Match = "name"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One HQL file; its SELECT becomes the temporary view `view`, the file's stem."""

    view: str
    file: str
    sql: str


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check of the staged result, made before it is published. Exactly one rule is set.

    `expect` is a SQL condition that every row must meet (NULL counts as not met), counted while
    the rows are written; `not_null` and the row limits are read from ORC's footers.
    A failed check of severity `error` keeps the date from being published.
    """

    name: str
    severity: Severity = "error"
    expect: str | None = None
    not_null: tuple[str, ...] = ()
    min_rows: int | None = None
    max_rows: int | None = None
    description: str | None = None


class JobSpec(Protocol):
    """What the parameters of a job depend on besides the control tables: a declared table's, or a legacy job's."""

    @property
    def entity(self) -> str:
        """As declared."""
        ...

    @property
    def source_system(self) -> str:
        """As declared."""
        ...

    @property
    def job_name(self) -> str:
        """Its name in the control tables."""
        ...

    @property
    def file(self) -> str:
        """The table.yaml; empty for a job without one."""
        ...

    @property
    def business_keys(self) -> tuple[str, ...]:
        """Declared, or empty."""
        ...

    @property
    def compare_cols(self) -> tuple[str, ...]:
        """Declared, or empty."""
        ...

    @property
    def launch(self) -> Mapping[str, object]:
        """Declared launch options, or none."""
        ...


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One landing table. Names are as declared; `name` and `key` are their lower-case forms."""

    entity: str
    source_system: str
    table: str
    file: str
    """Path of its table.yaml; of its script for a legacy job that none refines."""
    sources: tuple[SourceSpec, ...]
    steps: tuple[StepSpec, ...]
    transform: str | None = None
    """`package.module:function`, a PySpark transform `(spark, inputs, params) -> DataFrame`."""
    columns: tuple[ColumnSpec, ...] = ()
    partition_by: tuple[str, ...] = ("biz_dt",)
    business_keys: tuple[str, ...] = ()
    compare_cols: tuple[str, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    compression: Literal["snappy", "zstd", "zlib", "none"] = "snappy"
    target_file_mb: int = 128
    keep_versions: int = 1
    allow_empty: bool = False
    max_rejected: MaxRejected = 0
    folder_date_format: FolderDateFormat = "yyyyMMdd"
    retries: DeclaredRetries = field(default_factory=DeclaredRetries)
    """What it leaves open, dagster.yaml says."""
    on_conflict: Literal["wait", "refuse"] = "wait"
    """What a load does about a date that another load is at."""
    timeout_s: float | None = None
    """Seconds that Spark may take for one submit."""
    dates_per_run: int = 30
    launch: Mapping[str, object] = field(default_factory=dict)
    """Spark settings of this table, with the keys of job_master.spark_config."""
    job_name: str = ""
    owner: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    code_version: str = ""
    """Hash of what its rows depend on in its folder: YAML and HQL, or script and HQL."""
    legacy: LegacySpec | None = None
    """Set where the table is what a legacy job's script writes: then it has neither sources nor steps."""
    parity: ParitySpec | None = None
    """How it is compared with the old system's output, as far as it is declared."""

    @property
    def name(self) -> str:
        """The table's folder below the landing root, e.g. `gels_fpms_t_contract_master`."""
        return "_".join(self.key)

    @property
    def key(self) -> tuple[str, str, str]:
        """The asset key's path: entity, source system, table, in lower case."""
        return (self.entity.lower(), self.source_system.lower(), self.table.lower())

    @property
    def partition_set(self) -> str:
        """The name of the dynamic partition set that it shares with its source system."""
        return "_".join(self.key[:2])

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the landing tables that it reads, once each."""
        return tuple(dict.fromkeys(s.table for s in self.sources if s.table))
