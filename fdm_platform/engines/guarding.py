"""Columns of a source that raise an error, in the pass that reads them, where a value must not be.

Spark puts U+FFFD for bytes that an encoding does not know and goes on; a NULL in a column declared NOT
NULL it does not look at. One projection over the source does both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import types as t

from fdm_platform.engines.headers import encoding_error, encoding_of, is_lenient, option
from fdm_platform.engines.raised import name, raising
from fdm_platform.errors import SourceError
from fdm_platform.model.plan import SourcePlan

REPLACEMENT = "\ufffd"
"""What Java puts for bytes that an encoding does not know."""


def as_read(fields: Sequence[t.StructField], options: Mapping[str, str]) -> t.StructType:
    """A schema to read CSV with: decimals as text, for Spark's reader rounds what does not fit.

    The guards make them what is declared, and refuse a value that this would change. With a `locale`
    of its own, a source is left to the reader.
    """
    if option(options, "locale"):
        return t.StructType(list(fields))
    return t.StructType([t.StructField(x.name, _read_type(x.dataType), x.nullable) for x in fields])


def _read_type(declared: t.DataType) -> t.DataType:
    return t.StringType() if isinstance(declared, t.DecimalType) else declared


def guard(
    df: DataFrame, source: SourcePlan, columns: Sequence[str], schema: t.StructType | None = None
) -> DataFrame:
    """The columns, in this order, of a text format: sound text, exact decimals, no NULL where none may be.

    `schema` is what is declared, where decimals were read `as_read`.
    """
    kinds = {x.name.lower(): x.dataType for x in schema.fields} if schema else {}
    texts = {x.name.lower() for x in df.schema.fields if isinstance(x.dataType, t.StringType)}
    if is_lenient(source.options):
        texts = set()
    text = {x.name.lower() for x in df.schema.fields if isinstance(x.dataType, t.StringType)}
    decimals = {n: k for n, k in kinds.items() if isinstance(k, t.DecimalType) and n in text}
    return _select(df, source, columns, texts, decimals)


def guard_nulls(df: DataFrame, source: SourcePlan) -> DataFrame:
    """The same columns, with no NULL where none may be."""
    return _select(df, source, df.columns, set(), {})


def _select(
    df: DataFrame,
    source: SourcePlan,
    columns: Sequence[str],
    texts: set[str],
    decimals: Mapping[str, t.DecimalType],
) -> DataFrame:
    required = {c.name.lower() for c in source.columns if not c.nullable}
    expressions = []
    for column in columns:
        value = name(column)
        if column.lower() in decimals:
            value = _exact_decimal(column, decimals[column.lower()], source)
        elif column.lower() in texts:
            value = _sound_text(column, source)
        if column.lower() in required:
            value = f"coalesce({value}, {raising(_null_error(source, column))})"
        expressions.append(f"{value} as {name(column)}")
    return df.selectExpr(*expressions)


def _sound_text(column: str, source: SourcePlan) -> str:
    file = source.files[0].path if len(source.files) == 1 else source.path or source.view
    field = f"sources.{source.view}.columns.{column}"
    error = encoding_error(file, encoding_of(source.options), f"column {column} holds {{value}}", field=field)
    value = name(column)
    return f"case when contains({value}, '{REPLACEMENT}') then {raising(error, value)} else {value} end"


def _exact_decimal(column: str, kind: t.DecimalType, source: SourcePlan) -> str:
    """The text as a decimal: no more digits behind the point than declared, but for zeros.

    An exponent is refused, and so are blanks, as by Spark's reader: its cast takes both.
    """
    text, declared = name(column), kind.simpleString()
    digits = f"length(rtrim('0', substring_index({text}, '.', -1)))"
    odd = " or ".join(f"contains({text}, '{x}')" for x in ("E", "e", " "))
    is_exact = f"(not contains({text}, '.') or {digits} <= {kind.scale}) and not ({odd})"
    error = SourceError(
        f"column {column}: '{{value}}' is not of type {declared}",
        file=source.path,
        field=f"sources.{source.view}.columns.{column}",
        remedy="have the source mended, or declare the scale that it has and ROUND it in a step",
    )
    exact = f"case when {is_exact} then try_cast({text} as {declared}) end"
    return f"case when {text} is null then null else coalesce({exact}, {raising(error, text)}) end"


def _null_error(source: SourcePlan, column: str) -> SourceError:
    return SourceError(
        f"column {column} is declared NOT NULL and holds NULL",
        file=source.path,
        field=f"sources.{source.view}.columns.{column}",
        remedy="have the source mended, or declare the column nullable",
    )
