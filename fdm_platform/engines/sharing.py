"""Sources that several dates of a load read alike, read once.

A lookup that does not depend on the date has one SourcePlan in all of them: the same files, options and
columns. It is read by one job before the first date, kept, and handed to each date's session as a view.

What is kept are the rows as Spark reads them. The guards stand above it, and so a value in a column that
no step uses does as little harm as in a load of one date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.malformed import failure_of
from fdm_platform.engines.reading import read_source
from fdm_platform.engines.rejecting import is_of_rows
from fdm_platform.engines.sizing import configure
from fdm_platform.model.manifest import LoadFailure
from fdm_platform.model.plan import DatePlan, LoadPlan, SourcePlan
from fdm_platform.model.table import PASSED_THROUGH, FileFormat

IN_MEMORY_BYTES = 64 << 20
"""A source of up to so many bytes is kept in memory, and goes to disk only if memory runs out."""
ON_DISK_BYTES = 4 << 30
"""Text of up to so many bytes is kept on disk. A larger copy could fill the executors' scratch disks, and that
would fail every date: then each reads the source for itself, which costs time and nothing else."""
_TEXT = ("csv", "json")
_GLOBAL = "global_temp"


def level_for(file_format: FileFormat, size: int) -> StorageLevel | None:
    """Where the rows of a source of that many bytes are kept; None where every date reads for itself.

    Text is parsed from its first to its last byte whatever a date wants of it, and so its rows are worth a
    disk. Of ORC and Parquet a date reads the columns and stripes that it needs, which a copy of all would
    undo unless it is small. A database is left to answer each date's own WHERE: nobody knows the size
    of its table.
    """
    if file_format in PASSED_THROUGH:
        return None
    if size <= IN_MEMORY_BYTES:
        return StorageLevel.MEMORY_AND_DISK
    return StorageLevel.DISK_ONLY if file_format in _TEXT and size <= ON_DISK_BYTES else None


@dataclass(slots=True)
class SharedSources:
    """What was read once for a load's dates."""

    views: dict[str, str] = field(default_factory=dict)
    """Names of global views by the sources' keys."""
    failures: dict[str, LoadFailure] = field(default_factory=dict)
    """Why a source could not be read: it then fails every date that reads it."""
    bad: set[str] = field(default_factory=set)
    """Those of them in which a row is bad: a date that may reject rows reads them for itself."""
    kept: list[DataFrame] = field(default_factory=list)

    def failure_of(self, date: DatePlan) -> LoadFailure | None:
        """Why the date cannot be loaded, if one of its sources could not be read."""
        found = (self.failures.get(_key(s)) for s in date.sources) if self.failures else iter(())
        return next((f for f in found if f), None)

    def has_bad_rows(self, date: DatePlan) -> bool:
        """The date's failure is of rows, in every source that could not be read."""
        return all(_key(s) in self.bad for s in date.sources if _key(s) in self.failures)

    def inputs(self, spark: SparkSession, plan: LoadPlan, date: DatePlan) -> Mapping[str, DataFrame]:
        """The date's sources as views of its session, and as DataFrames by those names."""
        frames = {}
        for source in date.sources:
            shared = self.views.get(_key(source)) if self.views else None
            frame = spark.table(f"{_GLOBAL}.{shared}") if shared else read_source(spark, source, plan.file)
            frame.createOrReplaceTempView(source.view)
            frames[source.view] = frame
        return frames

    def release(self, spark: SparkSession) -> None:
        """Forget what was kept."""
        for view in self.views.values():
            spark.catalog.dropGlobalTempView(view)
        for frame in self.kept:
            frame.unpersist()


def share(spark: SparkSession, plan: LoadPlan) -> SharedSources:
    """Read what is worth it, in the given session. What fails is told of its dates; no error is raised."""
    shared = SharedSources()
    for number, source in enumerate(_shared_sources(plan)):
        configure(spark, plan, [source])
        spark.sparkContext.setJobDescription(f"{plan.table} {source.view}, for all dates")
        try:
            _read(spark, plan, source, f"fdm_shared_{number}", shared)
        except Exception as error:  # noqa: BLE001 - a failed source is a value: the failure of its dates
            shared.failures[_key(source)] = failure_of(spark, [source], error)
            if is_of_rows(error):
                shared.bad.add(_key(source))
    return shared


def _read(spark: SparkSession, plan: LoadPlan, source: SourcePlan, view: str, shared: SharedSources) -> None:
    before = len(shared.kept)
    frame = read_source(spark, source, plan.file, keep=lambda read: _keep(read, source, shared))
    if len(shared.kept) > before:
        frame.createOrReplaceGlobalTempView(view)
        shared.views[_key(source)] = view


def _keep(frame: DataFrame, source: SourcePlan, shared: SharedSources) -> DataFrame:
    level = level_for(source.format, source.bytes or _size_as_listed_by_spark(frame))
    if level is not None:
        shared.kept.append(frame.persist(level))
        frame.count()  # reads all of it now: dates that begin at once would each begin to
    return frame


def _size_as_listed_by_spark(frame: DataFrame) -> int:
    """Files on a remote file system were listed with 0 bytes when the load was planned."""
    plan: Any = frame._jdf.queryExecution().optimizedPlan()  # noqa: SLF001 - no public way
    return int(str(plan.stats().sizeInBytes()))


def _shared_sources(plan: LoadPlan) -> Iterator[SourcePlan]:
    """Those that two dates or more read alike, in the order of the first date's."""
    known = {_key(s): s for d in plan.dates for s in d.sources}
    dates = Counter(_key(s) for d in plan.dates for s in d.sources)
    return (s for key, s in known.items() if dates[key] > 1)


def _key(source: SourcePlan) -> str:
    """Equal for equal sources. The view is part of it: messages name it."""
    return repr(source)
