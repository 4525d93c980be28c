"""Spark types by name, and which of them go into which others without loss."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import types as t

from fdm_platform.engines.raised import name
from fdm_platform.errors import DeclarationError
from fdm_platform.model.table import ColumnSpec

_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_DOUBLE_HOLDS_DIGITS = 15


def parse_schema(columns: Sequence[ColumnSpec], *, file: str, field: str) -> t.StructType:
    """The declared columns as a Spark schema; char and varchar are strings, as in Spark's own reader.

    DeclarationError names the column whose type Spark does not know; `field` is the dotted path of the
    column list in `file`.
    """
    try:
        parsed = _parse(", ".join(f"{name(c.name)} {c.type}" for c in columns))
    except ParseException:
        bad = next(c for c in columns if not _is_type(c.type))
        raise DeclarationError(
            f"column {bad.name}: Spark knows no type {bad.type!r}",
            file=file,
            field=f"{field}.{bad.name}",
            remedy="write a Spark SQL type, for example string, bigint, decimal(18,2), date",
        ) from None
    return t.StructType([t.StructField(f.name, _plain(f.dataType)) for f in parsed.fields])


def fits(source: t.DataType, target: t.DataType) -> bool:
    """A cast from source to target keeps every value as it is."""
    if isinstance(source, t.NullType) or source.simpleString() == target.simpleString():
        return True
    if isinstance(target, t.DecimalType):
        return _fits_decimal(source, target)
    digits = _INTEGER_DIGITS.get(source.simpleString())
    if digits is not None:
        room = _INTEGER_DIGITS.get(target.simpleString())
        is_exact_double = isinstance(target, t.DoubleType) and digits <= _DOUBLE_HOLDS_DIGITS
        return is_exact_double or (room is not None and digits <= room)
    widens = {("float", "double"), ("date", "timestamp")}
    return (source.simpleString(), target.simpleString()) in widens


def _fits_decimal(source: t.DataType, target: t.DecimalType) -> bool:
    whole = target.precision - target.scale
    if isinstance(source, t.DecimalType):
        return source.scale <= target.scale and source.precision - source.scale <= whole
    digits = _INTEGER_DIGITS.get(source.simpleString())
    return digits is not None and digits <= whole


@cache
def _parse(ddl: str) -> t.StructType:
    """Remembered: every date of a load asks for the same schemas, and Spark answers in milliseconds."""
    parsed: Any = t._parse_datatype_string(ddl)  # noqa: SLF001 - public from Spark 4 on, as fromDDL
    struct: t.StructType = parsed
    return struct


def _is_type(text: str) -> bool:
    try:
        _parse(f"c {text}")
    except ParseException:
        return False
    return True


def _plain(data_type: t.DataType) -> t.DataType:
    return t.StringType() if isinstance(data_type, (t.CharType, t.VarcharType)) else data_type
