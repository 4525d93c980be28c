"""How many tasks read a date, and so how many files it becomes: few and large, mostly without a shuffle.

A task writes one file for each partition value it meets. A small date is read by one task, which makes
one file; a large one by so many equal tasks that every core is busy to the end and a file comes near the
target size. Only where many tasks would each meet many partition values are rows shuffled by them first.
"""

from __future__ import annotations

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


def count_tasks(input_bytes: int, cores: int, file_bytes: int) -> int:
    """Tasks for the largest source: whole waves over the cores, each task about a file's worth of input."""
    waves = max(1, round(input_bytes / (cores * file_bytes)))
    return max(1, min(cores * waves, input_bytes // MIN_TASK_BYTES))


def tasks_of(date: DatePlan, cores: int, target_file_bytes: int) -> int | None:
    """Tasks for a date's sources, by their listed sizes; None where no size is known (JDBC, remote files)."""
    if not any(s.bytes for s in date.sources):
        return None
    largest = max(date.sources, key=lambda s: s.bytes)
    return count_tasks(largest.bytes, cores, target_file_bytes * _shrinks(largest))


def configure(spark: SparkSession, plan: LoadPlan, date: DatePlan) -> None:
    """Set the date's own session up for its size; what the load's settings name is left as they say."""
    cores = spark.sparkContext.defaultParallelism
    settings: dict[str, int | bool] = {
        # with it, a row with too many or too few values passes unseen if a column is not used
        "spark.sql.csv.parser.columnPruning.enabled": False,
        "spark.sql.maxConcurrentOutputFileWriters": OPEN_WRITERS,
        "spark.sql.adaptive.coalescePartitions.minPartitionSize": MIN_TASK_BYTES,
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": plan.output.target_file_bytes * SHUFFLE_SHRINKS,
    }
    tasks = tasks_of(date, cores, plan.output.target_file_bytes)
    if tasks is not None:
        total = sum(s.bytes for s in date.sources)
        settings |= {
            "spark.sql.files.minPartitionNum": tasks,
            "spark.sql.files.maxPartitionBytes": max(s.bytes for s in date.sources) + (1 << 30),
            "spark.sql.adaptive.coalescePartitions.initialPartitionNum": min(
                max(2 * cores, total // MIN_TASK_BYTES), _MAX_SHUFFLE_PARTITIONS
            ),
        }
    given = spark.sparkContext.getConf()
    for key, value in settings.items():
        if not given.contains(key):
            spark.conf.set(key, value)


def gather(spark: SparkSession, shaped: DataFrame, plan: LoadPlan, date: DatePlan) -> DataFrame:
    """The rows of each partition value brought together, where they would else become many small files."""
    tasks = tasks_of(date, spark.sparkContext.defaultParallelism, plan.output.target_file_bytes)
    if len(plan.output.partition_by) == 1 or (tasks or 0) <= MANY_TASKS:
        return shaped
    view = "fdm_shaped"
    shaped.createOrReplaceTempView(view)
    columns = ", ".join(name(c) for c in plan.output.partition_by)
    return spark.sql(f"select /*+ rebalance({columns}) */ * from {view}")  # noqa: S608 - names are quoted


def _shrinks(source: SourcePlan) -> int:
    return TEXT_SHRINKS if source.format in ("csv", "json") else 1
