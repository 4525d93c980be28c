"""A legacy job: a job_master row, its folder, and how its script is run as a landing table.

The contract is that of the framework it was written for: `{script_path}/{job_name}/scripts/{job_name}.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Append = Literal["add", "replace"]
"""What a write of mode append does to a date that is live: `add`, as the script says, or `replace` it."""


@dataclass(frozen=True, slots=True)
class LegacySpec:
    """What a table has instead of sources and steps. Folders are paths of this machine."""

    job_id: str
    base_dir: str
    """The job's own folder."""
    script: str
    sql_dir: str | None = None
    """None where the job has no HQL."""
    output: str | None = None
    """Declared folder of its output; None: the contract's."""
    append: Append = "add"
    declared: str = ""
    """Text of the table.yaml that refines it: its rows depend on it."""
    prefixes: tuple[tuple[str, str], ...] = ()
    """Paths that scripts use, such as `C:\\data`, and the folders they stand for."""


@dataclass(frozen=True, slots=True)
class LegacyPlan:
    """How a script is run, and where its writes belong."""

    script: str
    base_dir: str
    sql_dir: str | None
    """None where the job has no HQL."""
    main_output: str
    """The live folder whose dates are this table's."""
    landing: str
    """The landing root: a write below it is published, never made in place."""
    prefixes: tuple[tuple[str, str], ...] = ()
    """Paths that scripts use, such as `C:\\data`, and the folders they stand for."""
    append: Append = "add"


@dataclass(frozen=True, slots=True)
class LegacyJob:
    """A job_master row whose folder is there."""

    job_id: str
    job_name: str
    entity: str
    source_system: str
    base_dir: str
    script: str
    hql: tuple[str, ...]
    """Names of its HQL files."""
    stamp: str
    """Sizes and times of script and HQL: while it stays, `code` does."""
    code: str
    """Hash of script and HQL: a fresh checkout of the same text has the same."""
    comments: str | None = None


@dataclass(frozen=True, slots=True)
class JobFinding:
    """Why a job_master row is no asset."""

    job_id: str
    job_name: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class LegacyJobs:
    """All of job_master, as it was read last: what is an asset, and what is none and why."""

    jobs: tuple[LegacyJob, ...] = ()
    findings: tuple[JobFinding, ...] = ()
