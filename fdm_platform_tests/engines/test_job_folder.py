"""Folders of legacy jobs, as job_master says where they are."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fdm_platform.engines.job_folder import look_at_all, require_job_folder
from fdm_platform.errors import JobFolderError
from fdm_platform.model.control import JobMasterRow
from fdm_platform.planning.places import Places

NAME = "etl_lnd_gels_fpms_t_old"


def make_job(jobs: Path, name: str = NAME, *, sql: bool = True) -> Path:
    base = jobs / name
    (base / "scripts").mkdir(parents=True)
    (base / "scripts" / f"{name}.py").write_text("print('loaded')\n")
    if sql:
        (base / "sql").mkdir()
        (base / "sql" / "out1.hql").write_text("SELECT 1\n")
        (base / "sql" / "readme.txt").write_text("not HQL")
        (base / "manifest").mkdir()
        (base / "manifest" / "manifest.json").write_text("{}")
    return base


def row(jobs: Path | str, name: str = NAME, job_id: str = "JOB_1", **columns: str | None) -> JobMasterRow:
    return JobMasterRow(job_id, name, script_path=str(jobs), **columns)  # type: ignore[arg-type]


def test_a_folder_with_all_that_the_contract_names(tmp_path: Path) -> None:
    base = make_job(tmp_path)
    folder = require_job_folder(base, NAME)
    assert (folder.base, folder.script) == (str(base), str(base / "scripts" / f"{NAME}.py"))
    assert (folder.hql, folder.warnings) == (("out1.hql",), ())
    assert [name for name, _ in folder.code_files] == [f"scripts/{NAME}.py", "sql/out1.hql"]


def test_without_sql_and_manifest_there_are_warnings(tmp_path: Path) -> None:
    base = make_job(tmp_path, sql=False)
    assert require_job_folder(base, NAME).warnings == (
        f"{base}/sql is missing: the job has no HQL",
        f"{base}/manifest/manifest.json is missing",
    )


@pytest.mark.parametrize("missing", ["", "scripts", f"scripts/{NAME}.py"])
def test_what_is_missing_is_named_by_its_path(tmp_path: Path, missing: str) -> None:
    base = make_job(tmp_path)
    (base / missing).rename(tmp_path / "aside")
    with pytest.raises(JobFolderError) as caught:
        require_job_folder(base, NAME)
    assert caught.value.file == str(base / missing)
    assert str(base / missing) in caught.value.message
    assert caught.value.remedy


def test_another_letter_case_is_told(tmp_path: Path) -> None:
    base = make_job(tmp_path)
    script = base / "scripts" / f"{NAME}.py"
    script.rename(script.with_name(f"{NAME.upper()}.py"))
    with pytest.raises(JobFolderError, match=f"{NAME.upper()}.py differs in letter case"):
        require_job_folder(base, NAME)


def test_rows_are_jobs_or_findings(tmp_path: Path) -> None:
    make_job(tmp_path)
    make_job(tmp_path, "nightly")
    make_job(tmp_path, "twice")
    make_job(tmp_path, "named", sql=False)
    (tmp_path / "empty").mkdir()
    rows = [
        row(tmp_path),
        row(tmp_path, "nightly", "JOB_2"),
        row(tmp_path, "twice", "JOB_3", entity="A", source_system="B"),
        row(tmp_path, "TWICE", "JOB_4", entity="A", source_system="B"),
        row(tmp_path, "named", "JOB_5", entity="Gels", source_system="Crm"),
        row(tmp_path, "empty", "JOB_6", entity="A", source_system="B"),
        row(tmp_path, "gone", "JOB_7", entity="A", source_system="B"),
        row(tmp_path / "away", "gone", "JOB_8", entity="A", source_system="B"),
        row(tmp_path, "../x", "JOB_9", entity="A", source_system="B"),
        row(" ", "no_path", "JOB_A", entity="A", source_system="B"),
        row("D:\\jobs", "windows", "JOB_B", entity="A", source_system="B"),
        row("/etc", "outside", "JOB_C", entity="A", source_system="B"),
    ]
    rows[7] = replace(rows[7], job_name="gone_too")
    places = Places(str(tmp_path), "legacy.yaml")
    found = look_at_all(rows, places, None)
    assert [(j.job_id, j.entity, j.source_system, j.hql) for j in found.jobs] == [
        ("JOB_1", "GELS", "FPMS", ("out1.hql",)),
        ("JOB_5", "Gels", "Crm", ()),
    ]
    told = {f.job_id: f.message for f in found.findings}
    assert told == {
        "JOB_2": "nobody knows its entity or source_system",
        "JOB_3": "job_master has 2 jobs of this name",
        "JOB_4": "job_master has 2 jobs of this name",
        "JOB_6": f"the folder {tmp_path}/empty/scripts is missing",
        "JOB_7": f"the folder {tmp_path}/gone is missing",
        "JOB_8": f"the folder {tmp_path}/away is missing",
        "JOB_9": "'../x' is no name of a folder",
        "JOB_A": "it has no script_path",
        "JOB_B": "'D:\\\\jobs' is on a machine that is not known here",
        "JOB_C": f"/etc is outside the folders of jobs: {tmp_path}",
    }
    assert all(f.remedy for f in found.findings)
    defaults = replace(places, defaults={"entity": "X", "source_system": "Y"})
    nightly = next(j for j in look_at_all(rows, defaults, None).jobs if j.job_id == "JOB_2")
    assert (nightly.entity, nightly.source_system) == ("X", "Y")


def test_a_link_that_leads_out_of_the_roots_is_refused(tmp_path: Path) -> None:
    roots, outside = tmp_path / "roots", tmp_path / "outside"
    roots.mkdir()
    make_job(outside)
    make_job(roots, "etl_lnd_a_b_real")
    (roots / NAME).symlink_to(outside / NAME)
    (roots / "etl_lnd_a_b_link").symlink_to(roots / "etl_lnd_a_b_real")
    (roots / "etl_lnd_a_b_real" / "scripts" / "etl_lnd_a_b_link.py").write_text("")
    (tmp_path / "alias").symlink_to(roots)
    places = Places(str(tmp_path), roots=(str(tmp_path / "alias"),))
    found = look_at_all(
        [row(tmp_path / "alias"), row(tmp_path / "alias", "etl_lnd_a_b_link", "2")], places, None
    )
    assert [j.job_id for j in found.jobs] == ["2"]
    assert f"is {outside}/{NAME}/scripts/{NAME}.py, outside the folders of jobs" in found.findings[0].message


def test_a_file_that_cannot_be_read_is_a_finding_of_its_job_alone(tmp_path: Path) -> None:
    base = make_job(tmp_path)
    make_job(tmp_path, "etl_lnd_a_b_good")
    (base / "sql" / "gone.hql").symlink_to(tmp_path / "nowhere")
    found = look_at_all([row(tmp_path), row(tmp_path, "etl_lnd_a_b_good", "2")], Places(str(tmp_path)), None)
    assert [j.job_id for j in found.jobs] == ["2"]
    assert "gone.hql cannot be read: No such file" in found.findings[0].message


def test_the_code_is_of_what_files_say_and_is_read_anew_where_they_changed(tmp_path: Path) -> None:
    base = make_job(tmp_path)
    places, rows = Places(str(tmp_path)), [row(tmp_path)]
    first = look_at_all(rows, places, None)
    assert look_at_all(rows, places, first) == first
    script = base / "scripts" / f"{NAME}.py"
    os.utime(script, ns=(1, 1))  # as a fresh checkout does
    touched = look_at_all(rows, places, first).jobs[0]
    assert touched.stamp != first.jobs[0].stamp
    assert touched.code == first.jobs[0].code
    (base / "scripts" / "helpers.py").write_text("x = 1\n")
    assert look_at_all(rows, places, first).jobs[0].code != first.jobs[0].code
    # while a stamp stays, nothing is read
    trusted = replace(touched, code="as before")
    assert look_at_all([rows[0]], places, replace(first, jobs=(trusted,))).jobs[0].code != "as before"
    (base / "scripts" / "helpers.py").unlink()
    assert look_at_all([rows[0]], places, replace(first, jobs=(trusted,))).jobs[0].code == "as before"
