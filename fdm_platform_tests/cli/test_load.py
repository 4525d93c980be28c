"""`fdm plan` and `fdm materialize` as their user calls them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.cli.load import SIGTERM_EXIT, ended_by_signals
from fdm_platform.control.execution_log.orphans import deliver_orphans
from fdm_platform.engines.landed import LandedDates
from fdm_platform.model.report import ApplicationStarted, decode
from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import Deployment, deploy

FDM = str(Path(sys.executable).parent / "fdm")
DAY = date(2024, 5, 15)
MASTER = "gels_fpms_t_contract_master"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home")


def execution_log(deployment: Deployment) -> list[dict[str, Any]]:
    with deployment.platform() as platform:
        return sorted(platform.store.scan("execution_log"), key=lambda r: str(r["run_id"]))


def test_plan_tells_dates_sources_sql_settings_and_target(deployment: Deployment) -> None:
    done = fdm(deployment, "plan", "t_contract_master", "--biz-dt", "2024-05-15")
    assert done.returncode == 0, done.stderr
    source = deployment.source("customer_contract_{day}.csv")
    for text in (
        "2024-05-15  asked for; control row says run_indicator=Y",
        f"{source.stat().st_size / 1000:.1f} kB  {source}",
        "CAST('2024-05-15' AS DATE)            AS biz_dt",
        "driver_memory                1g                   from job_master.spark_config.driver_memory",
        f"target  {deployment.settings.landing_root / MASTER}, partitioned by biz_dt, biz_status, snappy",
    ):
        assert text in done.stdout
    assert not deployment.settings.work.exists()
    assert not deployment.settings.landing_root.exists()


def test_plan_as_json_is_the_load_plan(deployment: Deployment) -> None:
    done = fdm(deployment, "plan", MASTER, "--from", "2024-05-13", "--to", "2024-05-14", "--json")
    plan = json.loads(done.stdout)
    assert [d["biz_dt"] for d in plan["dates"]] == ["2024-05-13", "2024-05-14"]
    assert plan["launch"]["master"] == {"value": "local[2]", "origin": "job_master.spark_config.master"}


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["t_contract_mster", "--biz-dt", "2024-05-15"], 2, "t_contract_master"),
        ([MASTER, "--biz-dt", "2024-05-18"], 2, "no row for GELS/FPMS on 2024-05-18"),
        ([MASTER, "--biz-dt", "15.05.2024"], 2, "'15.05.2024' is not a business date"),
        ([MASTER], 2, "no business date given"),
        (
            [MASTER, "--from", "2025-01-01", "--to", "2025-12-31"],
            2,
            "no date of GELS FPMS from 2025-01-01 to 2025-12-31",
        ),
        (
            ["t_contract_summary", "--biz-dt", "2024-05-15"],
            5,
            f"fdm materialize {MASTER} --biz-dt 2024-05-15",
        ),
    ],
)
def test_what_cannot_be_planned_is_told_with_a_remedy(
    deployment: Deployment, args: list[str], code: int, message: str
) -> None:
    done = fdm(deployment, "plan", *args)
    assert done.returncode == code
    assert message in done.stderr
    assert "remedy: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_source_is_told_by_path_and_date(deployment: Deployment) -> None:
    source = deployment.source("customer_contract_{day}.csv")
    source.unlink()
    done = fdm(deployment, "materialize", MASTER, "--biz-dt", "2024-05-15", "--json")
    assert done.returncode == 5
    (failed,) = json.loads(done.stdout)["failed"]
    assert failed["error"] == "SourceError"
    assert failed["biz_dt"] == "2024-05-15"
    assert str(source) in json.dumps(failed)
    (row,) = execution_log(deployment)
    assert row["status"].startswith("Failed: ")
    assert str(source) in row["status"]


@pytest.mark.parametrize(
    ("java_home", "message"), [("/nowhere", "JAVA_HOME is /nowhere, which has no bin/java"), ("old", "17")]
)
def test_a_missing_or_wrong_jdk_is_named(
    deployment: Deployment, tmp_path: Path, java_home: str, message: str
) -> None:
    if java_home == "old":
        java_home = str(tmp_path / "jdk-11")
        (tmp_path / "jdk-11" / "bin").mkdir(parents=True)
        (tmp_path / "jdk-11" / "bin" / "java").touch(mode=0o755)
        (tmp_path / "jdk-11" / "release").write_text('JAVA_VERSION="11.0.2"\n')
    done = fdm(deployment, "materialize", MASTER, "--biz-dt", "2024-05-15", JAVA_HOME=java_home)
    assert done.returncode == 4
    assert message in done.stderr
    assert "remedy: " in done.stderr


@pytest.mark.spark
def test_materialize_publishes_with_one_spark_application_tells_each_date_and_failure_keeps_the_old(
    deployment: Deployment,
) -> None:
    deployment.source("customer_contract_{day}.csv", date(2024, 5, 14)).unlink()
    done = fdm(deployment, "materialize", MASTER, "--from", "2024-05-13", "--to", "2024-05-15", "--json")
    assert done.returncode == 5, done.stderr
    answer = json.loads(done.stdout)
    assert [r["biz_dt"] for r in answer["published"]] == ["2024-05-13", "2024-05-15"]
    assert [f["biz_dt"] for f in answer["failed"]] == ["2024-05-14"]
    logged = [r["status"].partition(":")[0] for r in execution_log(deployment)]
    assert logged == ["Completed", "Failed", "Completed"]
    record = answer["published"][-1]
    assert (record["version"], len(record["manifest"]["files"])) == (1, 2)
    made = record["manifest"]
    assert made["columns"]["contract_id"]["nulls"] == 0
    assert made["columns"]["contract_id"]["min"] <= made["columns"]["contract_id"]["max"]
    assert (made["control_version"], made["code_version"]) == (
        record["control_version"],
        record["code_version"],
    )
    (load,) = deployment.settings.work.iterdir()
    messages = [decode(line) for line in (load / "messages.jsonl").read_text().splitlines()]
    assert sum(isinstance(m, ApplicationStarted) for m in messages) == 1
    assert load.name == record["load_id"]

    landed = LandedDates(deployment.settings.landing_root / MASTER, "yyyyMMdd", (DAY,))
    before = landed.to_arrow()
    source = deployment.source("customer_contract_{day}.csv")
    source.write_text(source.read_text().replace("contract_id", "contract_no", 1))
    failed = fdm(deployment, "materialize", MASTER, "--biz-dt", "2024-05-15")
    assert failed.returncode == 5
    assert str(source) in failed.stderr
    assert "contract_no" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert landed.to_arrow().equals(before)


def test_the_first_signal_is_raised_again_whoever_handled_it() -> None:
    with ended_by_signals() as raise_again:
        raise_again()
        signal.signal(signal.SIGTERM, lambda *_: None)  # as Dagster has its own while a step runs
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(SystemExit) as stopped:
            raise_again()
        assert stopped.value.code == SIGTERM_EXIT
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.spark
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("trigger", ["plan.json", "2024-05-15"], ids=["before the run", "while Spark writes"])
def test_a_stopped_command_leaves_no_spark_no_staging_and_one_final_line(
    deployment: Deployment, number: signal.Signals, trigger: str
) -> None:
    command = [FDM, "materialize", MASTER, "--biz-dt", "2024-05-15"]
    process = subprocess.Popen(command, env=deployment.environ, stderr=subprocess.PIPE, text=True)
    home = deployment.settings.home
    while not any(home.glob(f"**/{trigger}")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode in (130, 143), said
    with deployment.platform() as platform:  # the next process delivers what a slow store had not taken
        deliver_orphans(platform.store, deployment.settings.journal)
    log = execution_log(deployment)
    assert [r["status"] for r in log] == ["Failed: cancelled before it was published"], said
    assert not any((deployment.settings.landing_root / MASTER).glob(".staging/*/*"))
    alive = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False).stdout
    assert alive == ""
