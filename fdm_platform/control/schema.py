"""The control tables as data: the five of the legacy contract and the platform's own.

Every store is made from these, so a column is named here once. Where the legacy tables have two names
for one column, `name` is the platform's and `other_names` are those of the other generation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fdm_platform.errors import ControlError
from fdm_platform.planning.names import suggest

ColumnType = Literal["string", "date", "timestamp_micros", "int32", "int64", "double"]
"""Types that SQLite and Kudu can both hold. A timestamp is UTC, to the microsecond."""


@dataclass(frozen=True, slots=True)
class ControlColumn:
    """A column of a control table. Columns of the key are never NULL."""

    name: str
    type: ColumnType = "string"
    is_key: bool = False
    is_nullable: bool = True
    json_form: Literal["object", "list"] | None = None
    """A string column that holds JSON of this form."""
    other_names: tuple[str, ...] = ()
    """What deployments of another generation call it."""
    is_optional: bool = False
    """Deployments without this column occur; it is read as NULL there."""


@dataclass(frozen=True)
class ControlTable:
    """A control table. Its key columns come first, in key order."""

    name: str
    purpose: str
    columns: tuple[ControlColumn, ...]
    stamp: str | None = None
    """The timestamp column that says when a row last changed."""
    is_seedable: bool = True
    """People may write it; False for what only loads write."""
    hash_by: tuple[str, ...] = ()
    """Columns that Kudu spreads the rows by; default the whole key."""
    hash_buckets: int = 2
    """How many tablets, for each month where there are months."""
    is_by_month: bool = False
    """Its key is an id that begins with epoch microseconds: in Kudu each month is a range of it, to be dropped
    by itself."""

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(c.name for c in self.columns if c.is_key)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> ControlColumn:
        """The column of this name; ControlError if the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ControlError(
            f"control table {self.name} has no column {name!r}",
            field=self.name,
            remedy=suggest(name, self.names),
        )


def find_table(name: str) -> ControlTable:
    """The control table of this name; ControlError if there is none."""
    if name in TABLES:
        return TABLES[name]
    raise ControlError(f"no control table is named {name!r}", remedy=suggest(name, TABLES))


def _key(name: str, column_type: ColumnType = "string") -> ControlColumn:
    return ControlColumn(name, column_type, is_key=True, is_nullable=False)


def _required(name: str, column_type: ColumnType = "string") -> ControlColumn:
    return ControlColumn(name, column_type, is_nullable=False)


_JOB_MASTER = ControlTable(
    "job_master",
    "one row per job: its parameters and Spark configuration",
    (
        _key("job_id"),
        _required("job_name"),
        ControlColumn("entity", is_optional=True),
        ControlColumn("source_system", is_optional=True),
        ControlColumn("context_params", json_form="object"),
        ControlColumn("script_path"),
        ControlColumn("spark_config", json_form="object", is_optional=True),
        ControlColumn("comments"),
    ),
)

_PROCESS_CONTROL = ControlTable(
    "process_control",
    "one row per entity, source system and business date: what is to be processed",
    (
        _key("entity"),
        _key("source_system"),
        _key("biz_dt", "date"),
        ControlColumn("process_from_date", "date", other_names=("start_dt",)),
        ControlColumn("process_to_date", "date", other_names=("end_dt",)),
        ControlColumn("process_dt", "date"),
        ControlColumn("reprocess_dt", "date"),
        ControlColumn("run_indicator"),
        ControlColumn("change_indicator"),
        ControlColumn("run_id"),
        ControlColumn("business_keys", json_form="list"),
        ControlColumn("compare_cols", json_form="list"),
        ControlColumn("last_update_ts", "timestamp_micros", other_names=("updated_at",)),
    ),
    stamp="last_update_ts",
    # All dates of a source stand in one tablet, in order: a sensor's tick reads a range of one tablet.
    hash_by=("entity", "source_system"),
    hash_buckets=4,
)

_JOB_DEPENDENCY = ControlTable(
    "job_dependency",
    "which job waits for which",
    (
        _key("dependent_job_id"),
        _key("dependent_job_name"),
        ControlColumn("parent_job_id"),
        ControlColumn("parent_job_name"),
        ControlColumn("dependency_level", "int32", is_optional=True),
    ),
)

_SYS_PARAMS = ControlTable(
    "sys_params",
    "settings per environment and job",
    (
        _key("param_key"),
        _key("environment"),
        _key("key_name"),
        ControlColumn("param_value"),
        ControlColumn("param_type", is_optional=True),
        ControlColumn("updated_at", "timestamp_micros", is_optional=True),
    ),
    stamp="updated_at",
    hash_by=("param_key",),
)

_ATTEMPT = (
    _key("id"),
    ControlColumn("job_id"),
    ControlColumn("job_name"),
    ControlColumn("run_id"),
    ControlColumn("spark_app_id"),
    ControlColumn("status"),
    ControlColumn("start_time", "timestamp_micros"),
    ControlColumn("end_time", "timestamp_micros"),
    ControlColumn("duration", "double", is_optional=True),
    ControlColumn("error_message"),
)

_EXECUTION_LOG = ControlTable(
    "execution_log",
    "the audit trail: one row per attempt of a job",
    _ATTEMPT,
    is_seedable=False,
    is_by_month=True,
)

_FDM_EXECUTION_LOG = ControlTable(
    "fdm_execution_log",
    "every attempt, where execution_log's own key admits one row per job (generation 2)",
    _ATTEMPT,
    is_seedable=False,
    is_by_month=True,
)

_FDM_PUBLISHES = ControlTable(
    "fdm_publishes",
    "the ledger: one row per version of a business date, published or void",
    (
        _key("table_name"),
        _key("biz_dt", "date"),
        _key("version", "int32"),
        _required("load_id"),
        _required("control_version"),
        _required("code_version"),
        _required("settings_version"),
        ControlColumn("parents", json_form="object"),
        _required("manifest"),
        _required("published_at", "timestamp_micros"),
        ControlColumn("kind", is_optional=True),
    ),
    is_seedable=False,
    hash_by=("table_name",),
)

_FDM_MANIFEST_PARTS = ControlTable(
    "fdm_manifest_parts",
    "what of a long manifest does not fit into one cell of fdm_publishes",
    (
        _key("table_name"),
        _key("biz_dt", "date"),
        _key("load_id"),
        _key("part", "int32"),
        _required("text"),
    ),
    is_seedable=False,
    hash_by=("table_name",),
)

_FDM_ATTEMPTS = ControlTable(
    "fdm_attempts",
    "execution_log by landing table and business date: one row per attempt",
    (
        _key("table_name"),
        _key("biz_dt", "date"),
        _key("load_id"),
        _required("id"),
        ControlColumn("control_version"),
        ControlColumn("asked_by"),
        ControlColumn("spark_app_id"),
        ControlColumn("status"),
        ControlColumn("start_time", "timestamp_micros"),
        ControlColumn("end_time", "timestamp_micros"),
        ControlColumn("duration", "double"),
        ControlColumn("error_message"),
    ),
    is_seedable=False,
    hash_by=("table_name",),
)

_FDM_REQUESTS = ControlTable(
    "fdm_requests",
    "what the process_control sensors requested: one row per version of a control row and landing table",
    (
        _key("partition_set"),
        _key("biz_dt", "date"),
        _key("table_name"),
        _key("control_version"),
        _required("run_key"),
        _required("requested_at", "timestamp_micros"),
    ),
    is_seedable=False,
    hash_by=("partition_set",),
)

_FDM_CLAIMS = ControlTable(
    "fdm_claims",
    "which load works on a business date, and which version it may publish",
    (
        _key("table_name"),
        _key("biz_dt", "date"),
        _key("version", "int32"),
        _required("load_id"),
        _required("claimed_at", "timestamp_micros"),
    ),
    is_seedable=False,
    hash_by=("table_name",),
)

_FDM_LOADS = ControlTable(
    "fdm_loads",
    "the loads under way: where each one's process is, and when it was last heard of",
    (
        _key("load_id"),
        _required("table_name"),
        _required("host"),
        _required("pid", "int32"),
        _required("process_start", "int64"),
        ControlColumn("folder"),
        ControlColumn("plan_identity"),
        ControlColumn("master"),
        ControlColumn("asked_by"),
        _required("started_at", "timestamp_micros"),
        _required("beat_at", "timestamp_micros"),
    ),
    is_seedable=False,
)

_FDM_BREAKERS = ControlTable(
    "fdm_breakers",
    "what happened to the loads of a source system or cluster, from which its circuit breaker follows",
    (
        _key("scope"),
        _key("name"),
        _key("seq", "int64"),
        _required("kind"),
        _required("at", "timestamp_micros"),
        ControlColumn("until", "timestamp_micros"),
        ControlColumn("load_id"),
        ControlColumn("error"),
    ),
    is_seedable=False,
    hash_by=("scope", "name"),
)

_FDM_DEAD_LETTERS = ControlTable(
    "fdm_dead_letters",
    "business dates that are not loaded again by themselves: their retries are used up, or none can help",
    (
        _key("table_name"),
        _key("biz_dt", "date"),
        _required("load_id"),
        _required("control_version"),
        _required("attempts", "int32"),
        _required("kind"),
        _required("error"),
        ControlColumn("parameters"),
        ControlColumn("log_tail"),
        _required("parked_at", "timestamp_micros"),
    ),
    is_seedable=False,
    hash_by=("table_name",),
)

TABLES: dict[str, ControlTable] = {
    t.name: t
    for t in (
        *(_JOB_MASTER, _PROCESS_CONTROL, _JOB_DEPENDENCY, _SYS_PARAMS, _EXECUTION_LOG),
        *(_FDM_EXECUTION_LOG, _FDM_PUBLISHES, _FDM_MANIFEST_PARTS, _FDM_ATTEMPTS, _FDM_REQUESTS),
        *(_FDM_CLAIMS, _FDM_LOADS, _FDM_BREAKERS, _FDM_DEAD_LETTERS),
    )
}
"""Every control table by name."""
