"""What is done for a script before its first line, in a Python that spark-submit would start. Without Spark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.owner import VARIABLE, Owner
from fdm_platform.legacy import framework
from fdm_platform.model.report import DriverDone, decode
from fdm_platform_tests.legacy.jobs import script_plan

LEGACY = Path(framework.__file__).parents[1]


def run(
    folder: Path, text: str, *, is_driver: bool = True, path: tuple[Path, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """A script as PythonRunner of Spark starts it, with the load's environment."""
    plan = script_plan(folder, text)
    load = LoadFolder(folder)
    load.plan.write_text(plan.to_json())
    load.messages.write_text("")
    places = [LEGACY.parents[1], LEGACY, LEGACY / "started", *path]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "FDM_LEGACY_PLAN": str(load.plan),
        "FDM_MESSAGES": str(load.messages),
        VARIABLE: str(folder),
        **({"PYSPARK_GATEWAY_PORT": "1"} if is_driver else {}),
    }
    command = [sys.executable, str(plan.legacy and plan.legacy.script)]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, start_new_session=True
    )


def told(folder: Path) -> list[object]:
    return [decode(line) for line in LoadFolder(folder).messages.read_text().splitlines()]


@pytest.mark.parametrize(
    ("text", "headline", "kind", "line"),
    [
        ("\nraise ValueError('boom')", "ValueError: boom", "LoadError", 2),
        (
            "def f():\n  raise OSError('Connection refused')\nf()",
            "OSError: Connection refused",
            "ConnectionLostError",
            2,
        ),
        (
            "import framework\nframework.write_orc(None, '/x/biz_dt=y')",
            "no business date",
            "ContractError",
            None,
        ),
        ("def f(:", "SyntaxError: invalid syntax", "LoadError", None),
    ],
)
def test_why_a_script_failed_is_told(
    tmp_path: Path, text: str, headline: str, kind: str, line: int | None
) -> None:
    done = run(tmp_path, text)
    assert done.returncode == 1
    assert "Traceback" in done.stderr or "SyntaxError" in done.stderr, "Python says it as ever"
    (message,) = told(tmp_path)
    assert isinstance(message, DriverDone)
    assert message.failure
    assert headline in message.failure.headline
    assert message.failure.error == kind
    assert message.failure.line == line


@pytest.mark.parametrize(
    ("text", "code"), [("", 0), ("raise SystemExit(3)", 3), ("import os; os._exit(137)", 137)]
)
def test_an_end_that_is_no_failure_has_its_code_alone(tmp_path: Path, text: str, code: int) -> None:
    assert run(tmp_path, text).returncode == code
    assert told(tmp_path) == []


def test_a_secret_in_a_failure_is_not_told(tmp_path: Path) -> None:
    LoadFolder(tmp_path).secrets.write_text('{"pw": "hunter2"}')
    run(tmp_path, "raise ValueError('no login with hunter2')")
    assert "hunter2" not in LoadFolder(tmp_path).messages.read_text()


def test_what_a_script_starts_is_left_alone(tmp_path: Path) -> None:
    text = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'raise ValueError'], check=False)\n"
    done = run(tmp_path, text)
    assert "ValueError" in done.stderr
    assert done.returncode == 0
    assert told(tmp_path) == []
    run(tmp_path, "raise ValueError", is_driver=False)
    assert told(tmp_path) == []


def test_the_machine_s_own_sitecustomize_is_run_too(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("print('the machine s own')\n")
    assert run(tmp_path, "print('script')", path=(tmp_path / "own",)).stdout == "the machine s own\nscript\n"


def test_a_script_ends_when_its_worker_is_gone(tmp_path: Path) -> None:
    """The lock is there, and nobody holds it."""
    Owner(tmp_path).let_go()
    done = run(tmp_path, "import time\ntime.sleep(600)\n")
    assert done.returncode == -9
    assert "the load ends" in done.stderr
