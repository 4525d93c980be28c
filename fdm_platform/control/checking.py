"""Compares the control tables of a store to what is expected, and says whether the platform copes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fdm_platform.control.layout import Difference, TableLayout
from fdm_platform.control.store import ControlStore


@dataclass(frozen=True, slots=True)
class TableCheck:
    """One table: what differs, column by column, and what that means."""

    table: str
    state: Literal["missing", "as expected", "differs"]
    generation: Literal[1, 2] | None
    """Of the legacy tables; None where nothing tells."""
    differences: tuple[Difference, ...]

    @property
    def is_usable(self) -> bool:
        """The platform copes with it."""
        return self.state != "missing" and not any(d.is_fatal for d in self.differences)


def check_tables(store: ControlStore, tables: Iterable[str]) -> list[TableCheck]:
    """Each of the tables as the store has it. Reads schemas, no rows."""
    there = store.existing()
    return [
        _check(name, store.layout(name)) if name in there else TableCheck(name, "missing", None, ())
        for name in tables
    ]


def _check(name: str, layout: TableLayout) -> TableCheck:
    differences = tuple(layout.differences())
    return TableCheck(
        name, "differs" if differences else "as expected", _generation(name, layout), differences
    )


def _generation(name: str, layout: TableLayout) -> Literal[1, 2] | None:
    """By the key of job_master and execution_log, and by what process_control calls its columns."""
    if name in ("job_master", "execution_log"):
        return 1 if layout.key == layout.table.key else 2
    if name != "process_control" or "last_update_ts" not in layout.stored:
        return None
    return 2 if layout.stored["last_update_ts"].name == "updated_at" else 1
