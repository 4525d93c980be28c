"""One load inside Spark: every date of a plan staged, and what became of each told.

Standard library and pyspark only, as all that the driver imports.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pyspark import SparkConf
from pyspark.sql import SparkSession

from fdm_platform.engines.checks import evaluate, observe, require_not_null
from fdm_platform.engines.failure import describe, to_failure
from fdm_platform.engines.malformed import explain
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.engines.progress import ProgressThread, read_metrics
from fdm_platform.engines.reading import read_source
from fdm_platform.engines.secrets import take
from fdm_platform.engines.shaping import shape
from fdm_platform.engines.sizing import configure, gather
from fdm_platform.engines.steps import run_body
from fdm_platform.engines.writing import read_manifest, stage
from fdm_platform.model.manifest import DateOutcome, LoadFailure
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone

DATES_AT_ONCE = 2
"""While one date's tasks run, the next one's SQL is analysed and the last one's footers are read."""


def run_files(plan_file: str, messages_file: str) -> int:
    """Run the plan of a file and write messages to another; the exit code, see `driver`."""
    started = time.perf_counter()
    with MessageWriter(messages_file) as writer:
        seconds: dict[str, float] = {}
        try:
            plan = LoadPlan.from_json(Path(plan_file).read_text(encoding="utf-8"))
            plan, writer.hidden = take(plan, Path(plan_file).parent)
            spark = start_session()
            seconds["session"] = time.perf_counter() - started
            metrics = run(spark, plan, writer)
        except Exception as error:  # noqa: BLE001 - the driver's last word must be written
            writer.write(DriverDone(seconds, failure=to_failure(error)))
            return 1
        seconds["dates"] = time.perf_counter() - started - seconds["session"]
        writer.write(DriverDone({k: round(v, 3) for k, v in seconds.items()}, metrics))
    spark.stop()
    return 0


def start_session() -> SparkSession:
    """The session that spark-submit's settings describe.

    Spark's own substitution of `${…}` is off: placeholders were bound when the load was planned. A date
    or time that its format does not fit is a malformed value, unless the load's settings say otherwise.
    """
    conf = SparkConf().setIfMissing("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    conf.set("spark.sql.variable.substitute", "false")
    return SparkSession.builder.config(conf=conf).getOrCreate()


def run(spark: SparkSession, plan: LoadPlan, writer: MessageWriter) -> dict[str, int | float]:
    """Stage every date, two at a time, and tell each one's outcome; Spark's metrics at the end."""
    context = spark.sparkContext
    writer.write(ApplicationStarted(context.applicationId, context.uiWebUrl))
    with ProgressThread(context, writer.write), ThreadPoolExecutor(DATES_AT_ONCE) as pool:

        def deal_with(date: DatePlan) -> None:
            # a session of its own costs a tenth of a second; the only date of a load needs none
            session = spark if len(plan.dates) == 1 else spark.newSession()
            writer.write(DateDone(run_date(session, plan, date)))

        list(pool.map(deal_with, plan.dates))
    return read_metrics(context)


def run_date(spark: SparkSession, plan: LoadPlan, date: DatePlan) -> DateOutcome:
    """One date, by itself: what goes wrong with it is its outcome and stops no other date.

    The session is the date's own, so that the views of dates that run at once do not meet.
    """
    try:
        return _stage_date(spark, plan, date)
    except Exception as error:  # noqa: BLE001 - a failed date is a value
        return DateOutcome(date.biz_dt, failure=_failure(spark, date, error))


def _failure(spark: SparkSession, date: DatePlan, error: Exception) -> LoadFailure:
    failure = to_failure(error, [date.staging])
    try:
        malformed = explain(spark, date.sources, error)
    except Exception:  # noqa: BLE001 - the search came to nothing: Spark's own words remain
        malformed = None
    return replace(describe(malformed), detail=failure.detail) if malformed else failure


def _stage_date(spark: SparkSession, plan: LoadPlan, date: DatePlan) -> DateOutcome:
    clock = [time.perf_counter()]
    spark.sparkContext.setJobDescription(f"{plan.table} {date.biz_dt}")
    configure(spark, plan, date)
    inputs = {}
    for source in date.sources:
        inputs[source.view] = read_source(spark, source, plan.file)
        inputs[source.view].createOrReplaceTempView(source.view)
    shaped = shape(run_body(spark, plan, date, inputs), plan, date)
    observed, observation = observe(shaped, plan.output.checks, plan.file)
    clock.append(time.perf_counter())
    stage(gather(spark, observed, plan, date), plan, date)
    clock.append(time.perf_counter())
    manifest = read_manifest(spark, shaped, plan, date)
    clock.append(time.perf_counter())
    require_not_null(manifest, plan.output.columns, plan.file)
    results = evaluate(date.biz_dt, manifest, plan.output.checks, observation.get if observation else {})
    names = ("read", "write", "footers")
    seconds = {n: round(b - a, 3) for n, a, b in zip(names, clock, clock[1:], strict=False)}
    return DateOutcome(date.biz_dt, replace(manifest, seconds=seconds), results)
