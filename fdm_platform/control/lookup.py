"""Rows by their keys, many at once, without reading what is between them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any

from fdm_platform.control.store import ControlStore, Predicate, Snapshot
from fdm_platform.control.values import Row

CHUNK = 500
"""Keys of one scan."""
_FEW_PREFIXES = 20
"""Up to so many beginnings of keys in a chunk, each is a scan of its own: of a range of the key, in Kudu."""

Key = tuple[Any, ...]


def rows_by_key(
    store: ControlStore,
    table: str,
    key: Sequence[str],
    keys: Collection[Key],
    *,
    snapshot: Snapshot | None = None,
) -> Iterator[tuple[Key, Row]]:
    """Those of the rows that exist, with their keys: values of the columns `key`, in that order."""
    ordered = sorted(set(keys), key=lambda values: tuple(map(str, values)))
    for start in range(0, len(ordered), CHUNK):
        chunk = ordered[start : start + CHUNK]
        wanted = set(chunk)
        for where in _scans(key, chunk):
            for row in store.scan(table, where, snapshot=snapshot):
                found = tuple(row[name] for name in key)
                if found in wanted:
                    yield found, row


def _scans(key: Sequence[str], chunk: Sequence[Key]) -> list[list[Predicate]]:
    """Predicates that hold for every key of the chunk, and for few others."""
    prefixes = {values[:-1] for values in chunk}
    if len(prefixes) > _FEW_PREFIXES:
        columns = zip(key, zip(*chunk, strict=True), strict=True)
        return [[Predicate(name, "in", sorted(set(values))) for name, values in columns]]
    return [
        [
            *(Predicate(name, "=", value) for name, value in zip(key, prefix, strict=False)),
            Predicate(key[-1], "in", sorted(values[-1] for values in group)),
        ]
        for prefix, group in groupby(chunk, key=lambda values: values[:-1])
    ]
