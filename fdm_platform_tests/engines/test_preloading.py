"""What publishing needs is imported while Spark runs, and not before."""

from __future__ import annotations

import subprocess
import sys

WAITING = """
import sys, threading
import fdm_platform.defs.io_manager, fdm_platform.defs.step_launcher
assert "pyarrow" not in sys.modules, "whoever loads definitions would pay for it"
from fdm_platform.engines.preloading import preload
preload()
[thread] = [t for t in threading.enumerate() if t.name == "preload"]
thread.join()
assert "pyarrow.orc" in sys.modules
"""
ENDING = "from fdm_platform.engines.preloading import preload; preload()"


def test_orc_is_there_when_the_thread_has_ended() -> None:
    subprocess.run([sys.executable, "-c", WAITING], check=True, timeout=120)


def test_a_process_that_ends_meanwhile_ends_well() -> None:
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, check=True, timeout=120)
    assert done.stderr == b""
