"""A source system that is down for hours: nobody asks it, all say why, one load tries when it may, and all go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.sensors import SourceSystem, Tick
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.faults.crashing import FDM, Ended, Process, run, start, wait_for

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

WORKER = [sys.executable, "-m", "fdm_platform_tests.faults.run_worker"]
TABLE, KEY = "gels_fpms_t_payment", "gels/fpms/t_payment"
FIRST, SECOND, LAST = map(str, DAYS)
ASKS_THE_SOURCE = """
import socket
import payment_as_it_was

def summarise(spark, inputs, params):
    with socket.create_connection(("127.0.0.1", {port})) as asked:
        assert asked.makefile().read() == "here"
    return payment_as_it_was.summarise(spark, inputs, params)
"""
BREAKER = "breaker: {failures: %d, cooldown_s: %d, longest_s: 3000}"


@dataclass
class Source:
    """What the table's transform asks at each load: a port that refuses until it is opened, and then takes its time."""

    port: int
    asked: list[float] = field(default_factory=list)
    """When each connection came."""
    answers: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def opened(self) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", self.port)) as server:
            thread = threading.Thread(target=self._serve, args=(server,), daemon=True)
            thread.start()
            yield
            server.shutdown(socket.SHUT_RDWR)
            thread.join(60)

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # it is closed
                return
            self.asked.append(time.monotonic())
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self.answers.wait()
            connection.sendall(b"here")


@pytest.fixture
def source() -> Source:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Source(server.getsockname()[1])


@dataclass(frozen=True)
class Plant:
    """A deployment whose payments come from the source, with a dagster.yaml of its own."""

    deployment: Deployment
    folder: Path

    def breaker(self, *, failures: int, cooldown_s: int) -> None:
        text = (PROJECT / "dagster.yaml").read_text()
        shipped = "breaker: {failures: 5, cooldown_s: 60, longest_s: 1800}"
        assert shipped in text
        (self.folder / "dagster" / "dagster.yaml").write_text(
            text.replace(shipped, BREAKER % (failures, cooldown_s))
        )

    def fdm(self, *arguments: str, at: str | None = None) -> Ended:
        return run([FDM, *arguments], self.deployment.environ, at)

    def start(self, day: str) -> Process:
        """A run of the table, of which a sensor asks."""
        return start([*WORKER, KEY, day], self.deployment.environ)

    def scan(self, table: str) -> list[dict[str, Any]]:
        with self.deployment.platform() as platform:
            return list(platform.store.scan(table))

    def attempts(self) -> list[tuple[str, str]]:
        """Date and beginning of the status of each attempt, in order."""
        rows = sorted(self.scan("fdm_attempts"), key=lambda r: r["start_time"])
        return [(str(r["biz_dt"]), r["status"].partition(":")[0]) for r in rows]

    def versions(self) -> dict[str, int]:
        with self.deployment.platform() as platform:
            return {str(d): p.version for d, p in platform.ledger.published(TABLE).items()}

    def parked(self) -> list[str]:
        """Dates that `fdm dead-letters` lists."""
        return [x["biz_dt"] for x in json.loads(self.fdm("dead-letters", "--json").out)]

    def leftovers(self) -> list[object]:
        with self.deployment.platform() as platform:
            held: list[object] = list(platform.claims.all())
        return held + list((self.deployment.settings.landing_root / TABLE).glob(".staging/*/*"))

    def tick(self) -> tuple[list[str], str]:
        """Run keys that the sensor of the source asks for, and why it asks for none, as of now."""
        with (
            self.deployment.platform() as platform,
            open_instance(self.deployment.settings) as instance,
        ):
            spec = platform.catalog.get(TABLE)
            of = SourceSystem(*spec.key[:2], (spec,), platform.catalog.calendars.of(spec))
            of = replace(of, entity=spec.entity, source_system=spec.source_system)
            context = dg.build_sensor_context(instance=instance)
            result = Tick(context, platform, of, datetime.now(UTC)).evaluate()
        skipped = result.skip_reason.skip_message if result.skip_reason else ""
        return [str(r.run_key) for r in result.run_requests or ()], str(skipped)


def until_told(run: Process, text: str) -> None:
    wait_for(lambda: text in run.said(), run, told=run.said)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Source) -> Plant:
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    sql = shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    folder = sql / "gels" / "fpms" / "t_payment"
    (folder / "payment.py").rename(folder / "payment_as_it_was.py")
    (folder / "payment.py").write_text(ASKS_THE_SOURCE.format(port=source.port))
    made = deploy(tmp_path / "home", sql_root=sql)
    environ = {
        **os.environ,
        **made.environ,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "FDM_DAGSTER_STORAGE": str(tmp_path / "home" / "dagster"),
    }
    made = replace(made, environ=environ)
    plant = Plant(made, tmp_path)
    plant.breaker(failures=2, cooldown_s=3600)
    monkeypatch.setenv("FDM_DAGSTER_STORAGE", environ["FDM_DAGSTER_STORAGE"])
    with open_instance(made.settings) as instance:
        add_dates(instance, "gels_fpms", DAYS)
    return plant


def test_a_source_goes_away_and_comes_back(plant: Plant, source: Source) -> None:
    for day in (FIRST, SECOND):
        assert plant.start(day).ended().code == 1
    assert plant.attempts() == [(FIRST, "Failed"), (SECOND, "Failed")]

    said = plant.fdm("status").out.splitlines()[0]
    assert "the breaker of source gels_fpms is open since" in said
    assert "after 2 failures in a row: ConnectionRefusedError: [Errno 111] Connection refused" in said
    why = json.loads(plant.fdm("why", TABLE, "--biz-dt", LAST, "--no-dagster", "--json").out)
    assert why["state"] == "waiting"
    assert "the breaker of source gels_fpms is open" in why["verdict"]
    asked, held = plant.tick()
    assert asked == []
    assert "the breaker of source gels_fpms is open" in held
    assert LAST in held

    queued, other, stopped = (plant.start(day) for day in (LAST, FIRST, SECOND))
    for worker in (queued, other, stopped):
        until_told(worker, "it waits: the breaker of source gels_fpms is open since")
    stopped.send_signal(signal.SIGINT)
    stopped.ended()
    assert plant.attempts() == [(FIRST, "Failed"), (SECOND, "Failed")], "who waits has no attempt"

    with source.opened():
        plant.breaker(failures=2, cooldown_s=0)
        wait_for(lambda: bool(source.asked))
        probe, waits = sorted((queued, other), key=lambda w: "application" not in w.said())
        until_told(waits, " tries")
        assert [e["kind"] for e in sorted(plant.scan("fdm_breakers"), key=lambda e: e["seq"])] == [
            "failure", "failure", "probe",
        ]  # fmt: skip
        assert "is half-open since" in plant.fdm("status").out.splitlines()[0]
        assert len(source.asked) == 1
        assert waits.poll() is None
        source.answers.set()
        assert [probe.ended().code, waits.ended().code] == [0, 0]
        assert plant.parked() == [SECOND], "it had no retry, and waits for somebody"
        assert plant.tick()[0] == [], "what is live is not asked for, nor what is parked"
        retried = plant.fdm("retry", TABLE, "--biz-dt", SECOND)
        assert retried.code == 0, retried.said
    assert "breaker" not in plant.fdm("status").out
    assert [e["kind"] for e in plant.scan("fdm_breakers")] == ["success"]
    assert plant.versions() == {FIRST: 1, SECOND: 1, LAST: 1}
    assert sorted(plant.attempts()[2:]) == [(day, "Completed") for day in (FIRST, SECOND, LAST)]
    assert (plant.parked(), plant.leftovers()) == ([], [])


@pytest.mark.parametrize(
    ("point", "parked", "again"),
    [
        ("breaker.opened", [], ["materialize", TABLE, "--biz-dt", LAST]),
        ("park.written", [LAST], ["retry", TABLE, "--all"]),
    ],
)
def test_a_command_that_dies_where_it_gives_a_date_up(
    plant: Plant, source: Source, point: str, parked: list[str], again: list[str]
) -> None:
    plant.breaker(failures=1, cooldown_s=3600)
    died = plant.fdm("materialize", TABLE, "--biz-dt", LAST, at=point)
    assert died.code == -signal.SIGKILL, died.said
    assert [e["kind"] for e in plant.scan("fdm_breakers")] == ["failure"]
    assert "the breaker of source gels_fpms is open" in plant.fdm("status").out
    assert plant.parked() == parked

    source.answers.set()
    with source.opened():
        done = plant.fdm(*again)
    assert done.code == 0, done.said
    assert plant.versions() == {LAST: 1}
    assert plant.attempts() == [(LAST, "Failed"), (LAST, "Completed")]
    assert "breaker" not in plant.fdm("status").out
    assert plant.scan("fdm_dead_letters") == []
    assert plant.leftovers() == []
