"""job_master as a file beside Dagster's, like job_dependency: definitions are loaded without a control store.

Whoever has a store open looks at job_master and the jobs' folders, and writes what is a table and what is none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fdm_platform.control.rows import parsed_job
from fdm_platform.control.saved_file import write_changed
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import ControlError
from fdm_platform.model.control import JobMasterRow
from fdm_platform.model.legacy import JobFinding, LegacyJob, LegacyJobs

FILE = "jobs.json"
"""Below the deployment's home."""
_JOB = (
    *("job_id", "job_name", "entity", "source_system", "base_dir", "script"),
    *("hql", "stamp", "code", "comments"),
)
_FINDING = ("job_id", "job_name", "message", "remedy")


def job_master_rows(store: ControlStore) -> tuple[list[JobMasterRow], list[JobFinding]]:
    """Every row of job_master by one scan, and a finding for each that cannot be read."""
    rows: list[JobMasterRow] = []
    findings: list[JobFinding] = []
    for stored in store.scan("job_master"):
        try:
            rows.append(parsed_job(stored))
        except ControlError as error:
            findings.append(
                JobFinding(stored["job_id"], stored["job_name"], error.message, error.remedy or "")
            )
    return rows, findings


def jobs_file(home: Path) -> Path:
    """The file, whether or not it is there."""
    return home / FILE


def save(home: Path, jobs: LegacyJobs) -> bool:
    """Write the file in one step; False where it says that already.

    True means that a code location that was loaded before shows other jobs until it is reloaded.
    """
    plain = {
        "jobs": [[getattr(job, name) for name in _JOB] for job in jobs.jobs],
        "findings": [[getattr(finding, name) for name in _FINDING] for finding in jobs.findings],
    }
    return write_changed(jobs_file(home), json.dumps(plain, indent=0))


def saved(home: Path) -> LegacyJobs | None:
    """What the file holds; None where job_master was never read. ControlError where it is damaged."""
    path = jobs_file(home)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return LegacyJobs(
            tuple(_job(values) for values in plain["jobs"]),
            tuple(JobFinding(*values) for values in plain["findings"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ControlError(
            f"is damaged: {error}", file=str(path), remedy="run `fdm job list`, which writes it anew"
        ) from error


def _job(values: list[Any]) -> LegacyJob:
    """By hand: the codec takes many times as long, in every process that loads definitions."""
    given = dict(zip(_JOB, values, strict=True))
    return LegacyJob(**{**given, "hql": tuple(given["hql"])})
