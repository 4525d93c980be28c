"""Names of processes and hosts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from fdm_platform.processes import start_of, this_host


def test_a_process_is_named_by_its_start_and_has_none_when_it_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = start_of(child.pid)
    assert started is not None
    assert started >= (start_of(os.getpid()) or 0)
    assert start_of(child.pid) == started
    child.kill()
    child.communicate()
    assert start_of(child.pid) is None


def test_a_process_lives_as_long_as_one_of_its_threads_does() -> None:
    """Of its first thread alone the system says that it is dead: its files and locks are held by the others."""
    program = """if True:
        import ctypes, os, sys, threading
        threading.Thread(target=lambda: (print(flush=True), sys.stdin.read())).start()
        exit_thread = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
        ctypes.CDLL(None).syscall(exit_thread, 0)
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as child:
        assert child.stdout
        child.stdout.readline()
        deadline = time.monotonic() + 60
        while ") Z" not in Path(f"/proc/{child.pid}/stat").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert start_of(child.pid) is not None
        child.kill()
    assert start_of(child.pid) is None


def test_processes_of_one_host_agree_on_its_name() -> None:
    program = "from fdm_platform.processes import this_host; print(this_host())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == this_host()
    assert this_host().startswith(socket.gethostname())
