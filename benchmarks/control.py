"""What the control tables cost on a real Kudu: cold starts, reads, sensor ticks, upserts.

    uv run python benchmarks/control.py [--runs 5] [--rows 1000000] [--client java|native]

Starts a Kudu of its own on loopback (`fdm kudu`'s), and compares in turn, pair by pair:

- loading the definitions with the Kudu store configured and unused, against SQLite;
- the first read of a cold process, against a process that only starts the JVM;
- single-key reads;
- a sensor's tick over a million process_control rows of which ten changed, against one over ten thousand;
- ten thousand upserts, against the same rows through the client's own batch API.

Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from definitions import LOAD, generate

from fdm_platform.control.changes import Watermark, changes
from fdm_platform.control.kudu import servers
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, Predicate, open_store

FIRST_DAY = date(1998, 1, 1)
DATES = 10_000
CHANGED = 10
UPSERTS = 10_000
START = datetime(2024, 1, 1, tzinfo=UTC)
AFTER = datetime(2025, 1, 1, tzinfo=UTC)
"""Behind the time at which every row was written first."""

COLD = """
import json, sys, time
begun = time.perf_counter()
from fdm_platform.control.store import Predicate, open_store
store = open_store(sys.argv[1])
imported = time.perf_counter()
rows = list(store.scan("job_master", [Predicate("job_id", "=", "JOB_1")]))
print(json.dumps({"read": time.perf_counter() - imported, "whole": time.perf_counter() - begun, "rows": len(rows)}))
store.close()
"""
BARE_JVM = """
import json, time
import jpype
begun = time.perf_counter()
jpype.startJVM("-Xrs", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
print(json.dumps({"jvm": time.perf_counter() - begun}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--client", choices=("java", "native"), default="java")
    args = parser.parse_args()
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, kudu(Path(folder)) as address:
        url = f"kudu+{args.client}://{address}"
        result |= definitions(Path(folder), url, args.runs)
        result |= cold(url, args.runs, is_java=args.client == "java")
        result |= reads(url)
        result |= ticks(url, args.rows, args.runs * 6)
        if args.client == "java":
            result |= upserts(url, address, args.runs)
    print(json.dumps(result))


@contextmanager
def kudu(folder: Path) -> Iterator[str]:
    """A cluster of one master and one tablet server; its address."""
    started = servers.start(folder / "kudu")
    try:
        yield started.address
    finally:
        servers.stop(folder / "kudu")


@contextmanager
def store_at(url: str, prefix: str) -> Iterator[ControlStore]:
    """The control tables under a prefix, made."""
    store = open_store(f"{url}?prefix={prefix}.")
    store.create(TABLES)
    yield store
    store.close()


def definitions(folder: Path, url: str, runs: int) -> dict[str, float]:
    """Definitions of a hundred tables in a fresh process, on Kudu and on SQLite in turn."""
    project = generate(folder / "project", 100)
    pairs = []
    for _ in range(runs):
        pair = []
        for control_url in (url, f"sqlite:///{folder / 'unused.db'}"):
            env = {**os.environ, "FDM_PROJECT": str(project), "FDM_CONTROL_URL": control_url}
            pair.append(float(answer(LOAD, env=env)["wall"]))
        pairs.append(pair)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"definitions of 100 tables: {ratio:.2f} of the time with SQLite")
    return {"ratio_definitions_kudu_to_sqlite": round(ratio, 3)}


def cold(url: str, runs: int, *, is_java: bool) -> dict[str, float]:
    """The first read of a process that did nothing before, and a bare JVM's start, in turn."""
    with store_at(url, "cold") as store:
        store.upsert("job_master", [{"job_id": "JOB_1", "job_name": "load"}])
    firsts, bares = [], []
    for n in range(runs + 1):
        measured = answer(COLD, f"{url}?prefix=cold.")
        assert measured["rows"] == 1  # noqa: S101 - or the figure means nothing
        bare = answer(BARE_JVM)["jvm"] if is_java else 0.0
        if n:  # the first fills the disk's cache
            firsts.append(float(measured["read"]))
            bares.append(float(bare))
    first, bare_s = statistics.median(firsts), statistics.median(bares)
    print(f"first read of a cold process: {first:.2f} s, of which a bare JVM's start is {bare_s:.2f} s")
    return {"seconds_first_read": round(first, 3), "seconds_bare_jvm": round(bare_s, 3)}


def answer(program: str, *args: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What a Python program in a process of its own printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program, *args], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"a measured process failed:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def reads(url: str) -> dict[str, float]:
    """Reads of one row by its key, in a process that is warm."""
    with store_at(url, "reads") as store:
        store.upsert("job_master", [{"job_id": f"JOB_{n}", "job_name": f"job {n}"} for n in range(1000)])
        times = []
        for n in range(300):
            where = [Predicate("job_id", "=", f"JOB_{n * 3}")]
            times.append(seconds(lambda where=where: list(store.scan("job_master", where))))
    median = statistics.median(times[50:]) * 1000
    print(f"read of one row by key: median {median:.1f} ms of {len(times) - 50}")
    return {"ms_single_key_read": round(median, 2)}


def ticks(url: str, rows: int, runs: int) -> dict[str, float]:
    """A sensor's look at one source's changes, among many rows and among few, in turn."""
    with store_at(url, "many") as many, store_at(url, "few") as few:
        marks = []
        for store, sources in ((few, 1), (many, rows // DATES)):
            begun = time.perf_counter()
            fill(store, sources)
            count = sources * DATES
            print(
                f"  ({count:,} rows of {sources} sources in {time.perf_counter() - begun:.0f} s)", flush=True
            )
            marks.append([Watermark(floor=AFTER)])
        pairs = []
        for n in range(runs):
            change(few, n)
            change(many, n)
            pairs.append([tick(few, marks[0], n), tick(many, marks[1], n)])
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    small, large = (statistics.median(pair[i] for pair in pairs) * 1000 for i in (0, 1))
    print(
        f"tick, {CHANGED} changed of {DATES:,}: {small:.1f} ms; of {rows:,}: {large:.1f} ms; ratio {ratio:.2f}"
    )
    return {"ratio_tick_1m_to_10k": round(ratio, 3), "ms_tick_1m": round(large, 2)}


def fill(store: ControlStore, sources: int) -> None:
    """Dates of many sources, each changed at its own time in the past."""
    for source in range(sources):
        store.upsert(
            "process_control",
            (row(source, n, START + timedelta(seconds=source * DATES + n)) for n in range(DATES)),
        )


def row(source: int, day: int, stamp: datetime) -> dict[str, Any]:
    """A row of process_control as teams have them."""
    biz_dt = FIRST_DAY + timedelta(days=day)
    return {
        "entity": "GELS",
        "source_system": f"S{source:03d}",
        "biz_dt": biz_dt,
        "process_from_date": biz_dt,
        "process_to_date": biz_dt,
        "run_indicator": "Y",
        "run_id": f"{biz_dt:%Y%m%d}",
        "business_keys": '["contract_id"]',
        "compare_cols": '["status", "amount", "premium_amt"]',
        "last_update_ts": stamp,
    }


def change(store: ControlStore, n: int) -> None:
    """Ten rows of one source change now."""
    now = datetime.now(UTC)
    store.upsert("process_control", [row(0, (n * CHANGED + i) % DATES, now) for i in range(CHANGED)])


def tick(store: ControlStore, mark: list[Watermark], n: int) -> float:
    """Seconds of one look; it must find what changed, and nothing else."""
    begun = time.perf_counter()
    found = changes(store, "GELS", "S000", mark[0], datetime.now(UTC), overlap=timedelta(0))
    taken = time.perf_counter() - begun
    assert len(found.rows) == CHANGED, (n, len(found.rows))  # noqa: S101 - or the figure means nothing
    mark[0] = found.watermark
    return taken


def upserts(url: str, address: str, runs: int) -> dict[str, float]:
    """Ten thousand rows through the store and through the Java client's own session, in turn."""
    with store_at(url, "ups") as store:
        plain = java_batch(address, "ups.process_control")
        rows = [row(0, n, START) for n in range(UPSERTS)]
        store.upsert("process_control", rows)
        plain(rows)
        pairs = [
            (seconds(lambda: store.upsert("process_control", rows)), seconds(lambda: plain(rows)))
            for _ in range(runs)
        ]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    ours, theirs = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    print(f"{UPSERTS:,} upserts: {ours:.2f} s; the client's own batch API {theirs:.2f} s; ratio {ratio:.2f}")
    return {"ratio_upserts_to_batch_api": round(ratio, 3)}


def java_batch(address: str, table_name: str) -> Callable[[list[dict[str, Any]]], None]:
    """The same rows by the Java client alone: what a hand-written script would do."""
    import jpype  # noqa: PLC0415 - the store has started the JVM

    package = jpype.JPackage("org").apache.kudu.client
    date_class = jpype.JClass("java.sql.Date")
    client = package.KuduClient.KuduClientBuilder(address).build()
    table = client.openTable(table_name)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def write(rows: list[dict[str, Any]]) -> None:
        session = client.newSession()
        session.setFlushMode(package.SessionConfiguration.FlushMode.AUTO_FLUSH_BACKGROUND)
        for values in rows:
            operation = table.newUpsert()
            cells = operation.getRow()
            for name in (
                "entity",
                "source_system",
                "run_indicator",
                "run_id",
                "business_keys",
                "compare_cols",
            ):
                cells.addString(name, values[name])
            for name in ("biz_dt", "process_from_date", "process_to_date"):
                cells.addDate(name, date_class.valueOf(values[name].isoformat()))
            micros = (values["last_update_ts"] - epoch) // timedelta(microseconds=1)
            cells.addLong("last_update_ts", jpype.JLong(micros))
            session.apply(operation)
        session.flush()
        errors = session.getPendingErrors()
        assert not errors.getRowErrors()  # noqa: S101 - or the figure means nothing
        session.close()

    return write


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
