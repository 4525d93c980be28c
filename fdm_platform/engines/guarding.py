"""Columns of a source that raise an error, in the pass that reads them, where a value must not be.

Spark puts U+FFFD for bytes that an encoding does not know and goes on; a NULL in a column declared NOT
NULL it does not look at. One projection over the source does both.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import types as t

from fdm_platform.engines.headers import encoding_error, encoding_of, is_lenient
from fdm_platform.engines.raised import name, raising
from fdm_platform.errors import SourceError
from fdm_platform.model.plan import SourcePlan

_MAX_PRECISION = 38
"""Of a decimal in Spark."""
REPLACEMENT = "\ufffd"
"""What Java puts for bytes that an encoding does not know."""


def widen(fields: Sequence[t.StructField]) -> t.StructType:
    """A schema to read a text format with: decimals as wide as can be, for Spark rounds what does not fit.

    The guards cast them to what is declared, and refuse a value that this would change.
    """
    return t.StructType([t.StructField(x.name, _widest(x.dataType), x.nullable) for x in fields])


def _widest(declared: t.DataType) -> t.DataType:
    if not isinstance(declared, t.DecimalType):
        return declared
    return t.DecimalType(_MAX_PRECISION, declared.scale + _MAX_PRECISION - declared.precision)


def guard(df: DataFrame, source: SourcePlan, columns: Sequence[str]) -> DataFrame:
    """The columns, in this order, of a text format: sound text, and no NULL where none may be."""
    texts = {x.name.lower() for x in df.schema.fields if isinstance(x.dataType, t.StringType)}
    if is_lenient(source.options):
        texts = set()
    return _select(df, source, columns, texts)


def guard_nulls(df: DataFrame, source: SourcePlan) -> DataFrame:
    """The same columns, with no NULL where none may be."""
    return _select(df, source, df.columns, set())


def _select(df: DataFrame, source: SourcePlan, columns: Sequence[str], texts: set[str]) -> DataFrame:
    required = {c.name.lower() for c in source.columns if not c.nullable}
    types = {x.name.lower(): x.dataType for x in df.schema.fields}
    declared = {c.name.lower(): c.type for c in source.columns}
    expressions = []
    for column in columns:
        value = name(column)
        if column.lower() in texts:
            value = _sound_text(column, source)
        if isinstance(types[column.lower()], t.DecimalType) and column.lower() in declared:
            value = _exact_decimal(column, declared[column.lower()], source)
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


def _exact_decimal(column: str, declared: str, source: SourcePlan) -> str:
    value, cast = name(column), f"cast({name(column)} as {declared})"
    error = SourceError(
        f"column {column}: {{value}} is not of type {declared}, which would round it",
        file=source.path,
        field=f"sources.{source.view}.columns.{column}",
        remedy="declare the scale that the source has, and ROUND it in a step if it shall be rounded",
    )
    return f"case when {cast} <=> {value} then {cast} else {raising(error, value)} end"


def _null_error(source: SourcePlan, column: str) -> SourceError:
    return SourceError(
        f"column {column} is declared NOT NULL and holds NULL",
        file=source.path,
        field=f"sources.{source.view}.columns.{column}",
        remedy="have the source mended, or declare the column nullable",
    )
