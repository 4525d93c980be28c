"""Paired runs: the machines are noisy, so two commands run in turn and their ratio is taken pair by pair."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: seconds of wall time, and the peak memory of its own process in MiB."""

    begun: float
    wall_s: float
    peak_mib: float


def timed(command: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None) -> Run:
    """Run a command to its end; it must succeed."""
    begun = time.time()
    clock = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, env=dict(environ), cwd=cwd, stdout=output, stderr=subprocess.STDOUT, text=True
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _resident_peak_mib(process.pid))
            time.sleep(0.02)
        wall = time.perf_counter() - clock
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read()}")
    return Run(begun, wall, peak)


def in_turn(runs: int, *commands: Callable[[], Run]) -> list[tuple[Run, ...]]:
    """Run each command once unmeasured, then all of them in turn, `runs` times."""
    for command in commands:
        command()
    return [tuple(command() for command in commands) for _ in range(runs)]


def ratio(pairs: Sequence[tuple[Run, ...]], ours: int = 0, theirs: int = 1) -> float:
    """The median of the wall times' ratios, pair by pair."""
    return statistics.median(pair[ours].wall_s / pair[theirs].wall_s for pair in pairs)


def median_s(pairs: Sequence[tuple[Run, ...]], which: int) -> float:
    """The median wall time of one of the commands."""
    return statistics.median(pair[which].wall_s for pair in pairs)


def _resident_peak_mib(pid: int) -> float:
    """VmHWM of the process alone, without its children; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(fields[1]) / 1024 for fields in lines), 0.0)
