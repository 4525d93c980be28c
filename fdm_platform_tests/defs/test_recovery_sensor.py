"""The daemon's own recovery, by real ticks of its sensor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.control.breakers import Breakers
from fdm_platform.defs.recovery_sensor import LIST_ALL_S, recovery_sensor
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.engines.swapping import STAGING
from fdm_platform.model.claim import LoadRow
from fdm_platform.model.limits import BreakerLimits
from fdm_platform.processes import this_host
from fdm_platform_tests.clock import Hours
from fdm_platform_tests.deployment import Deployment
from fdm_platform_tests.faults.comparing import leftovers, live_errors
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import PROJECT, die

TABLE = table_name("t_a")
KEY = dg.AssetKey(["gels", "cnt", "t_a"])
(DAY,) = days(1)
RUN = "1" * 36
LOAD = f"{RUN}-{TABLE}"
NOTHING = "no load has left anything"
PUBLISHER = [sys.executable, "-m", "fdm_platform_tests.faults.publisher", "exchange", "t_a", str(DAY), LOAD]


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = deploy_counted(tmp_path)
    for name, value in made.deployment.environ.items():
        monkeypatch.setenv(name, value)
    with made.deployment.platform() as platform:
        offer(platform, [DAY], 1)
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def hanging(deployment: Deployment) -> subprocess.Popen[bytes]:
    """A load that stands still before its commit."""
    environ = {**deployment.environ, "FDM_CRASH_AT": "publish.marked=stop"}
    process = subprocess.Popen(PUBLISHER, env=environ, cwd=PROJECT, stderr=subprocess.DEVNULL)
    _, code = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(code)
    return process


class Daemon:
    """Ticks of the sensor, each with the cursor of the one before; a minute passes after each."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.clock = Hours()
        self.cursor: str | None = None

    def tick(self) -> str:
        """Why nothing is requested: what was done."""
        resources = {"platform": PlatformResource()}
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources)
        try:
            with context:
                data = recovery_sensor(self.clock).evaluate_tick(context)
        finally:
            self.clock.sleep(60)
        assert (data.run_requests, data.skip_message) == ([], data.skip_message)
        self.cursor = data.cursor
        return str(data.skip_message)

    def until_done(self) -> tuple[str, int]:
        """What was done by the first tick that did anything, and how many did nothing before."""
        for number in range(100):
            done = self.tick()
            if done != NOTHING:
                return done, number
        raise AssertionError("nothing is done")


@pytest.fixture
def daemon(instance: dg.DagsterInstance) -> Daemon:
    return Daemon(instance)


def test_what_a_dead_load_published_is_brought_live_and_told(
    counted: Counted, instance: dg.DagsterInstance, daemon: Daemon
) -> None:
    assert daemon.tick() == NOTHING
    die(PUBLISHER, counted.deployment.environ, "publish.committed")
    assert f"swap finished {TABLE} {DAY} {LOAD}" in daemon.tick()
    assert instance.get_materialized_partitions(KEY) == {str(DAY)}
    assert daemon.tick() == NOTHING
    assert len(instance.fetch_materializations(KEY, limit=9).records) == 1
    with counted.deployment.platform() as platform:
        assert live_errors(platform, TABLE, [DAY]) == []
        assert leftovers(platform) == []


def test_a_load_that_may_still_be_adopted_is_left_for_a_while(counted: Counted, daemon: Daemon) -> None:
    die(PUBLISHER, counted.deployment.environ, "publish.verified")
    with counted.deployment.platform() as platform:
        loads = platform.loads
        row = loads.find(LOAD)
        assert row
        now = datetime.now(UTC)
        loads.open(replace(row, plan_identity="as it was", beat_at=now))
        assert daemon.tick() == f"left {TABLE} {LOAD}"
        loads.open(replace(row, plan_identity="as it was", beat_at=now - timedelta(seconds=50)))
        assert f"version voided {TABLE} {DAY} {LOAD}" in daemon.tick()
        assert leftovers(platform) == []


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED])
def test_a_process_that_hangs_is_ended_when_its_run_has_ended(
    counted: Counted,
    instance: dg.DagsterInstance,
    daemon: Daemon,
    monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus,
) -> None:
    instance.add_run(dg.DagsterRun("__ASSET_JOB", run_id=RUN, status=status))
    process = hanging(counted.deployment)
    try:
        if status == dg.DagsterRunStatus.STARTED:
            assert daemon.tick() == NOTHING, "it was heard of just now"
            monkeypatch.setenv("FDM_LEASE_S", "0.01")
            assert daemon.tick() == f"left {TABLE} {LOAD}"
            assert process.poll() is None
            return
        done, ticks = daemon.until_done()
        assert (done.partition("; ")[0], ticks) == (f"process killed {TABLE} {LOAD}", 3)
        assert process.wait(60) == -signal.SIGKILL
        with counted.deployment.platform() as platform:
            assert leftovers(platform) == [], done
    finally:
        process.kill()
        process.wait()


def test_the_turn_of_a_load_that_is_gone_is_another_s(counted: Counted, daemon: Daemon) -> None:
    with counted.deployment.platform() as platform:
        limits = BreakerLimits()
        breakers, since = platform.breakers, datetime.now(UTC) - timedelta(hours=1)
        for number in range(limits.failures):
            earlier = Breakers(platform.store, lambda: limits, lambda: since)
            earlier.note_failure("source", "gels_cnt", f"load-{number}", "it is away")
        assert breakers.take_probe(breakers.of("source", "gels_cnt"), "gone")
        assert daemon.until_done() == ("probe ended gone", 3), "until then it may be about to register"
        assert breakers.of("source", "gels_cnt").probe is None


@pytest.mark.embedded
def test_an_outage_of_the_store_is_no_reason_to_take_a_load_of_another_machine_for_dead(
    counted: Counted, daemon: Daemon
) -> None:
    """Two loads were heard of for the last time before it: one lives, the other died."""
    file = counted.deployment.settings.home / "control.db"
    away, beat = file.with_name("away"), datetime.now(UTC)
    rows = [LoadRow(name, TABLE, "elsewhere", 1, 1, beat, beat) for name in ("alive", "dead")]
    with counted.deployment.platform() as platform:
        for row in rows:
            platform.loads.open(row)
            (counted.root("t_a") / STAGING / row.load_id / str(DAY)).mkdir(parents=True)
    assert daemon.tick() == NOTHING
    file.rename(away)
    file.mkdir()  # no store can be made there
    for _ in range(10):
        with pytest.raises(dg.DagsterError):
            daemon.tick()
    file.rmdir()
    away.rename(file)
    assert daemon.tick() == NOTHING, "the store is back, and neither could be heard of yet"
    with counted.deployment.platform() as platform:
        platform.loads.beat(rows[0])
        done, ticks = daemon.until_done()
        assert done == f"staging removed {TABLE} {DAY} dead; load ended {TABLE} dead"
        assert ticks == 1, "a lease was seen beside the outage"
        assert [row.load_id for row in platform.loads.open_ones()] == ["alive"]


def test_all_tables_are_listed_each_hour_and_others_where_something_is_left(
    counted: Counted, daemon: Daemon
) -> None:
    def litter(table: str) -> Path:
        folder = counted.landing / table / STAGING / "over" / str(DAY)
        folder.mkdir(parents=True)
        return folder

    (loop := counted.landing / "t_loop" / STAGING).parent.mkdir(parents=True)
    loop.symlink_to(loop)
    assert daemon.tick() == "left", "a folder refuses to be listed"
    loop.unlink()
    litter("t_first")
    assert daemon.tick() == f"staging removed t_first {DAY} over", "which is listed at the next tick"
    litter("t_later")
    assert daemon.tick() == NOTHING
    daemon.clock.sleep(LIST_ALL_S)
    assert daemon.tick() == f"staging removed t_later {DAY} over"
    die(PUBLISHER, counted.deployment.environ, "publish.verified")
    litter(TABLE)
    assert f"staging removed {TABLE} {DAY} over" in daemon.tick(), "a claim names the table"
    litter("t_later")
    assert daemon.tick() == NOTHING
    daemon.cursor = str(daemon.cursor).replace(this_host(), "another machine")
    assert daemon.tick() == f"staging removed t_later {DAY} over", "whose clock tells nothing here"
