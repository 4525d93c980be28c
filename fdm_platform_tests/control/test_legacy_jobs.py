"""job_master's file beside Dagster's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdm_platform.control.legacy_jobs import FILE, job_master_rows, save, saved
from fdm_platform.control.store import open_store
from fdm_platform.errors import ControlError
from fdm_platform.model.legacy import JobFinding, LegacyJob, LegacyJobs

JOBS = LegacyJobs(
    (LegacyJob("J1", "a", "E", "S", "/a", "/a/scripts/a.py", ("x.hql", "y.hql"), "s", "c", None),),
    (JobFinding("J2", "b", "é is missing", "add it"),),
)


def test_what_is_saved_is_read_back_and_written_when_it_changes(tmp_path: Path) -> None:
    assert saved(tmp_path) is None
    assert save(tmp_path, JOBS)
    assert not save(tmp_path, JOBS)
    assert saved(tmp_path) == JOBS
    assert save(tmp_path, LegacyJobs())
    assert saved(tmp_path) == LegacyJobs()


@pytest.mark.parametrize("text", ["", "{}", '{"jobs": [[1]], "findings": []}', "[]"])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ControlError, match="is damaged") as caught:
        saved(tmp_path)
    assert caught.value.file == str(tmp_path / FILE)


def test_a_row_that_cannot_be_read_is_a_finding_of_its_own(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'control.db'}")
    try:
        store.create(["job_master"])
        store.upsert(
            "job_master",
            [
                {"job_id": "J1", "job_name": "a", "context_params": '{"x": 1}'},
                {"job_id": "J2", "job_name": "b", "context_params": "{broken"},
            ],
        )
        rows, findings = job_master_rows(store)
    finally:
        store.close()
    assert [(r.job_id, r.context_params) for r in rows] == [("J1", {"x": 1})]
    assert [(f.job_id, f.job_name) for f in findings] == [("J2", "b")]
    assert "is not a JSON object" in findings[0].message
