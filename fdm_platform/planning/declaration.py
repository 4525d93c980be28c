"""The keys of table.yaml, as pydantic models: what they are called, their types and defaults.

They hold what is written; the rules between keys are in `rules`, the finished value is model.TableSpec.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import models_json_schema

from fdm_platform.model.legacy import Append
from fdm_platform.model.parity import ParityFormat
from fdm_platform.model.partition import FolderDateFormat
from fdm_platform.model.rejected import SHARE
from fdm_platform.model.table import FileFormat, Match, Sensitivity, Severity

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

MOST_DATES = 1000
"""Of a window: the ledger names each date that was read, and a cell of Kudu holds 64 KiB."""
DATE_WORDS = ("same", "previous", "latest")
"""What `biz_dt` of a landing table as a source may be, besides `{window: n}`."""
Scalar = str | bool | int | float
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ALL_DATES = 1_000_000
"""What `dates_per_run: all` stands for: more dates than a table has."""
DatesPerRun = Annotated[
    int,
    Field(ge=1),
    BeforeValidator(lambda value: ALL_DATES if value == "all" else value),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]


class Declared(BaseModel):
    """Exactly the known keys, with exactly their types: text is not taken for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ColumnDeclaration(Declared):
    """A column of a source or of the output."""

    name: str = Field(description="Its name.")
    type: str = Field(description="A Spark SQL type, e.g. string, date, decimal(18,2).")
    nullable: bool = Field(default=True, description="false: a NULL fails the date.")
    key: bool = Field(default=False, description="It identifies a row, alone or with other keys.")
    sensitivity: Sensitivity | None = Field(default=None, description="How well it must be protected.")
    description: str | None = Field(default=None, description="What it means.")


def _long_form(columns: Any) -> Any:
    """`{id: string}` says the same as `[{name: id, type: string}]`."""
    if isinstance(columns, dict):
        return [{"name": name, "type": type_} for name, type_ in columns.items()]
    return columns


Columns = Annotated[
    list[ColumnDeclaration],
    BeforeValidator(_long_form, json_schema_input_type=list[ColumnDeclaration] | dict[str, str]),
]


_DATES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(DATE_WORDS)},
        {
            "type": "object",
            "properties": {"window": {"type": "integer", "minimum": 1, "maximum": MOST_DATES}},
            "required": ["window"],
            "additionalProperties": False,
        },
    ],
    "default": "same",
}


_REJECTED_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{SHARE}$"}],
    "default": 0,
}


class SourceDeclaration(Declared):
    """An input: a path, another landing table, or a database."""

    path: str | None = Field(
        default=None,
        description="File, folder or pattern below the source root, or absolute; {biz_dt:%Y%m%d} is the date.",
    )
    format: FileFormat | None = Field(
        default=None, description="Default: by the path's extension, .csv, .orc, .parquet or .json."
    )
    table: str | None = Field(default=None, description="A landing table; biz_dt says for which dates.")
    biz_dt: Annotated[Any, WithJsonSchema(_DATES_SCHEMA)] = Field(
        default="same",
        description="Dates of that table: same, previous, latest, or {window: 5} for the newest five.",
    )
    options: dict[str, Scalar] = Field(
        default_factory=dict,
        description="Options of Spark's reader, e.g. sep, encoding; for jdbc url and dbtable, for hive table or "
        "query, for kudu kudu.master and kudu.table.",
    )
    columns: Columns = Field(
        default_factory=list, description="Declared columns; none means that Spark infers them."
    )
    allow_empty: bool = Field(default=False, description="true: no rows are no error.")
    match: Match = Field(
        default="name",
        description="position: a CSV's columns are the declared ones in their order, whatever its header says.",
    )


class CheckDeclaration(Declared):
    """A check of the result, made before it is published: a name and one rule."""

    name: str = Field(description="Its name, unique in the table: letters, digits and _.")
    severity: Severity = Field(default="error", description="error keeps the date from being published.")
    expect: str | None = Field(default=None, description="A SQL condition that every row must meet.")
    not_null: list[str] = Field(default_factory=list, description="Columns without NULLs.")
    min_rows: Count | None = Field(default=None, description="At least so many rows.")
    max_rows: Count | None = Field(default=None, description="At most so many rows.")
    description: str | None = Field(default=None, description="Why it matters.")


class LaunchDeclaration(Declared):
    """How this table calls spark-submit, with the keys of job_master.spark_config."""

    master: str | None = Field(default=None, description="Spark master, e.g. local[2] or yarn.")
    deploy_mode: Literal["client", "cluster"] | None = Field(
        default=None, description="cluster: on YARN only."
    )
    driver_memory: str | None = Field(default=None, description="E.g. 2g.")
    executor_memory: str | None = Field(default=None, description="E.g. 4g.")
    num_executors: Positive | None = Field(default=None, description="On a cluster.")
    executor_cores: Positive | None = Field(default=None, description="On a cluster.")
    python_executable: str | None = Field(default=None, description="Python of driver and executors.")
    queue: str | None = Field(default=None, description="YARN queue.")
    archives: str | None = Field(default=None, description="Archives to ship, as spark-submit takes them.")
    py_files: str | list[str] | None = Field(default=None, description="Python files or zips to ship.")
    additional_conf: dict[str, Scalar] | None = Field(default=None, description="Spark settings.")


class RetriesDeclaration(Declared):
    """How often and how soon a load is tried again."""

    limit: Count | None = Field(default=None, description="Tries after the first.")
    delay_s: Seconds | None = Field(
        default=None, description="Seconds before the first of them; each further wait is twice as long."
    )
    longest_s: Seconds | None = Field(default=None, description="Seconds that no wait exceeds.")


def _as_limit(retries: Any) -> Any:
    """`retries: 3` says the same as `retries: {limit: 3}`."""
    return retries if retries is None or isinstance(retries, dict) else {"limit": retries}


Retries = Annotated[
    RetriesDeclaration,
    BeforeValidator(_as_limit, json_schema_input_type=Count | RetriesDeclaration),
]


class ParityDeclaration(Declared):
    """How a published date is compared with what the old system made of it."""

    keys: list[str] = Field(
        default_factory=list, description="Columns that identify a row; none: rows are compared whole."
    )
    tolerance: dict[str, Scalar] = Field(
        default_factory=dict, description="By column, how far two numbers may differ and still be equal."
    )
    ignore: list[str] = Field(default_factory=list, description="Columns that are not compared.")
    against: str | None = Field(
        default=None, description="Path of the old output, a template as a source's, or a Hive table."
    )
    format: ParityFormat | None = Field(
        default=None, description="Of the old output; default by the path's extension, else hive."
    )
    options: dict[str, Scalar] = Field(
        default_factory=dict, description="Options of Spark's reader of the old output."
    )
    renamed: dict[str, str] = Field(
        default_factory=dict, description="The new table's column names by the old output's."
    )


class OutputDeclaration(Declared):
    """What a declared table and a legacy job's table have in common: their output, and how it is loaded."""

    columns: Columns = Field(
        default_factory=list, description="Columns of the result; types and NULLs are enforced."
    )
    partition_by: list[str] = Field(
        default_factory=lambda: ["biz_dt"], description="Folders below the table, biz_dt first."
    )
    business_keys: list[str] = Field(
        default_factory=list, description="Columns that identify a row; default process_control's."
    )
    compare_cols: list[str] = Field(
        default_factory=list,
        description="Columns whose change makes a new version of a row; default process_control's.",
    )
    checks: list[CheckDeclaration] = Field(default_factory=list, description="Checks made before publishing.")
    keep_versions: Count = Field(default=1, description="Replaced versions of a date to keep for rollback.")
    allow_empty: bool = Field(default=False, description="true: a date without rows may be published.")
    folder_date_format: FolderDateFormat = Field(
        default="yyyyMMdd", description="How biz_dt= folders spell a date."
    )
    retries: Retries = Field(
        default_factory=RetriesDeclaration,
        description="How often a load is tried again that failed because something was away; "
        "what is left out, dagster.yaml says.",
    )
    on_conflict: Literal["wait", "refuse"] = Field(
        default="wait",
        description="What a load does about a date that another load is at: wait for it, or refuse the date.",
    )
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds that Spark may take for one submit; then it is ended."
    )
    launch: LaunchDeclaration = Field(default_factory=LaunchDeclaration, description="How Spark is started.")
    parity: ParityDeclaration | None = Field(
        default=None, description="How it is compared with the old system's output."
    )
    owner: str | None = Field(default=None, description="An e-mail address or team:name.")
    description: str | None = Field(default=None, description="What the table holds, as Markdown.")
    tags: dict[str, Scalar] = Field(default_factory=dict, description="Labels to search by.")


class TableDeclaration(OutputDeclaration):
    """A landing table."""

    entity: str = Field(description="Legal entity, e.g. GELS: letters, digits and _.")
    source_system: str = Field(description="System that the data comes from, e.g. FPMS.")
    table: str = Field(description="The table's own name, e.g. t_contract_master.")
    sources: dict[str, SourceDeclaration] = Field(
        description="Inputs, by the name of the view that the steps see; {} where the steps make their rows themselves."
    )
    steps: list[str] = Field(
        default_factory=list, description="HQL files, in order; the last one's rows are the result."
    )
    transform: str | None = Field(
        default=None, description="In place of steps, a PySpark function, package.module:function."
    )
    compression: Literal["snappy", "zstd", "zlib", "none"] = Field(
        default="snappy", description="Of the ORC files."
    )
    target_file_mb: Positive = Field(default=128, description="Size of a file to aim at, in MB.")
    max_rejected: Annotated[Any, WithJsonSchema(_REJECTED_SCHEMA)] = Field(
        default=0,
        description="Bad rows of its sources that a date may leave out: a number, or a share such as 1%.",
    )
    dates_per_run: DatesPerRun = Field(
        default=30, description="Dates of a backfill that share a submit, or `all`."
    )
    job_name: str | None = Field(
        default=None,
        description="Its row in job_master; default etl_lnd_<entity>_<source_system>_<table>.",
    )


class LegacyJobDeclaration(OutputDeclaration):
    """What is said of a legacy job's table beyond its row in job_master. Its script does the rest."""

    legacy_job: str = Field(description="The job's job_id or job_name in job_master.")
    output: str | None = Field(
        default=None,
        description="Folder that its script writes, below the landing root, or absolute; "
        "default <entity>_<source_system>_<table>.",
    )
    append: Append = Field(
        default="add",
        description="What a write of mode append does to a date that is there: add to it, or replace it.",
    )
    entity: str | None = Field(default=None, description="job_master's; here it may only repeat it.")
    source_system: str | None = Field(default=None, description="job_master's; here it may only repeat it.")
    table: str | None = Field(default=None, description="The job's name; here it may only repeat it.")


MODELS: tuple[type[Declared], ...] = (
    TableDeclaration,
    SourceDeclaration,
    ColumnDeclaration,
    CheckDeclaration,
    LaunchDeclaration,
    RetriesDeclaration,
    ParityDeclaration,
    LegacyJobDeclaration,
)


def table_schema() -> dict[str, Any]:
    """The JSON Schema of table.yaml, for editors; committed as docs/table.schema.json."""
    kinds = (TableDeclaration, LegacyJobDeclaration)
    refs, rest = models_json_schema([(kind, "validation") for kind in kinds])
    table, job = (refs[(kind, "validation")] for kind in kinds)
    which = {"if": {"required": ["legacy_job"]}, "then": job, "else": table}
    return {"$schema": SCHEMA_DIALECT, "title": "table.yaml", **which, **rest}
