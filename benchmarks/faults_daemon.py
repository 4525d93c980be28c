"""Dagster's daemon in faults.py: killed in a sensor's tick, started again, and what it has requested by then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.platform import Platform
from fdm_platform_tests.faults.counted import days
from fdm_platform_tests.faults.server import PROJECT, Server

STEPS = (
    *("sensor.decided", "sensor.remembered"),
    *("TICK_CREATED", "TICK_HELD", "RUN_IDS_RESERVED", "RUN_CREATED", "RUN_LAUNCHED"),
)
"""Crash points of sensors, and where Dagster's own daemon lets a test kill it."""
_LATER_S = 600.0
_WORKER = "fdm_platform_tests.faults.daemon_worker"
_SENSOR, _PARTITION = "dagster/sensor_name", "dagster/partition"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass
class Daemon:
    """What leads the daemon's processes to a deployment, and its clock: sensors have a least interval."""

    environ: dict[str, str]
    clock: float = field(default_factory=time.time)


def daemon_of(platform: Platform, environ: dict[str, str]) -> Daemon:
    """The daemon of a deployment whose sensors run."""
    settings = platform.settings
    own = {"FDM_SENSORS": "running", "DAGSTER_HOME": str(PROJECT)}
    return Daemon({**environ, **settings.child_environ, **own})


def start_beat(server: Server, daemon: Daemon, said: Path, step: str | None) -> int:
    """Evaluate all sensors that run, or die at the step; the process's id."""
    daemon.clock += _LATER_S
    return server.start([_WORKER, str(daemon.clock), *([step] if step else [])], daemon.environ, said)


def wrong_requests(platform: Platform, must: Sequence[tuple[str, date]]) -> list[str]:
    """Dates of `must` that no sensor's run is there for, and dates that have two; then the runs are removed."""
    with open_instance(platform.settings) as instance:
        runs = [run for run in instance.get_runs() if _SENSOR in run.tags]
        found = Counter(
            ("_".join(key.path), day)
            for run in runs
            for key in run.asset_selection or ()
            for day in days(5)
            if _end(run, _FIRST) <= day.isoformat() <= _end(run, _LAST)
        )
        for run in runs:
            instance.delete_run(run.run_id)
    lost = [f"nobody has requested {of}" for of in must if not found[of]]
    return [*lost, *(f"{of} was requested {n} times" for of, n in found.items() if n > 1)]


def _end(run: dg.DagsterRun, tag: str) -> str:
    """Of the dates that a run was requested for; runs hold neighbours."""
    return run.tags.get(tag) or run.tags[_PARTITION]
