"""Writes without the platform: overwriting replaces the dates written and nothing else, and never before they are whole.

What is new is written beside what it replaces, on the same file system; then the old is moved aside, the new in, and
the old removed. Whatever fails, the old comes back; what a crash left aside comes back with the next write.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from uuid import uuid4

from . import _paths
from ._options import How
from ._store import Store, store_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DATE = "biz_dt"


def write(df: DataFrame, path: str, how: How) -> None:
    """Write the frame in Spark's way, but for overwriting, of which see above. ValueError: dates cannot be told apart."""
    if how.mode != "overwrite":
        how.save(df, path)
        return
    place, names = _paths.absolute(path), [p.lower() for p in how.partition_by]
    if _DATE in names[1:]:
        raise ValueError(
            f"partitionBy has {_DATE} behind {how.partition_by[0]}, and overwriting would delete every other date: put it first"
        )
    store = store_of(df.sparkSession, place)
    if names[:1] == [_DATE]:
        _replace_dates(df, store, place, how)
    else:
        new = _beside(place, "new")
        _save(df, store, new, how)
        swap(store, new, place)


def swap(store: Store, new: str, live: str) -> None:
    """Put a folder in the place of another, or of nothing."""
    _bring_back(store, live)
    aside = _beside(live, "old") if store.exists(live) else None
    try:
        if aside:
            store.move(live, aside)
        store.move(new, live)
    except BaseException:
        if aside and store.exists(aside) and not store.exists(live):
            store.move(aside, live)
        store.remove(new)
        raise
    if aside:
        store.remove(aside)


def _replace_dates(df: DataFrame, store: Store, place: str, how: How) -> None:
    new = f"{place}/.new-{uuid4().hex}"
    try:
        _save(df, store, new, how)
        for name in store.children(new):
            if "=" in name:
                swap(store, f"{new}/{name}", f"{place}/{name}")
    finally:
        store.remove(new)


def _save(df: DataFrame, store: Store, new: str, how: How) -> None:
    try:
        how.save_new(df, new)
    except BaseException:
        store.remove(new)
        raise


def _beside(place: str, word: str) -> str:
    """A hidden name in the same folder."""
    return f"{posixpath.dirname(place)}/.{posixpath.basename(place)}.{uuid4().hex}.{word}"


def _bring_back(store: Store, live: str) -> None:
    """What somebody moved aside, and died before he had moved anything in."""
    folder, name = posixpath.split(live)
    if store.exists(live):
        return
    left = [n for n in store.children(folder) if n.startswith(f".{name}.") and n.endswith(".old")]
    if left:
        store.move(f"{folder}/{left[0]}", live)
