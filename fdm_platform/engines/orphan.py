"""The Spark of a load whose worker is gone: found on this machine, and ended or taken over.

Every process of a load has the load's folder in its environment, from before it runs a line of ours; and the worker
writes down which one it started. So what a load left is found whenever its worker died, and nothing else is.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from fdm_platform.engines.filesystem import write_durably
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.owner import VARIABLE
from fdm_platform.engines.process_group import GONE, end_all, until_ended
from fdm_platform.processes import is_stopped, start_of, this_host


@dataclass(frozen=True, slots=True)
class SparkProcess:
    """The first process of a load's Spark; its pid is its group's, too."""

    pid: int
    start: int
    """In clock ticks after the boot, as processes.start_of."""
    host: str
    """With the boot's id, as processes.this_host."""

    @property
    def is_alive(self) -> bool:
        """It is of this machine and this boot, and lives."""
        return self.host == this_host() and start_of(self.pid) == self.start


class Adopted:
    """The Spark that a process which is gone had started for a load: Processes, as one's own are.

    They are found by the load's folder in their environment, not by their group: a group's number may have been
    given to another one, where its first process has ended.
    """

    def __init__(self, folder: LoadFolder) -> None:
        self._folder = folder
        self._first = first_of(folder)

    @property
    def pid(self) -> int:
        """See Processes, like all of this class."""
        return self._first.pid if self._first else 0

    @property
    def age_s(self) -> float:
        """Seconds since the first process's start; 0 where it has ended."""
        if self._first is None or not self._first.is_alive:
            return 0.0
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self._first.start / os.sysconf("SC_CLK_TCK")

    @property
    def is_running(self) -> bool:
        """The first process lives, and nobody has stopped it."""
        return self.poll() is None and self.pid > 0 and not is_stopped(self.pid)

    def poll(self) -> int | None:
        """See Processes."""
        return None if self._first and self._first.is_alive else GONE

    def is_alive(self) -> bool:
        """See Processes."""
        return bool(processes_of(self._folder))

    def wait(self, timeout_s: float | None = None) -> bool:
        """See Processes."""
        return until_ended(self.is_alive, timeout_s)

    def end(self, grace_s: float) -> None:
        """See Processes."""
        end_orphan(self._folder, grace_s)


def write_down(folder: LoadFolder, pid: int) -> None:
    """Write process.json, and wait until it is on disk. Nothing where the process has ended already."""
    start = start_of(pid)
    if start is not None:
        write_durably(folder.process, json.dumps(asdict(SparkProcess(pid, start, this_host()))))


def written_down(folder: LoadFolder) -> SparkProcess | None:
    """What process.json says; None where it is missing, or its writer died within it."""
    try:
        return SparkProcess(**json.loads(folder.process.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def first_of(folder: LoadFolder) -> SparkProcess | None:
    """The first process of a load's Spark, living or not; found also where its worker died before it wrote it down."""
    told = written_down(folder)
    if told is None or not told.is_alive:
        for pid in _with_folder(folder.path):
            with suppress(ProcessLookupError):
                start = start_of(pid)
                if os.getpgid(pid) == pid and start is not None:
                    return SparkProcess(pid, start, this_host())
    return told


def processes_of(folder: LoadFolder) -> set[int]:
    """The living processes of a load on this machine."""
    told = written_down(folder)
    return {*_with_folder(folder.path), *([told.pid] if told and told.is_alive else [])}


def end_orphan(folder: LoadFolder, grace_s: float = 6) -> int:
    """End what is left of a load on this machine: SIGTERM, SIGKILL after the grace. How many processes there were.

    For who knows that the load's worker is gone: it does not ask.
    """
    found = processes_of(folder)

    def send(number: int) -> None:
        for pid in processes_of(folder):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    end_all(send, lambda: processes_of(folder), grace_s)
    return len(found)


def _with_folder(path: Path) -> Iterator[int]:
    """Processes whose environment names the folder."""
    entry = f"{VARIABLE}={path}".encode()
    for process in Path("/proc").glob(
        "[0-9]*"
    ):  # no deeper: a process that ends meanwhile would end the search
        pid = int(process.name)
        with suppress(OSError):  # it ended meanwhile, or is somebody else's
            if (
                entry in (process / "environ").read_bytes().split(b"\0")
                and pid != os.getpid()
                and start_of(pid) is not None
            ):
                yield pid
