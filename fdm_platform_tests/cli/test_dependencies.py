"""`fdm dependencies` as its user calls it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fdm_platform_tests import command
from fdm_platform_tests.deployment import Deployment, deploy

MASTER, SUMMARY = "gels_fpms_t_contract_master", "gels_fpms_t_contract_summary"
JOB = "etl_lnd_gels_fpms_t_contract_legacy"
LEGACY = f"gels_fpms_{JOB}"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home", rows=1)


def fdm(deployment: Deployment, *args: str) -> subprocess.CompletedProcess[str]:
    return command.fdm(deployment, "dependencies", *args)


def wait_for(deployment: Deployment, child: str, parent: str) -> None:
    row = {"dependent_job_id": "X1", "dependent_job_name": child, "parent_job_name": parent}
    with deployment.platform() as platform:
        platform.store.upsert("job_dependency", [row])


def test_all_tables_are_shown_from_parents_to_children(deployment: Deployment) -> None:
    done = fdm(deployment)
    assert (done.returncode, done.stderr) == (0, "")
    how = f"same by sources.contracts, same by job_dependency JOB_1003/etl_lnd_{SUMMARY}"
    assert done.stdout.splitlines() == [
        MASTER,
        f"  {LEGACY}  same by job_dependency JOB_2001/{JOB}",
        f"  {SUMMARY}  {how}",
        "tables without parents and children: 2",
        "job_dependency has changed: reload the code location in the UI to see it there",
    ]
    assert "has changed" not in fdm(deployment).stdout


def test_one_table_is_shown_with_both_its_sides(deployment: Deployment) -> None:
    lines = fdm(deployment, "t_contract_summary").stdout.splitlines()
    assert lines[0] == f"{SUMMARY} waits for"
    assert lines[1].startswith(f"  {MASTER}  same by sources.contracts")
    assert lines[2:4] == [f"{SUMMARY} is waited for by", "  nothing"]


def test_a_wrong_row_is_told_and_the_others_are_shown(deployment: Deployment) -> None:
    wait_for(deployment, "etl_lnd_gels_fpms_t_payment", "etl_lnd_gels_fpms_t_contract_mastre")
    done = fdm(deployment, "--json")
    assert done.returncode == 3
    plain = json.loads(done.stdout)
    assert [(d["child"], d["parent"]) for d in plain["dependencies"]] == [(LEGACY, MASTER), (SUMMARY, MASTER)]
    (finding,) = plain["findings"]
    assert finding["field"] == "job_dependency.parent_job_name"
    assert "did you mean etl_lnd_gels_fpms_t_contract_master?" in finding["remedy"]
    assert "job_dependency X1/etl_lnd_gels_fpms_t_payment" in fdm(deployment).stdout


def test_a_job_without_a_table_is_shown_apart(deployment: Deployment) -> None:
    with deployment.platform() as platform:
        platform.store.insert("job_master", {"job_id": "J_OLD", "job_name": "etl_old"})
    wait_for(deployment, "etl_lnd_gels_fpms_t_payment", "etl_old")
    done = fdm(deployment)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    at = lines.index("jobs without a declared table, which are not waited for")
    assert lines[at + 1].startswith("  etl_old  before gels_fpms_t_payment, by job_dependency X1/")


def test_a_date_waits_for_a_row_of_job_dependency(deployment: Deployment) -> None:
    wait_for(deployment, "etl_lnd_gels_fpms_t_payment", "ETL_LND_GELS_FPMS_T_CONTRACT_MASTER")
    done = command.fdm(deployment, "plan", "t_payment", "--biz-dt", "2024-05-15")
    assert done.returncode == 5
    assert f"gels_fpms_t_payment runs after {MASTER}, which is not published for 2024-05-15" in done.stderr
    assert f"remedy: fdm materialize {MASTER} --biz-dt 2024-05-15" in done.stderr
