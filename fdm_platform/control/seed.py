"""Brings rows of a file into the control tables: compared by key first, so that only changes are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fdm_platform.control.lookup import rows_by_key
from fdm_platform.control.schema import ControlColumn
from fdm_platform.control.seed_file import SeedRow
from fdm_platform.control.store import ControlStore
from fdm_platform.control.values import Row


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a seeded row means to the store. `differences` holds (before, after) of changed columns."""

    row: SeedRow
    kind: Literal["new", "changed", "same"]
    differences: Mapping[str, tuple[Any, Any]]


def compare(store: ControlStore, rows: Iterable[SeedRow]) -> list[RowChange]:
    """Each row against the store, in the file's order. Writes nothing."""
    by_table: dict[str, list[SeedRow]] = {}
    for row in rows:
        by_table.setdefault(row.table.name, []).append(row)
    return [change for of_table in by_table.values() for change in _compare_table(store, of_table)]


def write(store: ControlStore, changes: Iterable[RowChange], now: datetime) -> None:
    """Write what is new or changed.

    Where the file does not give the column that says when a row last changed, it becomes `now`: that is
    what the sensors watch. Rows that are the same are not touched.
    """
    by_table: dict[str, list[Row]] = {}
    for change in changes:
        if change.kind != "same":
            table, values = change.row.table, change.row.values
            stamp: Row = {table.stamp: now} if table.stamp else {}
            by_table.setdefault(table.name, []).append({**stamp, **values})
    for name, rows in by_table.items():
        store.upsert(name, rows)


def _compare_table(store: ControlStore, rows: list[SeedRow]) -> list[RowChange]:
    table = rows[0].table
    stored = dict(rows_by_key(store, table.name, table.key, {row.key for row in rows}))
    return [_change(row, stored.get(row.key)) for row in rows]


def _change(row: SeedRow, stored: Row | None) -> RowChange:
    if stored is None:
        return RowChange(row, "new", {})
    differences = {
        name: (stored[name], value)
        for name, value in row.values.items()
        if not _is_same(row.table.column(name), stored[name], value)
    }
    return RowChange(row, "changed" if differences else "same", differences)


def _is_same(column: ControlColumn, before: Any, after: Any) -> bool:
    """Equal, or JSON that differs in its spelling only."""
    if before == after or not column.json_form or not (before and after):
        return bool(before == after)
    try:
        return bool(json.loads(before) == json.loads(after))
    except json.JSONDecodeError:
        return False
