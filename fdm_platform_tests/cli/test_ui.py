"""`fdm ui`: what it says when there is nothing to stop, and when its port is taken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fdm_platform_tests.deployment import PROJECT

FDM = Path(sys.executable).with_name("fdm")


def _ui(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "FDM_PROJECT": str(PROJECT), "FDM_HOME": str(home)}
    command = [str(FDM), "ui", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)


def test_start_on_a_port_in_use_names_it_and_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = _ui(tmp_path, "start", "--port", str(port))
    assert result.returncode == 4
    assert f"port {port} of 127.0.0.1 cannot be had: Address already in use" in result.stderr
    assert "remedy: stop what uses it, or choose another: --port 3333, or --port 0" in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "said"), [([], "the UI is not running"), (["--json"], "null")])
def test_status_when_it_does_not_run_is_exit_code_1(tmp_path: Path, options: list[str], said: str) -> None:
    result = _ui(tmp_path, "status", *options)
    assert (result.returncode, result.stdout.strip()) == (1, said)


def test_stop_when_it_does_not_run_says_so(tmp_path: Path) -> None:
    result = _ui(tmp_path, "stop")
    assert (result.returncode, result.stdout) == (0, "the UI is not running\n")


@pytest.mark.parametrize("state", ["{}", "not JSON", json.dumps({"pid": 2**22 + 1, "host": "h", "port": 1})])
def test_what_a_killed_ui_left_behind_is_no_running_ui(tmp_path: Path, state: str) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui" / "ui.json").write_text(state)
    assert _ui(tmp_path, "stop").stdout == "the UI is not running\n"
