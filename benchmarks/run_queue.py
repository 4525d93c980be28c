"""A thousand loads requested at once: what Dagster's queue does with them. Spark is a stub here.

    uv run python benchmarks/run_queue.py [--loads 1000] [--tables 10]

Requests one load for each of many dates of some tables, as a sensor or a backfill does, into the queue that
dagster.yaml describes. A real daemon looks at all that wait, every second, and may start none before the last
is there. Every tenth load is requested twice, as a daemon does that died in the middle and began again. In the place of a run's process and its Spark stands a
launcher that writes the load down and ends the run: what is measured is the queue, not the loads.

Told: loads that were lost or done twice, seconds until the last was queued and from then until the last had
ended, and the daemon's memory. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.submit_asset_runs import submit_asset_run
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from definitions import generate

from fdm_platform.control.schema import TABLES
from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.platform import open_platform
from fdm_platform.defs.run_requests import run_request
from fdm_platform.model.settings import Settings

HERE = Path(__file__).parent
WORKSPACE = str(HERE.parent / "workspace.yaml")
LOADS = "loads.db"
FIRST_DAY = date(2000, 1, 1)
TIMEOUT_S = 900
AT_ONCE = 50
"""Runs that the daemon may start at once."""
BUSY_S = 60.0


class StubLauncher(RunLauncher, ConfigurableClass):  # type: ignore[type-arg]
    """Ends a run at once, as if its load were done; what it did is a row of a SQLite file."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """As Dagster makes it."""
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """As Dagster wants it."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """None."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster gives it
    ) -> StubLauncher:
        """As Dagster makes it from dagster.yaml."""
        return cls(inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """The load."""
        run = context.dagster_run
        (key,) = run.asset_selection or ()
        with closing(sqlite3.connect(os.environ["BENCHMARK_LOADS"], timeout=BUSY_S)) as store, store:
            row = (key.path[-1], run.tags["dagster/partition"], run.run_id)
            store.execute("INSERT INTO loads VALUES (?, ?, ?)", row)
        for kind in (DagsterEventType.RUN_START, DagsterEventType.RUN_SUCCESS):
            event = DagsterEvent(kind.value, job_name=run.job_name)
            self._instance.report_dagster_event(event, run_id=run.run_id)

    def terminate(self, run_id: str) -> bool:
        """Nothing is left to end."""
        return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loads", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(measure(Path(folder), args.loads, args.tables))


def measure(home: Path, loads: int, tables: int) -> dict[str, Any]:
    """Request, wait, count."""
    settings = deploy(home, tables)
    with open_platform(settings) as platform:
        specs = list(platform.catalog.tables.values())
    days = [FIRST_DAY + timedelta(days=n) for n in range(-(-loads // tables))]
    asked = [(spec, day) for day in days for spec in specs][:loads]
    with open_instance(settings) as instance:
        pool = specs[0].partition_set
        add_dates(instance, pool, days)
        instance.event_log_storage.set_concurrency_slots(pool, 0)  # all wait until the last is there
        with daemon(home, instance) as pid:
            before = memory(pid)
            with WorkspaceProcessContext(instance, WorkspaceFileTarget([WORKSPACE])) as workspace:
                begun = time.perf_counter()
                asyncio.run(request(workspace, asked))
            queued = time.perf_counter() - begun
            waiting = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
            instance.event_log_storage.set_concurrency_slots(pool, AT_ONCE)
            begun = time.perf_counter()
            wait_until_ended(instance, loads, pid)
            ended = time.perf_counter() - begun
            after = memory(pid)
    done = done_loads(home)
    wanted = {(spec.table, str(day)) for spec, day in asked}
    return {
        "loads": loads,
        "lost": len(wanted - set(done)),
        "doubled": len(done) - len(set(done)),
        "seconds_until_last_queued": round(queued, 1),
        "waiting_when_last_queued": waiting,
        "seconds_from_release_to_last_ended": round(ended, 1),
        "daemon_mib_before": before,
        "daemon_mib_peak": after,
    }


def deploy(home: Path, tables: int) -> Settings:
    """Generated tables, and the project's dagster.yaml with the stub for a launcher and room for many runs."""
    generate(home, tables)
    config = yaml.safe_load((HERE.parent / "dagster.yaml").read_text())
    config["run_launcher"] = {"module": "run_queue", "class": "StubLauncher", "config": {}}
    config["run_coordinator"]["config"] = {"dequeue_interval_seconds": 1}
    config["concurrency"]["runs"] = {"max_concurrent_runs": AT_ONCE}
    config["concurrency"]["pools"]["default_limit"] = AT_ONCE
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with closing(sqlite3.connect(home / LOADS)) as store, store:
        store.execute("CREATE TABLE loads (name TEXT, biz_dt TEXT, run_id TEXT)")
    os.environ |= {
        "FDM_PROJECT": str(home),
        "FDM_SENSORS_RUN": "false",
        "BENCHMARK_LOADS": str(home / LOADS),
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    settings = Settings.from_environ()
    os.environ |= settings.child_environ
    with open_platform(settings) as platform:
        platform.store.create(TABLES)
    return settings


@contextmanager
def daemon(home: Path, instance: dg.DagsterInstance) -> Iterator[int]:
    """A real daemon in a process of its own, once it takes runs out of the queue."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", WORKSPACE]
    with (home / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=HERE.parent, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while "QUEUED_RUN_COORDINATOR" not in instance.get_daemon_heartbeats():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the daemon did not come up:\n" + (home / "daemon.log").read_text()[-3000:])
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def request(workspace: WorkspaceProcessContext, asked: list[tuple[Any, date]]) -> None:
    """Every load once, and every tenth a second time under the same run id."""
    context, cache = workspace.create_request_context(), {}  # type: Any, dict[Any, Any]
    for number, (spec, day) in enumerate(asked):
        run_id, wanted = str(uuid.uuid4()), run_request(spec, [day])
        wanted = wanted.with_replaced_attrs(tags={**wanted.tags, "dagster/partition": str(day)})
        for _ in range(1 if number % 10 else 2):
            await submit_asset_run(
                run_id,
                wanted,
                number,
                workspace.instance,
                workspace,
                context,
                cache,
                {},
                logging.getLogger("benchmark"),
            )


def wait_until_ended(instance: dg.DagsterInstance, loads: int, pid: int) -> None:
    """Until every run has succeeded."""
    deadline = time.monotonic() + TIMEOUT_S
    succeeded = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
    while instance.get_runs_count(succeeded) < loads:
        failed = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        is_gone = not Path(f"/proc/{pid}/status").read_text().count("VmHWM")
        if failed or is_gone or time.monotonic() > deadline:
            sys.exit(
                f"{instance.get_runs_count(succeeded)} of {loads} runs succeeded, {failed} failed; is the daemon gone? {is_gone}"
            )
        time.sleep(0.5)


def done_loads(home: Path) -> list[tuple[str, str]]:
    """What the stub wrote down."""
    with closing(sqlite3.connect(home / LOADS)) as store:
        return [(name, biz_dt) for name, biz_dt in store.execute("SELECT name, biz_dt FROM loads")]


def memory(pid: int) -> int:
    """The most MiB that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def report(found: dict[str, Any]) -> None:
    """For people, and one line of JSON."""
    for name, value in found.items():
        print(f"{name.replace('_', ' '):28} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
