"""Readers in processes of their own: they read counted tables without pause, and judge each read.

    python -m fdm_platform_tests.faults.reading pyarrow|spark LANDING FOLDER NICENESS

LANDING is a glob of landing roots: all tables below are read, round after round. What is seen goes to FOLDER:
`status.json`, replaced after each round, and a line in `seen.jsonl` for each change and each problem.

A read that meets a file which is gone had listed the old folder: it is repeated, counted, and no violation
(docs/publishing.md, "What readers see"). A date whose marker is another after the read was replaced meanwhile: it is
counted, and not judged. Every other date must be found in one version, whole; none older than the read before found;
and none gone that was there. Only what the reader itself was told of a version, by its rows, is used.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from fdm_platform.engines.swapping import MARKER

STATUS, SEEN = "status.json", "seen.jsonl"
KINDS = ("pyarrow", "spark")
_GONE = ("filenotfound", "no such file", "does not exist", "path_not_found")
"""How readers say that a file or folder is not there any more."""
_KEPT = 20
"""Problems of a kind that are told word by word."""

Rows = Iterable[tuple[str, int, int, int]]
"""Date as the folder spells it, load_no, n, of_rows."""
Markers = Mapping[str, str]
"""What says which version is there, by the date as the folder spells it."""


class GoneError(Exception):
    """The read met a file that is not there any more."""


def versions_in(rows: Rows) -> tuple[dict[str, int], dict[str, str]]:
    """Of each date the version that is there, whole; and of each date that is not, what is there."""
    found: dict[str, dict[tuple[int, int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for day, load_no, n, of_rows in rows:
        found[day][load_no, of_rows].append(n)
    whole, broken = {}, {}
    for day, versions in found.items():
        ((load_no, of_rows), ns), *others = versions.items()
        if others or sorted(ns) != list(range(of_rows)):
            broken[day] = ", ".join(f"{len(n)} of {of} rows of {k}" for (k, of), n in versions.items())
        else:
            whole[day] = load_no
    return whole, broken


@dataclass
class Judge:
    """What one reader has seen of all tables, and what was wrong with it."""

    out: IO[str]
    seen: dict[str, dict[str, int]] = field(default_factory=dict)
    reads: int = 0
    repeated: int = 0
    replaced: int = 0
    """Reads of which a date was replaced meanwhile."""
    problems: dict[str, int] = field(default_factory=dict)
    """How many of each kind: mixed, backwards, missing, unreadable."""

    def take(self, root: str, read: Callable[[], Rows], markers: Callable[[], Markers] = dict) -> None:
        """Read a table once and judge it; `markers` are looked at before and after."""
        self.reads += 1
        first = markers()
        try:
            whole, broken = versions_in(read())
        except GoneError:
            self.repeated += 1
            return
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is a finding
            self._problem("unreadable", root, f"{type(error).__name__}: {error}"[:2000])
            return
        replaced = {day for day, _ in first.items() ^ markers().items()}
        self.replaced += bool(replaced)
        before = self.seen.get(root, {})
        of = {day: before[day] for day in before if day in replaced}
        of |= {day: load_no for day, load_no in whole.items() if day not in replaced}
        for day, what in broken.items():
            if day not in replaced:
                self._problem("mixed", root, f"{day}: {what}")
        for day, load_no in before.items():
            if day in of and of[day] < load_no:
                self._problem("backwards", root, f"{day}: {load_no}, then {of[day]}")
            if day not in of and day not in broken:
                self._problem("missing", root, f"{day}: {load_no}, then nothing")
        if of != before:
            self.seen[root] = of
            self._line({"root": root, "seen": of})

    def _problem(self, kind: str, root: str, what: str) -> None:
        self.problems[kind] = self.problems.get(kind, 0) + 1
        if self.problems[kind] <= _KEPT:
            self._line({"root": root, "problem": kind, "what": what, "at": time.time()})

    def _line(self, of: dict[str, Any]) -> None:
        self.out.write(json.dumps(of) + "\n")
        self.out.flush()


def markers_of(root: str) -> Markers:
    """The markers of a table's dates; a date between two renames has none, nor what the platform did not publish.

    A table that is removed as a whole, with the test that it was for, has none either.
    """
    found = dict[str, str]()
    with suppress(FileNotFoundError):
        for folder in Path(root).glob("biz_dt=*"):
            with suppress(FileNotFoundError):
                found[folder.name.partition("=")[2]] = (folder / MARKER).read_text()
    return found


def read_arrow(root: str) -> Rows:
    """All rows of a table, by pyarrow."""
    import pyarrow as pa  # noqa: PLC0415 - the parent only talks to readers
    import pyarrow.dataset as ds  # noqa: PLC0415

    folders = ds.partitioning(
        pa.schema([("biz_dt", pa.string()), ("biz_status", pa.string())]), flavor="hive"
    )
    names = ["biz_dt", "load_no", "n", "of_rows"]
    try:
        dataset = ds.dataset(root, format="orc", partitioning=folders)
        if not dataset.files:
            return []
        table = dataset.to_table(columns=names, use_threads=False)
    except OSError as error:
        raise _as_gone(error) from error
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def spark_reader() -> Callable[[str], Rows]:
    """The same by Spark, listing anew for each read."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    quiet = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",  # a job for each listing is slower
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "512m",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    builder = SparkSession.builder.appName("reader").master("local[1]")
    for name, value in quiet.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    schema = "n int, load_no int, of_rows int, biz_dt string, biz_status string"

    def read(root: str) -> Rows:
        try:
            rows = spark.read.schema(schema).orc(root).select("biz_dt", "load_no", "n", "of_rows").collect()
        except Exception as error:
            raise _as_gone(error) from error
        return [tuple(row) for row in rows]

    return read


def _as_gone(error: Exception) -> Exception:
    text = f"{type(error).__name__} {error}".lower()
    return GoneError(str(error)) if any(word in text for word in _GONE) else error


def run(kind: str, landing: str, folder: Path) -> None:
    """Read until somebody ends this process, or its parent is gone."""
    read = read_arrow if kind == "pyarrow" else spark_reader()
    parent, rounds = os.getppid(), 0
    with (folder / SEEN).open("w") as out:
        judge = Judge(out)
        while os.getppid() == parent:
            began = time.time()
            for root in _tables(landing):
                judge.take(root, partial(read, root), partial(markers_of, root))
            rounds += 1
            _replace(folder / STATUS, {"began": began, "rounds": rounds, **_counts(judge)})


def _tables(landing: str) -> list[str]:
    base = Path(landing).anchor
    while True:
        with suppress(FileNotFoundError):  # a landing of another test is removed just now
            return sorted(str(path) for path in Path(base).glob(f"{landing.removeprefix(base)}/*/"))


def _counts(judge: Judge) -> dict[str, Any]:
    return {name: getattr(judge, name) for name in ("reads", "repeated", "replaced", "problems", "seen")}


def _replace(path: Path, value: object) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)


@dataclass
class Reader:
    """A reader process, as its parent sees it."""

    kind: str
    folder: Path
    process: subprocess.Popen[bytes]

    def status(self) -> dict[str, Any]:
        """What it had seen after its last round; empty before the first."""
        try:
            told: dict[str, Any] = json.loads((self.folder / STATUS).read_text())
        except FileNotFoundError:
            return {}
        return told

    def look(self, timeout_s: float = 600) -> dict[str, dict[str, int]]:
        """What is to be seen now: of each table's folder its dates and versions, in a round that begins after this."""
        now, end = time.time(), time.monotonic() + timeout_s
        while self.status().get("began", 0.0) < now:
            if self.process.poll() is not None:
                raise RuntimeError(f"the {self.kind} reader has ended: {self.said()}")
            if time.monotonic() > end:
                raise TimeoutError(f"the {self.kind} reader does not answer: {self.said()}")
            time.sleep(0.005)
        seen: dict[str, dict[str, int]] = self.status()["seen"]
        return seen

    def problems(self, *, but: str = "") -> list[dict[str, Any]]:
        """Lines of what was wrong, without those of the kind `but`."""
        lines = [json.loads(line) for line in (self.folder / SEEN).read_text().splitlines()]
        return [line for line in lines if "problem" in line and line["problem"] != but]

    def said(self) -> str:
        """The end of its standard error."""
        return (self.folder / "stderr").read_text(errors="replace")[-3000:]


@contextmanager
def reading(kind: str, landing: str, folder: Path, *, niceness: int = 0) -> Iterator[Reader]:
    """A reader at work while the block runs."""
    folder.mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "fdm_platform_tests.faults.reading",
        kind,
        landing,
        str(folder),
        str(niceness),
    ]
    project = Path(__file__).parent.parent.parent
    with (folder / "stderr").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=project)
    reader = Reader(kind, folder, process)
    try:
        yield reader
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


if __name__ == "__main__":
    os.nice(int(sys.argv[4]))
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
