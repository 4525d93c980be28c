"""A side table of the platform's own: made when something is written to it, empty where it was never made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row


class SideTable:
    """One such table of a store. A deployment of an earlier release has none, and needs no `fdm control init`."""

    def __init__(self, store: ControlStore, name: str) -> None:
        self._store = store
        self._name = name

    def rows(self, where: Sequence[Predicate] = (), columns: Sequence[str] | None = None) -> list[Row]:
        """Rows that meet every predicate, with these columns or all; none where there is no table yet."""
        if not self._store.has(self._name):
            return []
        return list(self._store.scan(self._name, where, columns))

    def insert(self, row: Mapping[str, Any]) -> None:
        """Add a row; RowExistsError if its key is there."""
        self._make()
        self._store.insert(self._name, row)

    def upsert(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add or change rows, each by its key."""
        self._make()
        self._store.upsert(self._name, rows)

    def delete(self, keys: Iterable[Mapping[str, Any]]) -> None:
        """Remove the rows of these keys; a key that is not there is no error."""
        if self._store.has(self._name):
            self._store.delete(self._name, keys)

    def _make(self) -> None:
        if not self._store.has(self._name):
            self._store.create([self._name])
