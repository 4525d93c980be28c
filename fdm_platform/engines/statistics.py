"""What ORC's footers say of a column: NULLs, smallest and largest value, sum; of one file and of all files of a date.

https://orc.apache.org/specification/ORCv1/ (Column Statistics)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from fdm_platform.engines.protobuf import fields_of, signed
from fdm_platform.model.manifest import ColumnStatistics, Scalar

MAX_CHARACTERS = 64
"""Longer text is cut here: a ledger keeps one manifest for each version of each date."""
_DAY_ZERO = date(1970, 1, 1)
_TIME_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NANOS = 999_999
"""Nanoseconds below the millisecond that a footer leaves out of a largest timestamp."""

Value = int | float | str | Decimal | date


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """One column of one file. What the footer does not say is None."""

    values: int
    """Rows whose value is not NULL."""
    min: Value | None = None
    max: Value | None = None
    sum: int | float | Decimal | None = None


def parse_statistics(message: bytes) -> FileStatistics:
    """A ColumnStatistics message. Of structs, lists and maps, binaries and booleans it says the values alone."""
    fields = dict(fields_of(message))
    values = fields.get(1, 0)
    for number, read in _READERS.items():
        if number in fields:
            return FileStatistics(values, *read(dict(fields_of(fields[number]))))
    return FileStatistics(values)


def merge(files: Iterable[tuple[int, FileStatistics]], *, is_secret: bool) -> ColumnStatistics:
    """A column over the files of a date, each with its rows; of a secret one the NULLs alone.

    What one file does not say of its values is not known of all.
    """
    every = list(files)
    nulls = sum(rows - of.values for rows, of in every)
    told = [of for _, of in every if of.values]
    if is_secret or not told:
        return ColumnStatistics(nulls)
    return ColumnStatistics(
        nulls,
        _plain(_of_all(min, [s.min for s in told])),
        _plain(_of_all(max, [s.max for s in told])),
        _plain(_of_all(sum, [s.sum for s in told])),
    )


def _of_all(what: Callable[[Any], Any], values: list[Any]) -> Any:
    return None if None in values else what(values)


def _plain(value: Value | None) -> Scalar | None:
    """As JSON holds it: decimals, dates and times as text."""
    if isinstance(value, str):
        return value[:MAX_CHARACTERS]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and not isfinite(value) else value


def _integers(fields: dict[int, Any]) -> tuple[Any, ...]:
    return tuple(signed(fields[n]) if n in fields else None for n in (1, 2, 3))


def _doubles(fields: dict[int, Any]) -> tuple[Any, ...]:
    found = (struct.unpack("<d", fields[n])[0] if n in fields else None for n in (1, 2, 3))
    # NaN compares with nothing, so whoever met it does not know the smallest.
    return tuple(None if value is None or value != value else value for value in found)  # noqa: PLR0124


def _texts(fields: dict[int, Any]) -> tuple[Any, ...]:
    """Of text over 1,024 bytes a footer has bounds instead. Its sum is of lengths: no one's question."""
    found = (fields.get(1, fields.get(4)), fields.get(2, fields.get(5)))
    return tuple(None if text is None else text.decode(errors="replace") for text in found)


def _decimals(fields: dict[int, Any]) -> tuple[Any, ...]:
    return tuple(Decimal(fields[n].decode()) if n in fields else None for n in (1, 2, 3))


def _dates(fields: dict[int, Any]) -> tuple[Any, ...]:
    return tuple(_after(_DAY_ZERO, days=signed(fields[n])) if n in fields else None for n in (1, 2))


def _timestamps(fields: dict[int, Any]) -> tuple[Any, ...]:
    """Wall-clock times of the time zone in which the file was written: of an instant, the session's.

    A `timestamp_ntz` of Spark is none to ORC: an integer, of microseconds.
    """
    nanos = (fields.get(5, 1) - 1, fields.get(6, _LAST_NANOS + 1) - 1)
    return tuple(
        _after(_TIME_ZERO, milliseconds=signed(fields[n]), microseconds=below // 1000)
        if n in fields
        else None
        for n, below in zip((3, 4), nanos, strict=True)
    )


def _after(zero: Any, **distance: int) -> Any:
    """None for what lies outside Python's calendar, the years 1 to 9999."""
    try:
        return zero + timedelta(**distance)
    except OverflowError:
        return None


_READERS: dict[int, Callable[[dict[int, Any]], tuple[Any, ...]]] = {
    2: _integers,
    3: _doubles,
    4: _texts,
    6: _decimals,
    7: _dates,
    9: _timestamps,
}
