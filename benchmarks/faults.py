"""Processes killed at random moments of overlapping loads, with readers that read all the while: nothing may be lost.

    uv run python benchmarks/faults.py [--trials 200] [--seed 1] [--readers 2] [--workers 2] [--keep FOLDER]
    uv run python benchmarks/faults.py --without-spark --readers 1 --trials 1000
    uv run python benchmarks/faults.py --target spark-overwrite --trials 5

Each trial loads some of 4 dates of some of 3 tables in `workers` processes at once, often the same dates, and kills
one process by SIGKILL: a load's worker, its driver, its JVM, one that recovers while loads go on, or
Dagster's daemon in a tick, whose requests are then counted. The moment is
drawn as one of the platform's crash points, or as a number of messages that the driver has written. Then recovery
runs, and what must be true is held against what is there: every date live as the ledger says, one final line for each
attempt and the right one, nothing staged, claimed, registered or journalled any more. Two readers (pyarrow, Spark)
read all tables without pause, at low priority; they judge each read (fdm_platform_tests/faults/reading.py).

Some of the workers stage rows without Spark, so that a thousand trials take about two hours on two cores; with
`--without-spark` all do.

A trial that does not end is a violation, too. What was wrong is told at once, and kept in the folder with what it
takes to see why. `--target spark-overwrite` points readers and checks at plain Spark's dynamic overwrite of many dates,
killed while it commits: it must report violations.

Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults_daemon import daemon_of
from faults_overwrite import overwrite_trials
from faults_trial import DATES, TABLES, Bench, Drawn, draw, run_trial

from fdm_platform_tests.faults.counted import deploy_counted, offer
from fdm_platform_tests.faults.publisher import load
from fdm_platform_tests.faults.reading import KINDS, Reader, reading
from fdm_platform_tests.faults.server import Server

TELL_EVERY_S = 30
NICENESS = 10
"""Of readers: loads come first."""


@dataclass
class Tally:
    """What was found so far. Each thing is counted once, however long it stays."""

    known: set[str] = field(default_factory=set)
    count: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    killed: Counter[str] = field(default_factory=Counter)

    def add(self, found: dict[str, list[str]]) -> dict[str, list[str]]:
        """What of it is new."""
        new = {kind: [text for text in texts if text not in self.known] for kind, texts in found.items()}
        for kind, texts in new.items():
            self.known.update(texts)
            self.count[kind] += len(texts)
        return {kind: texts for kind, texts in new.items() if texts}

    def as_json(self, readers: list[Reader], seconds: float) -> dict[str, Any]:
        """The last line."""
        own = ("lost", "doubled", "leftovers")
        statuses = [reader.status() for reader in readers]
        return {
            "trials": self.trials,
            "violations": sum(n for kind, n in self.count.items() if kind not in own),
            "lost_log_rows": self.count["lost"],
            "doubled_log_rows": self.count["doubled"],
            "leftovers": self.count["leftovers"],
            "repeated_reads": sum(s.get("repeated", 0) for s in statuses),
            "replaced_reads": sum(s.get("replaced", 0) for s in statuses),
            "reads": sum(s.get("reads", 0) for s in statuses),
            "killed": dict(self.killed),
            "seconds": round(seconds, 1),
        }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--readers", type=int, choices=(0, 1, 2), default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--without-spark", action="store_true", help="no load runs Spark: a trial in a second"
    )
    parser.add_argument("--target", choices=("platform", "spark-overwrite"), default="platform")
    parser.add_argument("--keep", type=Path, help="an empty folder for all of it, which stays")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that readers and the server end, too
    home = args.keep.resolve() if args.keep else Path(tempfile.mkdtemp(prefix="fdm-faults-"))
    run = platform_trials if args.target == "platform" else spark_overwrite
    result = run(home, args)
    is_clean = not any(result[k] for k in ("violations", "lost_log_rows", "doubled_log_rows", "leftovers"))
    if is_clean and not args.keep:
        shutil.rmtree(home)
    else:
        print(f"all of it is in {home}")
    print(json.dumps(result))


def platform_trials(home: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Trials on a deployment of this platform."""
    counted, tally, began = deploy_counted(home, TABLES), Tally(), time.monotonic()
    with ExitStack() as stack:
        platform = stack.enter_context(counted.deployment.platform())
        offer(platform, DATES, 1)
        for table in TABLES:
            for day in DATES:
                load(platform, table, day, f"first-{day}-{table}")
        server = stack.enter_context(Server())
        readers = [
            stack.enter_context(
                reading(kind, str(counted.landing), home / "readers" / kind, niceness=NICENESS)
            )
            for kind in KINDS[: args.readers]
        ]
        for reader in readers:
            reader.look()
        daemon = daemon_of(platform, counted.deployment.environ)
        bench, told = Bench(counted, platform, server, readers, home, daemon), time.monotonic()
        for number in range(1, args.trials + 1):
            drawn = draw(args.seed, number, args.workers, has_spark=not args.without_spark)
            done = run_trial(bench, drawn)
            tally.trials += 1
            tally.killed[drawn.victim if done.is_killed else "nobody: it had ended"] += 1
            tell(drawn, tally.add(done.found), bench)
            if time.monotonic() - told > TELL_EVERY_S or number == args.trials:
                told = time.monotonic()
                print(
                    f"{number} of {args.trials}: {json.dumps(tally.as_json(readers, told - began))}",
                    flush=True,
                )
        tally.add(
            {"reader": [json.dumps(p) for r in readers for p in (r.look() and r.problems()) or r.problems()]}
        )
        return tally.as_json(readers, time.monotonic() - began)


def tell(drawn: Drawn, new: dict[str, list[str]], bench: Bench) -> None:
    """What a trial found, on the screen and beside its evidence."""
    if not new:
        bench.forget(drawn)
        return
    folder = bench.keep(drawn, new)
    print(f"trial {drawn.number} ({drawn.victim} at {drawn.moment}): see {folder}", file=sys.stderr)
    for kind, texts in new.items():
        for text in texts:
            print(f"  {kind}: {text}", file=sys.stderr, flush=True)


def spark_overwrite(home: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The same readers and checks at plain Spark."""
    tally, began, numbers = Tally(), time.monotonic(), range(1, args.trials + 1)
    with ExitStack() as stack:
        readers: list[Reader] = []
        for number, found in overwrite_trials(
            home, numbers, stack, readers, seed=args.seed, readers=args.readers
        ):
            tally.trials += 1
            tally.killed["driver"] += 1
            new = tally.add(found)
            texts = [text for of_kind in new.values() for text in of_kind]
            print(f"trial {number}: {len(texts)} violations, such as {texts[:2]}", flush=True)
        return tally.as_json(readers, time.monotonic() - began)


if __name__ == "__main__":
    main()
