"""A driver's messages while it writes them, and what its log says when it did not end well."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fdm_platform.engines.process_group import GONE
from fdm_platform.errors import FdmError, LoadError
from fdm_platform.model.causes import find_cause
from fdm_platform.model.report import LogLine, Message, decode

POLL_S = 0.03
"""Seconds between two looks at a file that has not grown."""

TAIL_LINES = 40

_HEADLINES = (
    re.compile(r"^(Invalid (?:maximum|initial) heap size.*|Error occurred during initialization of VM.*)"),
    re.compile(r"^Caused by: (.+)"),
    re.compile(r'^Exception in thread "[^"]*" (.+)'),
    re.compile(r"^(?:pyspark\.errors|py4j)\.[\w.]+: (.+)"),
    re.compile(r"^(?:Error|error): (.+)"),
    re.compile(r"^((?:org\.apache|java|scala)\.[\w.$]+(?:Exception|Error): .+)"),
    re.compile(r"^([A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b.*)"),
)


def follow(
    path: Path, is_over: Callable[[], bool], stop: Callable[[], bool] | None = None
) -> Iterator[Message]:
    """Messages as they appear, until the writer is over and the file is read to its end, or `stop` says so.

    A last line without its line feed is not a message: its writer died within it.
    """
    rest = b""
    with path.open("rb") as file:
        while not (stop and stop()):
            was_over = is_over()  # asked before reading: what was written until then is still read
            rest += file.read()
            *lines, rest = rest.split(b"\n")
            yield from (m for line in lines if (m := _message(line)))
            if was_over:
                return
            if not lines:
                time.sleep(POLL_S)


def _message(line: bytes) -> Message | None:
    try:
        return decode(line.decode()) if line.strip() else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return LogLine("WARNING", f"unreadable message from the driver: {line[:200]!r}")


def tail(path: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log; of a long one, only its last 64 KiB are read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 65536))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.rstrip().splitlines()[-lines:]


def headline(log: list[str]) -> str | None:
    """The first line of the cause in a log: the last `Caused by`, else the exception itself."""
    for pattern in _HEADLINES:
        found = [m.group(1).strip() for line in log if (m := pattern.match(line.strip()))]
        if found:
            return found[-1]
    return None


def describe_end(code: int | None) -> str:
    """How a process ended, by its exit code as Popen gives it."""
    if code is None:
        return "is still running"
    if code == GONE:
        return "has ended"
    if code >= 0:
        return f"ended with exit code {code}{_of_a_child(code)}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _of_a_child(code: int) -> str:
    """Java and shells tell so that what they ran was killed: SparkSubmit, of the Python that it started."""
    known = {128 + s: s.name for s in (signal.SIGKILL, signal.SIGTERM)}
    return f": what it ran was killed by {known[code]}" if code in known else ""


def diagnose(first_line: str, how: str = "") -> tuple[type[FdmError], str]:
    """The error that a headline means, or else how the process ended, and its remedy."""
    cause = find_cause(first_line) or find_cause(how)
    if cause:
        return cause.error, cause.remedy
    return LoadError, "read the log; its first exception is the cause"
