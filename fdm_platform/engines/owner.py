"""Whose a load's Spark is: the lock that its worker holds, and the end of a Spark whose worker is gone.

The worker holds a lock on `owner.lock` in the load's folder as long as the load is its own. The system frees it
however the process dies, SIGKILL included. The driver looks once a second whether anybody holds it: no file is
written meanwhile, and no clock is compared. Only Linux has locks that belong to an open file and can be asked for
without being taken (F_OFD_SETLK, F_OFD_GETLK: https://man7.org/linux/man-pages/man2/F_GETLK.2const.html);
elsewhere nothing is locked, and nothing watches. It needs the standard library alone: the driver imports it before
Spark.
"""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from fdm_platform.processes import members_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "owner.lock"
VARIABLE = "FDM_LOAD_FOLDER"
"""Of the environment of all of a load's processes: its folder. A driver on a cluster's node does not get it."""
PATIENCE = "FDM_LOAD_ORPHAN_S"
"""Of the same environment: how many seconds nobody may hold the lock before Spark ends itself."""
ORPHAN_S: Final = 2.0
"""Where no other process takes the load over."""
ADOPTABLE_S: Final = 22.0
"""Where one may: time for Dagster to start a run again. With the end of the group it stays below 30 s."""
GRACE_S: Final = 5.0
"""From the polite end of an orphan to the forced one."""

EVERY_S: Final = 1.0
"""Between two looks at the lock."""
_WATCHER: Final = "watches the load's owner"
_FLOCK = "hhqqi0q"
"""struct flock on 64-bit Linux: type, whence, start, length, pid."""


class Owner:
    """This process owns a load, until `let_go` or its death."""

    def __init__(self, folder: Path) -> None:
        """Take the lock of a load's folder. BlockingIOError where another living process owns the load."""
        self._file: IO[bytes] = (folder / LOCK).open("ab")  # not inherited by what is started: O_CLOEXEC
        if has_locks() and not _take(self._file):
            self._file.close()
            raise BlockingIOError(f"another process owns {folder}")

    def let_go(self) -> None:
        """The load is over. May be repeated."""
        self._file.close()


def has_locks() -> bool:
    """The system has locks that belong to an open file."""
    return hasattr(fcntl, "F_OFD_SETLK")


def is_owned(folder: Path | str) -> bool | None:
    """A living process owns the load of this folder; None where the folder has no lock."""
    try:
        with (Path(folder) / LOCK).open("rb+") as file:
            return _is_locked(file) if has_locks() else None
    except OSError:
        return None


def watch(orphan_s: float | None = None, grace_s: float = GRACE_S) -> threading.Thread | None:
    """From now on end this process's group once the load's worker is gone: a thread beside the work.

    `orphan_s` is how long nobody may own the load, by default what the environment says. None where the environment
    names no folder, or one without a lock, and where a thread watches already.
    """
    folder = os.environ.get(VARIABLE)
    if folder is None or not has_locks() or any(t.name == _WATCHER for t in threading.enumerate()):
        return None
    try:
        file = (Path(folder) / LOCK).open("rb+")
    except OSError:
        return None
    patience_s = float(os.environ.get(PATIENCE) or ORPHAN_S) if orphan_s is None else orphan_s
    thread = threading.Thread(target=_watch, args=(file, patience_s, grace_s), name=_WATCHER, daemon=True)
    thread.start()
    return thread


def _watch(file: IO[bytes], orphan_s: float, grace_s: float) -> None:
    alone_since: float | None = None
    while True:
        time.sleep(EVERY_S)
        if _is_locked(file):
            alone_since = None
            continue
        alone_since = alone_since or time.monotonic()
        if time.monotonic() - alone_since >= orphan_s and _take(file):
            break
    # Not a daemon: the process stays until all of its group has ended, also where its work ends by itself.
    threading.Thread(target=_end_group, args=(file, grace_s), name="end of an orphan").start()


def _end_group(_lock: IO[bytes], grace_s: float) -> None:
    """SIGTERM to the others of this process's group, and to all of it SIGKILL when they are gone or after the grace.

    The lock is held to the end, so that nobody takes over what ends.
    """
    with suppress(OSError):
        os.write(2, b"the process that started this load is gone: the load ends\n")
    end = time.monotonic() + grace_s
    for pid in members_of(os.getpgrp()) - {os.getpid()}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    while members_of(os.getpgrp()) != {os.getpid()} and time.monotonic() < end:
        time.sleep(0.1)
    os.killpg(0, signal.SIGKILL)


def _is_locked(file: IO[bytes]) -> bool:
    answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK))
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def _take(file: IO[bytes]) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK))
    except OSError:
        return False
    return True


def _flock(kind: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)
