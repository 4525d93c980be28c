"""The JVM of this process, for Java clients: started when one is first used, once, and left to the process's end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import jpype

from fdm_platform.errors import MachineError

# -Xrs: SIGINT and SIGTERM stay Python's. The compiler and collector are those that start fastest.
_OPTIONS = (
    *("-Xrs", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
)
_lock = threading.Lock()


def start(jars: Sequence[Path]) -> None:
    """Start the JVM with the jars on its class path; add them to it where it runs already.

    MachineError where there is no Java.
    """
    with _lock:
        if jpype.isJVMStarted():
            for jar in jars:
                jpype.addClassPath(str(jar))
            return
        try:
            jpype.startJVM(*_OPTIONS, classpath=[str(jar) for jar in jars], convertStrings=False)
        except (jpype.JVMNotFoundException, jpype.JVMNotSupportedException, OSError) as error:
            raise MachineError(
                f"the Kudu client needs Java, which does not start: {error}",
                field="JAVA_HOME",
                remedy="install a JDK 17 and set JAVA_HOME to it",
            ) from error
