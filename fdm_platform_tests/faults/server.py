"""Commands of the platform, each in a process that is forked from one that has imported all libraries: seconds less.

    python -m fdm_platform_tests.faults.server

It reads lines of JSON, {"environ", "command", "out", "err"}: `command` is `fdm` with its arguments, or a module with its
own; standard output and error go to these files, which may be one. It answers with lines {"pid"} at once, and {"pid", "code"} when the
process has ended, in whatever order they do. The platform's own modules are imported by each process anew: so
FDM_CRASH_AT, which they read then, is its own.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).parent.parent.parent
_LIBRARIES = ("fdm_platform.cli.load", "fdm_platform.defs.run", "fdm_platform.definitions", "pyarrow.orc")
_OWN = "fdm_platform"


def main() -> None:
    """Until standard input closes."""
    _import_libraries()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with os.fdopen(0, "rb", buffering=0, closefd=False) as asked:
        rest = b""
        while True:
            ready, _, _ = select.select([asked.fileno(), wake], [], [])
            if wake in ready:
                os.read(wake, 512)
                _reap()
            if asked.fileno() in ready:
                block = asked.read(1 << 16)
                if not block:
                    return
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    _answer({"pid": _fork(**json.loads(line))})


def _import_libraries() -> None:
    for name in _LIBRARIES:
        __import__(name)
    for name in [m for m in sys.modules if m.partition(".")[0] == _OWN]:
        del sys.modules[name]


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _answer({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _answer(value: object) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def _fork(environ: Mapping[str, str], command: Sequence[str], out: str, err: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environ)
        sources = (os.open(os.devnull, os.O_RDONLY), *(_appending(file) for file in (out, err)))
        for descriptor, source in enumerate(sources):
            os.dup2(source, descriptor)
        os.closerange(3, 64)  # the server's own pipes, so that nobody keeps them open
        code = _run(list(command))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _appending(file: str) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def _run(command: list[str]) -> int:
    sys.argv = command
    try:
        if command[0] == "fdm":
            from fdm_platform.cli import main as fdm  # noqa: PLC0415 - with this process's environment

            fdm()
        else:
            runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        _wait_for_threads()
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - as Python ends a process
        traceback.print_exc()
        return 1
    _wait_for_threads()
    return 0


def _wait_for_threads() -> None:
    """As the end of a process does: os._exit, which a fork has to end by, would not."""
    threading._shutdown()  # type: ignore[attr-defined]
    import atexit  # noqa: PLC0415

    atexit._run_exitfuncs()


class Server:
    """The server, as its parent sees it. Not for threads."""

    def __init__(self, *, environ: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fdm_platform_tests.faults.server"],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROJECT,
        )
        self._codes: dict[int, int] = {}
        self._pids: list[int] = []
        self._rest = b""

    def start(
        self, command: Sequence[str], environ: Mapping[str, str], out: Path, err: Path | None = None
    ) -> int:
        """Start a command; its process's id. Without a file of its own, standard error goes to `out`."""
        assert self._process.stdin
        asked = {"environ": dict(environ), "command": list(command), "out": str(out), "err": str(err or out)}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        while not self._pids:
            self._read(60)
        return self._pids.pop()

    def code(self, pid: int) -> int | None:
        """How a process ended; None while it goes on."""
        self._read(0)
        return self._codes.get(pid)

    def _read(self, timeout_s: float) -> None:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        while select.select([descriptor], [], [], timeout_s)[0]:
            block = os.read(descriptor, 1 << 16)
            if not block:
                raise RuntimeError(f"the server has ended with {self._process.wait()}")
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
            timeout_s = 0

    def _take(self, answer: dict[str, Any]) -> None:
        if "code" in answer:
            self._codes[answer["pid"]] = answer["code"]
        else:
            self._codes.pop(answer["pid"], None)  # of another process, long ago
            self._pids.append(answer["pid"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)


if __name__ == "__main__":
    main()
