"""Modules that publishing needs and that take long to import, imported while Spark runs and this process waits."""

from __future__ import annotations

import threading


def preload() -> None:
    """Begin to import pyarrow's ORC reader. Whoever imports it meanwhile waits for this import; so does the process's end."""
    threading.Thread(target=_import, name="preload").start()


def _import() -> None:
    from pyarrow import orc  # noqa: F401, PLC0415 - a third of a second
