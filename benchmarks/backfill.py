"""Many business dates through one `fdm backfill` against what a team does today, whole process, cold.

    uv run python benchmarks/backfill.py [--dates 30] [--rows 100000] [--runs 3] [--many 365]

In turn, `runs` times, after one unmeasured turn: `fdm backfill --from --to` of all dates (one Dagster
run, one submit, each date staged, checked and published by itself) and one hand-written script that loads
them all with one query and dynamic overwrite (contract_dates_job.py), under plain spark-submit. Their rows
are held equal, date by date.

A hand-written script for one date (contract_job.py) run for date after date would take half an hour for three
turns of thirty: one date is run so in each turn, and its time stands for each of the dates; how many were run
is printed and in the JSON (`sequential_dates_run`).

Cost per date as dates grow: 1, 10 and `--many` dates of `--rows-flat` rows, each in one submit; the seconds of
one date (start of Python, Dagster and Spark) are taken off, and the rest divided by the dates beyond the first.

Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from deployment import PROJECT, Deployment, deploy, rows_of
from overhead import COLUMNS, TABLE
from pairs import Run, in_turn, median_s, ratio, timed

from fdm_platform.cli.sample import write_contracts
from fdm_platform.control.store import open_store
from fdm_platform.engines import class_archive

FIRST = date(2024, 6, 1)
FEW = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dates", type=int, default=30)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--many", type=int, default=365, help="dates of the longest backfill; 0: leave it out"
    )
    parser.add_argument("--rows-flat", type=int, default=5_000, help="rows of each of its dates")
    args = parser.parse_args()
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory(prefix="fdm-bench-") as folder:
        figures |= compare(Path(folder), args.dates, args.rows, args.runs)
        if args.many:
            figures |= flatness(Path(folder), args.many, args.rows_flat)
    print(json.dumps(figures))


def compare(folder: Path, count: int, rows: int, runs: int) -> dict[str, float | int]:
    """All dates by us, by one hand-written script, and some of them by one script each."""
    dates = [FIRST + timedelta(n) for n in range(count)]
    deployment = deploy_dates(folder / "home", dates, rows)
    plain = folder / "plain"
    turns = in_turn(
        runs,
        lambda: backfill(deployment, dates),
        lambda: timed(all_by_hand(deployment, dates, plain), deployment.environ),
        lambda: timed(one_by_hand(deployment, dates[0], folder / "one"), deployment.environ),
    )
    require_equal(deployment, dates, plain)
    ours, each = median_s(turns, 0), median_s(turns, 2)
    print(f"\n{count} business dates of {rows:,} contracts, {runs} runs in turn, medians\n")
    print(f"{'fdm backfill --from --to':<58} {ours:7.2f} s")
    print(f"{'one hand-written script for all, dynamic overwrite':<58} {median_s(turns, 1):7.2f} s")
    print(f"{f'hand-written script of one date, {len(turns)} of them run':<58} {each:7.2f} s")
    print(f"    {count} of them one after the other, by that {each * count:25.2f} s")
    shutil.rmtree(folder / "home")
    return {
        "times_faster_than_sequential": round(count * ratio(turns, 2, 0), 2),
        "ratio_to_one_hand_written": round(ratio(turns), 3),
        "seconds_backfill": round(ours, 2),
        "seconds_one_hand_written": round(median_s(turns, 1), 2),
        "seconds_sequential_each": round(each, 2),
        "sequential_dates_run": len(turns),
        "dates": count,
        "rows_per_date": rows,
    }


def flatness(folder: Path, many: int, rows: int) -> dict[str, float | int]:
    """Seconds of a date beyond the first in a backfill of few and of many, same rows each."""
    dates = [FIRST + timedelta(n) for n in range(many)]
    deployment = deploy_dates(folder / "flat", dates, rows)
    few = in_turn(3, lambda: backfill(deployment, dates[:1]), lambda: backfill(deployment, dates[:FEW]))
    start = median_s(few, 0)
    per_few = (median_s(few, 1) - start) / (FEW - 1)
    per_many = (backfill(deployment, dates).wall_s - start) / (many - 1)
    print(f"\nseconds of a date of {rows:,} contracts beyond the first ({start:.1f} s)\n")
    print(f"in a backfill of {FEW:>4} dates {per_few:8.3f} s, median of 3")
    print(f"in a backfill of {many:>4} dates {per_many:8.3f} s, one run")
    return {
        "seconds_per_date_10": round(per_few, 3),
        f"seconds_per_date_{many}": round(per_many, 3),
        f"ratio_per_date_{many}_to_10": round(per_many / per_few, 3),
        "rows_per_date_flat": rows,
    }


def deploy_dates(home: Path, dates: Iterable[date], rows: int) -> Deployment:
    """A deployment whose control tables and sources have these dates too."""
    deployment = deploy(home, 1)
    class_archive.build(deployment.settings.cache)
    store = open_store(deployment.settings.control_url)
    store.upsert("process_control", [control_row(d) for d in dates])
    store.close()
    for biz_dt in dates:
        write_contracts(contracts_of(deployment, biz_dt), biz_dt, rows)
    return deployment


def control_row(biz_dt: date) -> dict[str, object]:
    """As the sample's own rows are."""
    return {
        "entity": "GELS",
        "source_system": "FPMS",
        "biz_dt": biz_dt,
        "process_from_date": biz_dt,
        "process_to_date": biz_dt,
        "run_indicator": "Y",
        "change_indicator": "Y",
        "run_id": f"{biz_dt:%Y%m%d}",
        "last_update_ts": datetime.now(UTC),
    }


def contracts_of(deployment: Deployment, biz_dt: date) -> Path:
    """The date's contracts, a CSV."""
    return deployment.settings.source_root / f"customer_contract_{biz_dt:%Y%m%d}.csv"


def backfill(deployment: Deployment, dates: list[date]) -> Run:
    """One `fdm backfill` of the dates, in one submit; published ones are loaded again."""
    span = ("--from", dates[0].isoformat(), "--to", dates[-1].isoformat())
    command = deployment.fdm("backfill", TABLE, *span, "--dates-per-run", str(len(dates)), "--yes")
    return timed(command, deployment.environ)


def all_by_hand(deployment: Deployment, dates: list[date], out: Path) -> list[str]:
    """Plain spark-submit of the script that loads them all."""
    files = ["--contracts", str(deployment.settings.source_root), "--lookup", str(deployment.lookup)]
    span = ["--from", dates[0].isoformat(), "--to", dates[-1].isoformat()]
    return [
        *submit(),
        str(PROJECT / "benchmarks" / "contract_dates_job.py"),
        *files,
        *span,
        "--out",
        str(out),
    ]


def one_by_hand(deployment: Deployment, biz_dt: date, out: Path) -> list[str]:
    """Plain spark-submit of the script that loads one."""
    files = ["--contracts", str(contracts_of(deployment, biz_dt)), "--lookup", str(deployment.lookup)]
    script = str(PROJECT / "benchmarks" / "contract_job.py")
    return [*submit(), script, *files, "--biz-dt", biz_dt.isoformat(), "--out", str(out)]


def submit() -> list[str]:
    """spark-submit as a team calls it on this machine, as in deployment.py."""
    return [
        str(Path(sys.executable).parent / "spark-submit"),
        "--master",
        "local[2]",
        "--driver-memory",
        "1g",
    ]


def require_equal(deployment: Deployment, dates: Iterable[date], plain: Path) -> None:
    """The two outputs hold the same rows for each date, or the comparison means nothing."""
    live = deployment.settings.landing_root / TABLE
    for biz_dt in dates:
        ours, theirs = (rows_of(root / f"biz_dt={biz_dt:%Y%m%d}").select(COLUMNS) for root in (live, plain))
        if not ours.equals(theirs):
            sys.exit(f"the outputs of {biz_dt} differ")


if __name__ == "__main__":
    main()
