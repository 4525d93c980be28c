"""Compares the control tables of a store to what is expected, and says whether the platform copes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fdm_platform.control.layout import Difference, TableLayout
from fdm_platform.control.store import ControlStore

MADE_WHEN_NEEDED = frozenset(
    {
        *("fdm_execution_log", "fdm_manifest_parts", "fdm_claims"),
        *("fdm_loads", "fdm_breakers", "fdm_dead_letters"),
    }
)
"""The platform's own side tables: whatever writes one creates it before."""


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
        if self.state == "missing":
            return self.table in MADE_WHEN_NEEDED
        return not any(d.is_fatal for d in self.differences)


def check_tables(store: ControlStore, tables: Iterable[str]) -> list[TableCheck]:
    """Each of the tables as the store has it. Reads schemas, no rows."""
    there = store.existing()
    return [
        _check(name, store.layout(name)) if name in there else TableCheck(name, "missing", None, ())
        for name in tables
    ]


def _check(name: str, layout: TableLayout) -> TableCheck:
    differences = tuple(layout.differences())
    return TableCheck(name, "differs" if differences else "as expected", generation_of(layout), differences)


def generation_of(layout: TableLayout) -> Literal[1, 2] | None:
    """Of the legacy tables: by the key of job_master and execution_log, and by what process_control calls its columns.

    The platform's own process_control has names of both, and so have some deployments'.
    """
    name = layout.table.name
    if name in ("job_master", "execution_log"):
        keys: dict[tuple[str, ...], Literal[1, 2]] = {
            layout.table.key: 1,
            ("job_id", "job_name") if name == "job_master" else ("job_id",): 2,
        }
        return keys.get(layout.key)
    names = {column.name for column in layout.stored.values()}
    if name != "process_control":
        return None
    if {"start_dt", "last_update_ts"} <= names:
        return 1
    return 2 if {"process_from_date", "updated_at"} <= names else None
