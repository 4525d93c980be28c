"""A date has one load at a time, and a load's Spark ends with it: killed workers, time-outs, two at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from fdm_platform.engines.command import LoadFolder
from fdm_platform.engines.orphan import processes_of, written_down
from fdm_platform.engines.owner import VARIABLE
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

pytestmark = pytest.mark.spark

FDM = str(Path(sys.executable).parent / "fdm")
TABLE = "gels_fpms_t_payment"
DAY = DAYS[-1].isoformat()
ORPHANS_END_S = 30
WORKS_FOR_EVER = """
import os, threading
def summarise(spark, inputs, params):
    open({begun!r}, "w").close()
    threading.Event().wait()
"""
WORKS_UNTIL_TOLD = """
import os, time
from pyspark.sql import functions as F
def summarise(spark, inputs, params):
    open({begun!r}, "w").close()
    while not os.path.exists({gate!r}):
        time.sleep(0.1)
    rows = inputs["payments"].groupBy("contract_id", "currency")
    summed = rows.agg(F.count("*").alias("payments"), F.sum("amount").cast("decimal(18,2)").alias("amount"))
    return summed.withColumn("biz_dt", F.lit(params["biz_dt"]).cast("date"))
"""
LAUNCHES = {
    "lean": "",
    "spark-submit": "\nlaunch: {additional_conf: {spark.driver.extraClassPath: /no/such/jars}}\n",
}
"""What table.yaml says so that Spark is started in each way."""


@dataclass
class Worker:
    """A command that loads one date, and the load's folder once it is there."""

    process: subprocess.Popen[bytes]
    deployment: Deployment
    said: Path

    @property
    def folder(self) -> LoadFolder:
        (found,) = self.deployment.settings.work.iterdir()
        return LoadFolder(found)


def wait_for(condition: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    sql = shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    return deploy(tmp_path / "home", sql_root=sql)


def materialize(deployment: Deployment, **environ: str) -> Worker:
    command = [FDM, "materialize", TABLE, "--biz-dt", DAY]
    said = tempfile.NamedTemporaryFile(dir=deployment.settings.home, prefix="said-", delete=False)  # noqa: SIM115
    process = subprocess.Popen(command, env={**deployment.environ, **environ}, stderr=said, stdout=said)
    return Worker(process, deployment, Path(said.name))


def declare(deployment: Deployment, transform: str, more: str = "") -> None:
    """The table has this transform, and this in its table.yaml."""
    declared = deployment.settings.sql_root / "gels/fpms/t_payment"
    (declared / "payment.py").write_text(transform)
    with (declared / "table.yaml").open("a") as file:
        file.write(more)


def attempts(deployment: Deployment) -> list[str]:
    """How attempts ended, in the order of their begin."""
    with deployment.platform() as platform:
        rows = sorted(platform.store.scan("fdm_attempts"), key=lambda r: r["start_time"])
    return [str(r["status"]) for r in rows]


def published(deployment: Deployment) -> list[int]:
    with deployment.platform() as platform:
        return [v.version for v in platform.ledger.versions(TABLE, DAYS[-1])]


def assert_nothing_is_left(deployment: Deployment) -> None:
    assert not list((deployment.settings.landing_root / TABLE).glob(".staging/*/*"))
    with deployment.platform() as platform:
        assert platform.claims.all() == []
        assert platform.loads.open_ones() == []


@pytest.mark.parametrize("launch", LAUNCHES)
def test_the_spark_of_a_killed_worker_ends_itself(
    deployment: Deployment, tmp_path: Path, launch: str
) -> None:
    begun = tmp_path / "begun"
    declare(deployment, WORKS_FOR_EVER.format(begun=str(begun)), LAUNCHES[launch])
    worker = materialize(deployment)
    wait_for(lambda: begun.exists() or worker.process.poll() is not None)
    folder = worker.folder
    assert len(processes_of(folder)) >= 2, "there is no Spark to leave behind"
    told = written_down(folder)
    assert told is not None
    assert told.is_alive
    worker.process.kill()
    worker.process.wait()
    wait_for(lambda: processes_of(folder) == set(), ORPHANS_END_S)


def test_a_worker_that_dies_right_after_the_spawn_leaves_no_spark(deployment: Deployment) -> None:
    worker = materialize(deployment, FDM_CRASH_AT="launch.spawned")
    assert worker.process.wait(180) == -9
    folder = worker.folder
    assert written_down(folder) is None
    wait_for(lambda: processes_of(folder) == set(), ORPHANS_END_S)


def test_the_next_load_ends_the_spark_of_a_killed_one_and_has_its_date(
    deployment: Deployment, tmp_path: Path
) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)))
    first = materialize(deployment)
    wait_for(lambda: begun.exists() or first.process.poll() is not None)
    folder = first.folder
    first.process.kill()
    first.process.wait()
    # Stopped, it does not notice that its worker is gone: the next load has to end it.
    (driver,) = {p for p in processes_of(folder) if b"lean_start" in Path(f"/proc/{p}/cmdline").read_bytes()}
    os.kill(driver, signal.SIGSTOP)
    gate.touch()
    second = materialize(deployment)
    assert second.process.wait(180) == 0, second.said.read_text()
    assert f"{DAY} was held by load {folder.path.name}, whose process is gone" in second.said.read_text()
    assert processes_of(folder) == set()
    assert published(deployment) == [2], "the number of the killed load is void"
    lost, done = attempts(deployment)
    assert lost.startswith("Failed: its process is gone: process ")
    assert done == "Completed"
    assert_nothing_is_left(deployment)


def jvms(deployment: Deployment) -> int:
    """How many JVMs of the deployment's loads there are on this machine."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environ = (process / "environ").read_bytes()
            is_java = (process / "exe").resolve().name == "java"
            found += is_java and f"{VARIABLE}={deployment.settings.work}/".encode() in environ
    return found


def until_said(worker: Worker, text: str) -> None:
    wait_for(lambda: text in worker.said.read_text() or worker.process.poll() is not None)
    assert text in worker.said.read_text()


def kill(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()


@pytest.mark.parametrize("launch", LAUNCHES)
def test_a_spark_whose_worker_was_killed_is_adopted_and_not_doubled(
    deployment: Deployment, tmp_path: Path, launch: str
) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)), LAUNCHES[launch])
    first = materialize(deployment)
    wait_for(lambda: begun.exists() or first.process.poll() is not None)
    folder = first.folder
    kill(first)
    second = materialize(deployment)
    until_said(second, f"load {folder.path.name}, whose process {first.process.pid} is gone, is adopted")
    kill(second)
    third = materialize(deployment)
    until_said(third, f"load {folder.path.name}, whose process {second.process.pid} is gone, is adopted")
    assert jvms(deployment) == 1
    gate.touch()
    assert third.process.wait(180) == 0, third.said.read_text()
    assert third.folder == folder, "there is one load, and its folder"
    assert published(deployment) == [1]
    assert attempts(deployment) == ["Completed"]
    with deployment.platform() as platform:
        (row,) = platform.store.scan("execution_log")
    assert (row["status"], str(row["spark_app_id"])[:6]) == ("Completed", "local-")
    assert_nothing_is_left(deployment)
    wait_for(lambda: processes_of(folder) == set(), ORPHANS_END_S)


@pytest.mark.parametrize("point", ["launch.spawned", "launch.told", "publish.verified", "publish.marked"])
def test_whenever_its_worker_died_a_load_is_adopted_and_published_once(
    deployment: Deployment, point: str
) -> None:
    first = materialize(deployment, FDM_CRASH_AT=point)
    assert first.process.wait(180) == -9
    folder = first.folder
    assert (written_down(folder) is None) == (point == "launch.spawned")
    second = materialize(deployment)
    assert second.process.wait(180) == 0, second.said.read_text()
    assert "is adopted: its Spark is not started again" in second.said.read_text()
    assert second.folder == folder
    assert published(deployment) == [1]
    assert attempts(deployment) == ["Completed"]
    assert_nothing_is_left(deployment)


def test_a_load_that_died_before_it_had_a_spark_is_not_adopted(deployment: Deployment) -> None:
    first = materialize(deployment, FDM_CRASH_AT="launch.prepared")
    assert first.process.wait(180) == -9
    second = materialize(deployment)
    assert second.process.wait(180) == 0, second.said.read_text()
    assert published(deployment) == [2]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Failed", "Completed"]
    assert_nothing_is_left(deployment)


@pytest.mark.parametrize("reason", ["FDM_ON_RESTART=end", "another plan"])
def test_a_spark_that_may_not_be_adopted_is_ended_before_another_is_begun(
    deployment: Deployment, tmp_path: Path, reason: str
) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)))
    first = materialize(deployment)
    wait_for(lambda: begun.exists() or first.process.poll() is not None)
    folder = first.folder
    kill(first)
    begun.unlink()
    environ = {"FDM_ON_RESTART": "end"} if reason.endswith("end") else {}
    if not environ:
        with (deployment.settings.sql_root / "gels/fpms/t_payment/table.yaml").open("a") as file:
            file.write("\nkeep_versions: 2\n")
    second = materialize(deployment, **environ)
    wait_for(lambda: begun.exists() or second.process.poll() is not None)
    assert (jvms(deployment), processes_of(folder)) == (1, set())
    gate.touch()
    assert second.process.wait(180) == 0, second.said.read_text()
    assert ("is not adopted: what it would load has changed" in second.said.read_text()) != bool(environ)
    assert published(deployment) == [2]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Failed", "Completed"]
    assert_nothing_is_left(deployment)


def test_where_yarn_does_not_say_what_lives_nothing_is_submitted_beside_it(
    deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "yarn-site.xml").write_text(
        "<configuration><property><name>yarn.resourcemanager.address</name><value>127.0.0.1:1</value></property>"
        "</configuration>"
    )
    with (deployment.settings.sql_root / "gels/fpms/t_payment/table.yaml").open("a") as file:
        file.write("\nlaunch: {master: yarn}\n")
    first = materialize(deployment, HADOOP_CONF_DIR=str(tmp_path))
    wait_for(lambda: any(deployment.settings.work.glob("*/process.json")) or first.process.poll() is not None)
    folder = first.folder
    first.process.terminate()
    assert first.process.wait(180) == 143, first.said.read_text()
    assert processes_of(folder) == set()
    assert "YARN does not say whether an application of" in first.said.read_text()
    with deployment.platform() as platform:
        (row,) = platform.loads.open_ones()
        (claim,) = platform.claims.all()
    assert (row.load_id, row.master, claim.load_id) == (folder.path.name, "yarn", folder.path.name)
    second = materialize(deployment, HADOOP_CONF_DIR=str(tmp_path))
    assert second.process.wait(180) == 5, second.said.read_text()
    assert f"YARN does not say whether an application of {folder.path.name} lives" in second.said.read_text()
    assert [f.name for f in deployment.settings.work.iterdir()] == [folder.path.name]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Failed", "Failed"]


def test_of_two_loads_of_a_date_one_waits_or_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)))
    first = materialize(deployment)
    wait_for(lambda: begun.exists() or first.process.poll() is not None)
    first_folder = first.folder
    second = materialize(deployment)
    wait_for(lambda: "waiting for it" in second.said.read_text() or second.process.poll() is not None)
    declared = deployment.settings.sql_root / "gels/fpms/t_payment/table.yaml"
    declared.write_text(declared.read_text() + "\non_conflict: refuse\n")
    third = materialize(deployment)
    assert third.process.wait(180) == 6
    assert f"is being loaded by load {first_folder.path.name}" in third.said.read_text()
    gate.touch()
    assert (first.process.wait(180), second.process.wait(180)) == (0, 0)
    assert published(deployment) == [2, 1]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Completed", "Failed", "Completed"]
    assert_nothing_is_left(deployment)


def test_signals_that_come_while_a_load_is_stopped_do_not_disturb_that(
    deployment: Deployment, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    declare(deployment, WORKS_FOR_EVER.format(begun=str(begun)))
    worker = materialize(deployment)
    wait_for(lambda: begun.exists() or worker.process.poll() is not None)
    folder = worker.folder
    (driver,) = {p for p in processes_of(folder) if b"lean_start" in Path(f"/proc/{p}/cmdline").read_bytes()}
    os.kill(driver, signal.SIGSTOP)  # so that it takes the whole grace to end it
    for _ in range(20):
        if worker.process.poll() is None:
            worker.process.terminate()
            time.sleep(0.2)
    assert worker.process.wait(180) == 143
    assert processes_of(folder) == set()
    (failed,) = attempts(deployment)
    assert failed.startswith("Failed: cancelled before it was published")
    assert_nothing_is_left(deployment)


def test_a_load_that_takes_too_long_is_ended(deployment: Deployment, tmp_path: Path) -> None:
    declare(deployment, WORKS_FOR_EVER.format(begun=str(tmp_path / "begun")), "\ntimeout_s: 15\nretries: 2\n")
    worker = materialize(deployment)
    assert worker.process.wait(180) == 5, worker.said.read_text()
    assert processes_of(worker.folder) == set()
    (failed,) = attempts(deployment)
    assert failed.startswith("Failed: Spark took longer than timeout_s, which is 15 s")
    assert published(deployment) == []
    assert_nothing_is_left(deployment)
