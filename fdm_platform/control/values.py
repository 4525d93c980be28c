"""Python values of the control tables' column types: checked, and read from text.

A store accepts exactly these, whichever store it is: str, datetime.date, an aware datetime, int, float,
None. What a database would quietly turn into something else is refused here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from fdm_platform.control.schema import ColumnType, ControlColumn, ControlTable
from fdm_platform.errors import ControlError

Value: TypeAlias = str | int | float | date | datetime | None
Row: TypeAlias = dict[str, Any]
"""A row: column names to Values."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT_BITS = {"int32": 31, "int64": 63}
_FORMS: dict[ColumnType, str] = {
    "string": "a string",
    "date": "a date such as 2024-05-15",
    "timestamp_micros": "a time with a zone such as 2024-05-15T08:30:00Z",
    "int32": "a whole number of 32 bits",
    "int64": "a whole number of 64 bits",
    "double": "a finite number",
}


def check_row(table: ControlTable, row: Mapping[str, Any]) -> None:
    """ControlError unless the row has known columns of the right types and all that are required."""
    columns = {name: table.column(name) for name in row}
    missing = [c.name for c in table.columns if not c.is_nullable and row.get(c.name) is None]
    if missing:
        raise ControlError(
            f"a row of {table.name} lacks {', '.join(missing)}",
            field=f"{table.name}.{missing[0]}",
            remedy=f"give {', '.join(missing)}; the key of {table.name} is {', '.join(table.key)}",
        )
    for name, column in columns.items():
        check_value(table, column, row[name])


def check_key(table: ControlTable, key: Mapping[str, Any]) -> None:
    """ControlError unless the mapping holds the key's columns, all of them and nothing else."""
    if set(key) != set(table.key):
        raise ControlError(
            f"{sorted(key)} is not a key of {table.name}",
            field=table.name,
            remedy=f"give exactly {', '.join(table.key)}",
        )
    for name, value in key.items():
        check_value(table, table.column(name), value)


def check_value(table: ControlTable, column: ControlColumn, value: Any) -> None:
    """ControlError unless the value fits the column."""
    if value is None and column.is_nullable:
        return
    if not _fits(column.type, value):
        raise ControlError(
            f"{value!r} does not fit column {column.name} of {table.name} ({column.type})",
            field=f"{table.name}.{column.name}",
            remedy=f"give {_FORMS[column.type]}",
        )


def parse_text(column: ControlColumn, text: str) -> Value:
    """The column's value from its text; ControlError, with what was expected, if it is none.

    A time without a zone is taken as UTC. JSON columns keep their text, which must be JSON.
    """
    try:
        value = _parse(column.type, text)
    except (ValueError, OverflowError):
        value = None
    if not _fits(column.type, value):
        raise _no_value(column, text, _FORMS[column.type])
    if column.json_form and not _is_json_of(column, text):
        raise _no_value(column, text, json_description(column))
    return value


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC, exactly."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `to_micros`."""
    return EPOCH + micros * _MICROSECOND


def json_matches(column: ControlColumn, value: Any) -> bool:
    """The parsed JSON has the form that the column holds; a list holds strings only."""
    if column.json_form == "list":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    return isinstance(value, dict)


def json_description(column: ControlColumn) -> str:
    """The column's JSON form, for messages."""
    return 'a JSON list of names such as ["a", "b"]' if column.json_form == "list" else "a JSON object"


def _fits(column_type: ColumnType, value: Any) -> bool:
    match column_type:
        case "string":
            return isinstance(value, str) and _is_unicode(value)
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "timestamp_micros":
            return isinstance(value, datetime) and value.tzinfo is not None
        case "double":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "int32" | "int64":
            bits = _INT_BITS[column_type]
            return type(value) is int and -(1 << bits) <= value < (1 << bits)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, from bytes that were no UTF-8
        return False
    return True


def _parse(column_type: ColumnType, text: str) -> Value:
    match column_type:
        case "string":
            return text
        case "date":
            return date.fromisoformat(text.strip())
        case "timestamp_micros":
            moment = datetime.fromisoformat(text.strip())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        case "double":
            return float(text)
        case "int32" | "int64":
            return int(text)


def _is_json_of(column: ControlColumn, text: str) -> bool:
    try:
        return text.strip() == "" or json_matches(column, json.loads(text))
    except json.JSONDecodeError:
        return False


def _no_value(column: ControlColumn, text: str, form: str) -> ControlError:
    return ControlError(f"{text!r} is not {form}", field=column.name, remedy=f"give {column.name} {form}")
