"""The execution log: a start row for every attempt of a job, and one final line on the same row.

No row is lost and none fails the job. Each is in a journal on local disk before the control store is
asked to take it; a store that is away is asked again beside the job, and what it has not taken when the
process ends is delivered by the next process.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from fdm_platform.control.execution_log.delivery import CLOSE_WAIT_S, Delivery
from fdm_platform.control.execution_log.journal import Journal, JournalEntry
from fdm_platform.control.execution_log.orphans import Orphans
from fdm_platform.control.execution_log.rows import STARTED, TABLE, AttemptRows
from fdm_platform.control.store import ControlStore
from fdm_platform.control.values import Row, from_micros, to_micros
from fdm_platform.crash import reached
from fdm_platform.errors import ControlError, ControlUnavailableError

MAX_ERROR_CHARACTERS = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DateAttempt:
    """A landing table's date that is attempted, and who asked for it."""

    table_name: str
    biz_dt: date
    load_id: str
    control_version: str | None = None
    asked_by: str | None = None
    """`sensor`, `backfill`, `automation`, `schedule` or `hand`."""


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class ExecutionLog:
    """Writes execution_log in a control store. One object may serve many attempts, in many threads.

    `journal` is the folder of its journal; without one, what the store does not take before the process
    ends is lost. `wait` is how the time between tries is spent.
    """

    def __init__(
        self,
        store: ControlStore,
        journal: Path | None = None,
        *,
        wait: Callable[[float], object] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._rows = AttemptRows(store)
        self._journal = Journal(journal) if journal else None
        self._delivery = Delivery(wait)
        self._now = now
        self._open: dict[str, _Attempt] = {}
        self._is_used = False

    def start(
        self,
        *,
        job_id: str,
        job_name: str,
        run_id: str | None,
        spark_app_id: str | None = None,
        of: DateAttempt | None = None,
    ) -> str:
        """Write the start row and return its id, whether or not the store could take it yet.

        `of` is the landing table's date that is attempted: it makes the attempt a row of fdm_attempts, too.
        """
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
            **(asdict(of) if of else {}),
        }
        attempt = self._attempt(attempt_id)
        if attempt.change(row):
            self._send(attempt, f"the start of {job_name}")
        return attempt_id

    def note_application(self, attempt_id: str, spark_app_id: str) -> None:
        """Write Spark's application id to a row that this object started."""
        attempt = self._open.get(attempt_id)
        if attempt and attempt.change({"spark_app_id": spark_app_id}):
            self._send(attempt, f"the application of {attempt_id}")

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
        try:
            attempt = self._open.get(attempt_id) or self._adopt(attempt_id)
            if attempt.change(final):
                self._send(attempt, f"the end of attempt {attempt_id}")
            else:
                _warn_of_final(attempt.row)
        except Exception as failure:  # noqa: BLE001 - the log never fails the job, whatever it meets
            log.warning("execution_log: could not write the end of attempt %s: %s", attempt_id, failure)

    def take_over(self, attempt_ids: Iterable[str]) -> bool:
        """Be the one who ends attempts that a dead process began; False, and of none, where one has ended already."""
        taken = [self._adopt(attempt_id) for attempt_id in attempt_ids]
        if all(not attempt.is_final for attempt in taken):
            return True
        for attempt in taken:
            if not attempt.is_final:
                attempt.let_go()
        return False

    def leave(self, attempt_id: str) -> None:
        """Leave the end of an attempt to others: this process does not know how it ended."""
        attempt = self._open.get(attempt_id)
        if attempt:
            attempt.let_go()

    def close(self, timeout_s: float = CLOSE_WAIT_S) -> None:
        """Try once more to deliver what the store has not taken; at most `timeout_s` seconds.

        What is left stays in the journal, free for the next process. So it is at the process's end, too.
        """
        self._delivery.close(timeout_s)
        for attempt in list(self._open.values()):
            if attempt.is_final:
                attempt.let_go()

    def _adopt(self, attempt_id: str) -> _Attempt:
        """An attempt that another process started."""
        attempt = self._attempt(attempt_id)
        attempt.row = (attempt.entry and attempt.entry.last()) or attempt.row
        if attempt.is_final:  # it had written its end, and died before the store had it
            self._send(attempt, f"the end of attempt {attempt_id}")
            return attempt
        stored = self._stored(attempt_id)
        if stored:
            is_final = stored["status"] != STARTED
            attempt.row = stored if is_final else {**stored, **attempt.row}
        if attempt.is_final:
            attempt.done()
        return attempt

    def _stored(self, attempt_id: str) -> Row | None:
        """The store's row of an attempt; None also where the store is away."""
        try:
            return None if self._delivery.is_failing else self._rows.find(attempt_id)
        except ControlError as error:
            log.info("execution_log: the start of %s is not known: %s", attempt_id, error)
            return None

    def _attempt(self, attempt_id: str) -> _Attempt:
        self._look_for_orphans()
        entry = None
        if self._journal:
            try:
                entry = self._journal.open(attempt_id)
            except (OSError, ControlError) as error:
                log.warning("execution_log: %s is not in the journal: %s", attempt_id, error)
        attempt = _Attempt({"id": attempt_id, "status": STARTED}, entry, self._rows, self._open)
        self._open[attempt_id] = attempt
        return attempt

    def _look_for_orphans(self) -> None:
        """Once: what earlier processes left is delivered beside the job, which does not wait for it."""
        if self._journal and not self._is_used:
            self._is_used = True
            orphans = Orphans(self._store, self._journal.folder)
            if orphans.are_there():
                self._delivery.queue(orphans)

    def _send(self, attempt: _Attempt, what: str) -> None:
        attempt.unsaid.append(what)
        if self._delivery.is_failing or self._delivery.holds(attempt):
            self._delivery.queue(attempt)
            return
        try:
            attempt.deliver()
        except ControlUnavailableError as error:
            self._delivery.queue(attempt, error)
        except Exception as error:  # noqa: BLE001 - the log never fails the job, whatever it meets
            attempt.warn(error)


@dataclass(eq=False, slots=True)
class _Attempt:
    """An attempt's row as it is known here, and its entry in the journal. A Parcel."""

    row: Row
    entry: JournalEntry | None
    rows: AttemptRows
    open: dict[str, _Attempt]
    unsaid: list[str] = field(default_factory=list)
    """What changed and is neither in the store nor told as missing there."""
    lock: Any = field(default_factory=threading.Lock)

    @property
    def is_final(self) -> bool:
        return bool(self.row["status"] != STARTED)

    def change(self, values: Row) -> bool:
        """Change the row, on disk first; False, and no change, if it is final."""
        with self.lock:
            if self.is_final:
                return False
            row = {**self.row, **values}
            if "end_time" in values:
                started = row.get("start_time") or _start_of(row["id"])
                seconds = (row["end_time"] - started).total_seconds()
                row |= {"start_time": started, "duration": seconds}
            self.row = row
            self._note(row)
            return True

    def deliver(self) -> None:
        with self.lock:
            row, told = self.row, len(self.unsaid)
        standing = self.rows.write(row)
        reached("journal.sent")
        if standing["status"] != row["status"]:
            _warn_of_final(standing)
        with self.lock:
            del self.unsaid[:told]
        if row["status"] != STARTED:
            self.done()

    def warn(self, error: Exception) -> None:
        kept = f"; it is kept in {self.entry.path} and delivered later" if self.entry else ""
        with self.lock:
            unsaid, self.unsaid = self.unsaid, []
        for what in unsaid:
            log.warning("execution_log: could not write %s: %s%s", what, error, kept)

    def done(self) -> None:
        """The final row is in the store: nothing is left to remember."""
        self.open.pop(self.row["id"], None)
        if self.entry:
            try:
                self.entry.remove()
            except OSError as error:
                log.warning("execution_log: %s could not be removed: %s", self.entry.path, error)

    def let_go(self) -> None:
        self.open.pop(self.row["id"], None)
        if self.entry:
            self.entry.release()

    def _note(self, row: Row) -> None:
        if self.entry:
            try:
                self.entry.append(row)
            except (OSError, ValueError) as error:
                log.warning("execution_log: the journal %s is not written: %s", self.entry.path, error)


def _warn_of_final(standing: Row) -> None:
    log.warning("%s %s is final already: %s", TABLE, standing["id"], standing["status"])


def _outcome(status: str, error: str | None) -> dict[str, Any]:
    if status == "Completed":
        return {"status": status, "error_message": None}
    # A message may quote bytes of the data that are no text.
    message = (error or "no message").encode(errors="replace").decode()[:MAX_ERROR_CHARACTERS]
    return {"status": f"{status}: {message}", "error_message": message}


def _start_of(attempt_id: str) -> datetime:
    return from_micros(int(attempt_id.partition("_")[0]))
