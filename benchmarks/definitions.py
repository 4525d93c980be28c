"""What it costs to load the definitions of many tables, over those of an empty project.

    uv run python benchmarks/definitions.py [--runs 5] [--sizes 100,1000,3000]

Generates projects of N tables with 20 columns each and loads `fdm_platform.definitions` in a fresh
process, as a code server does, in turn with an empty project. Ends with one line of JSON;
`seconds_over_empty_1000` is the median difference in CPU and wall seconds' larger one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LOAD = """
import json, resource, sys, time
begun = time.perf_counter()
import dagster
imported = time.perf_counter()
from fdm_platform.definitions import defs
loaded = defs() if callable(defs) else defs
repository = loaded.get_repository_def()
count = len(repository.asset_graph.get_all_asset_keys())
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - imported, "cpu": usage.ru_utime + usage.ru_stime,
    "assets": count, "pyspark": "pyspark" in sys.modules, "mib": usage.ru_maxrss / 1024}))
"""

TABLE = """entity: GELS
source_system: S{source:02d}
table: t_{number:05d}
description: A generated table.
owner: team:benchmark
sources:
  row1: {{path: "t_{number:05d}_{{biz_dt:%Y%m%d}}.csv"}}
steps: [out1.hql]
partition_by: [biz_dt]
columns:
{columns}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", default="100,1000,3000")
    args = parser.parse_args()
    sizes = [int(s) for s in args.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        projects = {n: generate(Path(folder) / str(n), n) for n in [0, *sizes]}
        samples = {n: [] for n in projects}  # type: dict[int, list[dict[str, float]]]
        for _ in range(args.runs):
            for n, project in projects.items():
                samples[n].append(load_in(project, n))
    report(samples)


def generate(project: Path, tables: int) -> Path:
    """A project of that many tables, twenty columns each, in sources of a hundred tables."""
    columns = "\n".join(f"  - {{name: c{i:02d}, type: string, nullable: {i > 2}}}".lower() for i in range(19))
    columns += "\n  - {name: biz_dt, type: date, nullable: false}"
    for number in range(tables):
        folder = project / "sql" / "landing" / "gels" / f"s{number // 100:02d}" / f"t_{number:05d}"
        folder.mkdir(parents=True)
        text = TABLE.format(source=number // 100, number=number, columns=columns)
        (folder / "table.yaml").write_text(text)
        (folder / "out1.hql").write_text("SELECT *, '${BIZ_DT}' AS biz_dt FROM row1\n")
    (project / "sql" / "landing").mkdir(parents=True, exist_ok=True)
    return project


def load_in(project: Path, tables: int) -> dict[str, float]:
    """Load the definitions in a fresh process and return what it measured; there are to be so many assets."""
    env = {**os.environ, "FDM_PROJECT": str(project)}
    done = subprocess.run([sys.executable, "-c", LOAD], env=env, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    assert measured["assets"] == tables  # noqa: S101 - or the figure means nothing
    assert not measured["pyspark"]  # noqa: S101
    return measured


def report(samples: dict[int, list[dict[str, float]]]) -> None:
    """A table for people, then one line of JSON."""
    result: dict[str, float] = {}
    print(f"{'tables':>7} {'wall s over empty':>18} {'CPU s over empty':>17} {'ms a table':>11} {'MiB':>6}")
    for n, rows in samples.items():
        wall, cpu = (median_over(rows, samples[0], key) for key in ("wall", "cpu"))
        mib = statistics.median(r["mib"] for r in rows)
        each = f"{cpu / n * 1000:11.2f}" if n else " " * 11
        print(f"{n:>7} {wall:18.2f} {cpu:17.2f} {each} {mib:6.0f}")
        if n:
            result[f"seconds_over_empty_{n}"] = round(max(wall, cpu), 3)
    print(json.dumps(result))


def median_over(rows: list[dict[str, float]], empty: list[dict[str, float]], key: str) -> float:
    """The median of the differences, run by run."""
    return statistics.median(a[key] - b[key] for a, b in zip(rows, empty, strict=True))


if __name__ == "__main__":
    main()
