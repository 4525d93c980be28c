"""`fdm kudu` as a shell sees it: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FDM = Path(sys.executable).with_name("fdm")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    _kudu(tmp_path, "stop")


def _kudu(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "FDM_HOME": str(home)}
    command = [str(FDM), "kudu", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.kudu
def test_start_status_stop(home: Path) -> None:
    started = _kudu(home, "start", "--json")
    assert started.returncode == 0, started.stderr
    told = json.loads(started.stdout)
    assert told["running"] is True
    url = f"FDM_CONTROL_URL=kudu://{told['master']['address']}"
    again = _kudu(home, "start")
    assert again.stdout.splitlines()[0] == url
    assert "it runs already" in again.stderr
    assert json.loads(_kudu(home, "status", "--json").stdout) == told
    assert _kudu(home, "stop").stdout == f"stopped; data and logs are in {home / 'kudu'}\n"
    after = _kudu(home, "status")
    assert after.returncode == 1
    assert after.stdout.count("not running") == 2
    assert "FDM_CONTROL_URL" not in after.stdout


@pytest.mark.kudu
def test_a_port_that_was_asked_for_and_is_in_use_is_an_error(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = _kudu(home, "start", "--port", str(port))
    assert (result.returncode, result.stdout) == (4, "")
    assert f"port {port} of 127.0.0.1, for Kudu's master, is in use" in result.stderr
    assert "remedy:" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"), [([], "it was never started: fdm kudu start"), (["--json"], "null")]
)
def test_status_of_what_was_never_started_is_exit_code_1(home: Path, options: list[str], said: str) -> None:
    result = _kudu(home, "status", *options)
    assert (result.returncode, result.stdout.strip()) == (1, said)


def test_stop_of_what_does_not_run_says_so(home: Path) -> None:
    result = _kudu(home, "stop")
    assert (result.returncode, result.stdout) == (0, "it does not run\n")
