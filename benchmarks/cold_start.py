"""From the start of spark-submit to its exit: a hand-written script against the platform's driver.

    uv run python benchmarks/cold_start.py [--rounds 5] [--rows 100000]

One business date of contracts, cold each time, taken in turns; medians. Both write the same rows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.dataset as ds
from contract_data import contract_plan, plain_environment, plain_spark_submit, write_contracts, write_lookup
from rich.console import Console
from rich.table import Table

from fdm_platform.engines import class_archive
from fdm_platform.engines.spark_submit import start
from fdm_platform.model.settings import Settings

TARGET = 0.7


def main() -> None:
    """Measure, compare the outputs, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000)
    args = parser.parse_args()
    cache = Settings.from_environ().cache
    class_archive.build(cache)
    with tempfile.TemporaryDirectory(prefix="fdm-bench-") as folder:
        answer = measure(Path(folder), cache, args.rounds, args.rows)
    print(json.dumps(answer))
    sys.exit(0 if answer["ratio_cold_start"] <= TARGET else 1)


def measure(folder: Path, cache: Path, rounds: int, rows: int) -> dict[str, float]:
    """Seconds of both, in turns; fails if their outputs differ."""
    contracts = write_contracts(folder / "contracts.csv", rows)
    lookup = write_lookup(folder / "lookup.csv", rows)
    plain: list[float] = []
    ours: list[float] = []
    phases: list[dict[str, float]] = []
    for n in range(rounds):
        plain.append(run_plain(contracts, lookup, folder / "plain"))
        seconds, parts = run_ours(f"round-{n}", contracts, lookup, folder, cache)
        ours.append(seconds)
        phases.append(parts)
        staged = folder / "gels_fpms_t_contract_master" / ".staging" / f"round-{n}"
        if n == 0 and rows_of(folder / "plain") != rows_of(staged):
            sys.exit("the two wrote different rows")
    show(plain, ours, phases)
    return {
        "seconds_plain": round(statistics.median(plain), 2),
        "seconds_ours": round(statistics.median(ours), 2),
        "ratio_cold_start": round(statistics.median(o / p for o, p in zip(ours, plain, strict=True)), 3),
    }


def run_plain(contracts: Path, lookup: Path, out: Path) -> float:
    """Seconds of the hand-written script under spark-submit."""
    command = plain_spark_submit(contracts, lookup, out)
    begin = time.perf_counter()
    subprocess.run(command, env=plain_environment(), check=True, capture_output=True)
    return time.perf_counter() - begin


def run_ours(
    load_id: str, contracts: Path, lookup: Path, folder: Path, cache: Path
) -> tuple[float, dict[str, float]]:
    """Seconds until the last process of our submit has ended, and its phases."""
    plan = contract_plan(load_id, contracts, lookup, folder / "gels_fpms_t_contract_master")
    begin = time.perf_counter()
    submission = start(plan, work=folder / "loads", cache=cache)
    report = submission.report()
    submission.wait(60)
    seconds = time.perf_counter() - begin
    manifest = report.outcomes[0].manifest
    if manifest is None:
        sys.exit(f"the load failed: {report.outcomes[0].failure}")
    parts = {**report.seconds, **manifest.seconds}
    parts["exit"] = seconds - parts.pop("total")
    shutil.rmtree(submission.folder)
    return seconds, parts


def rows_of(folder: Path) -> list[tuple[object, ...]]:
    """All rows, in an order of their own; folders' dates as they are spelled."""
    table = ds.dataset(
        sorted(str(f) for f in folder.rglob("part-*.orc")),
        format="orc",
        partitioning=ds.partitioning(flavor="hive"),
    ).to_table()
    names = sorted(table.column_names)
    return sorted(zip(*(map(str, table[n].to_pylist()) for n in names), strict=True))


def show(plain: list[float], ours: list[float], phases: list[dict[str, float]]) -> None:
    """A table for people."""
    table = Table(title="One business date, cold: start to exit, seconds")
    for name in ("", "median", *(f"round {n + 1}" for n in range(len(plain)))):
        table.add_column(name, justify="right" if name else "left")
    rows = {"plain spark-submit": plain, "fdm": ours}
    rows |= {f"  {name}": [p[name] for p in phases] for name in phases[0]}
    for name, values in rows.items():
        table.add_row(name, *(f"{v:.2f}" for v in (statistics.median(values), *values)))
    Console().print(table)


if __name__ == "__main__":
    main()
