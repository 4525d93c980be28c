"""`fdm status`: what is published, and what needs attention."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.errors import ParameterError
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.records import attempt, publish

Fdm = Callable[..., Result]
CONTRACTS, SUMMARY = "gels_fpms_t_contract_master", "gels_fpms_t_contract_summary"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home", rows=1)


@pytest.fixture
def fdm(deployment: Deployment) -> Fdm:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, env=deployment.environ)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


def dates(result: Result, table: str = CONTRACTS) -> dict[str, tuple[str, str]]:
    found = next(t for t in json.loads(result.stdout) if t["table"] == table)
    return {d["biz_dt"]: (d["state"], d["reason"]) for d in found["dates"]}


def test_a_new_deployment_has_everything_to_do(fdm: Fdm) -> None:
    result = fdm("status", "--check")
    assert result.exit_code == 0
    assert CONTRACTS in result.stdout
    assert "never" in result.stdout
    assert set(dates(fdm("status", "t_contract_master", "--json")).values()) == {
        ("missing", "never published")
    }


def test_each_date_is_told_by_its_state(fdm: Fdm, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        publish(platform, CONTRACTS, DAYS[0])
        publish(platform, CONTRACTS, DAYS[1], control_version="older/")
        attempt(platform, CONTRACTS, DAYS[2], "Failed", error="no such column: amount")
    found = fdm("status", "t_contract_master", "--json", "--state", "published", "--state", "stale")
    assert dates(found) == {
        "2024-05-13": ("published", ""),
        "2024-05-14": ("stale", "its control row changed"),
    }
    text = fdm("status", "t_contract_master").stdout
    assert "last published 2024-05-14; 1 published, 1 stale, 1 failed" in text
    assert "no such column: amount" in text
    assert "2024-05-13" not in text, "what is published needs no attention"


def test_monitoring_is_told_by_the_exit_code(fdm: Fdm, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        attempt(platform, CONTRACTS, DAYS[2], "Failed", error="boom")
    assert fdm("status").exit_code == 0
    assert fdm("status", "--check").exit_code == 3
    assert fdm("status", "t_payment", "--check").exit_code == 0


def test_a_parent_that_was_published_anew_makes_its_child_stale(fdm: Fdm, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        publish(platform, CONTRACTS, DAYS[0])
        read = json.dumps({CONTRACTS: {str(DAYS[0]): 1}})
        publish(platform, SUMMARY, DAYS[0], parents=read)
        assert "stale" not in fdm("status", "t_contract_summary").stdout
        publish(platform, CONTRACTS, DAYS[0])
    assert dates(fdm("status", "--json", "--state", "stale"), SUMMARY) == {
        "2024-05-13": ("stale", f"{CONTRACTS} is newer")
    }


def test_parameters_and_held_dates_and_lost_rows(fdm: Fdm, deployment: Deployment, tmp_path: Path) -> None:
    with deployment.platform() as platform:
        for day in DAYS:
            publish(platform, CONTRACTS, day)
        row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAYS[2]}
        platform.store.delete("process_control", [row])
        platform.store.upsert("process_control", [{**row, "biz_dt": date(2024, 5, 16), "run_indicator": "N"}])
    (tmp_path / "seed.yaml").write_text(
        "sys_params: [{param_key: limit, environment: DEV, key_name: ALL, param_value: '7'}]\n"
    )
    fdm("control", "seed", str(tmp_path / "seed.yaml"))
    assert dates(fdm("status", "--json")) == {
        "2024-05-13": ("stale", "its parameters changed"),
        "2024-05-14": ("stale", "its parameters changed"),
        "2024-05-15": ("gone", "it is published, and process_control has no row any more"),
        "2024-05-16": ("held", "run_indicator is N"),
    }


def test_a_job_that_cannot_be_read_does_not_hide_the_others(fdm: Fdm, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        publish(platform, CONTRACTS, DAYS[0])
        job = {"job_id": "JOB_1001", "job_name": f"etl_lnd_{CONTRACTS}", "spark_config": '["no object"]'}
        platform.store.upsert("job_master", [job])
    result = fdm("status")
    assert "job_master.spark_config" in result.stderr
    assert f"{CONTRACTS}:" in result.stderr
    tables = {t["table"]: t for t in json.loads(fdm("status", "--json").stdout)}
    assert tables[CONTRACTS]["counts"]["published"] == 1
    assert tables[CONTRACTS]["errors"][0]["field"] == "job_master.spark_config"
    assert tables[SUMMARY]["errors"] == []


def test_two_rows_of_one_date_are_told_once_for_the_source(fdm: Fdm, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        platform.store.upsert(
            "process_control", [{"entity": "gels", "source_system": "FPMS", "biz_dt": DAYS[0]}]
        )
    result = fdm("status", "--check")
    assert result.exit_code == 3
    assert result.stderr.count("two rows for 2024-05-13") == 1
    found = dates(fdm("status", "--json"))
    assert [state for state, _ in found.values()] == ["broken", "missing", "missing"]


def test_what_a_calendar_expects_is_overdue_until_it_is_a_holiday(tmp_path: Path) -> None:
    """The sample's dates end on Wednesday 15 May; the calendar ends on Monday 20 May."""
    root = tmp_path / "sql"
    shutil.copytree(PROJECT / "sql" / "landing", root)
    calendar = root / "gels" / "fpms" / "calendar.yaml"
    calendar.write_text("start: 2024-05-13\nend: 2024-05-20\n")
    deployment = deploy(tmp_path / "home", rows=1, sql_root=root)

    def overdue() -> list[str]:
        result = CliRunner().invoke(cli, ["status", CONTRACTS, "--json", "--check"], env=deployment.environ)
        found = [d for d, (state, _) in dates(result).items() if state == "overdue"]
        assert result.exit_code == (3 if found else 0)
        return found

    assert overdue() == ["2024-05-16", "2024-05-17", "2024-05-20"]
    calendar.write_text(
        "start: 2024-05-13\nend: 2024-05-20\nholidays: [2024-05-16, 2024-05-17, 2024-05-20]\n"
    )
    assert overdue() == []


def test_tables_are_chosen_by_entity_and_source_system(fdm: Fdm) -> None:
    def tables(*arguments: str) -> list[Any]:
        return [t["table"] for t in json.loads(fdm("status", "--json", *arguments).stdout)]

    assert tables("--entity", "gels", "--source-system", "FPMS") == sorted(tables())
    with pytest.raises(ParameterError, match="no declared table is of ELSE/FPMS"):
        fdm("status", "--entity", "ELSE", "--source-system", "FPMS")


def test_what_was_never_asked_for_is_no_date_of_the_table(fdm: Fdm, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        attempt(platform, CONTRACTS, date(2024, 5, 18), "Failed", error="process_control has no row")
    assert "2024-05-18" not in fdm("status", "t_contract_master", "--json").stdout
