"""How many tasks read a date, and so how many files it becomes: few and large, mostly without a shuffle.

A task writes one file for each partition value it meets. A small date is read by one task, which makes
one file; a large one by so many equal tasks that every core is busy to the end and a file comes near the
target size. Only where many tasks would each meet many partition values are rows shuffled by them first.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.raised import name
from fdm_platform.model.plan import DatePlan, LoadPlan, SourcePlan

MIN_TASK_BYTES = 32 << 20
"""Less input is not worth a second task, nor a second file."""
TEXT_SHRINKS = 3
"""Bytes of CSV or JSON that become one byte of ORC, about."""
SHUFFLE_SHRINKS = 2
"""Bytes of shuffled rows that become one byte of ORC, about."""
MANY_TASKS = 8
OPEN_WRITERS = 8
"""Partition values that a task may write at once; up to so many, it need not sort its rows by them."""
_MAX_SHUFFLE_PARTITIONS = 2000
_MAX_DATES_AT_ONCE = 8


def count_tasks(input_bytes: int, cores: int, file_bytes: int) -> int:
    """Tasks for the largest source: whole waves over the cores, each task about a file's worth of input."""
    waves = max(1, round(input_bytes / (cores * file_bytes)))
    return max(1, min(cores * waves, input_bytes // MIN_TASK_BYTES))


def tasks_of(sources: Sequence[SourcePlan], cores: int, target_file_bytes: int) -> int | None:
    """Tasks for what is read at once, by listed sizes; None where no size is known (JDBC, remote files)."""
    if not any(s.bytes for s in sources):
        return None
    largest = max(sources, key=lambda s: s.bytes)
    return count_tasks(largest.bytes, cores, target_file_bytes * _shrinks(largest))


def dates_at_once(plan: LoadPlan, cores: int) -> int:
    """How many dates are dealt with at the same time: as many as keep the cores busy and one more, within a bound.

    While some dates' tasks run, the next one's SQL is analysed and the last one's footers are read. A date of
    one small task leaves the other cores of a cluster to other dates. The bound is the driver's memory, which
    holds each date's broadcast tables.
    """
    known = [tasks_of(d.sources, cores, plan.output.target_file_bytes) for d in plan.dates]
    most = max((tasks for tasks in known if tasks), default=cores)
    return max(2, min(_MAX_DATES_AT_ONCE, cores // most + 1))


def configure(spark: SparkSession, plan: LoadPlan, sources: Sequence[SourcePlan]) -> None:
    """Set a session up for what it reads next; what the load's settings name is left as they say."""
    cores = spark.sparkContext.defaultParallelism
    settings: dict[str, int | bool | str | None] = {
        # with it, a row with too many or too few values passes unseen if a column is not used
        "spark.sql.csv.parser.columnPruning.enabled": False,
        "spark.sql.maxConcurrentOutputFileWriters": OPEN_WRITERS,
        "spark.sql.adaptive.coalescePartitions.minPartitionSize": MIN_TASK_BYTES,
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": plan.output.target_file_bytes * SHUFFLE_SHRINKS,
        **_by_size(sources, cores, plan.output.target_file_bytes),
    }
    given = spark.sparkContext.getConf()
    for key, value in settings.items():
        if given.contains(key):
            continue
        if value is None:  # the session may have it of an earlier date
            spark.conf.unset(key)
        else:
            spark.conf.set(key, value)


def _by_size(
    sources: Sequence[SourcePlan], cores: int, target_file_bytes: int
) -> dict[str, int | bool | str | None]:
    """Settings that follow from the sizes of what is read; all None where no size is known.

    What one task reads is not worth Spark's adaptive planning, a query for each exchange, nor a long
    description of its plan for the UI: 30 dates of 5 MB took 5 % less CPU without.
    """
    tasks = tasks_of(sources, cores, target_file_bytes)
    total, largest = sum(s.bytes for s in sources), max((s.bytes for s in sources), default=0)
    shuffled = min(max(2 * cores, total // MIN_TASK_BYTES), _MAX_SHUFFLE_PARTITIONS)
    is_small = bool(tasks) and total <= MIN_TASK_BYTES
    return {
        "spark.sql.adaptive.enabled": False if is_small else None,
        "spark.sql.shuffle.partitions": 1 if is_small else None,
        "spark.sql.ui.explainMode": "simple" if is_small else None,
        "spark.sql.files.minPartitionNum": tasks,
        "spark.sql.files.maxPartitionBytes": largest + (1 << 30) if tasks else None,
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": shuffled if tasks else None,
    }


def gather(spark: SparkSession, shaped: DataFrame, plan: LoadPlan, date: DatePlan) -> DataFrame:
    """The rows of each partition value brought together, where they would else become many small files."""
    tasks = tasks_of(date.sources, spark.sparkContext.defaultParallelism, plan.output.target_file_bytes)
    if len(plan.output.partition_by) == 1 or (tasks or 0) <= MANY_TASKS:
        return shaped
    view = "fdm_shaped"
    shaped.createOrReplaceTempView(view)
    columns = ", ".join(name(c) for c in plan.output.partition_by)
    return spark.sql(f"select /*+ rebalance({columns}) */ * from {view}")  # noqa: S608 - names are quoted


def _shrinks(source: SourcePlan) -> int:
    return TEXT_SHRINKS if source.format in ("csv", "json") else 1
