"""What publishing a date costs: 200 ORC files of 20 columns replace a version that is live.

    uv run python benchmarks/publish.py [--files 200] [--columns 20] [--rows 1500] [--runs 30] [--folder PLACE]

Each run stages a copy of the files as Spark would have left them, and publishes it: hold the files against the
manifest, wait until they are on disk, commit in the ledger (SQLite), exchange the folders and keep the version that
was replaced. That is `ms_publish`: until the date is live and told. Only then the version that is kept no longer is
removed, `ms_clean_up`. What the process reads in all of it is counted by the kernel (rchar of /proc/self/io), to show
that no pass over the data is made; its processor time tells what the machine's other work has not.

In the runs that count, what was copied is on disk already, as are files that Spark wrote half a minute ago. In as many
others it is not: their wait is the disk's, and told by itself (`ms_sync_just_written`). A figure is the median of
its runs; two runs to warm up are not counted. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import orc

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import open_store
from fdm_platform.engines.publishing import PublishReport, PublishRequest, publish
from fdm_platform.model.manifest import ColumnStatistics, Manifest, StagedFile
from fdm_platform.model.table import ColumnSpec

TABLE, DAY, FOLDER = "gels_fpms_t", date(2024, 5, 15), "biz_dt=20240515"
STATUSES = ("ACTIVE", "INACTIVE")


@dataclass(frozen=True, slots=True)
class Published:
    """One publish: milliseconds until it was told, and of processor time; its phases as it tells them, in seconds."""

    ms: float
    ms_cpu: float
    report: PublishReport
    bytes_read: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1500, help="rows of a file")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="where; default: the system's temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        home = Path(folder)
        files = write_files(home / "written", args.files, args.columns, args.rows)
        report(measure(home, files, args.columns, args.runs), files, args.columns)


def write_files(folder: Path, files: int, columns: int, rows: int) -> tuple[StagedFile, ...]:
    """Files of numbers and texts in two partitions, and what a manifest says of them."""
    rng, told = np.random.default_rng(1), []
    for number in range(files):
        path = f"biz_status={STATUSES[number % 2]}/part-{number:05}.snappy.orc"
        numbers = {f"n{c}": rng.integers(0, 10**9, rows) for c in range(columns - columns // 2)}
        texts = {
            f"t{c}": [f"contract {n:x}" for n in rng.integers(0, 10**9, rows)] for c in range(columns // 2)
        }
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        orc.write_table(pa.table({**numbers, **texts}), file, compression="snappy")
        told.append(StagedFile(path, file.stat().st_size, rows))
    return tuple(told)


def measure(home: Path, files: tuple[StagedFile, ...], columns: int, runs: int) -> dict[str, list[Published]]:
    """Publish over and over, in turn with the copy on disk and just written."""
    store = open_store(f"sqlite:///{home / 'control.db'}")
    store.create(["fdm_publishes"])
    done: dict[str, list[Published]] = {"on disk": [], "just written": []}
    for version, kind in enumerate(turns(runs), 1):
        request = stage(home, files, columns, version)
        if kind != "just written":
            os.sync()
        published = timed(request, Ledger(store))
        if kind:
            done[kind].append(published)
    return done


def turns(runs: int) -> Iterator[str]:
    """Two to warm up: the first publish of a date replaces nothing, the second removes nothing."""
    yield from ("", "")
    for _ in range(runs):
        yield from ("on disk", "just written")


def stage(home: Path, files: tuple[StagedFile, ...], columns: int, version: int) -> PublishRequest:
    """A staged copy, and the request to publish it."""
    root, load_id = home / "landing" / TABLE, f"load-{version}"
    staging = root / ".staging" / load_id / str(DAY)
    shutil.copytree(home / "written", staging / FOLDER)
    names = [*(f"n{c}" for c in range(columns - columns // 2)), *(f"t{c}" for c in range(columns // 2))]
    manifest = Manifest(
        load_id=load_id,
        table=TABLE,
        biz_dt=DAY,
        folder=FOLDER,
        staging=str(staging),
        files=files,
        schema=tuple(ColumnSpec(name, "bigint") for name in names),
        columns={name: ColumnStatistics(0, 12345, 987654321, 4_938_271_605_000) for name in names},
    )
    return PublishRequest(root, manifest, version, control_version="row-1", keep_versions=1)


def timed(request: PublishRequest, ledger: Ledger) -> Published:
    """Publish."""
    told: list[float] = []
    before, cpu, clock = bytes_read(), time.process_time(), time.perf_counter()
    done = publish(request, ledger, lambda _: told.append(time.perf_counter()))
    ms_cpu = (time.process_time() - cpu) * 1000
    return Published((told[0] - clock) * 1000, ms_cpu, done, bytes_read() - before)


def bytes_read() -> int:
    """What this process has read by system calls, from disk or from memory."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def report(done: dict[str, list[Published]], files: tuple[StagedFile, ...], columns: int) -> None:
    """Print; the last line is for machines."""
    data = sum(f.bytes for f in files)
    settled, fresh = done["on disk"], done["just written"]
    phases = {f"ms_{name}": phase(settled, name) for name in settled[0].report.seconds}
    figures = {
        "ms_publish": round(statistics.median(p.ms for p in settled), 1),
        **phases,
        "ms_slowest": round(max(p.ms for p in settled), 1),
        "ms_cpu": round(statistics.median(p.ms_cpu for p in settled), 1),
        "ms_sync_just_written": phase(fresh, "sync"),
        "share_of_data_read": round(statistics.median(p.bytes_read for p in settled) / data, 4),
        "files": len(files),
        "columns": columns,
        "mib": round(data / 2**20, 1),
        "runs": len(settled),
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(f"{len(files)} files of {columns} columns, {figures['mib']} MiB, {len(settled)} runs")
    for name, value in phases.items():
        print(f"  {name.removeprefix('ms_'):8} {value:8.1f} ms")
    print(f"  live after {figures['ms_publish']} ms, at most {figures['ms_slowest']} ms")
    print(f"  processor time, cleaning up included: {figures['ms_cpu']} ms")
    print(f"  read {figures['share_of_data_read']:.2%} of the data")
    sys.stdout.write(f"{json.dumps(figures)}\n")


def phase(runs: list[Published], name: str) -> float:
    """The median of one phase, in milliseconds; 0 where it is not told."""
    return round(statistics.median(p.report.seconds.get(name, 0.0) for p in runs) * 1000, 1)


if __name__ == "__main__":
    main()
