"""The JVM of the Java client beside Python: signals stay Python's, threads come and go, exits are clean."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

START = """
import signal, sys, threading, time
from fdm_platform import jvm
from fdm_platform.control.kudu.opening import client_jars
jvm.start(client_jars())
"""


def python(program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START + program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_pythons_handlers(number: signal.Signals) -> None:
    process = python(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    sys.exit(8)\n"
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (7 if number == signal.SIGTERM else 8, "")


def test_a_second_start_and_many_threads_share_one_jvm() -> None:
    process = python(
        "jvm.start(client_jars())\n"
        "import jpype\n"
        "def work():\n    jvm.attach()\n    jpype.JClass('java.lang.System').nanoTime()\n"
        "for _ in range(200):\n"
        "    thread = threading.Thread(target=work)\n    thread.start()\n    thread.join()\n"
        "print(jpype.JClass('java.lang.Thread').activeCount() < 50)\n"
    )
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "True\n", "")


def test_a_process_that_never_asks_has_no_jvm() -> None:
    program = (
        "import sys\n"
        "from fdm_platform.control.store import open_store\n"
        "store = open_store('kudu+java://127.0.0.1:7051')\n"
        "import jpype\n"
        "from fdm_platform.defs.location import build_definitions\n"
        "print(jpype.isJVMStarted())\n"
        "store.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
