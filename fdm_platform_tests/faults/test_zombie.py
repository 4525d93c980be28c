"""Loads beside others: one that was declared dead while it slept and comes back, and two at different dates."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.defs.platform import open_platform
from fdm_platform.defs.recovery import recover
from fdm_platform.model.control import VOID
from fdm_platform.model.settings import Settings
from fdm_platform_tests.clock import seen_silent
from fdm_platform_tests.deployment import Deployment
from fdm_platform_tests.faults.comparing import attempts, leftovers, live_errors, log_errors, rows
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import PROJECT, Process, run, stopped
from fdm_platform_tests.faults.publisher import load

TABLE = table_name("t_a")
DAY, OTHER = days(2)
PUBLISHER = [sys.executable, "-m", "fdm_platform_tests.faults.publisher"]
BEFORE_COMMIT = ("begin.claimed", "publish.verified", "publish.marked")


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    """Version 1 of two dates is live, version 2 is asked for."""
    made = deploy_counted(tmp_path)
    with made.deployment.platform() as platform:
        offer(platform, [DAY, OTHER], 1)
        for day in (DAY, OTHER):
            load(platform, "t_a", day, f"first-{day}")
        offer(platform, [DAY, OTHER], 2)
    return made


def asleep(counted: Counted, at: str) -> AbstractContextManager[Process]:
    """A load that has come to the point and stands there; when the block ends it goes on."""
    return stopped([*PUBLISHER, "exchange", "t_a", str(DAY), "zombie"], counted.deployment.environ, at)


def elsewhere(deployment: Deployment, folder: Path) -> Settings:
    """The same tables and control store, seen from another machine."""
    here = deployment.settings
    return replace(
        Settings.from_environ({"FDM_PROJECT": str(PROJECT), "FDM_HOME": str(folder)}),
        sql_root=here.sql_root,
        landing=here.landing,
        control_url=here.control_url,
    )


def declare_dead(counted: Counted, folder: Path) -> list[str]:
    """Recover on another machine, which has not heard of the load for a lease; what was done."""
    with open_platform(elsewhere(counted.deployment, folder)) as platform:
        row = platform.loads.find("zombie")
        assert row
        platform.loads.open(replace(row, host="another"))
        return [r.what for r in recover(platform, watch=seen_silent(platform.loads, "zombie"))]


def assert_in_order(counted: Counted, live: dict[str, Any]) -> None:
    with counted.deployment.platform() as platform:
        assert live_errors(platform, TABLE, [DAY, OTHER]) == []
        assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
        recover(platform)  # a beat of the zombie may have written its row once more
        assert leftovers(platform) == []
    assert {str(r["biz_dt"]): r["load_no"] for r in rows(counted.root("t_a"))} == live


def fenced(process: Process) -> bool:
    ended = process.ended()
    return "FencedError" in ended.said and "was declared dead at" in ended.said and ended.code != 0


@pytest.mark.parametrize(
    ("at", "is_replaced"), [*((at, False) for at in BEFORE_COMMIT), ("publish.marked", True)]
)
def test_a_load_that_was_declared_dead_publishes_nothing(
    counted: Counted, tmp_path: Path, at: str, *, is_replaced: bool
) -> None:
    with asleep(counted, at) as zombie:
        done = declare_dead(counted, tmp_path / "elsewhere")
        assert done.count("version voided") == 1
        if is_replaced:
            with counted.deployment.platform() as platform:
                offer(platform, [DAY], 3)
                assert load(platform, "t_a", DAY, "next") == 3
    assert fenced(zombie)
    assert_in_order(counted, {str(DAY): 3 if is_replaced else 1, str(OTHER): 1})
    with counted.deployment.platform() as platform:
        found = platform.ledger.find(TABLE, DAY, 2)
        assert found
        assert (found.kind, found.load_id) == (VOID, "zombie")
        assert "Failed" in attempts(platform, TABLE, DAY)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_load_that_slept_after_its_commit_finds_its_work_done(
    counted: Counted, tmp_path: Path, *, is_replaced: bool
) -> None:
    with asleep(counted, "publish.committed") as zombie:
        done = declare_dead(counted, tmp_path / "elsewhere")
        assert (done.count("found published"), done.count("swap finished")) == (1, 1)
        if is_replaced:
            with counted.deployment.platform() as platform:
                offer(platform, [DAY], 3)
                assert load(platform, "t_a", DAY, "next") == 3
    assert zombie.ended().code == 0, zombie.said()
    assert_in_order(counted, {str(DAY): 3 if is_replaced else 2, str(OTHER): 1})
    with counted.deployment.platform() as platform:
        assert attempts(platform, TABLE, DAY) == ["Completed"] * (3 if is_replaced else 2)


def test_two_dates_of_a_table_are_loaded_side_by_side(counted: Counted) -> None:
    with asleep(counted, "publish.marked") as first:
        second = run([*PUBLISHER, "exchange", "t_a", str(OTHER), "beside"], counted.deployment.environ)
        assert second.code == 0, second.said
        assert first.poll() is None
        with counted.deployment.platform() as platform:
            assert platform.ledger.current_versions(TABLE, [DAY, OTHER]) == {DAY: 1, OTHER: 2}
    assert first.ended().code == 0, first.said()
    assert_in_order(counted, {str(DAY): 2, str(OTHER): 2})
