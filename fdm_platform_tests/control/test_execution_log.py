import logging
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.execution_log import ExecutionLog
from fdm_platform.control.sqlite import SqliteStore
from fdm_platform.control.store import ControlStore, open_store

NOON = datetime(2024, 5, 15, 12, 0, tzinfo=UTC)


class Clock:
    """Time that passes by a second and a half at each look."""

    def __init__(self) -> None:
        self.now = NOON - timedelta(seconds=1.5)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1.5)
        return self.now


@pytest.fixture
def attempts(store: ControlStore) -> ExecutionLog:
    return ExecutionLog(store, now=Clock())


def start(attempts: ExecutionLog, **changes: Any) -> str:
    return attempts.start(**{"job_id": "JOB_1", "job_name": "load", "run_id": "20240515", **changes})


def rows(store: ControlStore) -> list[dict[str, Any]]:
    return list(store.scan("execution_log"))


def test_a_start_row_as_soon_as_the_job_starts(store: ControlStore, attempts: ExecutionLog) -> None:
    attempt = start(attempts)
    assert re.fullmatch(r"1715774400000000_[0-9a-f]{16}", attempt)
    assert rows(store) == [
        {
            "id": attempt,
            "job_id": "JOB_1",
            "job_name": "load",
            "run_id": "20240515",
            "spark_app_id": None,
            "status": "Started",
            "start_time": NOON,
            "end_time": None,
            "duration": None,
            "error_message": None,
        }
    ]


def test_the_same_row_is_completed(store: ControlStore, attempts: ExecutionLog) -> None:
    attempt = start(attempts)
    attempts.finish(attempt, status="Completed", spark_app_id="local-1")
    (row,) = rows(store)
    assert row == {
        "id": attempt,
        "job_id": "JOB_1",
        "job_name": "load",
        "run_id": "20240515",
        "spark_app_id": "local-1",
        "status": "Completed",
        "start_time": NOON,
        "end_time": NOON + timedelta(seconds=1.5),
        "duration": 1.5,
        "error_message": None,
    }


def test_a_failure_keeps_500_characters_and_the_application_id(
    store: ControlStore, attempts: ExecutionLog
) -> None:
    attempt = start(attempts, spark_app_id="local-1")
    attempts.finish(attempt, status="Failed", error="ü" * 501)
    (row,) = rows(store)
    assert row["error_message"] == "ü" * 500
    assert row["status"] == f"Failed: {'ü' * 500}"
    assert row["spark_app_id"] == "local-1"


def test_a_message_of_broken_bytes_is_written(store: ControlStore, attempts: ExecutionLog) -> None:
    attempts.finish(start(attempts), status="Failed", error=b"caf\xe9".decode(errors="surrogateescape"))
    assert rows(store)[0]["error_message"] == "caf?"


def test_an_attempt_has_one_final_line(
    store: ControlStore, attempts: ExecutionLog, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = start(attempts)
    attempts.finish(attempt, status="Failed", error="no disk")
    first = rows(store)
    attempts.finish(attempt, status="Completed")
    assert rows(store) == first
    assert f"execution_log {attempt} is final already: Failed: no disk" in caplog.text


def test_another_process_may_finish_the_attempt(store: ControlStore, attempts: ExecutionLog) -> None:
    attempt = start(attempts)
    ExecutionLog(store, now=Clock()).finish(attempt, status="Completed")
    (row,) = rows(store)
    assert (row["job_name"], row["status"], row["start_time"]) == ("load", "Completed", NOON)


def test_the_final_line_holds_all_where_the_start_was_lost(
    store: ControlStore, attempts: ExecutionLog
) -> None:
    attempt = start(attempts)
    store.delete("execution_log", [{"id": attempt}])
    attempts.finish(attempt, status="Completed")
    (row,) = rows(store)
    assert (row["job_id"], row["run_id"], row["start_time"], row["duration"]) == (
        "JOB_1",
        "20240515",
        NOON,
        1.5,
    )


def test_a_lost_attempt_of_another_process_starts_when_its_id_says(store: ControlStore) -> None:
    ExecutionLog(store, now=Clock()).finish("1715774390000000_abc", status="Completed")
    (row,) = rows(store)
    assert (row["start_time"], row["duration"]) == (NOON - timedelta(seconds=10), 10.0)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[ControlStore, sqlite3.Connection]]:
    """A store that another process has locked."""
    path = tmp_path / "locked.db"
    store = SqliteStore(f"sqlite:///{path}", busy_timeout_s=0.01)
    store.create(["execution_log"])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield store, other
    other.close()
    store.close()


def test_a_store_that_comes_back_is_written_after_the_third_wait(
    locked: tuple[ControlStore, sqlite3.Connection],
) -> None:
    store, other = locked
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("ROLLBACK")

    start(ExecutionLog(store, sleep=sleep))
    assert waits == [1, 2, 4]
    assert [row["status"] for row in rows(store)] == ["Started"]


def test_a_store_that_stays_away_is_a_warning_and_no_error(
    locked: tuple[ControlStore, sqlite3.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    store, _ = locked
    waits: list[float] = []
    attempts = ExecutionLog(store, sleep=waits.append)
    attempts.finish(start(attempts), status="Completed")
    assert waits == [1, 2, 4, 1, 2, 4]
    assert rows(store) == []
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "could not write the start of load" in warnings[0]
    assert "stayed locked" in warnings[1]


def test_a_store_without_the_table_is_a_warning_at_once(
    empty_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(empty_url)
    store.create(["job_master"])
    waits: list[float] = []
    start(ExecutionLog(store, sleep=waits.append))
    assert waits == []
    assert "run `fdm control init`" in caplog.text
    store.close()
