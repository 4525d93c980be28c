"""A date has one load at a time, and a load's Spark ends with it: killed workers, time-outs, two at once."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.orphan import processes_of, written_down
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.faults.crashing import FDM, Process, start, wait_for
from fdm_platform_tests.faults.transforms import WORKS_FOR_EVER, WORKS_UNTIL_TOLD
from fdm_platform_tests.processes import of_deployment

pytestmark = pytest.mark.spark

embedded = pytest.mark.embedded
TABLE = "gels_fpms_t_payment"
DAY = DAYS[-1].isoformat()
LAUNCHES = {
    "lean": "",
    "spark-submit": "\nlaunch: {additional_conf: {spark.driver.extraClassPath: /no/such/jars}}\n",
}
"""What table.yaml says so that Spark is started in each way."""


@dataclass
class Worker:
    """A command that loads one date, and the load's folder once it is there."""

    process: Process
    deployment: Deployment

    @property
    def folder(self) -> LoadFolder:
        (found,) = self.deployment.settings.work.iterdir()
        return LoadFolder(found)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    sql = shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    return deploy(tmp_path / "home", sql_root=sql)


def materialize(deployment: Deployment, *, at: str | None = None, **environ: str) -> Worker:
    command = [FDM, "materialize", TABLE, "--biz-dt", DAY]
    return Worker(start(command, {**deployment.environ, **environ}, at), deployment)


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


@embedded
@pytest.mark.parametrize("launch", LAUNCHES)
def test_the_spark_of_a_killed_worker_ends_itself(
    deployment: Deployment, tmp_path: Path, launch: str
) -> None:
    """In its own time where another may adopt it meanwhile, at once where nobody may."""
    begun = tmp_path / "begun"
    declare(deployment, WORKS_FOR_EVER.format(begun=str(begun)), LAUNCHES[launch])
    worker = materialize(deployment, FDM_ON_RESTART="adopt" if launch == "lean" else "end")
    wait_for(begun.exists, worker.process, told=worker.process.said)
    folder = worker.folder
    assert len(processes_of(folder)) >= 2, "there is no Spark to leave behind"
    told = written_down(folder)
    assert told is not None
    assert told.is_alive
    worker.process.kill()
    wait_for(lambda: processes_of(folder) == set())


@embedded
def test_a_worker_that_dies_right_after_the_spawn_leaves_no_spark(deployment: Deployment) -> None:
    worker = materialize(deployment, at="launch.spawned", FDM_ON_RESTART="end")
    assert worker.process.ended().code == -9, worker.process.said()
    folder = worker.folder
    assert written_down(folder) is None
    wait_for(lambda: processes_of(folder) == set())


def jvms(deployment: Deployment) -> int:
    """How many JVMs of the deployment's loads there are on this machine."""
    exes = [Path(f"/proc/{pid}/exe") for pid in of_deployment(deployment.settings.work)]
    return sum(exe.resolve().name == "java" for exe in exes)


def until_said(worker: Worker, text: str) -> None:
    wait_for(lambda: text in worker.process.said(), worker.process, told=worker.process.said)


@pytest.mark.parametrize("launch", ["lean", pytest.param("spark-submit", marks=embedded)])
def test_a_spark_whose_worker_was_killed_is_adopted_and_not_doubled(
    deployment: Deployment, tmp_path: Path, launch: str
) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)), LAUNCHES[launch])
    first = materialize(deployment)
    wait_for(begun.exists, first.process, told=first.process.said)
    folder = first.folder
    first.process.kill()
    second = materialize(deployment)
    until_said(second, f"load {folder.path.name}, whose process {first.process.pid} is gone, is adopted")
    second.process.kill()
    third = materialize(deployment)
    until_said(third, f"load {folder.path.name}, whose process {second.process.pid} is gone, is adopted")
    assert jvms(deployment) == 1
    gate.touch()
    assert third.process.ended().code == 0, third.process.said()
    assert third.folder == folder, "there is one load, and its folder"
    assert published(deployment) == [1]
    assert attempts(deployment) == ["Completed"]
    with deployment.platform() as platform:
        (row,) = platform.store.scan("execution_log")
    assert (row["status"], str(row["spark_app_id"])[:6]) == ("Completed", "local-")
    assert_nothing_is_left(deployment)
    wait_for(lambda: processes_of(folder) == set())


@embedded
@pytest.mark.parametrize("point", ["launch.spawned", "launch.told", "publish.marked"])
def test_whenever_its_worker_died_a_load_is_adopted_and_published_once(
    deployment: Deployment, point: str
) -> None:
    first = materialize(deployment, at=point)
    assert first.process.ended().code == -9, first.process.said()
    folder = first.folder
    assert (written_down(folder) is None) == (point == "launch.spawned")
    second = materialize(deployment)
    assert second.process.ended().code == 0, second.process.said()
    assert "is adopted: its Spark is not started again" in second.process.said()
    assert second.folder == folder
    assert published(deployment) == [1]
    assert attempts(deployment) == ["Completed"]
    assert_nothing_is_left(deployment)


@embedded
def test_a_load_that_died_before_it_had_a_spark_is_not_adopted(deployment: Deployment) -> None:
    first = materialize(deployment, at="launch.prepared")
    assert first.process.ended().code == -9, first.process.said()
    second = materialize(deployment)
    assert second.process.ended().code == 0, second.process.said()
    assert published(deployment) == [2]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Failed", "Completed"]
    assert_nothing_is_left(deployment)


@pytest.mark.parametrize(
    "reason",
    ["its driver is stopped", *(pytest.param(r, marks=embedded) for r in ("told to end", "another plan"))],
)
def test_a_spark_that_may_not_be_adopted_is_ended_before_another_is_begun(
    deployment: Deployment, tmp_path: Path, reason: str
) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)))
    first = materialize(deployment)
    wait_for(begun.exists, first.process, told=first.process.said)
    folder = first.folder
    first.process.kill()
    begun.unlink()
    if reason == "its driver is stopped":  # so that it does not notice that its worker is gone
        os.kill(driver_of(folder), signal.SIGSTOP)
    if reason == "another plan":
        with (deployment.settings.sql_root / "gels/fpms/t_payment/table.yaml").open("a") as file:
            file.write("\nkeep_versions: 2\n")
    second = materialize(deployment, **{"FDM_ON_RESTART": "end"} if reason == "told to end" else {})
    wait_for(begun.exists, second.process, told=second.process.said)
    assert (jvms(deployment), processes_of(folder)) == (1, set())
    gate.touch()
    assert second.process.ended().code == 0, second.process.said()
    said = second.process.said()
    assert ("is not adopted: what it would load has changed" in said) == (reason == "another plan")
    if reason != "told to end":  # else recovery, which comes first, has already freed the date
        assert f"{DAY} was held by load {folder.path.name}, whose process is gone" in said
    assert published(deployment) == [2], "the number of the killed load is void"
    lost, done = attempts(deployment)
    assert lost.startswith("Failed: its process is gone: process ")
    assert done == "Completed"
    assert_nothing_is_left(deployment)


def driver_of(folder: LoadFolder) -> int:
    (driver,) = {p for p in processes_of(folder) if b"lean_start" in Path(f"/proc/{p}/cmdline").read_bytes()}
    return driver


@embedded
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
    wait_for(lambda: any(deployment.settings.work.glob("*/process.json")), first.process)
    folder = first.folder
    first.process.send_signal(signal.SIGTERM)
    assert first.process.ended().code == 143, first.process.said()
    assert processes_of(folder) == set()
    assert "YARN does not say whether an application of" in first.process.said()
    with deployment.platform() as platform:
        (row,) = platform.loads.open_ones()
        (claim,) = platform.claims.all()
    assert (row.load_id, row.master, claim.load_id) == (folder.path.name, "yarn", folder.path.name)
    second = materialize(deployment, HADOOP_CONF_DIR=str(tmp_path))
    assert second.process.ended().code == 4, second.process.said()
    assert f"YARN does not say whether an application of {folder.path.name} lives" in second.process.said()
    assert [f.name for f in deployment.settings.work.iterdir()] == [folder.path.name]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Failed", "Failed"]


def test_of_two_loads_of_a_date_one_waits_or_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    declare(deployment, WORKS_UNTIL_TOLD.format(begun=str(begun), gate=str(gate)))
    first = materialize(deployment)
    wait_for(begun.exists, first.process, told=first.process.said)
    first_folder = first.folder
    second = materialize(deployment)
    until_said(second, "waiting for it")
    declared = deployment.settings.sql_root / "gels/fpms/t_payment/table.yaml"
    declared.write_text(declared.read_text() + "\non_conflict: refuse\n")
    third = materialize(deployment)
    assert third.process.ended().code == 6, third.process.said()
    assert f"is being loaded by load {first_folder.path.name}" in third.process.said()
    gate.touch()
    assert (first.process.ended().code, second.process.ended().code) == (0, 0)
    assert published(deployment) == [2, 1]
    assert [a.partition(":")[0] for a in attempts(deployment)] == ["Completed", "Failed", "Completed"]
    assert_nothing_is_left(deployment)


@embedded
def test_signals_that_come_while_a_load_is_stopped_do_not_disturb_that(
    deployment: Deployment, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    declare(deployment, WORKS_FOR_EVER.format(begun=str(begun)))
    worker = materialize(deployment)
    wait_for(begun.exists, worker.process, told=worker.process.said)
    folder = worker.folder
    os.kill(driver_of(folder), signal.SIGSTOP)  # so that it takes the whole grace to end it
    for _ in range(5):
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert worker.process.ended().code == 143, worker.process.said()
    assert processes_of(folder) == set()
    (failed,) = attempts(deployment)
    assert failed.startswith("Failed: cancelled before it was published")
    assert_nothing_is_left(deployment)


@embedded
def test_a_load_that_takes_too_long_is_ended(deployment: Deployment, tmp_path: Path) -> None:
    declare(deployment, WORKS_FOR_EVER.format(begun=str(tmp_path / "begun")), "\ntimeout_s: 3\nretries: 2\n")
    worker = materialize(deployment)
    assert worker.process.ended().code == 5, worker.process.said()
    assert processes_of(worker.folder) == set()
    (failed,) = attempts(deployment)
    assert failed.startswith("Failed: Spark took longer than timeout_s, which is 3 s")
    assert published(deployment) == []
    assert_nothing_is_left(deployment)
