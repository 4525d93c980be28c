"""`fdm why`: one screen on one business date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.control.requests import Requests
from fdm_platform.errors import ParameterError
from fdm_platform.model.request import DateRequest
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.records import attempt, publish

Fdm = Callable[..., Result]
CONTRACTS, SUMMARY = "gels_fpms_t_contract_master", "gels_fpms_t_contract_summary"
DAY = DAYS[-1]


@pytest.fixture
def sql_root(tmp_path: Path) -> Path:
    """The sample tables, with a calendar."""
    root = tmp_path / "sql"
    shutil.copytree(PROJECT / "sql" / "landing", root)
    (root / "gels" / "fpms" / "calendar.yaml").write_text(
        'cutoff: "18:00"\nstart: 2024-01-01\nholidays: [{date: 2024-05-17, name: Founding Day}]\n'
    )
    return root


@pytest.fixture
def deployment(tmp_path: Path, sql_root: Path) -> Deployment:
    return deploy(tmp_path / "home", rows=1, sql_root=sql_root)


@pytest.fixture
def fdm(deployment: Deployment) -> Fdm:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, env=deployment.environ)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


@pytest.fixture
def why(fdm: Fdm) -> Callable[..., dict[str, Any]]:
    def ask(table: str = CONTRACTS, day: date = DAY) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(fdm("why", table, "--biz-dt", str(day), "--json").stdout)
        return found

    return ask


Why = Callable[..., dict[str, Any]]


def test_a_date_that_was_never_requested_says_so(why: Why, fdm: Fdm) -> None:
    found = why()
    assert found["state"] == "missing"
    assert found["verdict"] == "never published; the sensor has not requested it yet"
    text = fdm("why", "t_contract_master", "--biz-dt", "20240515").stdout
    assert "control row   run_indicator Y, changed" in text
    assert "calendar      Wednesday, a business day, due 2024-05-15 18:00:00 UTC" in text
    assert text.rstrip().splitlines()[-1].startswith("What to do: ")


@pytest.mark.parametrize(
    ("day", "state", "words"),
    [
        (date(2024, 5, 16), "overdue", "it was due at 2024-05-16 18:00:00 UTC"),
        (date(2024, 5, 17), "never", "not a business day: holiday Founding Day"),
        (date(2024, 5, 18), "never", "not a business day: Saturday, weekend"),
        (date(1999, 5, 10), "never", "before the calendar's start, 2024-01-01"),
        (date(2090, 5, 10), "never", "the date has not come"),
    ],
)
def test_dates_without_a_row(why: Why, day: date, state: str, words: str) -> None:
    found = why(day=day)
    assert found["state"] == state
    assert words in found["verdict"]


def test_a_date_in_the_life_of_a_table(why: Why, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAY}
        version = platform.control_rows(platform.catalog.get(CONTRACTS), [DAY])[0].version
        request = DateRequest("gels_fpms", DAY, CONTRACTS, version, "the key", datetime.now(UTC))
        Requests(platform.store).remember([request])
        assert "requested at" in why()["verdict"]
        attempt(platform, CONTRACTS, DAY, "Started", load_id="load-a", asked_by="sensor")
        assert "load load-a, asked for by sensor" in why()["verdict"]
        attempt(platform, CONTRACTS, DAY, "Failed", load_id="load-b", error="no such column: amount")
        found = why()
        assert (found["state"], "no such column: amount" in found["verdict"]) == ("failed", True)
        attempt(platform, CONTRACTS, DAY, "Completed", load_id="load-c")
        publish(platform, CONTRACTS, DAY, load_id="load-c")
        found = why()
        assert (found["state"], found["todo"]) == ("published", "nothing")
        assert [a["load_id"] for a in found["evidence"]["attempts"]] == ["load-c", "load-b", "load-a"]
        platform.store.upsert("process_control", [{**row, "reprocess_dt": date(2024, 6, 1)}])
        found = why()
        assert found["state"] == "stale"
        assert "its control row changed" in found["verdict"]
        platform.store.upsert("process_control", [{**row, "run_indicator": "N"}])
        assert why()["state"] == "held"
        platform.store.delete("process_control", [row])
        found = why()
        assert found["state"] == "gone"
        assert found["evidence"]["nearest"] == ["2024-05-14"]


def test_a_child_waits_for_its_parent_and_follows_it(why: Why, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        found = why(SUMMARY)
        assert found["state"] == "waiting"
        assert f"{CONTRACTS} 2024-05-15 comes first" in found["verdict"]
        attempt(platform, CONTRACTS, DAY, "Failed", error="boom")
        assert f"waits for its parent {CONTRACTS} 2024-05-15: failed, boom" in why(SUMMARY)["verdict"]
        publish(platform, CONTRACTS, DAY)
        assert "the automation has not requested it yet" in why(SUMMARY)["verdict"]
        publish(platform, SUMMARY, DAY, parents=json.dumps({CONTRACTS: {str(DAY): 1}}))
        assert why(SUMMARY)["state"] == "published"
        publish(platform, CONTRACTS, DAY)
        found = why(SUMMARY)
        assert found["state"] == "stale"
        assert f"{CONTRACTS} 2024-05-15 is version 2, version 1 was read" in found["verdict"]


def test_a_row_that_cannot_be_used_is_the_reason(why: Why, deployment: Deployment) -> None:
    with deployment.platform() as platform:
        platform.store.upsert("process_control", [{"entity": "gels", "source_system": "FPMS", "biz_dt": DAY}])
    found = why()
    assert found["state"] == "broken"
    assert "two rows for 2024-05-15" in found["verdict"]


def test_a_date_that_is_none_is_told(fdm: Fdm) -> None:
    with pytest.raises(ParameterError, match="is not a business date"):
        fdm("why", "t_contract_master", "--biz-dt", "15.05.2024")
