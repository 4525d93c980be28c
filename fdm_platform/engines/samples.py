"""Rows for checks that run without sources: of fixture tests and of analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as t

from fdm_platform.engines.casting import parse_schema
from fdm_platform.model.table import ColumnSpec, SourceSpec, TableSpec


def source_columns(source: SourceSpec, tables: Mapping[str, TableSpec]) -> tuple[ColumnSpec, ...]:
    """The declared columns of a source: its own, or those of the landing table that it reads."""
    parent = tables.get(source.table) if source.table else None
    return source.columns or (parent.columns if parent else ())


def empty_frame(spark: SparkSession, columns: Sequence[ColumnSpec], *, file: str, field: str) -> DataFrame:
    """No rows of the columns."""
    schema = parse_schema(columns, file=file, field=field)
    return spark.createDataFrame([], schema)


def to_spark(value: Any, data_type: t.DataType) -> Any:
    """A YAML value as Spark wants it for the type; ValueError where it is not one."""
    if value is None:
        return None
    if isinstance(data_type, t.ArrayType):
        return [to_spark(v, data_type.elementType) for v in value]
    if isinstance(data_type, t.StructType):
        return {x.name: to_spark(value.get(x.name), x.dataType) for x in data_type.fields}
    if isinstance(data_type, t.MapType):
        return {k: to_spark(v, data_type.valueType) for k, v in value.items()}
    return _atom(value, data_type)


def infer_type(values: Sequence[Any]) -> t.DataType:
    """The type of the first value that is not NULL; string if there is none."""
    first = next((v for v in values if v is not None), "")
    kinds: Mapping[type, t.DataType] = {
        bool: t.BooleanType(),
        int: t.LongType(),
        float: t.DoubleType(),
        datetime: t.TimestampType(),
        date: t.DateType(),
    }
    return kinds.get(type(first), t.StringType())


def _atom(value: Any, data_type: t.DataType) -> Any:
    text = value.isoformat() if isinstance(value, date) else str(value)
    if isinstance(data_type, t.DecimalType):
        return _decimal(text, data_type.scale)
    convert = next((c for kind, c in _CONVERT.items() if isinstance(data_type, kind)), str)
    return convert(text)


def _decimal(text: str, scale: int) -> Decimal:
    number = Decimal(text)
    rounded = round(number, scale)
    if rounded != number:
        raise ValueError(f"{text} has more than {scale} decimal places")
    return rounded


_CONVERT: Mapping[type[t.DataType], Callable[[str], Any]] = {
    t.IntegralType: int,
    t.FractionalType: float,
    t.BooleanType: lambda text: {"true": True, "false": False}[text.lower()],
    t.TimestampType: datetime.fromisoformat,
    t.TimestampNTZType: datetime.fromisoformat,
    t.DateType: date.fromisoformat,
    t.BinaryType: str.encode,
}
