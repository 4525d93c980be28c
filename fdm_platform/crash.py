"""Crash points: named places of the platform's code at which a test has the process die, or stop.

`FDM_CRASH_AT=publish.committed` ends the process there by SIGKILL, `publish.committed=stop` by SIGSTOP until
somebody sends SIGCONT, `publish.committed#3` the third time that it gets there. Without the variable, which
is read once when this module is imported, a point is a call of a function that does nothing. Child processes
inherit the variable: whichever comes to the point first dies. A line in standard error says that it was reached.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable

from fdm_platform.errors import ParameterError

VARIABLE = "FDM_CRASH_AT"
POINTS = (
    *("begin.registered", "begin.claimed", "begin.logged", "begin.planned"),
    *("launch.prepared", "launch.spawned", "launch.told"),
    *("driver.started", "driver.session", "driver.read", "driver.staged", "driver.rejected"),
    *("driver.told", "driver.done", "script.written", "script.moved", "script.staged"),
    *("publish.verified", "publish.marked", "publish.committed", "publish.exchanged", "publish.moved_aside"),
    *("publish.moved_in", "publish.kept", "publish.cleaned", "publish.told"),
    *("journal.appended", "journal.sent", "journal.removed", "sensor.decided", "sensor.remembered"),
    *("breaker.opened", "park.written"),
    *("recover.spark_ended", "recover.voided", "recover.settled", "recover.closed", "recover.freed"),
    *("recover.swept",),
)
"""Every point there is; each stands in one line of the platform's code."""
_FORM = re.compile(r"([a-z_.]+)(?:#([1-9][0-9]*))?(=stop)?")


class _Deadly:
    """Does what the variable says when its point is reached."""

    def __init__(self, text: str) -> None:
        form = _FORM.fullmatch(text)
        if form is None or form[1] not in POINTS:
            raise ParameterError(
                f"{text!r} is no crash point",
                field=VARIABLE,
                remedy=f"unset it, or write <point>, <point>=stop or <point>#3; points are {', '.join(POINTS)}",
            )
        self._point = form[1]
        self._left = int(form[2] or 1)
        self._signal = signal.SIGSTOP if form[3] else signal.SIGKILL
        self._lock = threading.Lock()

    def __call__(self, point: str) -> None:
        if point != self._point:
            return
        with self._lock:
            self._left -= 1
            is_time = self._left == 0
        if is_time:
            os.write(2, f"{VARIABLE}: reached {point}\n".encode())
            os.kill(os.getpid(), self._signal)


def _go_on(point: str) -> None:
    """No crash is asked for."""


reached: Callable[[str], None] = _Deadly(os.environ[VARIABLE]) if VARIABLE in os.environ else _go_on
"""Say that a point is reached."""
