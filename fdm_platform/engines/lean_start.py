"""Starts SparkSubmit's JVM and imports pyspark at the same time, then runs the driver in this process.

    python lean_start.py java … org.apache.spark.deploy.SparkSubmit … pyspark-shell -- driver.py ARG…

The driver, or the script of a legacy job.

spark-submit does these one after the other: a JVM to build a command, the JVM of Spark, then Python.
The JVM ends when this process does, however it does: its standard input closes. And this process ends when
the load's worker does (owner.py). pyspark and the standard library only.
"""

from __future__ import annotations

import atexit
import os
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_POLL_S = 0.005


def main(arguments: list[str]) -> None:
    """Run the driver named after `--`; exits with the JVM's code if it ends before it can be spoken to."""
    _watch_owner()
    split = arguments.index("--")
    command, program = arguments[:split], arguments[split + 1 :]
    with tempfile.TemporaryDirectory(prefix="fdm-") as folder:
        told = Path(folder) / "gateway"
        jvm = subprocess.Popen(
            command, stdin=subprocess.PIPE, env={**os.environ, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(told)}
        )
        import pyspark.sql.functions  # noqa: F401, PLC0415 - the work that the JVM's start hides

        _connect(jvm, told)
    # Called last of all: until then a script's threads and exit functions have Spark, as below spark-submit. It closes
    # the JVM's standard input and waits: who waits for us has waited for it.
    atexit.register(jvm.communicate)
    sys.argv = program
    if "FDM_LEGACY_PLAN" in os.environ:
        sys.path.insert(0, str(Path(program[0]).parent))  # as Python does; our own programs go without
    try:
        runpy.run_path(program[0], run_name="__main__")
    except Exception as error:  # noqa: BLE001 - as Python ends a script, but while the JVM can still tell what it threw
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def _watch_owner() -> None:
    """Of a load: what else is started by this script belongs to nobody, and has no platform to import."""
    if "FDM_LOAD_FOLDER" in os.environ:
        from fdm_platform.engines import owner, script_start  # noqa: PLC0415 - importable for a load

        owner.watch()
        script_start.begin()


def _connect(jvm: subprocess.Popen[bytes], told: Path) -> None:
    """Wait for the JVM's port and secret, and leave them where pyspark looks for a gateway."""
    from pyspark.serializers import UTF8Deserializer, read_int  # noqa: PLC0415 - after the JVM's start

    while not told.exists():  # the JVM renames it into place, whole
        if jvm.poll() is not None:
            sys.exit(jvm.returncode or 1)
        time.sleep(_POLL_S)
    with told.open("rb") as file:
        os.environ["PYSPARK_GATEWAY_PORT"] = str(read_int(file))  # type: ignore[no-untyped-call]
        os.environ["PYSPARK_GATEWAY_SECRET"] = UTF8Deserializer().loads(file)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # a script's folder comes first, and hides others' modules
    main(sys.argv[1:])
