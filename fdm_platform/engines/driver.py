"""The program that spark-submit runs: `driver.py PLAN.json MESSAGES.jsonl`.

It reads a LoadPlan, stages every date of it, and tells what happens in a file of messages
(model/report.py). It imports pyspark, the standard library and nothing else.

Exit code 0: every date was dealt with, and its DateDone says how it went. 1: the driver as a whole
failed, and DriverDone's failure says why.
"""

from __future__ import annotations

import json
import os
import sys

USAGE = "usage: driver.py PLAN.json MESSAGES.jsonl"


def make_importable() -> None:
    """Run as a script, this file's own folder leads sys.path and its siblings would be top-level modules.

    The package's parent takes its place, at the end; from a `--py-files` archive the package is there.
    """
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not yet safe to import
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]  # noqa: PTH100 - the same
    root = os.path.dirname(os.path.dirname(here))  # noqa: PTH120 - the same
    if os.path.isdir(os.path.join(root, "fdm_platform", "model")):  # noqa: PTH112, PTH118 - the same
        sys.path.append(root)


def main(arguments: list[str]) -> int:
    """Run the plan in the first file and write messages to the second; the exit code."""
    if len(arguments) != 2:  # noqa: PLR2004 - as the usage says
        sys.stderr.write(USAGE + "\n")
        return 2
    from fdm_platform.engines.owner import watch  # noqa: PLC0415 - importable only now

    watch()
    if not _has_transform(arguments[0]):
        import_without_numpy()
    from fdm_platform.engines.load import run_files  # noqa: PLC0415 - importable only now

    return run_files(*arguments)


def import_without_numpy() -> None:
    """Import PySpark as on a machine without NumPy, which costs a third of the import and SQL never needs.

    Not for a transform: PySpark would no longer know NumPy's values in what it hands over.
    """
    if "numpy" in sys.modules or "pyspark" in sys.modules:
        return
    sys.modules["numpy"] = None  # type: ignore[assignment]
    try:
        import pyspark.sql  # noqa: F401, PLC0415 - imported for its effect
    finally:
        del sys.modules["numpy"]


def _has_transform(plan_file: str) -> bool:
    try:
        with open(plan_file, encoding="utf-8") as file:  # noqa: PTH123 - the same
            return bool(json.load(file).get("transform"))
    except (OSError, ValueError, AttributeError):
        return True  # run_files tells what is wrong with it


if __name__ == "__main__":
    make_importable()
    sys.exit(main(sys.argv[1:]))
