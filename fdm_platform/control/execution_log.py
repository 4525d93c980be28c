"""The execution log: a start row for every attempt of a job, and one final line on the same row.

A log that cannot be written never fails the job: it is tried again, then becomes a warning.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row, from_micros, to_micros
from fdm_platform.errors import ControlUnavailableError

TABLE = "execution_log"
STARTED = "Started"
MAX_ERROR_CHARACTERS = 500
RETRY_AFTER_S = (1.0, 2.0, 4.0)

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class ExecutionLog:
    """Writes execution_log in a control store. One object may serve many attempts, in many threads."""

    def __init__(
        self,
        store: ControlStore,
        *,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._sleep = sleep
        self._now = now
        self._started: dict[str, Row] = {}

    def start(
        self, *, job_id: str, job_name: str, run_id: str | None, spark_app_id: str | None = None
    ) -> str:
        """Write the start row and return its id, whether or not it could be written."""
        started = self._now()
        attempt_id = f"{to_micros(started)}_{secrets.token_hex(8)}"
        row: Row = {
            "id": attempt_id,
            "job_id": job_id,
            "job_name": job_name,
            "run_id": run_id,
            "spark_app_id": spark_app_id,
            "status": STARTED,
            "start_time": started,
        }
        self._started[attempt_id] = row
        self._try(f"the start of {job_name}", lambda: self._store.insert(TABLE, row))
        return attempt_id

    def note_application(self, attempt_id: str, spark_app_id: str) -> None:
        """Write Spark's application id to a row that this object started."""
        row = self._started.get(attempt_id)
        if row is not None:
            row["spark_app_id"] = spark_app_id
            self._try(f"the application of {attempt_id}", lambda: self._store.upsert(TABLE, [row]))

    def finish(
        self,
        attempt_id: str,
        *,
        status: Literal["Completed", "Failed"],
        error: str | None = None,
        spark_app_id: str | None = None,
    ) -> None:
        """Complete the attempt's row, writing the whole of it if its start could not be written.

        An attempt has one final line: a second one is refused with a warning.
        """
        final = {"id": attempt_id, **_outcome(status, error), "end_time": self._now()}
        if spark_app_id:
            final["spark_app_id"] = spark_app_id
        self._try(f"the end of attempt {attempt_id}", lambda: self._write_final(final))
        self._started.pop(attempt_id, None)

    def _write_final(self, final: Row) -> None:
        attempt_id = final["id"]
        stored = next(self._store.scan(TABLE, [Predicate("id", "=", attempt_id)]), None)
        if stored and stored["status"] != STARTED:
            log.warning("execution_log %s is final already: %s", attempt_id, stored["status"])
            return
        row = {**self._started.get(attempt_id, {}), **final}
        started = (stored or row).get("start_time") or _start_of(attempt_id)
        seconds = (final["end_time"] - started).total_seconds()
        self._store.upsert(TABLE, [{**row, "start_time": started, "duration": seconds}])

    def _try(self, what: str, write: Callable[[], None]) -> None:
        for wait_s in (*RETRY_AFTER_S, None):
            try:
                write()
            except ControlUnavailableError as error:
                if wait_s is not None:
                    self._sleep(wait_s)
                    continue
                log.warning("execution_log: could not write %s: %s", what, error)
            except Exception as error:  # noqa: BLE001 - the log never fails the job, whatever it meets
                log.warning("execution_log: could not write %s: %s", what, error)
            return


def _outcome(status: str, error: str | None) -> dict[str, Any]:
    if status == "Completed":
        return {"status": status, "error_message": None}
    # A message may quote bytes of the data that are no text.
    message = (error or "no message").encode(errors="replace").decode()[:MAX_ERROR_CHARACTERS]
    return {"status": f"{status}: {message}", "error_message": message}


def _start_of(attempt_id: str) -> datetime:
    return from_micros(int(attempt_id.partition("_")[0]))
