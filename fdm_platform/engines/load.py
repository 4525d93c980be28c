"""One load inside Spark: every date of a plan staged, and what became of each told.

Standard library and pyspark only, as all that the driver imports.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from pyspark import SparkConf
from pyspark.sql import SparkSession

from fdm_platform.crash import reached
from fdm_platform.engines.checks import evaluate, observe, require_not_null
from fdm_platform.engines.failure import to_failure
from fdm_platform.engines.files import remove_folder
from fdm_platform.engines.malformed import failure_of
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.engines.progress import ProgressThread, read_metrics
from fdm_platform.engines.rejecting import (
    Inputs,
    can_reject,
    count_rows,
    is_of_rows,
    judge,
    require_allowed,
    write_rejected,
)
from fdm_platform.engines.secrets import take
from fdm_platform.engines.shaping import shape
from fdm_platform.engines.sharing import SharedSources, share
from fdm_platform.engines.sizing import configure, dates_at_once, gather
from fdm_platform.engines.steps import run_body
from fdm_platform.engines.writing import read_manifest, stage
from fdm_platform.model.manifest import DateOutcome
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.rejected import allows_any
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone


def run_files(plan_file: str, messages_file: str) -> int:
    """Run the plan of a file and write messages to another; the exit code, see `driver`."""
    started = time.perf_counter()
    reached("driver.started")
    with MessageWriter(messages_file) as writer:
        seconds: dict[str, float] = {}
        try:
            plan = LoadPlan.from_json(Path(plan_file).read_text(encoding="utf-8"))
            plan, writer.hidden = take(plan, Path(plan_file).parent)
            spark = start_session()
            reached("driver.session")
            seconds["session"] = time.perf_counter() - started
            metrics = run(spark, plan, writer)
        except Exception as error:  # noqa: BLE001 - the driver's last word must be written
            writer.write(DriverDone(seconds, failure=to_failure(error)))
            return 1
        seconds["dates"] = time.perf_counter() - started - seconds["session"]
        writer.write(DriverDone({k: round(v, 3) for k, v in seconds.items()}, metrics))
    reached("driver.done")
    spark.stop()
    return 0


def start_session() -> SparkSession:
    """The session that spark-submit's settings describe.

    Spark's own substitution of `${…}` is off: placeholders were bound when the load was planned, for literals in
    which a backslash escapes, whatever a cluster's settings say. A date or time that its format does not fit is a
    malformed value, unless the load's settings say otherwise.
    """
    conf = SparkConf().setIfMissing("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    conf.set("spark.sql.variable.substitute", "false")
    conf.set("spark.sql.parser.escapedStringLiterals", "false")
    return SparkSession.builder.config(conf=conf).getOrCreate()


def run(spark: SparkSession, plan: LoadPlan, writer: MessageWriter) -> dict[str, int | float]:
    """Stage every date and tell each one's outcome; Spark's metrics at the end."""
    context = spark.sparkContext
    writer.write(ApplicationStarted(context.applicationId, context.uiWebUrl))
    with ProgressThread(context, writer.write):
        if len(plan.dates) == 1:
            _tell(writer, run_date(spark, plan, plan.dates[0]))
        else:
            _run_dates(spark, plan, writer)
    return read_metrics(context)


def _run_dates(spark: SparkSession, plan: LoadPlan, writer: MessageWriter) -> None:
    """Some dates at a time, each in a session that it has to itself, so that their views do not meet."""
    shared = share(spark, plan)
    at_once = dates_at_once(plan, spark.sparkContext.defaultParallelism)
    idle = SimpleQueue[SparkSession | None]()
    for _ in range(at_once):
        idle.put(None)

    def deal_with(date: DatePlan) -> None:
        session, reusable = idle.get(), None
        try:
            session = session or spark.newSession()
            outcome = run_date(session, plan, date, shared)
            _tell(writer, outcome)
            # The next date of the same SQL replaces all views. A transform may have left anything behind,
            # and a query that failed leaves its listener: the next date is given a new session.
            is_clean = outcome.manifest is not None and not outcome.manifest.rejected
            reusable = session if is_clean and plan.transform is None else None
        finally:
            idle.put(reusable)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(deal_with, plan.dates))
    shared.release(spark)


def _tell(writer: MessageWriter, outcome: DateOutcome) -> None:
    writer.write(DateDone(outcome))
    reached("driver.told")


def run_date(
    spark: SparkSession, plan: LoadPlan, date: DatePlan, shared: SharedSources | None = None
) -> DateOutcome:
    """One date, by itself: what goes wrong with it is its outcome and stops no other date.

    No other date uses the session meanwhile.
    """
    shared = shared or SharedSources()
    failure = shared.failure_of(date)
    try:
        if failure is None:
            return _load_date(spark, plan, date, shared)
    except Exception as error:  # noqa: BLE001 - a failed date is a value
        if not (_may_reject(plan, date) and is_of_rows(error)):
            return _failed(spark, date, error)
    else:
        if not (_may_reject(plan, date) and shared.has_bad_rows(date)):
            return DateOutcome(date.biz_dt, failure=failure)
    try:
        return _reject_and_load(spark.newSession(), plan, date)
    except Exception as error:  # noqa: BLE001 - as above
        return _failed(spark, date, error)


def _failed(spark: SparkSession, date: DatePlan, error: Exception) -> DateOutcome:
    return DateOutcome(date.biz_dt, failure=failure_of(spark, date.sources, error, [date.staging]))


def _may_reject(plan: LoadPlan, date: DatePlan) -> bool:
    return allows_any(plan.output.max_rejected) and any(can_reject(s) for s in date.sources)


def _load_date(spark: SparkSession, plan: LoadPlan, date: DatePlan, shared: SharedSources) -> DateOutcome:
    """The date with every row of its sources good."""
    _set_up(spark, plan, date)
    started = time.perf_counter()
    return _stage_date(spark, plan, date, Inputs(shared.inputs(spark, plan, date)), started)


def _reject_and_load(spark: SparkSession, plan: LoadPlan, date: DatePlan) -> DateOutcome:
    """The date without the bad rows of its sources, which are staged beside it, if they are not too many."""
    started = time.perf_counter()
    remove_folder(spark, date.staging)
    _set_up(spark, plan, date)
    with judge(spark, plan, date) as judged:
        try:
            require_allowed(judged, plan, date)
            return _stage_date(spark, plan, date, judged, started)
        finally:
            write_rejected(spark, judged, plan, date)
            reached("driver.rejected")


def _set_up(spark: SparkSession, plan: LoadPlan, date: DatePlan) -> None:
    spark.sparkContext.setJobDescription(f"{plan.table} {date.biz_dt}")
    configure(spark, plan, date.sources)


def _stage_date(
    spark: SparkSession, plan: LoadPlan, date: DatePlan, inputs: Inputs, started: float
) -> DateOutcome:
    clock = [started]
    shaped = shape(run_body(spark, plan, date, inputs.frames), plan, date)
    observed, observation = observe(shaped, plan.output.checks, plan.file)
    clock.append(time.perf_counter())
    reached("driver.read")
    stage(gather(spark, observed, plan, date), plan, date)
    reached("driver.staged")
    clock.append(time.perf_counter())
    manifest = count_rows(spark, read_manifest(spark, shaped, plan, date), inputs, shaped, date)
    clock.append(time.perf_counter())
    require_not_null(manifest, plan.output.columns, plan.file)
    results = evaluate(date.biz_dt, manifest, plan.output.checks, observation.get if observation else {})
    names = ("read", "write", "footers")
    seconds = {n: round(b - a, 3) for n, a, b in zip(names, clock, clock[1:], strict=False)}
    return DateOutcome(date.biz_dt, replace(manifest, seconds=seconds), results)
