"""Finds the row behind Spark's malformed-record error. Runs after a failure only, never in a good load.

Spark names neither the file nor the line nor the column. The source is read once more, leniently, up
to its first bad row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

from fdm_platform.engines.casting import parse_schema
from fdm_platform.engines.failure import causes, describe, to_failure
from fdm_platform.engines.files import literal_path, text_lines
from fdm_platform.engines.headers import (
    DATE_FORMAT,
    columns_in_file,
    encoding_error,
    encoding_of,
    has_header,
    is_encoding_error,
    option,
    parse_rows,
    read_header,
)
from fdm_platform.engines.raised import find_raised, name
from fdm_platform.engines.reading import find_gone
from fdm_platform.errors import SourceError
from fdm_platform.model.manifest import LoadFailure
from fdm_platform.model.plan import SourceFile, SourcePlan

_RECORD, _FILE = "_fdm_record", "_fdm_file"
_SIGNS = ("MALFORMED_RECORD_IN_PARSING", "MALFORMED_CSV_RECORD", "BadRecordException")
_VALUE_ERROR = re.compile(r"'(.*)' is not of type ", re.DOTALL)
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not fit its schema: its text, and what Spark made of each column."""

    file: str
    text: str
    values: dict[str, object]


def explain(spark: SparkSession, sources: Sequence[SourcePlan], error: BaseException) -> SourceError | None:
    """The file, line, column and value behind the error; None if no malformed row is the matter."""
    text = "\n".join(f"{c.kind} {c.message}" for c in causes(error))
    raised = find_raised(text)
    if isinstance(raised, SourceError) and raised.field and is_encoding_error(raised):
        return _locate_bytes(spark, sources, raised)
    value = _VALUE_ERROR.search(raised.message) if isinstance(raised, SourceError) else None
    if isinstance(raised, SourceError) and value:
        return _explain_row(spark, sources) or _locate_value(spark, sources, raised, value[1])
    return _explain_row(spark, sources) if is_of_reader(text) else None


def is_of_reader(text: str) -> bool:
    """An exception with this text comes from a row that Spark's reader could not parse."""
    return any(sign in text for sign in _SIGNS)


def failure_of(
    spark: SparkSession, sources: Sequence[SourcePlan], error: Exception, folders: Sequence[str] = ()
) -> LoadFailure:
    """What to tell of an exception of a load that read the sources and wrote to the folders."""
    failure = to_failure(error, folders)
    try:
        known = find_gone(spark, sources) or explain(spark, sources, error)
    except Exception:  # noqa: BLE001 - the search came to nothing: Spark's own words remain
        known = None
    return replace(describe(known), detail=failure.detail) if known else failure


def _explain_row(spark: SparkSession, sources: Sequence[SourcePlan]) -> SourceError | None:
    candidates = [s for s in sources if s.format in ("csv", "json") and s.columns]
    for source in sorted(candidates, key=lambda s: s.bytes):
        for file in source.files:
            row = _first_bad_row(spark, source, file)
            if row is not None:
                return _describe(spark, source, row)
    return None


def _first_bad_row(spark: SparkSession, source: SourcePlan, file: SourceFile) -> BadRow | None:
    schema = _file_schema(spark, source, file).add(_RECORD, t.StringType())
    options = {k: v for k, v in source.options.items() if k.lower() not in ("mode", "header")}
    lenient = {
        "dateFormat": DATE_FORMAT,
        **options,
        "header": str(has_header(source.options)).lower(),
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": _RECORD,
    }
    rows = spark.read.format(source.format).schema(schema).options(**lenient).load(literal_path(file.path))
    bad = rows.withColumn(_FILE, f.col("_metadata.file_path")).where(f"{name(_RECORD)} is not null")
    first = bad.head()
    if first is None:
        return None
    values = first.asDict()
    path = values.pop(_FILE)
    return BadRow(unquote(urlsplit(path).path), values.pop(_RECORD), values)


def _file_schema(spark: SparkSession, source: SourcePlan, file: SourceFile) -> t.StructType:
    declared = parse_schema(source.columns, file=file.path, field=f"sources.{source.view}.columns")
    if source.format == "csv" and has_header(source.options):
        columns = columns_in_file(read_header(spark, file.path, source.options), source)
        return t.StructType([declared[c.name] for c in columns])
    return t.StructType(list(declared.fields))


def _describe(spark: SparkSession, source: SourcePlan, row: BadRow) -> SourceError:
    what, column = _csv_fault(source, row) if source.format == "csv" else (None, None)
    field = f"sources.{source.view}" + (f".columns.{column}" if column else "")
    return SourceError(
        what or f"malformed row: {row.text[:_MAX_SHOWN]}",
        file=row.file,
        line=_line_of(spark, source, row),
        field=field,
        remedy="mend the file, or declare the column as string and convert it in a step"
        if column
        else "mend the file; a separator or line end inside a value must be quoted",
    )


def _csv_fault(source: SourcePlan, row: BadRow) -> tuple[str | None, str | None]:
    tokens = next(parse_rows(iter([row.text]), source.options), [])
    if len(tokens) != len(row.values):
        counts = f"{len(tokens)} values for {len(row.values)} columns"
        return f"row has {counts}: {row.text[:_MAX_SHOWN]}", None
    null = option(source.options, "nullvalue")
    types = {c.name: c.type for c in source.columns}
    for (column, value), token in zip(row.values.items(), tokens, strict=True):
        if value is None and token not in ("", null):
            return f"column {column}: {token[:_MAX_SHOWN]!r} is not of type {types[column]}", column
    return None, None


def _locate_bytes(spark: SparkSession, sources: Sequence[SourcePlan], raised: SourceError) -> SourceError:
    """The same error with the file and line of the first bytes that do not decode."""
    source = next(s for s in sources if (raised.field or "").startswith(f"sources.{s.view}."))
    encoding = encoding_of(source.options)
    for file in source.files:
        with text_lines(spark, file.path, "ISO-8859-1") as lines:
            for number, line in enumerate(lines, 1):
                byte = _undecodable(line.encode("latin-1"), encoding)
                if byte is not None:
                    what = f"{raised.message.partition(': ')[2]} (byte 0x{byte:02x})"
                    return encoding_error(file.path, encoding, what, line=number, field=raised.field)
    return raised


def _locate_value(
    spark: SparkSession, sources: Sequence[SourcePlan], raised: SourceError, value: str
) -> SourceError:
    """The same error with the file and line of the first row that holds the value in its column."""
    source = next(s for s in sources if (raised.field or "").startswith(f"sources.{s.view}.columns."))
    column = (raised.field or "").removeprefix(f"sources.{source.view}.columns.")
    for file in source.files:
        place = _file_schema(spark, source, file).names.index(column)
        with text_lines(spark, file.path, encoding_of(source.options), "replace") as lines:
            for number, line in enumerate(lines, 1):
                # rows are parsed only where the value stands somewhere in the line
                tokens = next(parse_rows(iter([line]), source.options), []) if value in line else []
                if tokens[place : place + 1] == [value]:
                    return SourceError(
                        raised.message, file=file.path, line=number, field=raised.field, remedy=raised.remedy
                    )
    return raised


def _undecodable(line: bytes, encoding: str) -> int | None:
    try:
        line.decode(encoding)
    except UnicodeDecodeError as error:
        return error.object[error.start]
    return None


def _line_of(spark: SparkSession, source: SourcePlan, row: BadRow) -> int | None:
    """The 1-based line where the row's text stands first."""
    first = row.text.split("\n")[0].rstrip("\r")
    try:
        with text_lines(spark, row.file, encoding_of(source.options)) as lines:
            return next((n for n, x in enumerate(lines, 1) if x.rstrip("\r\n") == first), None)
    except UnicodeDecodeError:
        return None
