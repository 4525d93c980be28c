"""A LoadPlan: one table, one or many dates, fully resolved. Plain JSON, and all the driver is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from fdm_platform.model.codec import IN_MEMORY, from_plain, to_plain
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.rejected import MaxRejected
from fdm_platform.model.table import CheckSpec, ColumnSpec, FileFormat, Match

SECRET_MARK = "secret:"  # noqa: S105 - it is none
"""What stands for a secret in a plan begins with this; the secret's name follows."""

ParameterType = Literal["string", "integer", "decimal", "boolean", "date", "timestamp"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value with its type and where it came from, e.g. `process_control.run_id`.

    `value` is as JSON holds it: dates and timestamps are ISO strings, decimals are strings.
    """

    name: str
    value: str | int | float | bool | None
    type: ParameterType
    origin: str
    is_secret: bool = False
    """`value` is `secret:<name>`, which stands for what must not be seen."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source as it was listed when the load was planned."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """A source with its path resolved for one date."""

    view: str
    format: FileFormat
    path: str | None
    """The resolved path or pattern, for messages; `files` is what is read."""
    files: tuple[SourceFile, ...] = ()
    base_path: str | None = None
    """Root of a partitioned layout, whose folders give columns."""
    options: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[ColumnSpec, ...] = ()
    allow_empty: bool = False
    match: Match = "name"
    """How a CSV's columns are found among the declared ones."""

    @property
    def bytes(self) -> int:
        """Size of what is read, as listed."""
        return sum(f.bytes for f in self.files)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step with its placeholders bound."""

    view: str
    file: str
    sql: str


@dataclass(frozen=True, slots=True)
class DatePlan:
    """What one business date reads, runs and stages."""

    biz_dt: date
    reason: str
    """Why this date is loaded, for people."""
    control_version: str
    run_id: str | None
    base_version: int
    """The published version that this load replaces; 0 if there is none. The fence of publishing."""
    folder: str
    """Name of the date's folder, e.g. `biz_dt=20240515`."""
    sources: tuple[SourcePlan, ...]
    steps: tuple[StepPlan, ...]
    parameters: tuple[Parameter, ...]
    staging: str
    """Folder that the driver writes for this date; below it stands `folder`."""
    parents: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Versions of the landing tables that it reads, by table and ISO date."""
    claimed: int | None = None
    """The version that the load has claimed; None in a plan that is only looked at."""

    @property
    def version(self) -> int:
        """What it may publish: numbers of loads that died are left out, so it need not be the base's next."""
        return self.base_version + 1 if self.claimed is None else self.claimed


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """The table as it is written."""

    root: str
    """The live table's folder."""
    columns: tuple[ColumnSpec, ...]
    partition_by: tuple[str, ...]
    folder_date_format: str
    compression: str
    target_file_bytes: int
    checks: tuple[CheckSpec, ...]
    allow_empty: bool
    keep_versions: int
    max_rejected: MaxRejected = 0
    """Bad rows of its sources that a date may have and still be published."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A Spark setting or launch option, and where it came from."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class LaunchProfile:
    """How spark-submit is called. Memory as Spark writes it, e.g. `2g`.

    Keys are those of job_master.spark_config in the legacy contract.
    """

    master: Setting
    deploy_mode: Setting | None = None
    driver_memory: Setting | None = None
    executor_memory: Setting | None = None
    num_executors: Setting | None = None
    executor_cores: Setting | None = None
    python_executable: Setting | None = None
    queue: Setting | None = None
    archives: Setting | None = None
    py_files: tuple[Setting, ...] = ()
    conf: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Spark runs inside the driver's own JVM."""
        return self.master.value.startswith("local")


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load. `load_id` is its correlation key everywhere."""

    load_id: str
    table: str
    """The table's name, e.g. `gels_fpms_t_contract_master`."""
    file: str
    """Its table.yaml; a legacy job's script where it has none."""
    entity: str
    source_system: str
    environment: str
    job_id: str
    job_name: str
    dates: tuple[DatePlan, ...]
    transform: str | None
    python_path: tuple[str, ...]
    """Folders from which the driver imports the transform."""
    output: OutputPlan
    launch: LaunchProfile
    code_version: str = ""
    """Hash of the declaration and its SQL."""
    settings_version: str = ""
    """Hash of the parameters that job_master and sys_params give, secrets left out."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False, metadata={IN_MEMORY: True})
    """What `secret:<name>` stands for, by name: the value, or where it is. Not part of the plan's JSON."""
    legacy: LegacyPlan | None = None
    """Set where a legacy job's script is run instead of the driver."""

    @property
    def input_bytes(self) -> int:
        """Bytes that all dates read; a file shared by dates counts once."""
        files = {f.path: f.bytes for d in self.dates for s in d.sources for f in s.files}
        return sum(files.values())

    def parameter_hash(self, biz_dt: date) -> str:
        """Hash of the date's bound SQL, transform and parameters; of a secret its name alone, also in the driver."""
        d = next(d for d in self.dates if d.biz_dt == biz_dt)
        plain = to_plain(
            [self.transform, d.steps, [replace(p, value=None) if p.is_secret else p for p in d.parameters]]
        )
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

    def identity(self) -> str:
        """Hash of what is loaded and how, whichever load does it: without its id, its staging, and the reasons."""
        dates = tuple(replace(d, staging="", reason="") for d in self.dates)
        plain = to_plain(replace(self, load_id="", dates=dates))
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The plan as one JSON object."""
        return json.dumps(to_plain(self))

    @classmethod
    def from_json(cls, text: str) -> LoadPlan:
        """The inverse of `to_json`."""
        plain: dict[str, Any] = json.loads(text)
        return from_plain(cls, plain)
