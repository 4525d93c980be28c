"""What execution_log must not lose, on this machine's disk before it is sent to the control store.

A folder with a file for each attempt, named by its id: lines of JSON, each the attempt's whole row as of
then. Whoever owns an attempt holds a lock on its file; the system frees the lock when the process dies,
however it dies, so a file that can be locked belongs to nobody that lives. An attempt whose final line
has reached the store has no file.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path
from typing import IO

from fdm_platform.control.schema import find_table
from fdm_platform.control.values import Row, parse_text
from fdm_platform.crash import reached
from fdm_platform.errors import ControlError

OPEN = ".jsonl"
"""Suffix of an attempt's file."""
DELIVERED = ".started"
"""Suffix of the file of a dead attempt whose start row is in the store, and whose end nobody wrote."""
_NAME = re.compile(r"[0-9]{1,19}_[0-9A-Za-z]{1,64}")
_ATTEMPT = {c.name: c for t in ("execution_log", "fdm_attempts") for c in find_table(t).columns}


class JournalEntry:
    """An attempt's file, locked by this object until `release` or `remove`. Threads may share it."""

    def __init__(self, path: Path, handle: IO[bytes]) -> None:
        self.path = path
        self._handle = handle
        self._lock = threading.Lock()

    def append(self, row: Row) -> None:
        """Add the row as it is now; it is on disk when this returns. OSError leaves what was there before."""
        line = json.dumps({name: _plain(value) for name, value in row.items()}).encode() + b"\n"
        with self._lock:
            end = self._handle.seek(0, os.SEEK_END)
            try:
                while line:  # a disk that is nearly full takes a piece, and then says so
                    line = line[self._handle.write(line) :]
                os.fsync(self._handle.fileno())
                reached("journal.appended")
            except OSError:
                os.ftruncate(self._handle.fileno(), end)
                raise

    def last(self) -> Row | None:
        """The newest row; None where the process died before its first line was whole."""
        with self._lock:
            self._handle.seek(0)
            lines = self._handle.read().split(b"\n")[:-1]
        rows = (_row(line) for line in reversed(lines))
        return next((row for row in rows if row), None)

    def mark_delivered(self) -> None:
        """The start row is in the store: nobody has to look at this file again to deliver it."""
        self.path = self.path.rename(self.path.with_suffix(DELIVERED))

    def remove(self) -> None:
        """Remove the file, then free it."""
        self.path.unlink(missing_ok=True)
        reached("journal.removed")
        self.release()

    def release(self) -> None:
        """Free the file for others."""
        self._handle.close()


class Journal:
    """The folder of the entries. It is made when the first entry is. Every method may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, attempt_id: str) -> JournalEntry:
        """The attempt's entry: what a dead process left of it, or a new one.

        Where a living process owns the attempt, it is an entry of another name beside that one's.
        ControlError for an id that no attempt has.
        """
        if not _NAME.fullmatch(attempt_id):
            raise ControlError(f"{attempt_id!r} is no id of an attempt", field="execution_log.id")
        left = _locked(self.folder / f"{attempt_id}{OPEN}")
        if left is None and (left := _locked(self.folder / f"{attempt_id}{DELIVERED}")):
            left.path = left.path.rename(left.path.with_suffix(OPEN))  # what comes now is not delivered
        return left or self._create(attempt_id)

    def has_undelivered(self) -> bool:
        """Some entry is there that the store may lack, be its process dead or alive."""
        return bool(self._names(OPEN))

    def undelivered(self) -> Iterator[JournalEntry]:
        """Entries of dead processes that the store may lack, oldest first. The caller frees each of them."""
        return self._left(OPEN)

    def unfinished(self) -> Iterator[JournalEntry]:
        """Entries of dead processes whose attempts began and never ended, as far as the store knows."""
        return self._left(DELIVERED)

    def is_owned(self, attempt_id: str) -> bool:
        """A living process of this machine has the attempt."""
        path = self.folder / f"{attempt_id}{OPEN}"
        entry = _locked(path)
        if entry:
            entry.release()
        return entry is None and path.exists()

    def _left(self, suffix: str) -> Iterator[JournalEntry]:
        for name in self._names(suffix):
            if entry := _locked(self.folder / name):
                yield entry

    def _names(self, suffix: str) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(suffix))  # noqa: PTH208 - the names alone
        except FileNotFoundError:
            return []

    def _create(self, attempt_id: str) -> JournalEntry:
        self._make_folder()
        while True:
            path = self.folder / f"{attempt_id}{OPEN}"
            if path.exists():
                path = self.folder / f"{attempt_id}-{secrets.token_hex(4)}{OPEN}"
            with suppress(FileExistsError):
                path.touch(exist_ok=False)
            # None where another process has found the file while it is empty, and removes it as litter.
            if entry := _locked(path):
                _sync(self.folder)
                return entry

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            _sync(self.folder.parent)


def _locked(path: Path) -> JournalEntry | None:
    """The file's entry, if it is there and nobody owns it."""
    with ExitStack() as unless_locked:
        try:
            handle = unless_locked.enter_context(path.open("r+b", buffering=0))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = os.fstat(handle.fileno()).st_ino == path.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            return None  # owned, or removed or renamed since it was opened
        if is_there:
            unless_locked.pop_all()
            return JournalEntry(path, handle)
    return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _row(line: bytes) -> Row | None:
    """The row of a line; None for a line that a full disk or a power cut tore."""
    try:
        plain = json.loads(line)
        times = {n for n, c in _ATTEMPT.items() if c.type in ("timestamp_micros", "date")}
        return {
            name: parse_text(_ATTEMPT[name], value) if name in times and value else value
            for name, value in plain.items()
        }
    except (ValueError, AttributeError, ControlError):
        return None
