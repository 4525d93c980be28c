"""Sample values by type: the same at each import, and alike in columns of one type, so that lookups find something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from fdm_platform.talend.plan import SqlColumn

_VALUES: Mapping[str, tuple[object, ...]] = {
    "boolean": (True, False, True),
    "tinyint": (1, 2, 0),
    "smallint": (1, 2, 0),
    "int": (1, 2, 0),
    "bigint": (1, 2, 0),
    "float": (1.5, 2.25, 0.0),
    "double": (1.5, 2.25, 0.0),
    "string": ("1", "Ab c", "2024-05-15"),
    "timestamp": (datetime(2024, 5, 15), datetime(2024, 2, 29, 13, 30, 5), datetime(1999, 12, 31)),  # noqa: DTZ001 - the wall clock
}
_DECIMALS = (Decimal("1.50"), Decimal("2.25"), Decimal(0))
_CHARACTERS = ("a", "B", "1")
_DATE_LETTERS: Mapping[str, Callable[[datetime, int], str]] = {
    "y": lambda t, n: f"{t.year % 100:02}" if n == 2 else f"{t.year:04}",  # noqa: PLR2004 - yy
    "M": lambda t, n: f"{t.month:0{n}}" if n <= 2 else t.strftime("%b" if n == 3 else "%B"),  # noqa: PLR2004 - MMM
    "d": lambda t, n: f"{t.day:0{n}}",
    "H": lambda t, n: f"{t.hour:0{n}}",
    "h": lambda t, n: f"{(t.hour + 11) % 12 + 1:0{n}}",
    "m": lambda t, n: f"{t.minute:0{n}}",
    "s": lambda t, n: f"{t.second:0{n}}",
    "S": lambda t, n: f"{t.microsecond // 1000:0{n}}",
    "a": lambda t, _: "AM" if t.hour < 12 else "PM",  # noqa: PLR2004 - noon
}
_PATTERN_PART = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z']+)")


def sample_row(columns: Sequence[SqlColumn], index: int) -> dict[str, object]:
    """The row of this number: each column has the value of its type."""
    return {c.name: sample_value(c, index) for c in columns}


def null_row(columns: Sequence[SqlColumn]) -> dict[str, object]:
    """NULL wherever a column may have it; elsewhere the first value."""
    return {c.name: None if c.nullable else sample_value(c, 0) for c in columns}


def sample_value(column: SqlColumn, index: int) -> object:
    """A value that the column can hold; None of types that YAML has none of."""
    if column.spark_type.startswith("decimal"):
        return _decimal(column.spark_type, index)
    values = _CHARACTERS if column.talend_type == "id_Character" else _VALUES.get(column.spark_type)
    return values[index % len(values)] if values else None


def _decimal(spark_type: str, index: int) -> Decimal:
    digits, _, scale = spark_type.removeprefix("decimal(").rstrip(")").partition(",")
    number = round(_DECIMALS[index % len(_DECIMALS)], int(scale or 0))
    return number if int(digits) > int(scale or 0) else Decimal(0)


def text_of(value: object, column: SqlColumn) -> str | None:
    """The value as it stands in a text file of Talend; None is an empty field."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return formatted(value, (column.pattern or "dd-MM-yyyy").strip('"'))
    return str(value).lower() if isinstance(value, bool) else str(value)


def formatted(moment: datetime, pattern: str) -> str:
    """By a pattern of SimpleDateFormat, as far as its commonest letters go."""
    text = ""
    for quoted, letters, letter, other in _PATTERN_PART.findall(pattern):
        write = _DATE_LETTERS.get(letter)
        text += write(moment, len(letters)) if write else quoted.replace("''", "'") or other or letters
    return text
