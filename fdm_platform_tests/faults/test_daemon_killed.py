"""Dagster's daemon is killed in the middle of a tick and started again: no request is lost, none is made twice."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

pytestmark = pytest.mark.embedded
STEPS = (
    "TICK_CREATED",
    "TICK_HELD",
    "AUTOMATION_EVALUATIONS_ADDED",  # requests are remembered, and nothing of the answer is kept yet
    "RUN_IDS_RESERVED",
    "RUN_CREATED",
    "RUN_LAUNCHED",
    "sensor.decided",
    "sensor.remembered",
)
ROOTS = ("t_contract_master", "t_payment")


@dataclass
class Desk:
    """A deployment whose queue nobody works off, and its daemon's clock."""

    deployment: Deployment
    instance: dg.DagsterInstance
    worker: subprocess.Popen[str]
    clock: float

    def beat(self, step: str | None = None) -> int:
        """A daemon's beats, or until it is killed at a step of a tick; its exit code."""
        self.clock += 600
        assert self.worker.stdin
        assert self.worker.stdout
        print(self.clock, step or "", file=self.worker.stdin, flush=True)
        while not re.fullmatch(r"-?\d+", line := self.worker.stdout.readline().strip()):
            assert self.worker.poll() is None, line
        return int(line)

    def change(self, *days: date) -> None:
        """Somebody writes the control rows of these dates anew."""
        key = {"entity": "GELS", "source_system": "FPMS"}
        rows = [{**key, "biz_dt": day, "last_update_ts": datetime.now(UTC)} for day in days]
        with self.deployment.platform() as platform:
            platform.store.upsert("process_control", rows)

    def requested(self) -> Counter[tuple[str, str]]:
        """How many runs there are of each of ROOTS and date; the sample's legacy jobs have theirs, too."""
        runs = self.instance.get_runs()
        return Counter(
            (key.path[-1], day.isoformat())
            for run in runs
            for key in run.asset_selection or ()
            for day in DAYS
            if key.path[-1] in ROOTS and _first(run) <= day.isoformat() <= _last(run)
        )


def _first(run: dg.DagsterRun) -> str:
    return run.tags.get("dagster/partition") or run.tags["dagster/asset_partition_range_start"]


def _last(run: dg.DagsterRun) -> str:
    return run.tags.get("dagster/partition") or run.tags["dagster/asset_partition_range_end"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """All dates were requested once."""
    with pytest.MonkeyPatch.context() as patch:
        deployment = deploy(tmp_path_factory.mktemp("daemon"))
        storage = str(deployment.settings.home / "dagster")
        own = {"FDM_SENSORS": "running", "FDM_DAGSTER_STORAGE": storage, "DAGSTER_HOME": str(PROJECT)}
        environ = {**deployment.environ, **deployment.settings.child_environ, **own}
        for name in ("DAGSTER_HOME", "FDM_DAGSTER_STORAGE"):
            patch.setenv(name, environ[name])
        command = [sys.executable, "-m", "fdm_platform_tests.faults.daemon_worker"]
        with (
            dg.DagsterInstance.get() as instance,
            subprocess.Popen(
                command, env=environ, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as worker,
        ):
            made = Desk(deployment, instance, worker, time.time())
            assert made.beat() == 0
            assert made.requested() == dict.fromkeys([(t, d.isoformat()) for t in ROOTS for d in DAYS], 1)
            yield made


@pytest.mark.parametrize("step", STEPS)
def test_a_daemon_that_is_killed_loses_and_doubles_nothing(desk: Desk, step: str) -> None:
    before = desk.requested()
    desk.change(DAYS[0], DAYS[2])
    assert desk.beat(step) == -signal.SIGKILL
    assert desk.beat() == 0
    added = desk.requested() - before
    assert added == dict.fromkeys([(t, d.isoformat()) for t in ROOTS for d in (DAYS[0], DAYS[2])], 1)
