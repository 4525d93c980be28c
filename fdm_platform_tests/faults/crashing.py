"""Processes that die at a crash point, and the proof that it was there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fdm_platform.crash import VARIABLE

FDM = str(Path(sys.executable).parent / "fdm")
PROJECT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    said: str

    def has_reached(self, point: str) -> bool:
        """It came to the point at which it was to die."""
        return f"{VARIABLE}: reached {point}\n" in self.said


def run(
    command: list[str], environ: Mapping[str, str], at: str | None = None, timeout_s: float = 300
) -> Ended:
    """Run a command to its end; with `at`, as FDM_CRASH_AT has it, it or a process that it starts is to die there."""
    env = {name: value for name, value in environ.items() if name != VARIABLE} | (
        {VARIABLE: at} if at else {}
    )
    done = subprocess.run(
        command,
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        cwd=PROJECT,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def die(command: list[str], environ: Mapping[str, str], at: str) -> Ended:
    """Run a command that must die at the point, by SIGKILL."""
    ended = run(command, environ, at)
    assert ended.code == -signal.SIGKILL, f"{at}: ended with {ended.code}\n{ended.said}"
    assert ended.has_reached(point_of(at)), f"{at}: died elsewhere\n{ended.said}"
    return ended


def point_of(at: str) -> str:
    """The point in a value of FDM_CRASH_AT."""
    return at.partition("=")[0].partition("#")[0]
