"""Dates that failed for good, from the load that gives them up to the one that brings them back."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.records import publish

PAYMENT, MASTER = "gels_fpms_t_payment", "gels_fpms_t_contract_master"
DAY = str(DAYS[-1])


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home", sql_root=shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql"))


def answer(deployment: Deployment, *args: str) -> Any:
    done = fdm(deployment, *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def park(deployment: Deployment, table: str, *, control_version: str | None = None) -> None:
    with deployment.platform() as platform:
        spec = platform.catalog.get(table)
        (row,) = platform.control_rows(spec, [DAYS[-1]])
        letter = DeadLetter(
            table,
            DAYS[-1],
            "load-1",
            control_version or row.version,
            3,
            "infrastructure",
            json.dumps({"error": "ConnectionLostError", "message": "no route to host"}),
            datetime.now(UTC),
        )
        platform.dead_letters.park([letter])


def test_nothing_is_parked_at_first(deployment: Deployment) -> None:
    assert fdm(deployment, "dead-letters").stdout == "no date is parked\n"
    assert answer(deployment, "dead-letters") == []
    assert fdm(deployment, "retry", "--all").stdout == "no date is parked\n"


def test_letters_that_hold_are_listed_by_table(deployment: Deployment) -> None:
    park(deployment, PAYMENT)
    park(deployment, MASTER, control_version="older/")
    told = fdm(deployment, "dead-letters").stdout
    assert f"{PAYMENT} {DAY}" in told
    assert "parked after 3 attempts: no route to host" in told
    assert MASTER not in told, "its control row changed"
    overview = fdm(deployment, "status").stdout
    assert overview.startswith(f"1 date of {PAYMENT} failed for good"), "the other one's row changed"
    assert answer(deployment, "dead-letters", "t_contract_master") == []
    (found,) = answer(deployment, "dead-letters", "t_payment")
    assert found["error"]["error"] == "ConnectionLostError"
    with deployment.platform() as platform:
        publish(platform, PAYMENT, DAYS[-1])
    assert answer(deployment, "dead-letters") == []
    assert "for good" not in fdm(deployment, "status").stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ([], 2, "which dates"),
        (["t_payment"], 2, "which dates"),
        (["--biz-dt", DAY], 2, "which dates"),
        (["t_payment", "--all", "--biz-dt", DAY], 2, "which dates"),
        (["t_payment", "--biz-dt", DAY], 2, f"{PAYMENT} {DAY} is not parked"),
        (["t_nobody", "--all"], 2, "t_nobody"),
    ],
)
def test_what_cannot_be_retried_is_said(
    deployment: Deployment, args: list[str], code: int, message: str
) -> None:
    done = fdm(deployment, "retry", *args)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.spark
def test_a_date_that_no_retry_can_help_is_parked_and_a_retry_brings_it_back(deployment: Deployment) -> None:
    transform = deployment.settings.sql_root / "gels" / "fpms" / "t_payment" / "payment.py"
    right = transform.read_text()
    transform.write_text("def summarise(spark, inputs, params):\n    return inputs['nobody']\n")
    assert fdm(deployment, "materialize", PAYMENT, "--biz-dt", DAY).returncode == 5

    (letter,) = answer(deployment, "dead-letters")
    assert (letter["table_name"], letter["biz_dt"], letter["attempts"]) == (PAYMENT, DAY, 1)
    assert (letter["kind"], letter["error"]["error"]) == ("code", "LoadError")
    assert {p["name"] for p in letter["parameters"]} >= {"biz_dt"}
    assert letter["log_tail"]

    overview = fdm(deployment, "status").stdout
    assert overview.startswith(f"1 date of {PAYMENT} failed for good: `fdm dead-letters` tells why")
    (status,) = answer(deployment, "status", PAYMENT, "--state", "failed")
    assert status["parked"] == 1
    assert status["dates"][0]["reason"].startswith("parked after 1 attempt: ")
    assert fdm(deployment, "status", "--check").returncode == 3
    why = answer(deployment, "why", PAYMENT, "--biz-dt", DAY)
    assert "parked after 1 attempt" in why["verdict"]
    assert f"`fdm retry {PAYMENT} --biz-dt {DAY}`" in why["todo"]
    assert "dead letter" in fdm(deployment, "why", PAYMENT, "--biz-dt", DAY).stdout

    again = fdm(deployment, "retry", PAYMENT, "--biz-dt", DAY)
    assert again.returncode == 5, "nothing was mended"
    assert [x["biz_dt"] for x in answer(deployment, "dead-letters")] == [DAY]

    transform.write_text(right)
    published = answer(deployment, "retry", PAYMENT, "--all")
    assert [r["biz_dt"] for r in published["published"]] == [DAY]
    assert answer(deployment, "dead-letters") == []
    with deployment.platform() as platform:
        assert platform.dead_letters.all() == {}, "it is cleared, not only of no account"
