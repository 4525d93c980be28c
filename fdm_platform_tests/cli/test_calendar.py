"""`fdm calendar`: show, next and explain on a real control store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.errors import DeclarationError, ParameterError, UnknownTableError
from fdm_platform_tests.deployment import PROJECT, deploy

Fdm = Callable[..., Result]
CALENDAR = """\
timezone: Europe/Zurich
cutoff: "18:00"
lag: 1
start: 2024-05-08
end: 2024-05-31
holidays:
  - {date: 2024-05-09, name: Ascension Day}
  - {date: 2024-05-14, name: Founder's Day}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The sample source system's folder, copied, with a calendar of its own."""
    folder = tmp_path / "sql" / "gels" / "fpms"
    shutil.copytree(PROJECT / "sql" / "landing" / "gels" / "fpms", folder)
    (folder / "calendar.yaml").write_text(CALENDAR)
    return folder


@pytest.fixture
def fdm(tmp_path: Path, source: Path) -> Fdm:
    deployment = deploy(tmp_path / "home", rows=1, sql_root=tmp_path / "sql")

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, env=deployment.environ)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


def seed(fdm: Fdm, folder: Path, *rows: str) -> None:
    """More rows of process_control, each as `2024-05-18, run_indicator: Y`."""
    file = folder / "seed.yaml"
    written = [f"  - {{entity: GELS, source_system: FPMS, biz_dt: {row}}}" for row in rows]
    file.write_text("\n".join(["process_control:", *written]))
    fdm("control", "seed", str(file))


def test_every_date_of_a_range_is_shown_with_where_it_stands(fdm: Fdm, tmp_path: Path) -> None:
    seed(
        fdm,
        tmp_path,
        "2024-05-07, run_indicator: Y",
        "2024-05-11, run_indicator: N",
        "2024-05-16, run_indicator: N",
    )
    shown = json.loads(
        fdm("calendar", "show", "gels/fpms", "--from", "2024-05-07", "--to", "2024-05-17", "--json").stdout
    )
    assert (shown["name"], shown["timezone"]) == ("GELS/FPMS", "Europe/Zurich")
    days = [
        (d["biz_dt"][-2:], d["is_business_day"], d["run_indicator"], d["standing"]) for d in shown["days"]
    ]
    assert days == [
        ("07", False, "Y", "history"),
        ("08", True, None, "overdue"),
        ("09", False, None, "closed"),
        ("10", True, None, "overdue"),
        ("11", False, "N", "held"),
        ("12", False, None, "closed"),
        ("13", True, "Y", "there"),
        ("14", False, "Y", "extra"),
        ("15", True, "Y", "there"),
        ("16", True, "N", "held"),
        ("17", True, None, "overdue"),
    ]
    assert {d["due_at"] for d in shown["days"] if d["biz_dt"] == "2024-05-17"} == {
        "2024-05-20T16:00:00+00:00"
    }


def test_the_printed_table_says_what_runs_and_what_is_absent(fdm: Fdm) -> None:
    lines = fdm(
        "calendar", "show", "t_payment", "--from", "2024-05-13", "--to", "2024-05-17"
    ).stdout.splitlines()
    by_date = {line[:10]: line for line in lines}
    assert by_date["2024-05-14"].split()[-4:] == ["runs", "all", "the", "same"]
    assert "no: holiday Founder's Day" in by_date["2024-05-14"]
    assert by_date["2024-05-16"].rstrip().endswith("absent        expected but absent, overdue")
    assert "2024-05-20 18:00 CEST" in by_date["2024-05-17"]
    assert lines[-1] == "4 business days, 2 overdue"


def test_a_holiday_declared_afterwards_is_no_longer_expected(fdm: Fdm, source: Path) -> None:
    arguments = ("calendar", "explain", "gels/fpms", "--biz-dt", "2024-05-16", "--json")
    assert json.loads(fdm(*arguments).stdout)["standing"] == "overdue"
    (source / "calendar.yaml").write_text(f"{CALENDAR}  - 2024-05-16\n")
    found = json.loads(fdm(*arguments).stdout)
    assert (found["standing"], found["why"], found["due_at"]) == ("closed", "holiday", None)


def test_without_a_start_dates_are_expected_from_the_first_row_on(fdm: Fdm, source: Path) -> None:
    (source / "calendar.yaml").write_text("end: 2024-05-31\n")
    shown = json.loads(
        fdm("calendar", "show", "gels/fpms", "--from", "2024-05-10", "--to", "2024-05-16", "--json").stdout
    )
    assert [d["standing"] for d in shown["days"]] == [
        *("before", "closed", "closed", "there", "there", "there", "overdue")
    ]  # fmt: skip


def test_without_a_calendar_nothing_is_expected(fdm: Fdm, source: Path) -> None:
    (source / "calendar.yaml").unlink()
    shown = fdm("calendar", "show", "gels/fpms", "--from", "2024-05-15", "--to", "2024-05-16")
    assert "no calendar.yaml, so that no date is expected" in shown.stdout
    assert "0 overdue" in shown.stdout


def test_the_month_is_shown_by_default(fdm: Fdm) -> None:
    shown = json.loads(fdm("calendar", "show", "gels/fpms", "--from", "2024-02-10", "--json").stdout)["days"]
    assert (shown[0]["biz_dt"], shown[-1]["biz_dt"]) == ("2024-02-10", "2024-02-29")
    shown = json.loads(fdm("calendar", "show", "gels/fpms", "--to", "2024-02-10", "--json").stdout)["days"]
    assert (shown[0]["biz_dt"], shown[-1]["biz_dt"]) == ("2024-02-01", "2024-02-10")


def test_the_next_dates_are_told_until_the_calendar_ends(fdm: Fdm) -> None:
    told = fdm("calendar", "next", "gels/fpms", "--after", "2024-05-08", "--count", "2")
    assert told.stdout.splitlines() == [
        "2024-05-10  Friday     due 2024-05-13 18:00 CEST",
        "2024-05-13  Monday     due 2024-05-15 18:00 CEST",
    ]
    told = fdm("calendar", "next", "gels/fpms", "--after", "2024-05-30", "--count", "5")
    assert told.stdout.splitlines() == ["2024-05-31  Friday     due 2024-06-03 18:00 CEST"]
    assert told.stderr == "the calendar ends on 2024-05-31\n"
    plain = json.loads(fdm("calendar", "next", "gels/fpms", "--after", "2024-05-30", "--json").stdout)
    assert plain == [{"biz_dt": "2024-05-31", "due_at": "2024-06-03T16:00:00+00:00"}]


def test_a_date_is_explained_by_file_and_line(fdm: Fdm, source: Path) -> None:
    told = fdm("calendar", "explain", "t_contract_master", "--biz-dt", "2024-05-14").stdout
    assert "gels_fpms_t_contract_master, Tuesday 2024-05-14" in told
    assert f"no: holiday Founder's Day ({source}/calendar.yaml:8, holidays[1])" in told
    assert "2024-05-13 before, 2024-05-15 after" in told
    assert "there, run_indicator Y" in told
    assert "It runs all the same" in told


def test_a_tables_own_calendar_is_explained_by_its_own_file(fdm: Fdm, source: Path) -> None:
    (source / "t_payment" / "calendar.yaml").write_text("extra_days: [2024-05-18]\n")
    found = json.loads(fdm("calendar", "explain", "t_payment", "--biz-dt", "2024-05-18", "--json").stdout)
    own = str(source / "t_payment" / "calendar.yaml")
    assert found["place"] == {"file": own, "line": 1, "field": "extra_days[0]"}
    assert found["files"] == [own, str(source / "calendar.yaml")]
    other = json.loads(fdm("calendar", "explain", "gels/fpms", "--biz-dt", "2024-05-18", "--json").stdout)
    assert (other["is_business_day"], other["place"]) == (False, None)


def test_a_source_without_control_rows_needs_none(fdm: Fdm, source: Path) -> None:
    (source / "calendar.yaml").write_text("start: 2024-05-08\ncontrol_rows: false\nschedule: 30 6 * * *\n")
    told = fdm("calendar", "explain", "gels/fpms", "--biz-dt", "2024-05-16").stdout
    assert "not needed: control_rows is false; schedule 30 6 * * *" in told
    shown = json.loads(
        fdm("calendar", "show", "gels/fpms", "--from", "2024-05-16", "--to", "2024-05-18", "--json").stdout
    )
    assert [d["standing"] for d in shown["days"]] == ["calendar", "calendar", "closed"]


def test_the_end_of_time_can_be_asked_for(fdm: Fdm, source: Path) -> None:
    (source / "calendar.yaml").write_text("timezone: Asia/Tokyo\n")
    told = fdm("calendar", "explain", "gels/fpms", "--biz-dt", "9999-12-31").stdout
    assert "due           never" in told
    assert fdm("calendar", "next", "gels/fpms", "--after", "9999-12-31").stdout == ""
    assert "1900-01-01" in fdm("calendar", "explain", "gels/fpms", "--biz-dt", "1900-01-01").stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("show", "gels/fmps"), UnknownTableError, "no source system and no table is called 'gels/fmps'"),
        (("explain", "gels/fpms", "--biz-dt", "soon"), ParameterError, "'soon' is not a business date"),
        (("show", "gels/fpms", "--from", "2024-05-02", "--to", "2024-05-01"), ParameterError, "is before 2024-05-02"),
        (("show", "gels/fpms", "--from", "1900-01-01", "--to", "2024-05-01"), ParameterError, "45,412 dates"),
        (("next", "gels/fpms", "--after", "2024-02-30"), ParameterError, "is not a business date"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_told(
    fdm: Fdm, arguments: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fdm("calendar", *arguments)


def test_a_broken_calendar_is_told_where_it_is_asked_for_and_by_validate(fdm: Fdm, source: Path) -> None:
    (source / "calendar.yaml").write_text("lag: 1\ncutoff: '25:00'\n")
    for arguments in (
        ("show", "gels/fpms"),
        ("next", "t_payment"),
        ("explain", "t_payment", "--biz-dt", "2024-05-15"),
    ):
        with pytest.raises(DeclarationError, match=r"calendar.yaml:2: cutoff: '25:00' is no time of day"):
            fdm("calendar", *arguments)
    for of in (("validate",), ("validate", "t_payment")):
        told = fdm(*of)
        assert told.exit_code == DeclarationError.exit_code
        assert "'25:00' is no time of day" in told.stdout
    assert "gels_fpms_t_payment" in fdm("show", "t_payment").stdout
