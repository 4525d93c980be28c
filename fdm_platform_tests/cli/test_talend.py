"""`fdm talend import` and `fdm talend count` as they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.errors import FdmError
from fdm_platform_tests.talend.jobs import whole_job, write_project


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a sound job and one that is cut off, in a platform's project of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FDM_PROJECT", str(tmp_path))
    return write_project(tmp_path / "in", {"load": whole_job(), "cut": whole_job()[:900]})


def fdm(*words: object) -> Result:
    return CliRunner().invoke(cli, ["talend", *map(str, words)])


def test_an_import_says_what_came_over_and_ends_with_2_for_what_is_refused(
    source: Path, tmp_path: Path
) -> None:
    done = fdm("import", source, "--entity", "GELS", "--source-system", "FPMS", "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 2
    assert [(j["label"], j["verdict"], j["tables"]) for j in said["jobs"]] == [
        ("load", "whole", ["gels_fpms_t_load"])
    ]
    assert [Path(e["file"]).name for e in said["refused"]] == ["cut_0.1.item"]
    assert said["refused"][0]["line"] > 1
    assert (tmp_path / "sql/landing/gels/fpms/t_load/table.yaml").exists()


def test_a_summary_for_people(source: Path) -> None:
    (source / "notes.txt").touch()
    done = fdm("import", source, "--entity", "GELS", "--source-system", "FPMS", "--job", "load", "--dry-run")
    assert done.exit_code == 0
    assert "3 (100 %) of the 3 that do something came over whole" in " ".join(done.stdout.split())
    assert "Nothing was written." in done.stdout
    assert "files of which nothing is made: 1 .txt" in done.stderr


def test_the_folder_names_entity_and_source_system(source: Path, tmp_path: Path) -> None:
    done = fdm("import", source, "--job", "load", "--out", "sql/landing/gels/fpms")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "sql/landing/gels/fpms/t_load/table.yaml").read_text()
    assert "entity: GELS\nsource_system: FPMS\n" in text


@pytest.mark.parametrize(
    ("words", "field", "message"),
    [
        (["--out", "elsewhere"], "--out", "not below the folder of declared tables"),
        (["--out", "sql/landing/../../x"], "--out", "not below"),
        (["--out", "sql/landing/a/b/c"], "--out", "deeper than"),
        (["--out", "sql/landing/gels", "--entity", "OTHER"], "--entity", "not what --out says"),
        (["--entity", "GELS"], "--source-system", "is missing"),
        (["--entity", "a/b", "--source-system", "S"], "--entity", "is not a name"),
        (["--entity", "E", "--source-system", "S", "--context", "x=MOON"], "--context", "is not NAME=ENV"),
        (["--entity", "E", "--source-system", "S", "--job", "lode"], None, "no job is called 'lode'"),
    ],
)
def test_what_is_asked_for_wrongly(
    source: Path, tmp_path: Path, words: list[str], field: str | None, message: str
) -> None:
    error = fdm("import", source, *words).exception
    assert isinstance(error, FdmError)
    assert (error.field, error.exit_code) == (field, 2)
    assert message in error.message
    assert not (tmp_path / "sql").exists()


def test_a_count_writes_nothing(source: Path, tmp_path: Path) -> None:
    done = fdm("count", source, "--json")
    assert json.loads(done.stdout)["components"] == {"whole": 3}
    assert not (tmp_path / "sql").exists()
