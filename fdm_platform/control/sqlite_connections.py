"""Connections to one SQLite file: pooled, safe for threads and forks, with errors in our own tree."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fdm_platform.errors import ControlError, ControlUnavailableError

INIT_REMEDY = "run `fdm control init`"
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FAILING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class Connections:
    """Lends connections. A connection is used by one borrower at a time, in any thread.

    A connection must not cross a fork, nor outlive its file (it would write to a file that is gone):
    both are noticed when the next one is borrowed. A writer waits `busy_timeout_s` for another.
    """

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self.path = path
        self.busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._of_parent: list[sqlite3.Connection] = []
        self._owner: tuple[int, int, int] | None = None
        self._is_closed = False

    @contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode; what the borrower leaves open is rolled back."""
        connection, owner = self.take()
        try:
            with translated(self.path):
                yield connection
        finally:
            self.give_back(connection, owner)

    def take(self) -> tuple[sqlite3.Connection, tuple[int, int, int]]:
        """A connection and its owner; for `give_back`. ControlError where the file is missing."""
        owner = self._identity()
        with self._lock:
            if owner != self._owner:
                self._forget(owner)
            if self._idle:
                return self._idle.pop(), owner
        return self.open(), owner

    def give_back(self, connection: sqlite3.Connection, owner: tuple[int, int, int]) -> None:
        """Take a connection back into the pool, or close it if it has no place there."""
        if connection.in_transaction:
            connection.rollback()
        with self._lock:
            if owner == self._owner and not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def open(self, *, is_new: bool = False) -> sqlite3.Connection:
        """A connection of the caller's own, to close. `is_new` creates a missing file."""
        uri = f"{self.path.as_uri()}?mode={'rwc' if is_new else 'rw'}"
        with translated(self.path):
            connection = sqlite3.connect(
                uri, uri=True, timeout=self.busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            # The ledger's insert is a commit point: it has to survive a power cut.
            connection.execute("PRAGMA synchronous=FULL")
        return connection

    def switch_to_wal(self, connection: sqlite3.Connection) -> None:
        """Readers and writers of a file in WAL mode do not wait for each other; the mode stays in the file."""
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            try:
                mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
                break
            except sqlite3.OperationalError as error:
                # SQLite does not wait here by itself when two processes create one file at once.
                if _base_code(error) not in _BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        if mode != "wal":
            raise ControlError(
                f"SQLite keeps journal mode {mode} here, with which processes block each other",
                file=str(self.path),
                remedy="put the control store on a local disk",
            )

    def close(self) -> None:
        """Close what is idle now; what is lent is closed when it comes back."""
        with self._lock:
            self._is_closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _identity(self) -> tuple[int, int, int]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            raise ControlError(
                "the control store is not there", file=str(self.path), remedy=INIT_REMEDY
            ) from None
        except OSError as error:
            raise ControlUnavailableError(
                f"the control store cannot be reached: {error.strerror}",
                file=str(self.path),
                remedy="mend the permissions or the mount of its folder",
            ) from error
        return (os.getpid(), stat.st_dev, stat.st_ino)

    def _forget(self, owner: tuple[int, int, int]) -> None:
        """Drop connections of another process or file. A parent's are kept unclosed: it uses them."""
        is_child = self._owner is not None and self._owner[0] != owner[0]
        if is_child:
            self._of_parent += self._idle
        else:
            for connection in self._idle:
                connection.close()
        self._idle = []
        self._owner = owner


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ControlErrors that name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.Error, path: Path) -> ControlError:
    code, text = _base_code(error), str(error)
    if code in _BUSY:
        return ControlUnavailableError(
            "the control store stayed locked by another process",
            file=str(path),
            remedy="find the process that holds a write transaction on it, then try again",
        )
    if code in _FAILING:
        return ControlUnavailableError(
            f"the control store cannot be used: {text}",
            file=str(path),
            remedy=_remedy(code, path),
        )
    if code in _DAMAGED:
        return ControlError(
            f"this is no usable SQLite database: {text}",
            file=str(path),
            remedy="set FDM_CONTROL_URL to the control store, or restore it from a backup",
        )
    if text.startswith("no such column") or "has no column named" in text:
        return ControlError(
            f"SQLite refused: {text}",
            file=str(path),
            remedy="run `fdm control init`: it adds what a table of an earlier release lacks",
        )
    if text.startswith("no such table"):
        return ControlError(text.replace("no such", "no"), file=str(path), remedy=INIT_REMEDY)
    return ControlError(
        f"SQLite refused: {text}",
        file=str(path),
        remedy="compare the table's columns with docs/control-tables.md",
    )


def _remedy(code: int | None, path: Path) -> str:
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_room(path.parent)):
        return "free space on its disk: whoever waits for it then goes on"
    if code == sqlite3.SQLITE_READONLY:
        return "make its disk, its folder and the file writable for this user"
    return "look at the disk and the permissions of its folder"


def _has_no_room(folder: Path) -> bool:
    """SQLite says no more than "disk I/O error" where it cannot make the files beside its own."""
    try:
        of = os.statvfs(folder)
    except OSError:
        return False
    return of.f_bavail == 0 or (of.f_files > 0 and of.f_favail == 0)


def _base_code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)  # absent where the module itself refused
    return None if code is None else code & 0xFF
