"""Sources as DataFrames: the declared schema applied and held against the files, in one pass.

CSV is read with the declared schema in the file's own order, so that no pass infers types and a file
with reordered columns is harmless. What Spark would swallow is an error: bytes that are not of the
declared encoding (Spark puts U+FFFD for them), wrong types, rows with too few or too many values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

from fdm_platform.engines.casting import fits, parse_schema
from fdm_platform.engines.emptiness import has_rows
from fdm_platform.engines.files import exists, literal_path
from fdm_platform.engines.guarding import FILE, RAW, REASON, as_read, guard, guard_nulls
from fdm_platform.engines.headers import (
    DATE_FORMAT,
    Header,
    columns_in_file,
    has_header,
    option,
    read_header,
    require_unique,
)
from fdm_platform.engines.judging import judge_rows, judge_text
from fdm_platform.engines.raised import name
from fdm_platform.engines.replaced import find_replaced
from fdm_platform.engines.session_settings import folder_values_as_text
from fdm_platform.errors import ReplacedError, SourceError
from fdm_platform.model.partition import BIZ_DT
from fdm_platform.model.plan import SourcePlan
from fdm_platform.model.table import PASSED_THROUGH

Keep = Callable[[DataFrame], DataFrame]
"""Given a source's rows as Spark reads them, answers with the same rows."""

_OWN_OPTIONS = ("encodingerrors",)
_FAILING = {"mode": "FAILFAST", "dateFormat": DATE_FORMAT}


def read_source(
    spark: SparkSession,
    source: SourcePlan,
    file: str,
    keep: Keep = lambda read: read,
    *,
    is_judged: bool = False,
) -> DataFrame:
    """The source as a DataFrame, lazily; `file` is the table.yaml, for messages.

    What `keep` answers is what the declared types and guards are put on; it is not asked for a source
    without rows. `is_judged` says that no row fails: what is wrong with it stands in further columns, see
    `judging`. The source has declared columns then.

    SourceError: nothing to read, or the files' columns are not the declared ones. ReplacedError: they are a parent's,
    which was replaced since the load was planned. Errors in the rows
    come when the rows are read, see `malformed.explain`.
    """
    schema = parse_schema(source.columns, file=file, field=f"sources.{source.view}.columns")
    if source.format in PASSED_THROUGH:
        return _conform(keep(_pass_through(spark, source)), source, schema, is_judged=is_judged)
    if source.format == "csv":
        return _read_csv(spark, source, schema, keep, is_judged=is_judged)
    if not has_rows(spark, source):
        return _empty(spark, source, schema, is_judged=is_judged)
    if source.format == "json":
        return _read_json(spark, source, schema, keep, is_judged=is_judged)
    return _conform(keep(_load_partitioned(spark, source)), source, schema, is_judged=is_judged)


def find_gone(spark: SparkSession, sources: Iterable[SourcePlan]) -> ReplacedError | None:
    """A parent among the sources that was replaced since the load was planned: its files are not there any more."""
    for source in sources:
        if source.base_path:
            field, files = f"sources.{source.view}", (x.path for x in source.files)
            if gone := find_replaced(source.base_path, files, lambda p: exists(spark, p), field=field):
                return gone
    return None


def _read_csv(
    spark: SparkSession, source: SourcePlan, schema: t.StructType, keep: Keep, *, is_judged: bool
) -> DataFrame:
    # what is read of a file for its header holds its first rows too, and a row is judged by itself
    options = {**source.options, "encodingErrors": "replace"} if is_judged else source.options
    headers = [read_header(spark, f.path, options) for f in source.files]
    for header in headers:
        if header.names and has_header(source.options):
            _check_header(header, source)
    filled = [h for h in headers if h.has_rows]
    if not filled:
        return _empty(spark, source, schema, is_judged=is_judged)
    groups = _alike(filled, source).values()
    parts = [_csv_part(spark, source, schema, group, is_judged=is_judged) for group in groups]
    united = keep(reduce(lambda a, b: _unite(a, b, source), parts))
    return guard(united, source, [c.name for c in source.columns] or united.columns, schema)


def _check_header(header: Header, source: SourcePlan) -> None:
    if source.columns:
        columns_in_file(header, source)
    else:
        require_unique(header, source.view)


def _alike(headers: Sequence[Header], source: SourcePlan) -> dict[tuple[str, ...], list[Header]]:
    """Files with the same columns in the same order."""
    groups: dict[tuple[str, ...], list[Header]] = {}
    for header in headers:
        groups.setdefault(() if source.match == "position" else header.names, []).append(header)
    return groups


def _csv_part(
    spark: SparkSession,
    source: SourcePlan,
    schema: t.StructType,
    headers: Sequence[Header],
    *,
    is_judged: bool,
) -> DataFrame:
    """Files that have one header."""
    defaults = {"header": "true", **_FAILING}
    reader = _reader(spark, source, defaults)
    files = [literal_path(h.file) for h in headers]
    if source.columns:
        columns = columns_in_file(headers[0], source)
        in_file = as_read([schema[c.name] for c in columns], source.options)
        return judge_text(reader, source, in_file, files) if is_judged else reader.schema(in_file).load(files)
    if not option(source.options, "inferschema"):
        reader = reader.option("inferSchema", "true")
    return reader.load(files)


def _unite(left: DataFrame, right: DataFrame, source: SourcePlan) -> DataFrame:
    odd = sorted({c.lower() for c in left.columns} ^ {c.lower() for c in right.columns})
    if odd:
        raise SourceError(
            f"its files have different columns: {', '.join(odd)} not in all of them",
            file=source.path,
            field=f"sources.{source.view}.path",
            remedy="declare the columns, or narrow the path to files of one kind",
        )
    return left.unionByName(right)


def _read_json(
    spark: SparkSession, source: SourcePlan, schema: t.StructType, keep: Keep, *, is_judged: bool
) -> DataFrame:
    reader, files = _reader(spark, source, _FAILING), [literal_path(x.path) for x in source.files]
    if is_judged:
        return guard(judge_text(reader, source, schema, files), source, schema.names)
    reader = reader.schema(schema) if source.columns else reader
    df = keep(reader.load(files))
    return guard(df, source, df.columns)


def _load_partitioned(spark: SparkSession, source: SourcePlan) -> DataFrame:
    """ORC or Parquet. Values of `name=value` folders are text, for 00012 is not 12; biz_dt is a date."""
    reader = _reader(spark, source)
    if not source.base_path:
        return reader.load([literal_path(x.path) for x in source.files])
    reader = reader.option("basePath", source.base_path)
    with folder_values_as_text(spark):
        df = reader.load([literal_path(x.path) for x in source.files])
    # Spark leaves out, without a word, a file that goes after it has looked for it and before it lists it.
    if gone := find_gone(spark, [source]):
        raise gone
    if BIZ_DT not in _folder_columns(source):
        return df
    # both spellings of a date folder: 20240515 and 2024-05-15
    return df.withColumn(BIZ_DT, f.expr(f"to_date(replace({BIZ_DT}, '-', ''), 'yyyyMMdd')"))


def _folder_columns(source: SourcePlan) -> set[str]:
    """Columns that come from `name=value` folders below the base path."""
    base = source.base_path
    below = [x.path.removeprefix(base).split("/")[:-1] for x in source.files] if base else []
    return {part.partition("=")[0].lower() for parts in below for part in parts if "=" in part}


def _conform(df: DataFrame, source: SourcePlan, schema: t.StructType, *, is_judged: bool) -> DataFrame:
    """The declared columns in their declared types; SourceError where the files have others."""
    if not source.columns:
        return df
    present = {x.name.lower(): x for x in df.schema.fields}
    missing = [c.name for c in source.columns if c.name.lower() not in present]
    if missing:
        raise SourceError(
            f"missing columns: {', '.join(missing)}; it has {', '.join(df.columns)}",
            file=source.path,
            field=f"sources.{source.view}.columns",
            remedy="declare the columns that it has",
        )
    folders = _folder_columns(source)
    for column in schema.fields:
        found = present[column.name.lower()].dataType
        if column.name.lower() not in folders and not fits(found, column.dataType):
            raise _type_error(source, column, found)
    columns = [f.col(name(c.name)).cast(c.dataType).alias(c.name) for c in schema.fields]
    return guard_nulls(judge_rows(df, source, columns) if is_judged else df.select(*columns), source)


def _type_error(source: SourcePlan, column: t.StructField, found: t.DataType) -> SourceError:
    return SourceError(
        f"column {column.name} is {found.simpleString()}, declared {column.dataType.simpleString()}",
        file=source.path,
        field=f"sources.{source.view}.columns.{column.name}",
        remedy=f"declare it as {found.simpleString()} and CAST it in a step",
    )


def _empty(spark: SparkSession, source: SourcePlan, schema: t.StructType, *, is_judged: bool) -> DataFrame:
    """No rows of the declared columns, where that is allowed."""
    field = f"sources.{source.view}"
    if not source.allow_empty:
        what = "has no rows" if source.files else "no file to read"
        raise SourceError(
            f"empty source: {what}",
            file=source.path,
            field=field,
            remedy="have it delivered again, or set `allow_empty: true` on the source",
        )
    if not source.columns:
        raise SourceError(
            "empty source without declared columns: its columns are unknown",
            file=source.path,
            field=field,
            remedy="declare the source's columns",
        )
    fields = [*schema.fields, *(t.StructField(c, t.StringType()) for c in (REASON, RAW, FILE) if is_judged)]
    return spark.range(0).select(*[f.lit(None).cast(c.dataType).alias(c.name) for c in fields])


def _pass_through(spark: SparkSession, source: SourcePlan) -> DataFrame:
    """Another system's rows; Spark pushes a step's filters down to it as far as it can.

    A Hive table is read through the session's catalog (`spark.sql.catalogImplementation: hive`), Kudu by the
    connector that `launch` brings (`spark.jars.packages`): Spark has no reader of a table in the former's format.
    """
    if source.format != "hive":
        return _reader(spark, source).load()
    query = option(source.options, "query")
    return spark.sql(query) if query else spark.table(option(source.options, "table"))


def _reader(
    spark: SparkSession, source: SourcePlan, defaults: Mapping[str, str] | None = None
) -> DataFrameReader:
    given = {k: str(v) for k, v in source.options.items() if k.lower() not in _OWN_OPTIONS}
    names = {k.lower() for k in given}
    used = {k: v for k, v in (defaults or {}).items() if k.lower() not in names}
    return spark.read.format(source.format).options(**used, **given)
