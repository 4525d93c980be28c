"""Runs whose process died: their attempts get their final line, by real ticks of the sensors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.control.execution_log.journal import Journal
from fdm_platform.control.execution_log.log import DateAttempt, ExecutionLog
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.requests import Requests
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import open_store
from fdm_platform.control.values import to_micros
from fdm_platform.defs.dead_runs import dead_run_sensors
from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.parking import parked
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.resuming import LOAD
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.request import DateRequest
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import control_url, deploy
from fdm_platform_tests.faults.counted import days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import die

TABLE = "e_s_t_a"
KEY = dg.AssetKey(["e", "s", "t_a"])
DAY = date(2024, 5, 15)
RUN, OTHER = "1" * 36, "2" * 36
FDM = str(Path(sys.executable).parent / "fdm")
OWNER = """
import sys
from datetime import date
from pathlib import Path
from fdm_platform.control.execution_log.log import DateAttempt, ExecutionLog
from fdm_platform.control.store import open_store
url, journal, load = sys.argv[1:]
log = ExecutionLog(open_store(url), Path(journal))
of = DateAttempt("e_s_t_a", date(2024, 5, 15), load)
print(log.start(job_id="J", job_name="t_a", run_id="20240515", of=of), flush=True)
sys.stdin.readline()
"""


@dataclass
class Watch:
    """The sensors of a deployment, and the daemon that ticks them."""

    settings: Settings
    instance: dg.DagsterInstance
    cursors: dict[str, str] = field(default_factory=dict)

    def tick(self) -> None:
        for sensor in dead_run_sensors():
            context = dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursors.get(sensor.name),
                definitions=dg.Definitions(sensors=[sensor]),
                resources={"platform": PlatformResource()},
                sensor_name=sensor.name,
            )
            with context:
                data = sensor.evaluate_tick(context)
            assert data.cursor
            self.cursors[sensor.name] = data.cursor
            assert [r.error for r in data.dagster_run_reactions or () if r.error] == []

    def run(
        self,
        run_id: str = RUN,
        keys: frozenset[dg.AssetKey] = frozenset({KEY}),
        partition: str = str(DAY),
        tag: str = "",
    ) -> dg.DagsterRun:
        run = dg.DagsterRun(
            "__ASSET_JOB",
            run_id=run_id,
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=keys or None,
            tags={"dagster/partition": partition, **({LOAD: tag} if tag else {})},
        )
        return self.instance.add_run(run)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        store = open_store(self.settings.control_url)
        found = sorted((r["id"], r["status"], r["end_time"]) for r in store.scan(table))
        store.close()
        return found

    def statuses(self) -> list[str]:
        """Of all attempts; execution_log and fdm_attempts agree."""
        of_log = self.rows("execution_log")
        assert of_log == self.rows("fdm_attempts")
        return [status for _, status, _ in of_log]

    @contextmanager
    def owner(self, load_id: str) -> Iterator[subprocess.Popen[str]]:
        """A process with an attempt under way."""
        arguments = [self.settings.control_url, str(self.settings.journal), load_id]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", OWNER, *arguments], text=True, **pipes)  # type: ignore[call-overload]
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()
            process.wait()

    def died(self, load_id: str) -> None:
        """A process began an attempt, and was killed."""
        with self.owner(load_id):
            pass


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    environ = {
        "FDM_PROJECT": str(tmp_path),
        "FDM_HOME": str(tmp_path),
        "FDM_CONTROL_URL": control_url(tmp_path),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environ(environ)
    store = open_store(settings.control_url)
    store.create(TABLES)
    store.close()
    with dg.instance_for_test() as instance:
        made = Watch(settings, instance)
        made.tick()
        yield made


def test_a_dead_runs_attempt_is_closed_once_with_the_reason(watch: Watch) -> None:
    watch.died(f"{RUN}-{TABLE}")
    assert watch.statuses() == ["Started"]
    watch.instance.report_run_failed(watch.run(), "Detected run worker status FAILED")
    watch.tick()
    (status,) = watch.statuses()
    assert status == (
        "Failed: the run ended without a word about this date: Detected run worker status FAILED"
    )
    before = watch.rows("execution_log")
    watch.tick()
    watch.cursors.clear()
    watch.tick()
    assert watch.rows("execution_log") == before
    assert list(watch.settings.journal.iterdir()) == []


def test_an_attempt_that_the_store_never_saw_is_closed_too(watch: Watch) -> None:
    """The process died between its journal and the control store."""
    now = datetime.now(UTC)
    attempt = f"{to_micros(now)}_{'a' * 16}"
    of = {"table_name": TABLE, "biz_dt": DAY, "load_id": f"{RUN}-{TABLE}"}
    entry = Journal(watch.settings.journal).open(attempt)
    row = {"id": attempt, "job_id": "J", "job_name": "t_a", "status": "Started", "start_time": now}
    entry.append({**row, **of})
    entry.release()
    watch.instance.report_run_failed(watch.run())
    watch.tick()
    (status,) = watch.statuses()
    assert status.startswith("Failed: the run ended without a word")


def test_an_attempt_whose_journal_is_gone_is_closed_by_date_too(watch: Watch) -> None:
    """Its machine is gone, or others deliver its journal just now: execution_log does not say which date it was."""
    watch.died(f"{RUN}-{TABLE}")
    for entry in watch.settings.journal.iterdir():
        entry.unlink()
    watch.instance.report_run_failed(watch.run())
    watch.tick()
    (status,) = watch.statuses()
    assert status.startswith("Failed: the run ended without a word")
    ((_, _, end_time),) = watch.rows("fdm_attempts")
    assert end_time is not None


def test_what_a_dead_run_published_and_did_not_tell_is_told(watch: Watch) -> None:
    """The process died between the ledger's commit and Dagster's event."""
    load = f"{RUN}-{TABLE}"
    watch.died(load)
    store = open_store(watch.settings.control_url)
    manifest = Manifest(load, TABLE, DAY, "biz_dt=20240515", "/staging", (), ()).to_json()
    Ledger(store).commit(PublishRecord(TABLE, DAY, 3, load, "v", manifest, datetime.now(UTC)))
    store.close()
    watch.instance.report_run_failed(watch.run())
    watch.tick()
    assert watch.statuses() == ["Completed"]
    assert watch.instance.get_materialized_partitions(KEY) == {str(DAY)}
    watch.cursors.clear()
    watch.tick()
    told = watch.instance.fetch_materializations(KEY, limit=9).records
    assert len(told) == 1


def test_a_canceled_runs_attempt_is_closed(watch: Watch) -> None:
    watch.died(f"{RUN}-{TABLE}")
    watch.instance.report_run_canceled(watch.run())
    watch.tick()
    assert watch.statuses()[0].startswith("Failed: the run ended without a word")


def test_an_attempt_whose_process_lives_is_left(watch: Watch) -> None:
    with watch.owner(f"{RUN}-{TABLE}"):
        watch.instance.report_run_failed(watch.run())
        watch.tick()
        assert watch.statuses() == ["Started"]


def test_attempts_of_other_runs_and_what_ended_are_left(watch: Watch) -> None:
    watch.died(f"{OTHER}-{TABLE}")
    store = open_store(watch.settings.control_url)
    log = ExecutionLog(store, watch.settings.journal)
    of = DateAttempt(TABLE, DAY, f"{RUN}-{TABLE}")
    log.finish(log.start(job_id="J", job_name="t_a", run_id=None, of=of), status="Completed")
    log.close()
    store.close()
    watch.instance.report_run_failed(watch.run())
    watch.tick()
    assert sorted(watch.statuses()) == ["Completed", "Started"]


def test_a_later_run_of_a_command_closes_what_has_the_id_of_its_load(watch: Watch) -> None:
    """`fdm materialize` selects no asset by key; its tag says which load it publishes."""
    watch.died(f"{RUN}-{TABLE}")
    run = watch.run(OTHER, frozenset(), tag=f"{RUN}-{TABLE}")
    watch.instance.report_run_failed(run)
    watch.tick()
    assert watch.statuses()[0].startswith("Failed: ")


@pytest.mark.parametrize("partition", [str(DAY), "not a date"])
def test_a_run_that_failed_before_its_step_began_has_nothing_to_close(watch: Watch, partition: str) -> None:
    watch.instance.report_run_failed(watch.run(partition=partition))
    watch.tick()
    assert watch.statuses() == []


def test_where_no_run_failed_no_control_table_is_opened(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FDM_CONTROL_URL", "nothing://that-fits")
    watch.run()
    watch.tick()


def test_a_control_store_that_is_away_is_asked_again_at_the_next_tick(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.died(f"{RUN}-{TABLE}")
    watch.instance.report_run_failed(watch.run())
    monkeypatch.setenv("FDM_CONTROL_URL", "nothing://that-fits")
    with pytest.raises(dg.DagsterError, match="that-fits"):
        watch.tick()
    monkeypatch.setenv("FDM_CONTROL_URL", watch.settings.control_url)
    watch.tick()
    assert watch.statuses()[0].startswith("Failed: ")


COUNTED, COUNTED_KEY = table_name("t_a"), dg.AssetKey(["gels", "cnt", "t_a"])


def started(instance: dg.DagsterInstance, run_id: str, tags: dict[str, str]) -> dg.DagsterRun:
    root = tags.get("dagster/root_run_id")
    return instance.add_run(
        dg.DagsterRun(
            "__ASSET_JOB",
            run_id=run_id,
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=frozenset({COUNTED_KEY}),
            tags=tags,
            root_run_id=root,
            parent_run_id=root,
        )
    )


def test_what_a_sensors_run_left_that_is_not_started_again_is_parked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four dates one was killed, one has told its end, one was never begun, and one is asked for anew."""
    made, dates = deploy_counted(tmp_path), days(4)
    for name, value in made.deployment.environ.items():
        monkeypatch.setenv(name, value)
    retries = {"run_retries": {"enabled": True, "max_retries": 1}}
    with dg.instance_for_test(overrides=retries) as instance, made.deployment.platform() as platform:
        offer(platform, dates, 1)
        spec = platform.catalog.get(COUNTED)
        rows = platform.control_rows(spec, dates)
        now = datetime.now(UTC)
        requests = [DateRequest(spec.partition_set, r.biz_dt, COUNTED, r.version, "key", now) for r in rows]
        Requests(platform.store).remember(requests)
        offer(platform, dates[3:], 2)
        watch = Watch(made.deployment.settings, instance)
        watch.tick()
        tags = {
            "dagster/sensor_name": "process_control",
            "dagster/run_key": "key",
            "dagster/asset_partition_range_start": str(dates[0]),
            "dagster/asset_partition_range_end": str(dates[3]),
        }
        first = started(instance, RUN, tags)
        instance.report_run_failed(first, "the kernel took its memory")
        watch.tick()
        assert parked(platform, spec) == {}, "Dagster starts the run again"
        again = {"dagster/retry_number": "1", "dagster/root_run_id": RUN, "dagster/parent_run_id": RUN}
        second = started(instance, OTHER, {**tags, **again})
        publisher = [sys.executable, "-m", "fdm_platform_tests.faults.publisher", "exchange", "t_a"]
        die([*publisher, str(dates[0]), f"{OTHER}-{COUNTED}"], made.deployment.environ, "publish.marked")
        log, told = (
            platform.execution_log,
            DateAttempt(COUNTED, dates[1], f"{OTHER}-{COUNTED}", "v", "sensor"),
        )
        log.finish(
            log.start(job_id="J", job_name="t_a", run_id=None, of=told), status="Failed", error="its own"
        )
        recover(platform)
        instance.report_run_failed(second, "the kernel took its memory again")
        watch.tick()
        letters = parked(platform, spec)
        assert list(letters) == [dates[0], dates[2]]
        assert {(x.kind, x.attempts, x.load_id) for x in letters.values()} == {
            ("infrastructure", 2, f"{OTHER}-{COUNTED}")
        }
        assert "the kernel took its memory again" in letters[dates[0]].headline


@pytest.mark.spark
def test_a_load_that_is_killed_while_spark_runs_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = deploy(tmp_path / "home")
    for name, value in {**made.environ, **made.settings.child_environ}.items():
        monkeypatch.setenv(name, value)
    with open_instance(made.settings) as instance:
        watch = Watch(made.settings, instance)
        watch.tick()
        command = [FDM, "materialize", "gels_fpms_t_contract_master", "--biz-dt", "2024-05-15"]
        process = subprocess.Popen(command, env=made.environ, stderr=subprocess.DEVNULL)
        try:
            started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
            while not (any(made.settings.home.glob("**/plan.json")) and instance.get_runs(started)):
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
            process.wait()
            assert watch.statuses() == ["Started"]
            (run,) = instance.get_runs(started)
            instance.report_run_failed(run, "its process is gone")  # as run monitoring does
            watch.tick()
            assert watch.statuses() == ["Started"], (
                "its Spark lives, and whoever loads the date next may adopt it"
            )
            with made.platform() as platform:
                recover(platform)
            (status,) = watch.statuses()
            assert status.startswith(f"Failed: its process is gone: process {process.pid} ")
        finally:
            process.kill()
            _kill_spark_of(made.settings.home)


def _kill_spark_of(home: Path) -> None:
    """Of this test's own folder, each by its id."""
    found = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False).stdout
    for pid in found.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
