"""A worker that is killed leaves no Spark behind it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fdm_platform.engines.command import LoadFolder
from fdm_platform.engines.orphan import processes_of, written_down
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
    said = (deployment.settings.home / "said").open("ab")
    process = subprocess.Popen(command, env={**deployment.environ, **environ}, stderr=said, stdout=said)
    return Worker(process, deployment)


@pytest.mark.parametrize("launch", LAUNCHES)
def test_the_spark_of_a_killed_worker_ends_itself(
    deployment: Deployment, tmp_path: Path, launch: str
) -> None:
    declared = deployment.settings.sql_root / "gels/fpms/t_payment"
    begun = tmp_path / "begun"
    (declared / "payment.py").write_text(WORKS_FOR_EVER.format(begun=str(begun)))
    with (declared / "table.yaml").open("a") as file:
        file.write(LAUNCHES[launch])
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
