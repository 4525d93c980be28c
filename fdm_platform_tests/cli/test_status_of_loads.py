"""`fdm status` and `fdm why` after real loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

CONTRACTS, SUMMARY = "gels_fpms_t_contract_master", "gels_fpms_t_contract_summary"
DAY = DAYS[-1]


@pytest.fixture
def sql_root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql"))


@pytest.fixture
def deployment(tmp_path: Path, sql_root: Path) -> Deployment:
    return deploy(tmp_path / "home", sql_root=sql_root)


def state(deployment: Deployment, table: str = CONTRACTS) -> tuple[str, str]:
    done = fdm(deployment, "status", table, "--json", "--state", "published", "--state", "stale")
    (found,) = json.loads(done.stdout)[0]["dates"]
    return found["state"], found["reason"]


def why(deployment: Deployment, table: str = CONTRACTS) -> dict[str, Any]:
    done = fdm(deployment, "why", table, "--biz-dt", str(DAY), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_load_that_could_not_be_planned_has_failed(deployment: Deployment) -> None:
    source = deployment.source("customer_contract_{day}.csv")
    source.unlink()
    assert fdm(deployment, "materialize", CONTRACTS, "--biz-dt", str(DAY)).returncode == 5
    found = why(deployment)
    assert found["state"] == "failed"
    assert str(source) in found["verdict"]
    assert found["evidence"]["attempts"][0]["asked_by"] == "hand"
    assert fdm(deployment, "status", "--check").returncode == 3


def test_a_sensor_that_nobody_switched_on_is_the_reason(deployment: Deployment) -> None:
    assert why(deployment)["evidence"]["dagster"] is None, "it never ran here"
    assert fdm(deployment, "partitions", "sync").returncode == 0
    found = why(deployment)
    assert found["state"] == "missing"
    assert "Dagster has never evaluated process_control_gels_fpms" in found["verdict"]


@pytest.mark.spark
def test_what_was_just_loaded_is_current_until_something_changes(
    deployment: Deployment, sql_root: Path
) -> None:
    for table in (CONTRACTS, SUMMARY):
        done = fdm(deployment, "materialize", table, "--biz-dt", str(DAY))
        assert done.returncode == 0, done.stderr
        assert state(deployment, table) == ("published", "")
    found = why(deployment, SUMMARY)
    assert (found["state"], found["todo"]) == ("published", "nothing")
    (run,) = found["evidence"]["dagster"]["runs"]
    assert run["status"] == "SUCCESS"
    hql = sql_root / "gels" / "fpms" / "t_contract_master" / "tMap_1_out1.hql"
    hql.write_text(hql.read_text() + "\n-- a word more\n")
    assert state(deployment) == ("stale", "its table.yaml or SQL changed")
    assert state(deployment, SUMMARY) == ("published", ""), "its parent was not published anew"
    assert "fdm backfill" in why(deployment)["todo"]
