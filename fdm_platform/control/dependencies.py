"""job_dependency as a file beside Dagster's: definitions are loaded in every process, without a control store.

Reading the file costs a millisecond, opening Kudu a second. Who has a store open anyhow keeps it up to date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fdm_platform.control.saved_file import write_changed
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import ControlError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import JobDependencyRow
from fdm_platform.model.dependency import DependencyRows

FILE = "dependencies.json"
"""Below the deployment's home."""


def read_dependency_rows(store: ControlStore) -> DependencyRows:
    """All rows of job_dependency, and the jobs of job_master that they name; one scan of each."""
    with store.snapshot() as snapshot:
        rows = [JobDependencyRow(**row) for row in store.scan("job_dependency", snapshot=snapshot)]
        if not rows:
            return DependencyRows()
        stored = store.scan("job_master", columns=["job_id", "job_name"], snapshot=snapshot)
        named = {value for row in rows for value in _names(row)}
        jobs = sorted(
            (row["job_id"], row["job_name"])
            for row in stored
            if row["job_id"] in named or row["job_name"].lower() in named
        )
    rows.sort(key=lambda r: (r.dependent_job_name, r.dependent_job_id, r.parent_job_name or ""))
    return DependencyRows(tuple(rows), tuple(jobs))


def refresh(store: ControlStore, home: Path) -> bool:
    """Write what job_dependency holds now to the file, in one step; False where it says that already.

    True means that a code location that was loaded before shows other dependencies until it is reloaded.
    """
    return write_changed(home / FILE, json.dumps(to_plain(read_dependency_rows(store)), indent=1))


def saved(home: Path) -> DependencyRows:
    """What the file holds; no rows where there is none. ControlError where it is damaged: `refresh` mends it."""
    path = home / FILE
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(row) for row in plain["rows"])
        return DependencyRows(rows, tuple((job_id, name) for job_id, name in plain["jobs"]))
    except FileNotFoundError:
        return DependencyRows()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ControlError(
            f"is damaged: {error}", file=str(path), remedy="run `fdm dependencies`, which writes it anew"
        ) from error


def _row(plain: Mapping[str, Any]) -> JobDependencyRow:
    """By hand: the codec takes eight times as long, in every process that loads definitions."""
    return JobDependencyRow(
        plain["dependent_job_id"],
        plain["dependent_job_name"],
        plain["parent_job_id"],
        plain["parent_job_name"],
        plain["dependency_level"],
    )


def _names(row: JobDependencyRow) -> list[str]:
    ids = [row.dependent_job_id, row.parent_job_id]
    names = [row.dependent_job_name, row.parent_job_name]
    return [value for value in ids if value] + [name.strip().lower() for name in names if name]
