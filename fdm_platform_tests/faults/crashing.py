"""Processes that die or stop at a crash point, and the proof that it was there.

A command is `[FDM, …]` or `[sys.executable, "-m", module, …]`. It runs in a process that is forked from one which has
imported all libraries (server.py): its command line and environment in /proc are that one's, all else is its own.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

from fdm_platform.crash import VARIABLE
from fdm_platform.processes import is_stopped
from fdm_platform_tests.faults.server import PROJECT, Server

__all__ = [
    "DEADLINE_S",
    "FDM",
    "PROJECT",
    "Ended",
    "Process",
    "die",
    "point_of",
    "run",
    "start",
    "stopped",
    "wait_for",
]

FDM = str(Path(sys.executable).parent / "fdm")
DEADLINE_S = 300
"""However busy the machine is: what takes longer hangs."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """On standard output and then on standard error."""
        return self.out + self.err

    def has_reached(self, point: str) -> bool:
        """It came to the point at which it was to die."""
        return f"{VARIABLE}: reached {point}\n" in self.said


@dataclass(frozen=True, slots=True)
class Process:
    """A command under way."""

    pid: int
    out: Path
    err: Path

    def poll(self) -> int | None:
        """How it ended; None while it goes on."""
        return _server().code(self.pid)

    def said(self) -> str:
        """What it has said so far."""
        return "".join(path.read_text(errors="replace") for path in (self.out, self.err))

    def ended(self, seconds: float = DEADLINE_S) -> Ended:
        """Wait for its end."""
        wait_for(lambda: self.poll() is not None, seconds=seconds, told=self.said)
        code = self.poll()
        assert code is not None
        return Ended(code, *(path.read_text(errors="replace") for path in (self.out, self.err)))

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """By SIGKILL; its parent has noticed when this returns."""
        self.send_signal(signal.SIGKILL)
        self.ended()


class Pollable(Protocol):
    """A process of this module, or one of subprocess's."""

    def poll(self) -> int | None: ...


_STARTED: list[Process] = []


@cache
def _server() -> Server:
    """Until this process ends. Nothing of it leads to a deployment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FDM_", "DAGSTER_"))}
    return Server(environ=kept)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fdm-said-")


def start(command: Sequence[str], environ: Mapping[str, str], at: str | None = None) -> Process:
    """Start a command; with `at`, as FDM_CRASH_AT has it, it or a process that it starts is to die or stop there."""
    words = ["fdm", *command[1:]] if command[0] == FDM else [*command[2:]]
    assert words[0] == "fdm" or list(command[:2]) == [sys.executable, "-m"], command
    env = {name: value for name, value in environ.items() if name != VARIABLE}
    place = Path(tempfile.mkdtemp(dir=_folder().name))
    out, err = place / "out", place / "err"
    for file in (out, err):
        file.touch()
    pid = _server().start(words, env | ({VARIABLE: at} if at else {}), out, err)
    _STARTED.append(Process(pid, out, err))
    return _STARTED[-1]


def end_started() -> None:
    """Kill what was started and has not ended."""
    while _STARTED:
        _STARTED.pop().kill()


def run(
    command: Sequence[str], environ: Mapping[str, str], at: str | None = None, seconds: float = DEADLINE_S
) -> Ended:
    """Run a command to its end."""
    return start(command, environ, at).ended(seconds)


def die(command: Sequence[str], environ: Mapping[str, str], at: str) -> Ended:
    """Run a command that must die at the point, by SIGKILL."""
    ended = run(command, environ, at)
    assert ended.code == -signal.SIGKILL, f"{at}: ended with {ended.code}\n{ended.said}"
    assert ended.has_reached(point_of(at)), f"{at}: died elsewhere\n{ended.said}"
    return ended


@contextmanager
def stopped(command: Sequence[str], environ: Mapping[str, str], at: str) -> Iterator[Process]:
    """A process that has come to the point, and stands there until the block ends."""
    process = start(command, environ, f"{at}=stop")
    wait_for(lambda: is_stopped(process.pid), process, told=process.said)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)


def point_of(at: str) -> str:
    """The point in a value of FDM_CRASH_AT."""
    return at.partition("=")[0].partition("#")[0]


def wait_for(
    condition: Callable[[], T],
    process: Pollable | None = None,
    *,
    seconds: float = DEADLINE_S,
    told: Callable[[], str] = str,
) -> T:
    """What the condition says once it holds. It must before the process, if one is given, has ended."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None or condition(), f"it ended too early\n{told()}"
        assert time.monotonic() < end, f"not within {seconds} s\n{told()}"
        time.sleep(0.02)
    return found
