from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.errors import DeclarationError, UnknownTableError
from fdm_platform.planning.catalog import read_table
from fdm_platform.planning.declaration import table_schema

CLAIM = ["new", "table", "GELS", "FPMS", "t_claim"]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs `fdm …` on an empty project."""

    def call(*args: str) -> Result:
        environ = {"FDM_PROJECT": str(tmp_path)}
        return CliRunner().invoke(cli, list(args), env=environ)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sql/landing/gels/fpms/t_claim"


def test_new_writes_a_table_that_validate_accepts(run: Any, folder: Path) -> None:
    made = run(*CLAIM)
    assert made.exit_code == 0, made.output
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*")) == [
        "claim.hql",
        "table.yaml",
        "tests/first.yaml",
    ]
    assert "next: fdm validate gels/fpms/t_claim" in made.output
    checked = run("validate")
    assert (checked.exit_code, checked.output) == (0, "1 tables are sound, 0 errors\n")
    spec = read_table(folder / "table.yaml")
    assert [(s.view, s.path, s.format) for s in spec.sources] == [
        ("row1", "claim_{biz_dt:%Y%m%d}.csv", "csv")
    ]
    fixture = yaml.safe_load((folder / "tests/first.yaml").read_text())
    assert set(fixture) == {"name", "biz_dt", "sources", "expected"}
    assert fixture["sources"] == {"row1": [{"id": "A1"}]}


def test_new_takes_the_sources_that_it_is_given(run: Any, folder: Path) -> None:
    made = run(*CLAIM, "--source", "a=in/x_{biz_dt:%Y%m%d}.orc", "--source", "b=codes.csv", "--json")
    assert json.loads(made.stdout) == {
        "folder": str(folder),
        "files": ["table.yaml", "claim.hql", "tests/first.yaml"],
    }
    spec = read_table(folder / "table.yaml")
    assert [(s.view, s.path, s.format) for s in spec.sources] == [
        ("a", "in/x_{biz_dt:%Y%m%d}.orc", "orc"),
        ("b", "codes.csv", "csv"),
    ]
    assert spec.steps[0].sql.split() == [
        "SELECT",
        "a.*,",
        "CAST('${BIZ_DT}'",
        "AS",
        "DATE)",
        "AS",
        "biz_dt",
        "FROM",
        "a",
    ]


def test_new_refuses_to_overwrite(run: Any, folder: Path) -> None:
    run(*CLAIM)
    (folder / "claim.hql").write_text("SELECT mine FROM row1\n")
    again = run("new", "table", "gels", "fpms", "T_CLAIM")
    assert isinstance(again.exception, DeclarationError)
    assert again.exception.message == "is there already"
    assert (folder / "claim.hql").read_text() == "SELECT mine FROM row1\n"


def test_new_refuses_a_name_that_another_folder_declares(run: Any, folder: Path) -> None:
    run(*CLAIM)
    folder.rename(folder.with_name("elsewhere"))
    again = run(*CLAIM)
    assert isinstance(again.exception, DeclarationError)
    assert again.exception.message == "gels_fpms_t_claim is declared already"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["new", "table", "../GELS", "FPMS", "t_claim"], "entity: '../GELS' is a path"),
        ([*CLAIM, "--source", "row1=claims"], "sources.row1.path: 'claims' does not tell its format"),
    ],
)
def test_new_writes_nothing_that_would_not_be_valid(
    run: Any, tmp_path: Path, args: list[str], message: str
) -> None:
    made = run(*args)
    assert isinstance(made.exception, DeclarationError)
    assert message in made.exception.message
    assert not list(tmp_path.rglob("*.yaml"))


def test_new_says_how_a_source_is_written(run: Any) -> None:
    made = run(*CLAIM, "--source", "claims.csv")
    assert made.exit_code == 2
    assert "'claims.csv' is not VIEW=PATH" in made.output


def test_validate_lists_all_errors_with_exit_code_2(run: Any, folder: Path) -> None:
    run(*CLAIM)
    table = folder / "table.yaml"
    table.write_text(table.read_text() + "partitions: [biz_dt]\nretries: many\n")
    checked = run("validate")
    assert checked.exit_code == 2
    assert "table.yaml:9: partitions: unknown key 'partitions'" in checked.output
    assert "remedy: did you mean partition_by?" in checked.output
    assert "table.yaml:10: retries: text 'many' where a whole number is expected" in checked.output
    assert "0 tables are sound, 2 errors" in checked.output


def test_validate_json_holds_the_same(run: Any, folder: Path) -> None:
    run(*CLAIM)
    (folder / "claim.hql").write_text("SELECT 'open\nFROM row1\n")
    checked = run("validate", "t_claim", "--json")
    assert checked.exit_code == 2
    (error,) = json.loads(checked.stdout)["errors"]
    assert error["error"] == "SqlError"
    assert error["file"] == str(folder / "claim.hql")
    assert (error["line"], error["column"]) == (1, 8)
    assert "has no end" in error["message"]


def test_validate_checks_only_the_named_tables(run: Any, folder: Path) -> None:
    run(*CLAIM)
    run("new", "table", "GELS", "FPMS", "t_policy")
    (folder / "claim.hql").unlink()
    assert run("validate", "t_policy").exit_code == 0
    assert run("validate", "gels/fpms/t_claim").exit_code == 2
    unknown = run("validate", "t_polcy")
    assert isinstance(unknown.exception, UnknownTableError)
    assert "did you mean gels_fpms_t_policy?" in str(unknown.exception)


def test_validate_prints_the_schema(run: Any) -> None:
    assert json.loads(run("validate", "--schema").stdout) == table_schema()


def test_list_shows_the_sound_and_counts_the_broken(run: Any, folder: Path) -> None:
    run(*CLAIM)
    run("new", "table", "GELS", "FPMS", "t_policy")
    (folder / "table.yaml").write_text("{")
    listed = run("list", "--json")
    (row,) = json.loads(listed.stdout)
    assert (row["name"], row["sources"]) == (
        "gels_fpms_t_policy",
        {"row1": "policy_{biz_dt:%Y%m%d}.csv"},
    )
    assert "1 more are broken" in listed.stderr
    assert "gels_fpms_t_policy" in run("list").stdout


def test_list_of_no_project_says_what_to_set(run: Any) -> None:
    listed = run("list")
    assert isinstance(listed.exception, DeclarationError)
    assert "set FDM_PROJECT or FDM_SQL_ROOT" in str(listed.exception)


def test_show_tells_defaults_columns_and_sql(run: Any, folder: Path) -> None:
    run(*CLAIM)
    table = folder / "table.yaml"
    columns = "columns: [{name: id, type: string, nullable: false}, {name: biz_dt, type: date}]\n"
    table.write_text(table.read_text() + columns + "checks: [{name: some, min_rows: 2}]\n")
    plain = json.loads(run("show", "t_claim", "--json").stdout)
    assert (plain["name"], plain["key"]) == ("gels_fpms_t_claim", ["gels", "fpms", "t_claim"])
    assert plain["compression"] == "snappy"
    shown = run("show", "t_claim").stdout
    assert "etl_lnd_gels_fpms_t_claim" in shown
    assert "at least 2 rows" in shown
    assert (folder / "claim.hql").read_text().strip() in shown


def test_which_dates_of_a_parent_are_read_is_shown(run: Any, folder: Path) -> None:
    run(*CLAIM)
    run("new", "table", "GELS", "FPMS", "t_policy")
    text = (folder / "table.yaml").read_text()
    claims = next(line for line in text.splitlines() if "path:" in line)
    (folder / "table.yaml").write_text(
        text.replace(claims, f"{claims.partition('{')[0]}{{table: t_policy, biz_dt: {{window: 3}}}}")
    )
    for command in (["list"], ["show", "t_claim"]):
        assert "(window of 3)" in run(*command).stdout


def test_show_of_a_broken_table_is_its_error(run: Any, folder: Path) -> None:
    run(*CLAIM)
    (folder / "claim.hql").unlink()
    shown = run("show", "t_claim")
    assert isinstance(shown.exception, DeclarationError)
    assert shown.exception.message == "there is no file 'claim.hql'"


@pytest.mark.parametrize("command", [["list"], ["show"], ["new", "table"], ["validate"]])
def test_help_has_examples(run: Any, command: list[str]) -> None:
    assert "Examples:\n    fdm" in run(*command, "--help").output
