"""execution_log in tables that a team made: each attempt's row is kept, whichever generation the table is of.

Source of the columns: the legacy framework's contract.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.execution_log.log import ExecutionLog
from fdm_platform.control.execution_log.rows import AttemptRows
from fdm_platform.control.kudu.client import NewTable
from fdm_platform.control.kudu.java import JavaClient
from fdm_platform.control.kudu.opening import client_jars
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.layout import StoredColumn
from fdm_platform.control.store import ControlStore, Predicate, open_store

pytestmark = pytest.mark.kudu

NOON = datetime(2024, 5, 15, 12, 0, tzinfo=UTC)
TEXTS = ("job_id", "id", "job_name", "run_id", "spark_app_id", "status", "error_message")
TIMES = ("start_time", "end_time")


def legacy_store(servers: Servers, key: str, *, duration: str | None) -> ControlStore:
    """A store on an execution_log with this key, made without the platform; nothing else is there."""
    columns = {**dict.fromkeys(TEXTS, "string"), **dict.fromkeys(TIMES, "unixtime_micros")}
    if duration:
        columns["duration"] = duration
    stored = [StoredColumn(key, "string", is_key=True, is_nullable=False)]
    stored += [StoredColumn(name, kind) for name, kind in columns.items() if name != key]
    prefix = f"attempts_{secrets.token_hex(6)}."
    client = JavaClient([servers.address], client_jars)
    client.create(NewTable(prefix + "execution_log", tuple(stored), (key,), 2, "a team's own", 1))
    client.close()
    return open_store(f"kudu+java://{servers.address}?prefix={prefix}")


@pytest.fixture
def second(kudu_servers: Servers) -> Iterator[ControlStore]:
    """Generation 2: the key is job_id alone, seconds are whole."""
    store = legacy_store(kudu_servers, "job_id", duration="int64")
    yield store
    store.close()


def row(second_of_start: int, status: str = "Started", **changes: Any) -> dict[str, Any]:
    started = NOON + timedelta(seconds=second_of_start)
    return {
        "id": f"{int(started.timestamp()) * 1_000_000}_a",
        "job_id": "JOB_1",
        "job_name": "load",
        "run_id": None,
        "spark_app_id": None,
        "status": status,
        "start_time": started,
        **changes,
    }


def shown(store: ControlStore) -> list[tuple[str, str]]:
    return sorted((r["id"], r["status"]) for r in store.scan("execution_log"))


def history(store: ControlStore) -> list[tuple[str, str]]:
    return sorted((r["id"], r["status"]) for r in store.scan("fdm_execution_log"))


def test_a_table_of_generation_1_without_duration_takes_the_rest(
    kudu_servers: Servers, tmp_path: Path
) -> None:
    store = legacy_store(kudu_servers, "id", duration=None)
    attempts = ExecutionLog(store, tmp_path / "journal")
    for _ in range(2):
        attempt = attempts.start(job_id="JOB_1", job_name="load", run_id="20240515")
        attempts.note_application(attempt, "local-1")
        attempts.finish(attempt, status="Completed")
    found = list(store.scan("execution_log"))
    assert [(r["job_id"], r["status"], r["spark_app_id"]) for r in found] == [
        ("JOB_1", "Completed", "local-1"),
        ("JOB_1", "Completed", "local-1"),
    ]
    assert store.existing() == {"execution_log"}
    store.close()


def test_generation_2_shows_the_newest_attempt_and_keeps_each(second: ControlStore, tmp_path: Path) -> None:
    moments = iter(NOON + timedelta(seconds=s) for s in (0, 1.6, 10, 12))
    attempts = ExecutionLog(second, tmp_path / "journal", now=lambda: next(moments))
    first = attempts.start(job_id="JOB_1", job_name="load", run_id="20240515")
    attempts.note_application(first, "local-1")
    assert shown(second) == history(second) == [(first, "Started")]
    attempts.finish(first, status="Failed", error="no disk")
    latest = attempts.start(job_id="JOB_1", job_name="load", run_id="20240516")
    assert shown(second) == [(latest, "Started")]
    attempts.finish(latest, status="Completed")
    assert shown(second) == [(latest, "Completed")]
    assert history(second) == [(first, "Failed: no disk"), (latest, "Completed")]
    (legacy,) = second.scan("execution_log")
    assert (legacy["run_id"], legacy["duration"], legacy["error_message"]) == ("20240516", 2, None)
    kept = {r["id"]: (r["duration"], r["spark_app_id"]) for r in second.scan("fdm_execution_log")}
    assert kept == {first: (1.6, "local-1"), latest: (2.0, None)}
    assert not any((tmp_path / "journal").iterdir())


def test_an_older_attempt_that_ends_later_does_not_replace_a_newer_one(second: ControlStore) -> None:
    rows = AttemptRows(second)
    for one in (row(0), row(5), row(0, "Completed"), row(0, "Completed")):
        rows.write(one)
    assert shown(second) == [(row(5)["id"], "Started")]
    assert history(second) == [(row(0)["id"], "Completed"), (row(5)["id"], "Started")]


def test_a_newer_row_of_another_program_is_left(second: ControlStore) -> None:
    second.upsert("execution_log", [row(60, "Completed")])
    AttemptRows(second).write(row(0))
    assert shown(second) == [(row(60)["id"], "Completed")]
    AttemptRows(second).write(row(90))
    assert shown(second) == [(row(90)["id"], "Started")]


class Overtaken:
    """A store to which, just before this writes to execution_log, another process writes."""

    def __init__(self, store: ControlStore, others: list[Callable[[], object]]) -> None:
        self.store = store
        self.others = others

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def upsert(self, table: str, rows: Any) -> None:
        if table == "execution_log" and self.others:
            self.others.pop(0)()
        self.store.upsert(table, rows)


def test_two_attempts_of_a_job_at_once_leave_the_newer_one(second: ControlStore) -> None:
    """The older has looked, and writes what is out of date by then: once the start, once the end of the newer."""
    newer = AttemptRows(second)
    others: list[Callable[[], object]] = [
        lambda: newer.write(row(5)),
        lambda: newer.write(row(5, "Completed")),
    ]
    overtaken = Overtaken(second, others)
    AttemptRows(overtaken).write(row(0, "Completed"))
    assert others == []
    assert shown(second) == [(row(5)["id"], "Completed")]


def test_ids_of_another_form_are_older_than_any(second: ControlStore) -> None:
    second.upsert("execution_log", [row(0, "Completed", id="legacy-99")])
    AttemptRows(second).write(row(0))
    (legacy,) = second.scan("execution_log", [Predicate("job_id", "=", "JOB_1")])
    assert legacy["id"] == row(0)["id"]
