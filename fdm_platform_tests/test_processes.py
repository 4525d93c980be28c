"""Names of processes and hosts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

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


def test_processes_of_one_host_agree_on_its_name() -> None:
    program = "from fdm_platform.processes import this_host; print(this_host())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == this_host()
    assert this_host().startswith(socket.gethostname())
