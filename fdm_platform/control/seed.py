"""Brings rows of a file into the control tables: compared by key first, so that only changes are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from fdm_platform.control.layout import TableLayout
from fdm_platform.control.lookup import rows_by_key
from fdm_platform.control.schema import ControlColumn
from fdm_platform.control.seed_file import SeedRow
from fdm_platform.control.store import ControlStore
from fdm_platform.control.values import Row
from fdm_platform.errors import ControlError

BATCH_ROWS = 1_000
"""Rows of one write."""

Kind = Literal["new", "changed", "same"]
Progress = Callable[[int], None]
"""Called with how many rows more are done."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a row of a file means to the store."""

    row: SeedRow
    kind: Kind
    key: tuple[Any, ...]
    """The row's key in this store: another generation has other keys."""
    stored: Row | None
    """The row as it is there."""
    differences: Mapping[str, tuple[Any, Any]]
    """(before, after) of changed columns."""


def compare(
    store: ControlStore, rows: Iterable[SeedRow], progress: Progress = lambda _: None
) -> list[RowChange]:
    """Each row against the store, table by table in the file's order. Writes nothing.

    ControlError, with file and line, for a row that the tables here cannot hold: a column that is missing.
    """
    by_table: dict[str, list[SeedRow]] = {}
    for row in rows:
        by_table.setdefault(row.table.name, []).append(row)
    layouts = {name: store.layout(name) for name in by_table}
    for name, of_table in by_table.items():
        _refuse_misfits(layouts[name], of_table, store.url)
    return [
        change
        for name, of_table in by_table.items()
        for batch in batched(of_table)
        for change in _compare_batch(store, layouts[name], batch, progress)
    ]


def write(
    store: ControlStore,
    changes: Iterable[RowChange],
    now: datetime | None,
    progress: Progress = lambda _: None,
) -> None:
    """Write what is new or changed, a thousand rows at a time.

    Where the file does not give the column that says when a row last changed, it becomes `now`: that is
    what the sensors watch. Rows that are the same are not touched. What interrupts it leaves whole rows, and
    seeding again writes the rest.
    """
    wanted = (change for change in changes if change.kind != "same")
    for name, of_table in groupby(wanted, key=lambda change: change.row.table.name):
        layout = store.layout(name)
        stamp: Row = {layout.table.stamp: now} if now and layout.table.stamp in layout.columns else {}
        for batch in batched(of_table):
            store.upsert(name, [{**stamp, **change.row.values} for change in batch])
            progress(len(batch))


def batched(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of at most BATCH_ROWS."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _compare_batch(
    store: ControlStore, layout: TableLayout, rows: Sequence[SeedRow], progress: Progress
) -> Iterator[RowChange]:
    keys = [tuple(row.values[name] for name in layout.key) for row in rows]
    stored = dict(rows_by_key(store, layout.table.name, layout.key, keys))
    for key, row in zip(keys, rows, strict=True):
        yield _change(row, key, stored.get(key))
    progress(len(rows))


def _refuse_misfits(layout: TableLayout, rows: Sequence[SeedRow], url: str) -> None:
    """ControlError for the first row that gives a column which is not here, or lacks one of the key here."""
    table, there = layout.table, set(layout.columns)
    for row in rows:
        given = {name for name, value in row.values.items() if value is not None}
        if given <= there and given.issuperset(layout.key):
            continue
        lacking = sorted(given - there)
        missing = [name for name in layout.key if name not in given]
        name = (lacking or missing)[0]
        raise ControlError(
            f"{table.name} in {url} has no column {name}"
            if lacking
            else f"a row of {table.name} lacks {name}, which is of its key in {url}",
            file=row.file,
            line=row.line,
            field=f"{table.name}.{name}",
            remedy="leave it out; `fdm control check` shows what the table has"
            if lacking
            else f"give {name}",
        )


def _change(row: SeedRow, key: tuple[Any, ...], stored: Row | None) -> RowChange:
    if stored is None:
        return RowChange(row, "new", key, None, {})
    differences = {
        name: (stored[name], value)
        for name, value in row.values.items()
        if not _is_same(row.table.column(name), stored[name], value)
    }
    return RowChange(row, "changed" if differences else "same", key, stored, differences)


def _is_same(column: ControlColumn, before: Any, after: Any) -> bool:
    """Equal, or JSON that differs in its spelling only."""
    if before == after or not column.json_form or not (before and after):
        return bool(before == after)
    try:
        return bool(json.loads(before) == json.loads(after))
    except json.JSONDecodeError:
        return False
