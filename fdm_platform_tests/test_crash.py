"""Crash points: each stands in one line, and the process dies or stops at the one that is asked for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fdm_platform import crash

PACKAGE = Path(crash.__file__).parent
PROGRAM = """
from fdm_platform.crash import reached
for n in range(4):
    reached("publish.committed")
    print(n, flush=True)
"""


def run(crash_at: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, crash.VARIABLE: crash_at}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=False
    )


def test_every_point_stands_in_one_line_of_the_code() -> None:
    code = [p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py")]
    found = Counter(name for text in code for name in re.findall(r'\breached\("([^"]+)"\)', text))
    assert found == Counter(crash.POINTS)


@pytest.mark.parametrize(("crash_at", "lines"), [("publish.committed", 0), ("publish.committed#3", 2)])
def test_the_process_dies_at_the_point_and_says_so(crash_at: str, lines: int) -> None:
    died = run(crash_at)
    assert died.returncode == -signal.SIGKILL
    assert died.stdout.split() == [str(n) for n in range(lines)]
    assert died.stderr == "FDM_CRASH_AT: reached publish.committed\n"


def test_a_stopped_process_goes_on_when_it_is_told_to() -> None:
    environ = {**os.environ, crash.VARIABLE: "publish.committed#2=stop"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environ, stdout=subprocess.PIPE, text=True
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    told, _ = process.communicate(timeout=60)
    assert (process.returncode, told.split()) == (0, ["0", "1", "2", "3"])


def test_other_points_are_passed() -> None:
    assert run("publish.verified").returncode == 0


@pytest.mark.parametrize("typo", ["publish.comitted", "publish.committed=halt", "publish.committed#0", ""])
def test_a_typo_is_an_error_and_not_a_test_that_passes(typo: str) -> None:
    told = run(typo)
    assert told.returncode == 1
    assert f"{crash.VARIABLE}: {typo!r} is no crash point" in told.stderr
