"""The second attempt at a date whose first one met a bad row: good rows go on, bad ones are put aside.

The first attempt is as strict as that of a table that rejects nothing, and costs as little. Only when a row
fails it, and the table's `max_rejected` allows rows to be rejected, are the sources read once more.

Each is then kept, whole, before anything is asked of it. That is not for speed: good rows and bad rows are
two queries, and Spark judges a row by the columns that a query uses. Of rows that are read twice some would
be in both answers, or in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from fdm_platform.engines.counting import is_filtered, scanned_rows
from fdm_platform.engines.failure import causes
from fdm_platform.engines.files import text_lines
from fdm_platform.engines.guarding import FILE, RAW, REASON
from fdm_platform.engines.headers import encoding_of, is_encoding_error, option
from fdm_platform.engines.malformed import is_of_reader
from fdm_platform.engines.raised import find_raised
from fdm_platform.engines.reading import read_source
from fdm_platform.engines.rejected import rejected_folder
from fdm_platform.errors import ContractError, SourceError
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.plan import DatePlan, LoadPlan, SourcePlan
from fdm_platform.model.rejected import allows

TEXT = ("csv", "json")
MOST_LINES = 1000
"""Rejected rows of a source whose line is looked for."""
_ROWS_OF_A_FILE = 1_000_000
_LINE, _MARK = "_fdm_line", "_fdm_of"


@dataclass(frozen=True, slots=True)
class Split:
    """A source's rows, kept: how many it has, and those of them that are good and bad."""

    source: SourcePlan
    kept: DataFrame
    rows: int
    rejected: int

    @property
    def good(self) -> DataFrame:
        """The rows with the source's own columns."""
        return self.kept.where(f"{REASON} is null").drop(REASON, RAW, FILE, _MARK)

    @property
    def bad(self) -> DataFrame:
        """The others: view of the source, row, reason and file."""
        return self.kept.where(f"{REASON} is not null").select(
            f.lit(self.source.view).alias("source"), RAW, REASON, FILE
        )


@dataclass(frozen=True, slots=True)
class Inputs:
    """The sources of a date."""

    frames: Mapping[str, DataFrame]
    """By view; of a source that is split, its good rows."""
    splits: tuple[Split, ...] = ()
    """Those whose rows were judged, in the second attempt."""

    @property
    def rejected(self) -> int:
        """Rows rejected, of all sources."""
        return sum(s.rejected for s in self.splits)

    @property
    def rows_in(self) -> dict[str, int]:
        """Rows by source, as far as they were counted."""
        return {s.source.view: s.rows for s in self.splits}


def is_of_rows(error: BaseException) -> bool:
    """The error was raised by a row of a source, so that rejecting the row can help."""
    if isinstance(error, SourceError) and is_encoding_error(error):
        return True
    text = "\n".join(f"{c.kind} {c.message}" for c in causes(error))
    return is_of_reader(text) or isinstance(find_raised(text), SourceError)


@contextmanager
def judge(spark: SparkSession, plan: LoadPlan, date: DatePlan) -> Iterator[Inputs]:
    """The date's sources, read now and once; what was kept of them is freed at the end."""
    inputs: dict[str, DataFrame] = {}
    splits: list[Split] = []
    try:
        for source in date.sources:
            if can_reject(source):
                splits.append(_split(spark, plan, date, source))
                inputs[source.view] = splits[-1].good
            else:
                inputs[source.view] = read_source(spark, source, plan.file)
            inputs[source.view].createOrReplaceTempView(source.view)
        yield Inputs(inputs, tuple(splits))
    finally:
        for split in splits:
            split.kept.unpersist()


def can_reject(source: SourcePlan) -> bool:
    """Its declaration says what a good row is."""
    return bool(source.columns) and (source.format in TEXT or not all(c.nullable for c in source.columns))


def require_allowed(judged: Inputs, plan: LoadPlan, date: DatePlan) -> None:
    """ContractError: more rows are rejected than the table allows."""
    limit, rows = plan.output.max_rejected, sum(judged.rows_in.values())
    if allows(limit, judged.rejected, rows):
        return
    first = next(s for s in judged.splits if s.rejected)
    row = first.bad.select(REASON).first()
    raise ContractError(
        f"{judged.rejected} of {rows} rows are bad, max_rejected allows {limit}; "
        f"one of {first.source.view}: {row[0] if row else ''}",
        file=plan.file,
        field="max_rejected",
        remedy=f"look at {plan.output.root}/{rejected_folder(date.folder, plan.load_id)}, then mend the source "
        "or raise max_rejected",
    )


def count_rows(
    spark: SparkSession, manifest: Manifest, inputs: Inputs, shaped: DataFrame, date: DatePlan
) -> Manifest:
    """The manifest with the rows that came in and were rejected, and those that its SQL left out if that is known.

    Asked for just after the result was written: of rows that were not judged, Spark tells how many it read.
    """
    is_one_to_one = len(inputs.frames) == 1 and all(is_filtered(shaped, view) for view in inputs.frames)
    rows_in = inputs.rows_in
    if not inputs.splits and is_one_to_one and (rows := scanned_rows(spark, date.sources[0])) is not None:
        rows_in = {date.sources[0].view: rows}
    counted = replace(manifest, rejected=inputs.rejected, rows_in=rows_in)
    if not (rows_in and is_one_to_one):
        return counted
    return replace(counted, filtered=sum(rows_in.values()) - inputs.rejected - manifest.rows)


def write_rejected(spark: SparkSession, judged: Inputs, plan: LoadPlan, date: DatePlan) -> None:
    """The bad rows as ORC below the date's staging folder, which the publisher takes from there."""
    parts = [
        _with_lines(spark, s).toDF("source", "raw", "reason", "file", "line")
        for s in judged.splits
        if s.rejected
    ]
    if not parts:
        return
    rows = reduce(DataFrame.union, parts).coalesce(1 + judged.rejected // _ROWS_OF_A_FILE)
    writer = rows.write.mode("overwrite").option("compression", plan.output.compression)
    writer.orc(f"{date.staging.rstrip('/')}/{rejected_folder(date.folder, plan.load_id)}")


def _split(spark: SparkSession, plan: LoadPlan, date: DatePlan, source: SourcePlan) -> Split:
    rows = read_source(spark, source, plan.file, is_judged=True)
    # Spark keeps one copy of what two dates read alike, and frees it for both when the first is done with it:
    # the mark makes each date's copy its own
    kept = rows.withColumn(_MARK, f.lit(date.staging)).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counts = kept.agg(f.count(f.lit(1)), f.count(REASON)).first()
    except BaseException:
        kept.unpersist()
        raise
    total, bad = counts or (0, 0)
    return Split(source, kept, int(total), int(bad))


def _with_lines(spark: SparkSession, split: Split) -> DataFrame:
    """The bad rows with the line at which each stands, as far as it was looked for and found."""
    lines = find_lines(spark, split)
    if not lines:
        return split.bad.withColumn(_LINE, f.lit(None).cast("bigint"))
    known = spark.createDataFrame(lines, f"{FILE} string, {RAW} string, {_LINE} bigint")
    return split.bad.join(f.broadcast(known), [FILE, RAW], "left").select("source", RAW, REASON, FILE, _LINE)


def find_lines(spark: SparkSession, split: Split) -> list[tuple[str, str, int]]:
    """(file, row, 1-based line where such a row stands first) of the first bad rows of text files.

    A value that spans lines has its rows left out: a line is no row there.
    """
    source = split.source
    if source.format not in TEXT or option(source.options, "multiline").lower() == "true":
        return []
    wanted = split.bad.where(f"{FILE} is not null").select(FILE, RAW).limit(MOST_LINES).collect()
    by_file: dict[str, set[str]] = {}
    for row in wanted:
        by_file.setdefault(row[0], set()).add(row[1])
    encoding = encoding_of(source.options)
    return [
        (file, text, number)
        for file, texts in by_file.items()
        for text, number in _find(spark, file, encoding, texts)
    ]


def _find(spark: SparkSession, file: str, encoding: str, texts: Iterable[str]) -> Iterator[tuple[str, int]]:
    """In one pass, which ends when all are found. A file that cannot be opened any more gives none."""
    missing = {text.rstrip("\r\n"): text for text in texts}
    with suppress(SourceError), text_lines(spark, file, encoding, "replace") as lines:
        for number, line in enumerate(lines, 1):
            text = missing.pop(line.rstrip("\r\n"), None)
            if text is not None:
                yield text, number
            if not missing:
                return
