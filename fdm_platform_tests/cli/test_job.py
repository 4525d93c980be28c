"""`fdm job`: which rows of job_master are tables, and what a job's folder, HQL and script have that will bite."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.errors import JobFolderError, ParameterError
from fdm_platform_tests.deployment import PROJECT, Deployment, deploy

Fdm = Callable[..., Result]
LEGACY = "etl_lnd_gels_fpms_t_contract_legacy"
PLAIN = "etl_lnd_gels_fpms_t_contract_plain"


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """Folders of jobs that a test may change."""
    return shutil.copytree(PROJECT / "examples" / "legacy" / "jobs", tmp_path / "jobs")


@pytest.fixture
def deployment(tmp_path: Path, jobs: Path) -> Deployment:
    (tmp_path / "legacy.yaml").write_text(
        f"prefixes: {{'C:\\data\\projects': {jobs}}}\nroots: ['{jobs}', '${{FDM_PROJECT}}/examples/legacy/jobs']\n"
    )
    made = deploy(tmp_path / "home", rows=1)
    made.environ["FDM_LEGACY"] = str(tmp_path / "legacy.yaml")
    return made


@pytest.fixture
def fdm(deployment: Deployment) -> Fdm:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, env=deployment.environ)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


def findings(fdm: Fdm, job: str) -> tuple[int, list[tuple[str, int, str]]]:
    """The exit code of a check, and each finding's file, line and rule."""
    result = fdm("job", "check", job, "--no-parse", "--json")
    found: list[dict[str, Any]] = json.loads(result.output)["findings"]
    return result.exit_code, [(Path(f["file"]).name, f["line"], f["rule"]) for f in found]


def test_jobs_and_what_is_none(fdm: Fdm, jobs: Path) -> None:
    found = json.loads(fdm("job", "list", "--json").output)
    listed = {j["job_id"]: (j["table"], Path(j["folder"]), Path(j["output"]).name) for j in found["jobs"]}
    assert listed == {
        "JOB_2001": (f"gels_fpms_{LEGACY}", jobs / LEGACY, "gels_fpms_t_contract_legacy"),
        "JOB_2002": (
            f"gels_fpms_{PLAIN}",
            PROJECT / "examples" / "legacy" / "jobs" / PLAIN,
            "gels_fpms_t_contract_plain",
        ),
    }
    assert found["findings"] == [], "jobs of declared tables need no folder"
    shutil.rmtree(jobs / LEGACY)
    text = fdm("job", "list").output
    assert f"{LEGACY} (JOB_2001) is no table: the folder {jobs / LEGACY} is missing" in " ".join(text.split())


def test_a_job_as_it_is(fdm: Fdm, jobs: Path) -> None:
    shown = json.loads(fdm("job", "show", "JOB_2001", "--json").output)
    assert shown["hql"] == ["out1.hql", "tMap_1_out1.hql"]
    assert shown["refined_by"].endswith("contract_legacy/table.yaml")
    assert str(jobs / LEGACY / "scripts" / f"{LEGACY}.py") in fdm("job", "show", LEGACY).output


def test_the_sample_has_nothing_that_bites_but_what_it_shows(fdm: Fdm) -> None:
    assert findings(fdm, LEGACY) == (0, [])
    code, found = findings(fdm, PLAIN)
    assert (code, [f[2] for f in found]) == (0, ["folder", "folder", "plain-write"])


def test_what_bites_is_found_with_file_and_line(fdm: Fdm, jobs: Path) -> None:
    (jobs / LEGACY / "sql" / "out1.hql").write_text("SELECT ${nobody},\n '2024-05-15' FROM row1")
    script = jobs / LEGACY / "scripts" / f"{LEGACY}.py"
    script.write_text("df = spark.read.csv('x')\ndf.write.mode('overwrite').orc('x')\n")
    (script.parent / "framework").mkdir()
    (script.parent / "framework.py").write_text("")
    (jobs / LEGACY / "manifest" / "manifest.json").unlink()
    code, found = findings(fdm, LEGACY)
    assert code == 2
    assert found == [
        (LEGACY, 1, "folder"),
        (script.name, 2, "static-overwrite"),
        ("framework", 1, "own-framework"),
        ("framework.py", 1, "own-framework"),
        ("out1.hql", 1, "unresolved-placeholder"),
        ("out1.hql", 2, "fixed-date"),
    ]
    text = fdm("job", "check", LEGACY, "--no-parse").output
    assert "4 errors, 2 warnings" in text
    assert "nothing resolves the placeholder 'nobody'" in text


def test_files_as_editors_of_windows_save_them(fdm: Fdm, jobs: Path) -> None:
    for file in (*(jobs / LEGACY / "sql").glob("*.hql"), jobs / LEGACY / "scripts" / f"{LEGACY}.py"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert findings(fdm, LEGACY) == (0, [])
    (jobs / LEGACY / "sql" / "out1.hql").write_bytes("SELECT 1,\n 'ä'".encode("latin-1"))
    assert findings(fdm, LEGACY) == (2, [("out1.hql", 2, "syntax")])


def test_the_caller_names_the_source_of_a_job_whose_row_does_not(
    fdm: Fdm, jobs: Path, deployment: Deployment
) -> None:
    (jobs / "odd" / "scripts").mkdir(parents=True)
    (jobs / "odd" / "scripts" / "odd.py").write_text("")
    with deployment.platform() as platform:
        platform.store.insert(
            "job_master", {"job_id": "JOB_7", "job_name": "odd", "script_path": "C:\\data\\projects"}
        )
    with pytest.raises(JobFolderError, match="nobody knows its entity"):
        fdm("run", "--job-name", "odd", "--biz-dt", "1999-01-01", "--entity", "GELS")
    asked = ("run", "--job-name", "JOB_7", "--env", "DEV", "--biz-dt", "1999-01-01")
    for source in (("--entity", "GELS", "--source-system", "FPMS"), ()):
        ended = fdm(*asked, *source)
        assert (ended.exit_code, "process_control" in ended.output) == (2, True), ended.output
    shown = json.loads(fdm("job", "show", "odd", "--json").output)
    assert (shown["entity"], shown["source_system"]) == ("GELS", "FPMS")
    with pytest.raises(ParameterError, match="is of GELS, not of OTHER"):
        fdm(*asked, "--entity", "OTHER", "--source-system", "FPMS")


@pytest.mark.parametrize("gone", ["", "scripts", f"scripts/{LEGACY}.py"])
def test_a_folder_that_lacks_a_part_is_an_error_that_names_it(fdm: Fdm, jobs: Path, gone: str) -> None:
    place = jobs / LEGACY / gone
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    with pytest.raises(JobFolderError, match=f"{place} is missing"):
        fdm("job", "check", LEGACY, "--no-parse")


def test_a_name_that_is_none(fdm: Fdm) -> None:
    with pytest.raises(
        ParameterError, match="no job is called 'etl_lnd_gels_fpms_t_contract_lagacy'"
    ) as caught:
        fdm("job", "check", "etl_lnd_gels_fpms_t_contract_lagacy")
    assert f"did you mean {LEGACY}?" in str(caught.value)


def test_the_doors_are_written_once(fdm: Fdm, tmp_path: Path) -> None:
    fdm("job", "doors", str(tmp_path / "old"))
    assert sorted(p.name for p in (tmp_path / "old").iterdir()) == [
        "init_params_kudu.py",
        "kudu_view.py",
        "run_kudu.py",
    ]
    (tmp_path / "old" / "argparse.py").write_text("raise SystemExit('what lies beside it')\n")
    (tmp_path / "cron").mkdir()
    door, other = str(tmp_path / "old" / "kudu_view.py"), [sys._base_executable, "-I"]  # type: ignore[attr-defined]
    for python in ([], other):
        shown = subprocess.run(
            [*python, door, "--job_name", LEGACY],
            cwd=tmp_path / "cron",
            env={"PATH": os.defpath, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["job_master"]["job_id"] == "JOB_2001", "the deployment's own tables"
    assert list((tmp_path / "cron").iterdir()) == []
    with pytest.raises(Exception, match="is there already"):
        fdm("job", "doors", str(tmp_path / "old"))


@pytest.mark.spark
def test_sparks_parser_reads_the_hql_of_jobs_too(fdm: Fdm, jobs: Path) -> None:
    fdm("job", "list")
    typed = "SELECT DATE '${BIZ_DT}' - INTERVAL ${days} DAYS, TIMESTAMP '${from} 00:00:00' FROM a"
    (jobs / LEGACY / "sql" / "out1.hql").write_text(typed)
    assert fdm("validate").exit_code == 0
    (jobs / LEGACY / "sql" / "out1.hql").write_text("SELECT ${BIZ_DT}\nFROM a JION b USING x")
    checked = fdm("validate", "--json")
    (error,) = json.loads(checked.output)["errors"]
    place = (str(jobs / LEGACY / "sql" / "out1.hql"), 2)
    assert (checked.exit_code, error["file"], error["line"]) == (2, *place)
    assert fdm("validate", "--no-parse").exit_code == 0
    found = json.loads(fdm("job", "check", LEGACY, "--json").output)["findings"]
    assert [(f["file"], f["line"], f["rule"]) for f in found] == [(*place, "syntax")]
