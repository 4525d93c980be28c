"""One business date through `fdm materialize` against what a team does today, whole process, cold.

    uv run python benchmarks/overhead.py [--rows 100000] [--runs 5]

Three commands in turn, `runs` times, after one unmeasured turn:

- `fdm materialize`: the real path, a Dagster run with our launcher, driver and publisher;
- our spark-submit alone: the same plan from the start of its process to its exit;
- the hand-written script of the same work (contract_job.py) under plain spark-submit.

The outputs are held equal, row by row. Ends with one line of JSON: `ratio_whole_path` is the first to
the third, `ratio_cold_start` the second to the third, medians of the pairs' ratios.
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
from pathlib import Path

from deployment import DAY, Deployment, deploy, rows_of
from pairs import Run, in_turn, median_s, ratio, timed

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.platform import open_platform
from fdm_platform.engines import class_archive
from fdm_platform.engines.spark_submit import start

TABLE = "gels_fpms_t_contract_master"
COLUMNS = ("customer_id", "contract_id", "status", "amount", "entity_new", "premium_amt", "biz_status")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fdm-bench-") as folder:
        report(Path(folder), args.rows, args.runs)


def report(folder: Path, rows: int, runs: int) -> None:
    """All runs, the comparison of outputs, the tables and the JSON."""
    deployment = deploy(folder / "home", rows)
    class_archive.build(deployment.settings.cache)
    timelines: list[dict[str, float]] = []
    phases: list[dict[str, float]] = []
    plain = folder / "plain"

    def whole() -> Run:
        run = timed(deployment.fdm("materialize", TABLE, "--biz-dt", DAY.isoformat()), deployment.environ)
        timelines.append(timeline(deployment, run))
        return run

    def submit() -> Run:
        run, seconds = submit_only(deployment)
        phases.append(seconds)
        return run

    pairs = in_turn(runs, whole, submit, lambda: timed(deployment.hand_written(plain), deployment.environ))
    require_equal(deployment.landed, plain / f"biz_dt={DAY:%Y%m%d}")
    print(f"\n{rows:,} contracts of one business date, {runs} runs in turn, medians\n")
    print_seconds("fdm materialize", median_s(pairs, 0), timelines[1:])
    print_seconds("our spark-submit alone", median_s(pairs, 1), phases[1:])
    print_seconds("hand-written script, plain spark-submit", median_s(pairs, 2), [])
    print(
        json.dumps(
            {
                "ratio_whole_path": round(ratio(pairs, 0, 2), 3),
                "ratio_cold_start": round(ratio(pairs, 1, 2), 3),
                "seconds_whole_path": round(median_s(pairs, 0), 2),
                "seconds_hand_written": round(median_s(pairs, 2), 2),
                "mib_dagster_side": round(statistics.median(p[0].peak_mib for p in pairs)),
            }
        )
    )


def submit_only(deployment: Deployment) -> tuple[Run, dict[str, float]]:
    """Our spark-submit without Dagster and without publishing."""
    with open_platform(deployment.settings) as platform:
        plan = platform.plan(platform.catalog.get(TABLE), [DAY], f"submit-{time.time_ns()}")
    begun, clock = time.time(), time.perf_counter()
    submission = start(plan, work=deployment.settings.work, cache=deployment.settings.cache)
    answer = submission.report()
    submission.wait(60)
    run = Run(begun, time.perf_counter() - clock, 0.0)
    manifest = answer.outcomes[0].manifest
    if manifest is None:
        sys.exit(f"the load failed: {answer.outcomes[0].failure}")
    shutil.rmtree(plan.dates[0].staging)
    return run, {**answer.seconds, **{f"date: {k}": v for k, v in manifest.seconds.items()}}


def timeline(deployment: Deployment, run: Run) -> dict[str, float]:
    """Where the seconds of the last `fdm materialize` went, from the traces that it left."""
    newest = max(deployment.settings.work.iterdir(), key=lambda p: p.stat().st_mtime_ns)
    moments = {
        "start Python, plan, start Spark": (newest / "plan.json").stat().st_mtime,
        **run_moments(
            deployment, newest.name.removesuffix(f"-{TABLE}"), (newest / "messages.jsonl").stat().st_mtime
        ),
        "leave Python": run.begun + run.wall_s,
    }
    before, seconds = run.begun, {}
    for name, moment in moments.items():
        seconds[name] = moment - before
        before = moment
    return seconds


def run_moments(deployment: Deployment, run_id: str, spark_done: float) -> dict[str, float]:
    """When the Dagster run passed its stations, in seconds since the epoch."""
    os.environ.update(deployment.environ)
    with open_instance(deployment.settings) as instance:
        stamps = {
            e.dagster_event_type.value: e.timestamp for e in instance.all_logs(run_id) if e.dagster_event_type
        }
    return {
        "import Dagster, instance, definitions": stamps["PIPELINE_START"],
        "to the step": stamps["STEP_START"],
        "wait for Spark": spark_done,
        "publish": stamps["ASSET_MATERIALIZATION"],
        "end the run": stamps["PIPELINE_SUCCESS"],
    }


def require_equal(ours: Path, theirs: Path) -> None:
    """The two outputs hold the same rows, or the comparison means nothing."""
    if not rows_of(ours).select(COLUMNS).equals(rows_of(theirs).select(COLUMNS)):
        sys.exit("the outputs differ")


def print_seconds(name: str, total: float, parts: list[dict[str, float]]) -> None:
    """A total and its parts, medians."""
    print(f"{name:<50} {total:6.2f} s")
    for part in parts[0] if parts else ():
        print(f"    {part:<46} {statistics.median(p[part] for p in parts):6.2f}")


if __name__ == "__main__":
    main()
