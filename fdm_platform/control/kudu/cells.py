"""Values of the control tables as Kudu's cells, and the tables as Kudu is asked to make them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from fdm_platform.control.kudu.client import NewTable
from fdm_platform.control.layout import StoredColumn, expected_layout
from fdm_platform.control.schema import ControlColumn, ControlTable
from fdm_platform.control.values import EPOCH, from_micros, to_micros
from fdm_platform.errors import ControlError

CREATED_BY = "created by fdm_platform"
"""Comment of the tables that the platform made, and may therefore add months to."""
MAX_CELL_BYTES = 64 * 1024
"""Kudu's own limit of a cell (its flag --max_cell_size_bytes)."""
MONTHS_AHEAD = 1

_ID = re.compile(r"(\d{16})_.*", re.DOTALL)


def cell(column: ControlColumn, stored: StoredColumn, value: Any) -> Any:
    """The value of a control table's column as its cell."""
    if value is None:
        return None
    if column.type == "timestamp_micros":
        return to_micros(value)
    if column.type == "date":
        return value.isoformat() if stored.type in ("string", "varchar") else value
    if column.type == "double":
        return round(value) if stored.type == "int64" else float(value)
    return value


def value(table: ControlTable, column: ControlColumn, stored: StoredColumn, cell: Any) -> Any:
    """The inverse of `cell`; ControlError for a text that is no date."""
    if cell is None:
        return None
    if column.type == "timestamp_micros":
        return from_micros(cell)
    if column.type == "double":
        return float(cell)
    if column.type != "date" or isinstance(cell, date):
        return cell
    try:
        return date.fromisoformat(cell)
    except ValueError as error:
        raise ControlError(
            f"{table.name} holds {cell!r} in column {stored.name}, which is no date such as 2024-05-15",
            field=f"{table.name}.{column.name}",
            remedy="correct or delete that row",
        ) from error


def check_size(
    table: ControlTable, columns: Sequence[ControlColumn], rows: Sequence[tuple[Any, ...]]
) -> None:
    """ControlError for a text that no cell of Kudu holds."""
    for row in rows:
        for column, text in zip(columns, row, strict=True):
            # A character is four bytes at most: most texts need no encoding to be known to fit.
            if (
                isinstance(text, str)
                and len(text) * 4 > MAX_CELL_BYTES
                and len(text.encode()) > MAX_CELL_BYTES
            ):
                raise ControlError(
                    f"{len(text.encode()):,} bytes are too many for column {column.name} of {table.name}: "
                    f"a cell of Kudu holds {MAX_CELL_BYTES:,}",
                    field=f"{table.name}.{column.name}",
                    remedy="shorten it, or keep it in a file and its path here",
                )


def new_table(table: ControlTable, name: str, replicas: int, now: datetime | None = None) -> NewTable:
    """The table as Kudu is asked to make it. A table by month has the coming months already."""
    stored = tuple(expected_layout(table).stored.values())
    return NewTable(
        name=name,
        columns=stored,
        hash_by=table.hash_by or table.key,
        hash_buckets=table.hash_buckets,
        comment=CREATED_BY,
        replicas=replicas,
        range_by=table.key[0] if table.is_by_month else None,
        ranges=_months(now or datetime.now(UTC)) if table.is_by_month else (),
    )


def month_of(table: ControlTable, row_id: str) -> tuple[str, str]:
    """The range of ids of the month of an id; ControlError for an id that no month holds."""
    match = _ID.fullmatch(row_id)
    if match is None:
        raise ControlError(
            f"{row_id!r} is no id of {table.name}: it does not begin with epoch microseconds",
            field=f"{table.name}.{table.key[0]}",
            remedy="write ids as <epoch microseconds>_<random>",
        )
    first = _month(from_micros(int(match[1])))
    return _bound(first), _bound(_next(first))


def _months(now: datetime) -> tuple[tuple[str | None, str], ...]:
    """All before this month, then month by month."""
    firsts = [_month(now)]
    for _ in range(MONTHS_AHEAD + 1):  # one more, for the bound of the last
        firsts.append(_next(firsts[-1]))
    bounds = [_bound(first) for first in firsts]
    return (None, bounds[0]), *pairwise(bounds)


def _month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(first: datetime) -> datetime:
    return _month(first + timedelta(days=31))


def _bound(first: datetime) -> str:
    """Ids of sixteen digits sort as their times do, from 2001 to 2286."""
    return f"{(first - EPOCH) // timedelta(microseconds=1):016d}"
