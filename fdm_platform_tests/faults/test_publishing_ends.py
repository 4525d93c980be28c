"""A load that ends, or is killed, while it publishes its dates: what is live stays and is told, the rest leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.platform import Platform
from fdm_platform_tests.faults.comparing import leftovers, live_errors, log_errors
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import FDM, PROJECT, die, run
from fdm_platform_tests.faults.publisher import load

TABLE = table_name("t_a")
DAYS = days(3)
RUN = "1" * 8 + "-1111-4111-8111-" + "1" * 12
LOAD = f"{RUN}-{TABLE}"
COMMAND = [sys.executable, "-m", "fdm_platform_tests.faults.staged_command", "t_a", LOAD, *map(str, DAYS)]
IN_ORDER: dict[str, list[str]] = {"lost": [], "doubled": [], "wrong": []}


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Version 1 of each date is live, version 2 is asked for."""
    made = deploy_counted(tmp_path)
    with made.deployment.platform() as platform:
        offer(platform, DAYS, 1)
        for day in DAYS:
            load(platform, "t_a", day, f"first-{day}")
        offer(platform, DAYS, 2)
        monkeypatch.delenv("FDM_DAGSTER_STORAGE", raising=False)
        for name, value in platform.settings.child_environ.items():
            monkeypatch.setenv(name, value)
    return made


def statuses(platform: Platform) -> list[str]:
    """How each date of the load ended, in their order."""
    rows = [r for r in platform.store.scan("fdm_attempts") if r["load_id"] == LOAD]
    return [str(r["status"]).partition(":")[0] for r in sorted(rows, key=lambda r: r["biz_dt"])]


def told(platform: Platform) -> dict[str, Any]:
    """Which version of each date Dagster knows of, told once."""
    with open_instance(platform.settings) as instance:
        records = instance.fetch_materializations(dg.AssetKey(["gels", "cnt", "t_a"]), limit=99).records
    events = [r.asset_materialization for r in records if r.asset_materialization]
    found = [(str(e.partition), e.metadata["version"].value) for e in events]
    assert len(dict(found)) == len(found), found
    return dict(found)


@pytest.mark.parametrize(("at", "live"), [("publish.marked#2", 1), ("publish.committed#2", 2)])
def test_a_signal_leaves_nothing_of_dates_that_are_not_committed(
    counted: Counted, at: str, live: int
) -> None:
    environ = {**counted.deployment.environ, "FDM_CRASH_AT": f"{at}=stop"}
    process = subprocess.Popen(COMMAND, env=environ, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.communicate()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=300)
    assert process.returncode in (-signal.SIGINT, 143), said
    with counted.deployment.platform() as platform:
        assert statuses(platform) == ["Completed"] * live + ["Failed"] * (3 - live)
        newest = platform.ledger.current_versions(TABLE, DAYS)
        assert list(newest.values()) == [2] * live + [1] * (3 - live)
        assert leftovers(platform) == []
        assert live_errors(platform, TABLE, DAYS) == []
        assert log_errors(platform) == IN_ORDER
        assert told(platform) == {str(day): 2 for day in DAYS[:live]}


@pytest.mark.parametrize(("at", "live"), [("publish.marked#2", 1), ("publish.told#3", 3)])
def test_what_a_killed_command_had_published_is_told(counted: Counted, at: str, live: int) -> None:
    """Of the dates that were over, too: Dagster is told of them at the end of all."""
    die(COMMAND, counted.deployment.environ, at)
    with counted.deployment.platform() as platform:
        assert told(platform) == {}
        ended = run([FDM, "recover"], counted.deployment.environ)
        assert ended.code == 0, ended.said
        assert statuses(platform) == ["Completed"] * live + ["Failed"] * (3 - live)
        assert told(platform) == {str(day): 2 for day in DAYS[:live]}
        assert leftovers(platform) == []
        assert live_errors(platform, TABLE, DAYS) == []
        assert log_errors(platform) == IN_ORDER
    assert run([FDM, "recover"], counted.deployment.environ).said == "no load has left anything\n"
