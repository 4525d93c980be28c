"""The JVM of this process, for Java clients: started when one is first used, once, and left to the process's end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jpype

from fdm_platform.errors import MachineError

# -Xrs: SIGINT and SIGTERM stay Python's. The compiler and collector are those that start fastest.
_OPTIONS = (
    *("-Xrs", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
)
_lock = threading.Lock()
_on_path: set[Path] = set()
_of_thread = threading.local()


def start(jars: Sequence[Path]) -> None:
    """Start the JVM with the jars on its class path; add them to it where it runs already.

    MachineError where there is no Java.
    """
    with _lock:
        if jpype.isJVMStarted():
            for jar in set(jars) - _on_path:
                jpype.addClassPath(str(jar))
            _on_path.update(jars)
            return
        try:
            jpype.startJVM(*_OPTIONS, classpath=[str(jar) for jar in jars], convertStrings=False)
        except (jpype.JVMNotFoundException, jpype.JVMNotSupportedException, OSError) as error:
            raise MachineError(
                f"Java, which Kudu's and Hadoop's clients need, does not start: {error}",
                field="JAVA_HOME",
                remedy="install a JDK 17 and set JAVA_HOME to it",
            ) from error
        _on_path.update(jars)


def attach() -> None:
    """Let go of the JVM's half of this thread when it ends: JPype attaches threads by itself, and keeps them."""
    if not hasattr(_of_thread, "attached"):
        _of_thread.attached = _Attached(jpype.JClass("java.lang.Thread"))


class _Attached:
    """Lives in a thread's own storage, which the thread clears as its last act."""

    def __init__(self, java_thread: Any) -> None:
        self._java_thread = java_thread
        self._is_main = threading.current_thread() is threading.main_thread()

    def __del__(self) -> None:
        if not self._is_main and jpype.isJVMStarted():
            self._java_thread.detach()
