"""What a tick of the process_control sensor costs: by rows of other sources, by tables, by dates.

    uv run python benchmarks/sensor.py [--runs 20] [--rows 1000000] [--tables 1000]

In one process, on SQLite (control store and Dagster's instance, both files), pair by pair:

- a whole tick of which ten control rows changed, among a million rows and among ten thousand;
- the same for a source of a thousand tables and of ten; the larger one requests 50 runs, the cap of a tick;
- ticks in which nothing changed;
- definitions of a thousand tables in fresh processes, with 2,500 dates in each source and with ten.

A tick reads, decides, remembers its requests and makes run requests; what Dagster's daemon then does with them
is not part of it. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from definitions import LOAD, generate

from fdm_platform.control.changes import Watermark
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.defs.cursor import KeptCursor, SensorCursor
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.sensors import SourceSystem, Tick
from fdm_platform.model.calendar import Calendar
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec

FIRST_DAY = date(1990, 1, 1)
DATES = 10_000
CHANGED = 10
START = datetime(2024, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tables", type=int, default=1000)
    args = parser.parse_args()
    logging.disable(logging.INFO)  # the ticks' own lines
    with tempfile.TemporaryDirectory() as folder:
        few = Desk.make(Path(folder, "few"), sources=1, tables=10)
        many = Desk.make(Path(folder, "many"), sources=args.rows // DATES, tables=10)
        wide = Desk.make(Path(folder, "wide"), sources=1, tables=args.tables)
        result = compared(f"{args.rows:,} rows against {DATES:,}", "1m_to_10k", (few, many), args.runs)
        result |= compared(f"{args.tables} tables against 10", "1000_tables_to_10", (few, wide), args.runs)
        result |= definitions(Path(folder), args.tables)
    print(json.dumps(result))


@dataclass
class Desk:
    """A control store, an instance and the sensor of the first source."""

    store: ControlStore
    instance: dg.DagsterInstance
    source: SourceSystem
    platform: Platform
    cursor: str
    changed: int = 0

    @classmethod
    def make(cls, home: Path, *, sources: int, tables: int) -> Desk:
        """Ten thousand dates to each source, all of them known to Dagster and none of them new."""
        home.mkdir()
        settings = Settings.from_environ({"FDM_HOME": str(home), "FDM_PROJECT": str(home)})
        store = open_store(settings.control_url)
        store.create(TABLES)
        begun = time.perf_counter()
        for n in range(sources):
            store.upsert("process_control", (row(n, day, START) for day in range(DATES)))
        print(f"  ({sources * DATES:,} rows in {time.perf_counter() - begun:.0f} s)", flush=True)
        specs = tuple(TableSpec("GELS", "S000", f"t_{n:04d}", "table.yaml", (), ()) for n in range(tables))
        source = SourceSystem("GELS", "S000", specs, Calendar())
        (home / "dagster").mkdir()
        instance = dg.DagsterInstance.local_temp(str(home / "dagster"), overrides=_storage(home))
        add_dates(instance, source.partition_set, [FIRST_DAY + timedelta(days=n) for n in range(DATES)])
        now = datetime.now(UTC)
        cursor = SensorCursor(Watermark(now - timedelta(hours=1)), now, synced=now)
        text = KeptCursor(instance.daemon_cursor_storage, source.sensor).write(cursor, None)
        return cls(store, instance, source, Platform(settings, store), text)

    def change(self) -> None:
        """Ten neighbouring rows change now."""
        now = datetime.now(UTC)
        days = [(self.changed + n) % DATES for n in range(CHANGED)]
        self.store.upsert("process_control", [row(0, day, now) for day in days])
        self.changed += CHANGED

    def tick(self) -> tuple[float, int]:
        """Seconds of one tick, and the runs that it requested."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        begun = time.perf_counter()
        answer = Tick(context, self.platform, self.source, datetime.now(UTC)).evaluate()
        taken = time.perf_counter() - begun
        self.cursor = answer.cursor or ""
        return taken, len(answer.run_requests or ())

    def drain(self) -> None:
        """What was beyond the cap, unmeasured."""
        while self.tick()[1]:
            pass


def _storage(home: Path) -> dict[str, Any]:
    config = {"base_dir": str(home / "dagster")}
    where = {"module": "fdm_platform.defs.storage", "class": "SortedSqliteStorage", "config": config}
    return {"storage": {"custom": where}}


def row(source: int, day: int, stamp: datetime) -> dict[str, Any]:
    """A row of process_control."""
    biz_dt = FIRST_DAY + timedelta(days=day)
    return {
        "entity": "GELS",
        "source_system": f"S{source:03d}",
        "biz_dt": biz_dt,
        "run_indicator": "Y",
        "run_id": f"{biz_dt:%Y%m%d}",
        "business_keys": '["contract_id"]',
        "last_update_ts": stamp,
    }


def compared(what: str, name: str, desks: tuple[Desk, Desk], runs: int) -> dict[str, float]:
    """Ticks of two desks in turn: with ten changed rows, and with none."""
    busy, quiet = [], []
    for n in range(runs + 1):
        pair, still = [], []
        for desk in desks:
            desk.change()
            taken, requested = desk.tick()
            assert requested  # noqa: S101 - or the figure means nothing
            pair.append((taken, requested))
            desk.drain()
            still.append(desk.tick()[0])
        if n:  # the first fills caches
            busy.append(pair)
            quiet.append(still)
    ratio = statistics.median(large[0] / small[0] for small, large in busy)
    ratio_quiet = statistics.median(large / small for small, large in quiet)
    ms = [statistics.median(pair[i][0] for pair in busy) * 1000 for i in (0, 1)]
    requested = [busy[-1][i][1] for i in (0, 1)]
    print(
        f"tick, {what}: {ratio:.2f} ({ms[1]:.1f} ms for {requested[1]} runs, {ms[0]:.1f} ms for {requested[0]}); "
        f"nothing changed: {ratio_quiet:.2f} ({statistics.median(q[0] for q in quiet) * 1000:.1f} ms)",
        flush=True,
    )
    return {
        f"ratio_tick_{name}": round(ratio, 3),
        f"ratio_quiet_tick_{name}": round(ratio_quiet, 3),
        f"ms_tick_{name}": round(ms[1], 2),
    }


def definitions(folder: Path, tables: int) -> dict[str, float]:
    """Definitions in fresh processes, on control tables with 2,500 dates to a source and with ten."""
    project = generate(folder / "project", tables)
    homes = []
    for dates in (10, 2500):
        home = folder / f"dates{dates}"
        home.mkdir()
        store = open_store(f"sqlite:///{home / 'control.db'}")
        store.create(TABLES)
        for n in range(max(tables // 100, 1)):
            rows = (row(n, day, START) for day in range(dates))
            store.upsert("process_control", [{**r, "source_system": f"S{n:02d}"} for r in rows])
        store.close()
        homes.append(home)
    pairs = [[_load(project, home) for home in homes] for _ in range(3)]
    ratio = statistics.median(large / small for small, large in pairs)
    print(f"definitions of {tables} tables, 2,500 dates a source against ten: {ratio:.2f}")
    return {"ratio_definitions_2500_to_10_dates": round(ratio, 3)}


def _load(project: Path, home: Path) -> float:
    env = {**os.environ, "FDM_PROJECT": str(project), "FDM_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", LOAD], env=env, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["cpu"])


if __name__ == "__main__":
    main()
