"""Which process of which machine: names that no other process has, as long as the machine is up."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_STATE, _GROUP, _THREADS, _START = 0, 2, 17, 19
"""Places of a process's state, group, count of threads and start in /proc/<pid>/stat, counted behind its name."""


@cache
def this_host() -> str:
    """The host's name, its boot's id and this process's pid namespace: two containers of one name are two hosts.

    Where there is no /proc the name stands alone.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{namespace}"


def start_of(pid: int) -> int | None:
    """When the process started, in clock ticks after the boot; None where no such process lives.

    A dead process that nobody has waited for does not live; one whose first thread alone has ended does, and holds
    its locks. Where there is no /proc a living one has 0.
    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    if not (_PROC / "self").exists():
        return 0 if _is_known(pid) else None
    fields = _stat(pid)
    return int(fields[_START]) if _lives(fields) else None


def members_of(group: int) -> set[int]:
    """The living processes of a group: the dead that nobody has waited for, as in a container without init, are none.

    Where there is no /proc its first process stands for all, as long as there is one.
    """
    if not (_PROC / "self").exists():
        return {group} if _is_known(-group) else set()
    known = {int(folder.name): _stat(int(folder.name)) for folder in _PROC.glob("[0-9]*")}
    return {pid for pid, fields in known.items() if _lives(fields) and int(fields[_GROUP]) == group}


def is_stopped(pid: int) -> bool:
    """The process lives, and does nothing until somebody sends it SIGCONT."""
    fields = _stat(pid)
    return bool(fields) and fields[_STATE] in "Tt"


def _lives(fields: list[str]) -> bool:
    return bool(fields) and (fields[_STATE] not in "ZX" or int(fields[_THREADS]) > 1)


def _stat(pid: int) -> list[str]:
    """Behind the process's name; nothing where there is no such process."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()


def _is_known(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
