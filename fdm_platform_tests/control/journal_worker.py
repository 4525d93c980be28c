"""A process that writes attempts, and dies where it is told to.

`python journal_worker.py <work> <url> <journal> [<deadly moment>]`: what it did, a line for each.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fdm_platform.control.execution_log.log import ExecutionLog
from fdm_platform.control.execution_log.orphans import deliver_orphans
from fdm_platform.control.sqlite import SqliteStore

ATTEMPTS = 20


class Deadly(SqliteStore):
    """A store at which the process is killed: `before insert`, `after insert`, `before upsert`, `after upsert`."""

    def __init__(self, url: str, moment: str) -> None:
        super().__init__(url, busy_timeout_s=0.01)
        self._moment = moment

    def insert(self, table: str, row: Any) -> None:
        self._die_at("before insert")
        super().insert(table, row)
        self._die_at("after insert")

    def upsert(self, table: str, rows: Any) -> None:
        self._die_at("before upsert")
        super().upsert(table, rows)
        self._die_at("after upsert")

    def _die_at(self, moment: str) -> None:
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201 - what this process is for


def start(log: ExecutionLog) -> str:
    attempt = log.start(job_id="JOB_1", job_name="load", run_id="20240515")
    say("Started", attempt)
    return attempt


def one_attempt(store: SqliteStore, journal: Path) -> None:
    log = ExecutionLog(store, journal)
    log.finish(start(log), status="Completed")
    log.close()


def attempts_until_killed(store: SqliteStore, journal: Path) -> None:
    log = ExecutionLog(store, journal)
    while True:
        attempt = start(log)
        log.note_application(attempt, "local-1")
        log.finish(attempt, status="Completed")
        say("Completed", attempt)


def lock(store: SqliteStore) -> sqlite3.Connection:
    other = sqlite3.connect(store.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def attempts_without_store(store: SqliteStore, journal: Path) -> None:
    """Half of them come to their end. The store is locked all the while."""
    _other = lock(store)
    log = ExecutionLog(store, journal)
    attempts = [start(log) for _ in range(ATTEMPTS)]
    for attempt in attempts[::2]:
        log.finish(attempt, status="Completed")
        say("Completed", attempt)
    os.kill(os.getpid(), signal.SIGKILL)


def away_to_the_end(store: SqliteStore, journal: Path) -> None:
    """Ends as a program does that closes nothing. The store is locked all the while."""
    global other  # noqa: PLW0603 - it has to outlive this function
    other = lock(store)
    log = ExecutionLog(store, journal)
    attempt = start(log)
    log.finish(attempt, status="Completed")
    say("Completed", attempt)


def live_attempt(store: SqliteStore, journal: Path) -> None:
    """Ends it when it is told to."""
    log = ExecutionLog(store, journal)
    attempt = start(log)
    sys.stdin.readline()
    log.finish(attempt, status="Completed")
    log.close()


def deliver(store: SqliteStore, journal: Path) -> None:
    """As soon as it is told to. Waits for the other who delivers."""
    say("ready")
    sys.stdin.readline()
    say(deliver_orphans(SqliteStore(store.url), journal))


other: sqlite3.Connection
WORKS: dict[str, Callable[[SqliteStore, Path], None]] = {
    f.__name__: f
    for f in (
        *(one_attempt, attempts_until_killed, attempts_without_store),
        *(away_to_the_end, live_attempt, deliver),
    )
}

if __name__ == "__main__":
    work, store_url, folder, *deadly = sys.argv[1:]
    WORKS[work](Deadly(store_url, *deadly or ["never"]), Path(folder))
