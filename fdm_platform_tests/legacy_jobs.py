"""Legacy jobs of a project in a temporary folder: rows of job_master and folders with scripts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from fdm_platform.defs.platform import Platform

DAYS = (date(2024, 5, 14), date(2024, 5, 15))


def make_job(jobs: Path, name: str, script: str = "print('done')\n") -> Path:
    """The folder of a job with a script and one HQL file."""
    base = jobs / name
    for folder, file, text in (
        ("scripts", f"{name}.py", script),
        ("sql", "out1.hql", "SELECT 1 AS id\n"),
        ("manifest", "manifest.json", "{}\n"),
    ):
        (base / folder).mkdir(parents=True, exist_ok=True)
        (base / folder / file).write_text(text)
    return base


def add_row(platform: Platform, job_id: str, name: str, jobs: Path | str, **columns: Any) -> None:
    """A row of job_master."""
    row = {"job_id": job_id, "job_name": name, "script_path": str(jobs), **columns}
    platform.store.upsert("job_master", [row])


def add_dates(platform: Platform, entity: str = "GELS", source_system: str = "FPMS") -> None:
    """Rows of process_control for DAYS."""
    platform.store.upsert(
        "process_control",
        [
            {
                "entity": entity,
                "source_system": source_system,
                "biz_dt": day,
                "run_indicator": "Y",
                "run_id": str(n),
            }
            for n, day in enumerate(DAYS)
        ],
    )
