import logging
import re
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.execution_log.log import DateAttempt, ExecutionLog
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


class Waits:
    """The waits between tries: noted, and ended by the test."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun, self._ended = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._begun.release()
        self._ended.acquire()

    def end(self, times: int = 1) -> None:
        """Let waits pass, until the one after them has begun."""
        for _ in range(times):
            self._ended.release()
            self._begun.acquire()

    def reached(self) -> None:
        """The first wait has begun."""
        self._begun.acquire()

    def end_last(self, attempts: ExecutionLog) -> None:
        """End the wait, and close the log when what comes after it is done."""
        for _ in range(2):
            self._ended.release()
        attempts.close(timeout_s=60)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_store_that_comes_back_is_written_after_the_third_wait(
    locked: tuple[ControlStore, sqlite3.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    store, other = locked
    waits = Waits()
    attempts = ExecutionLog(store, wait=waits)
    start(attempts)
    waits.reached()
    waits.end(2)
    assert rows(store) == []
    other.execute("ROLLBACK")
    waits.end_last(attempts)
    assert waits.seconds == [1, 2, 4]
    assert [row["status"] for row in rows(store)] == ["Started"]
    assert warnings_in(caplog) == []


def test_a_store_that_stays_away_is_a_warning_and_no_error(
    locked: tuple[ControlStore, sqlite3.Connection], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    store, _ = locked
    waits = Waits()
    attempts = ExecutionLog(store, tmp_path / "journal", wait=waits)
    attempt = start(attempts)
    waits.reached()
    waits.end(2)
    assert warnings_in(caplog) == []
    attempts.finish(attempt, status="Completed")
    waits.end(1)
    assert waits.seconds == [1, 2, 4, 60]
    waits.end_last(attempts)
    assert rows(store) == []
    warnings = warnings_in(caplog)
    assert len(warnings) == 2
    assert "could not write the start of load" in warnings[0]
    assert "stayed locked" in warnings[0]
    assert f"could not write the end of attempt {attempt}" in warnings[1]
    assert "stayed locked" in warnings[1]
    assert f"kept in {tmp_path / 'journal' / attempt}.jsonl" in warnings[1]


def test_a_log_that_is_failing_asks_the_store_no_more_for_later_events(
    locked: tuple[ControlStore, sqlite3.Connection],
) -> None:
    """The wait has not ended, so whoever asked the store for the two events would find it back."""
    store, other = locked
    waits = Waits()
    attempts = ExecutionLog(store, wait=waits)
    attempt = start(attempts)
    waits.reached()
    other.execute("ROLLBACK")
    attempts.note_application(attempt, "local-1")
    attempts.finish(attempt, status="Completed")
    start(attempts, job_id="JOB_2")
    assert rows(store) == []
    waits.end_last(attempts)
    assert sorted((r["job_id"], r["status"], r["spark_app_id"]) for r in rows(store)) == [
        ("JOB_1", "Completed", "local-1"),
        ("JOB_2", "Started", None),
    ]


def test_closing_a_log_tries_once_more_at_once(locked: tuple[ControlStore, sqlite3.Connection]) -> None:
    """The wait is the log's own, of a second at least: it does not end by itself before the rollback."""
    store, other = locked
    attempts = ExecutionLog(store)
    attempts.finish(start(attempts), status="Completed")
    other.execute("ROLLBACK")
    attempts.close(timeout_s=60)
    assert [row["status"] for row in rows(store)] == ["Completed"]


def test_a_log_that_found_the_store_again_writes_at_once(
    locked: tuple[ControlStore, sqlite3.Connection],
) -> None:
    store, other = locked
    waits = Waits()
    attempts = ExecutionLog(store, wait=waits)
    first = start(attempts)
    waits.reached()
    other.execute("ROLLBACK")
    attempts.close(timeout_s=0)
    waits.end_last(attempts)
    attempts.finish(first, status="Completed")
    assert [row["status"] for row in rows(store)] == ["Completed"]


def test_a_store_without_the_table_is_a_warning_at_once(
    empty_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(empty_url)
    store.create(["job_master"])
    waits: list[float] = []
    attempts = ExecutionLog(store, wait=waits.append)
    start(attempts)
    assert "run `fdm control init`" in caplog.text
    attempts.close()
    assert waits == []
    store.close()


def test_an_attempt_of_a_landing_tables_date_is_found_by_table_and_date(store: ControlStore) -> None:
    log = ExecutionLog(store, now=Clock())
    of = DateAttempt("gels_fpms_t_x", date(2024, 5, 15), "run-1", "v1", "sensor")
    attempt = start(log, of=of)
    (opened,) = store.scan("fdm_attempts")
    assert (opened["status"], opened["id"], opened["asked_by"]) == ("Started", attempt, "sensor")
    log.note_application(attempt, "local-1")
    log.finish(attempt, status="Failed", error="no such file")
    (closed,) = store.scan("fdm_attempts")
    assert closed == {
        "table_name": "gels_fpms_t_x",
        "biz_dt": date(2024, 5, 15),
        "load_id": "run-1",
        "id": attempt,
        "control_version": "v1",
        "asked_by": "sensor",
        "spark_app_id": "local-1",
        "status": "Failed: no such file",
        "start_time": NOON,
        "end_time": NOON + timedelta(seconds=1.5),
        "duration": 1.5,
        "error_message": "no such file",
    }
    assert [row["status"] for row in rows(store)] == ["Failed: no such file"]
