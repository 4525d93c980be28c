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
from fdm_platform.defs.recovery_sensor import recovery_sensor
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.model.limits import BreakerLimits
from fdm_platform_tests.deployment import Deployment
from fdm_platform_tests.faults.comparing import leftovers, live_errors
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import PROJECT, die

TABLE = table_name("t_a")
KEY = dg.AssetKey(["gels", "cnt", "t_a"])
(DAY,) = days(1)
RUN = "1" * 36
LOAD = f"{RUN}-{TABLE}"
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


def tick(instance: dg.DagsterInstance) -> str:
    """Why nothing is requested: what was done."""
    context = dg.build_sensor_context(instance=instance, resources={"platform": PlatformResource()})
    with context:
        data = recovery_sensor().evaluate_tick(context)
    assert (data.run_requests, data.skip_message) == ([], data.skip_message)
    return str(data.skip_message)


def test_what_a_dead_load_published_is_brought_live_and_told(
    counted: Counted, instance: dg.DagsterInstance
) -> None:
    assert tick(instance) == "no load has left anything"
    die(PUBLISHER, counted.deployment.environ, "publish.committed")
    assert f"swap finished {TABLE} {DAY} {LOAD}" in tick(instance)
    assert instance.get_materialized_partitions(KEY) == {str(DAY)}
    assert tick(instance) == "no load has left anything"
    assert len(instance.fetch_materializations(KEY, limit=9).records) == 1
    with counted.deployment.platform() as platform:
        assert live_errors(platform, TABLE, [DAY]) == []
        assert leftovers(platform) == []


def test_a_load_that_may_still_be_adopted_is_left_for_a_while(
    counted: Counted, instance: dg.DagsterInstance
) -> None:
    die(PUBLISHER, counted.deployment.environ, "publish.verified")
    with counted.deployment.platform() as platform:
        loads = platform.loads
        row = loads.find(LOAD)
        assert row
        now = datetime.now(UTC)
        loads.open(replace(row, plan_identity="as it was", beat_at=now))
        assert tick(instance) == f"left {TABLE} {LOAD}"
        loads.open(replace(row, plan_identity="as it was", beat_at=now - timedelta(seconds=50)))
        assert f"version voided {TABLE} {DAY} {LOAD}" in tick(instance)
        assert leftovers(platform) == []


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED])
def test_a_process_that_hangs_is_ended_when_its_run_has_ended(
    counted: Counted,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus,
) -> None:
    instance.add_run(dg.DagsterRun("__ASSET_JOB", run_id=RUN, status=status))
    process = hanging(counted.deployment)
    try:
        assert tick(instance) == "no load has left anything", "it was heard of just now"
        monkeypatch.setenv("FDM_LEASE_S", "0.01")
        done = tick(instance)
        if status == dg.DagsterRunStatus.STARTED:
            assert done == f"left {TABLE} {LOAD}"
            assert process.poll() is None
            return
        assert done.startswith(f"process killed {TABLE} {LOAD}; ")
        assert process.wait(60) == -signal.SIGKILL
        with counted.deployment.platform() as platform:
            assert leftovers(platform) == []
    finally:
        process.kill()
        process.wait()


def test_the_turn_of_a_load_that_is_gone_is_another_s(
    counted: Counted, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted.deployment.platform() as platform:
        limits = BreakerLimits()
        breakers, since = platform.breakers, datetime.now(UTC) - timedelta(hours=1)
        for number in range(limits.failures):
            earlier = Breakers(platform.store, lambda: limits, lambda: since)
            earlier.note_failure("source", "gels_cnt", f"load-{number}", "it is away")
        assert breakers.take_probe(breakers.of("source", "gels_cnt"), "gone")
        assert tick(instance) == "no load has left anything", "it may be about to register"
        monkeypatch.setenv("FDM_LEASE_S", "0")
        assert tick(instance) == "probe ended gone"
        assert breakers.of("source", "gels_cnt").probe is None
