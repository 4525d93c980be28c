"""What job_master and sys_params say of many jobs, in a few scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from fdm_platform.control.rows import parsed_job, stored_job, sys_params_rows
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.model.control import JobMasterRow, SysParamRow
from fdm_platform.planning.parameters import ALL_JOBS

JOBS_OF_A_SCAN = 150
"""Each is looked for in four spellings, and a predicate takes 1,000."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """The rows of some jobs in one environment."""

    store: ControlStore
    jobs: dict[str, list[Row]]
    """By job_name."""
    sys_params: dict[str, list[SysParamRow]]
    """By key_name in capitals."""

    def job(self, job_name: str) -> JobMasterRow | None:
        """The job, or None; ControlError if several ids have its name, or its JSON is something else."""
        rows = self.jobs.get(job_name, [])
        if len(rows) > 1:
            stored_job(self.store, job_name)  # raises, with their ids
        return parsed_job(rows[0]) if rows else None

    def params(self, job_name: str) -> list[SysParamRow]:
        """The job's own rows and those for all jobs."""
        return [row for name in (*ALL_JOBS, job_name.upper()) for row in self.sys_params.get(name, ())]


def read_job_settings(store: ControlStore, environment: str, job_names: Collection[str]) -> JobSettings:
    """Rows of these jobs and those that stand for all jobs."""
    names = sorted(set(job_names))
    jobs: dict[str, list[Row]] = defaultdict(list)
    params: dict[str, dict[SysParamRow, None]] = defaultdict(dict)
    for first in range(0, len(names), JOBS_OF_A_SCAN):
        some = names[first : first + JOBS_OF_A_SCAN]
        for row in store.scan("job_master", [Predicate("job_name", "in", some)]):
            jobs[row["job_name"]].append(row)
        for param in sys_params_rows(store, environment, some):
            params[param.key_name.strip().upper()][param] = None
    return JobSettings(store, dict(jobs), {name: list(rows) for name, rows in params.items()})
