# noqa: INP001 - it is found by its folder's place on the path
"""Imported by a Python that spark-submit starts for a legacy job's script: what script_start.begin does, first of all.

https://docs.python.org/3/library/site.html#module-sitecustomize . Spark's workers and what the script starts
are left alone, and a sitecustomize of the machine's own, which this one hides, is imported next.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_OWN = str(Path(__file__).parent)


def _go_on() -> None:
    """Leave no trace on the paths of this process and of its children."""
    sys.path[:] = [p for p in sys.path if p != _OWN]
    kept = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p != _OWN]
    os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    del sys.modules["sitecustomize"]
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401, PLC0415 - the machine's own
    except ImportError:
        sys.modules["sitecustomize"] = _this


_this = sys.modules[__name__]
_go_on()
if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit gives it to the driver alone
    from fdm_platform.engines.script_start import begin

    begin()
