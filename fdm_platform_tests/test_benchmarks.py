"""The benchmarks start, and what they measure by name is there: nothing else would tell before a figure is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
HELPS = """
import contextlib, importlib, io, json, runpy, sys
told = {}
for file in sys.argv[1:]:
    sys.argv = [file, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        runpy.run_path(file, run_name="__main__")
    told[file] = out.getvalue()
steady = importlib.import_module("steady")
paths = [path for of in (*steady.CLASSES.values(), *steady.FUNCTIONS.values()) for path in of]
missing = []
for path in paths:
    module, _, name = path.partition(":")
    if not callable(getattr(importlib.import_module(module), name, None)):
        missing.append(path)
print(json.dumps([told, len(paths), missing]))
"""


def test_each_benchmark_starts_and_what_steady_times_is_there() -> None:
    files = [file for file in sorted(BENCHMARKS.glob("*.py")) if "ArgumentParser(" in file.read_text()]
    assert BENCHMARKS / "faults.py" in files
    done = subprocess.run(
        [sys.executable, "-c", HELPS, *map(str, files)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (BENCHMARKS, BENCHMARKS.parent)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told, paths, missing = json.loads(done.stdout)
    assert [file.name for file in files if f"usage: {file.name} " not in told[str(file)]] == []
    assert (paths > 0, missing) == (True, [])
