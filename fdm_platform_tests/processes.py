"""Processes that a test has started, whoever of them started whom."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path


def of_deployment(folder: Path) -> set[int]:
    """Those that live and whose environment or command line names the folder, or something in it; never this one."""
    names = re.compile(re.escape(os.fsencode(folder)) + rb"(?![\w.-])")
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or is another user's
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            if names.search(told):
                found.add(int(process.name))
    return found - {os.getpid()}


def command_lines() -> list[bytes]:
    """Of all processes of this machine that may be seen."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines.append((process / "cmdline").read_bytes())
    return lines


def end_all_of(folder: Path) -> None:
    """Kill them, those that stand still too, and what they started meanwhile."""
    while found := of_deployment(folder):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
