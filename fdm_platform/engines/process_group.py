"""A process with all its descendants: alive, ended politely, ended by force."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fdm_platform.processes import members_of

GONE = 1 << 16
"""For an exit code that nobody knows, because the process was another's child. No exit code is as large."""
KILLED_WAIT_S = 2.0
"""How long one that was ended by force is waited for."""
_POLL_S = 0.03


class Processes(Protocol):
    """All processes of a load's Spark, whoever started them."""

    @property
    def pid(self) -> int:
        """The first one's, which is its group's, too; 0 where it is not known any more."""
        ...

    def poll(self) -> int | None:
        """How the first one ended, as Popen says it, or GONE; None while it lives."""
        ...

    def is_alive(self) -> bool:
        """Any of them lives."""
        ...

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all have ended; False after the timeout."""
        ...

    def end(self, grace_s: float) -> None:
        """SIGTERM, SIGKILL after the grace."""
        ...


@dataclass(frozen=True, slots=True)
class OwnGroup:
    """Processes of a group that this process started."""

    first: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """As in Processes, like all of this class."""
        return self.first.pid

    def poll(self) -> int | None:
        """See Processes."""
        return self.first.poll()

    def is_alive(self) -> bool:
        """See Processes."""
        return is_alive(self.first)

    def wait(self, timeout_s: float | None = None) -> bool:
        """See Processes."""
        return wait(self.first, timeout_s)

    def end(self, grace_s: float) -> None:
        """See Processes."""
        end(self.first, grace_s)


def own_group() -> dict[str, Any]:
    """Arguments of Popen that give the process a group of its own."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


@contextmanager
def held_signals() -> Iterator[None]:
    """SIGINT and SIGTERM wait until the block ends: the process that it starts is known by then, and can be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hands signals to the main thread alone
        return
    came: list[int] = []
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda n, _frame: came.append(n))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for first in came[:1]:
            signal.raise_signal(first)


def is_alive(process: subprocess.Popen[bytes]) -> bool:
    """A process of the group is there, be it only the JVM whose Python has gone."""
    if process.poll() is None:
        return True
    if sys.platform == "win32":
        return False
    return bool(members_of(process.pid))


def wait(process: subprocess.Popen[bytes], timeout_s: float | None = None) -> bool:
    """Wait until the whole group has ended; False after the timeout."""
    return until_ended(lambda: is_alive(process), timeout_s)


def end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM to the group, SIGKILL to what is left of it after the grace."""
    if not is_alive(process):
        return
    if sys.platform == "win32":
        taskkill = str(Path(os.environ["SYSTEMROOT"]) / "System32" / "taskkill.exe")
        subprocess.run([taskkill, "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    end_all(lambda number: os.killpg(process.pid, number), lambda: is_alive(process), grace_s)


def until_ended(is_alive: Callable[[], object], timeout_s: float | None = None) -> bool:
    """Wait until nothing is alive; False after the timeout."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    while is_alive():
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(_POLL_S)
    return True


def end_all(send: Callable[[int], object], is_alive: Callable[[], object], grace_s: float) -> None:
    """End processes, however they are found: `send` them SIGTERM, and SIGKILL if any is alive after the grace."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_WAIT_S)):
        with suppress(ProcessLookupError, PermissionError):
            send(number)
        if until_ended(is_alive, patience_s):
            return
