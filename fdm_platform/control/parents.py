"""The state of a load's parents: one scan of the ledger each, and process_control only where it matters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from fdm_platform.control.ledger import TABLE, Ledger
from fdm_platform.control.rows import source_prefixes
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.model.control import VOID
from fdm_platform.model.dependency import Dependency, ParentState
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.dependencies import parent_dates


def read_parents(
    store: ControlStore,
    tables: Mapping[str, TableSpec],
    dependencies: Iterable[Dependency],
    dates: Collection[date],
) -> dict[str, ParentState]:
    """What is published of each parent among the dates that loads of `dates` read of it.

    process_control is read for `previous` and `window`, and for a parent of another source system that is
    only waited for and not published: it may not have the date at all.
    """
    by_parent: dict[str, list[Dependency]] = {}
    for dependency in dependencies:
        by_parent.setdefault(dependency.parent, []).append(dependency)
    return {name: _state(store, tables, of, dates) for name, of in by_parent.items() if name in tables}


def control_dates(store: ControlStore, spec: TableSpec, last: date, first: date | None = None) -> list[date]:
    """The dates of the table's source system in process_control up to `last`, in order; no other column is read.

    `first` leaves out those before it.

    A row whose date is none is no date of it; the sensor and `fdm status` tell of those.
    """
    between = [Predicate("biz_dt", "<=", last)]
    if first is not None:
        between.append(Predicate("biz_dt", ">=", first))
    scans = (
        store.scan("process_control", [*of_source, *between], ["biz_dt"], unreadable=lambda _: None)
        for of_source in source_prefixes(spec.entity, spec.source_system)
    )
    return sorted({row["biz_dt"] for rows in scans for row in rows})


def _state(
    store: ControlStore,
    tables: Mapping[str, TableSpec],
    dependencies: Collection[Dependency],
    dates: Collection[date],
) -> ParentState:
    first = next(iter(dependencies))
    child, parent, last = tables.get(first.child), tables[first.parent], max(dates)
    known: list[date] | None = None
    if any(d.dates.needs_known_dates for d in dependencies):
        known = control_dates(store, parent, last)
    published = _published(store, dependencies, dates, known or ())
    is_elsewhere = child is None or child.partition_set != parent.partition_set
    if known is None and is_elsewhere and not first.is_read and not set(dates) <= set(published):
        known = control_dates(store, parent, last)
    return ParentState(published, known)


def _published(
    store: ControlStore,
    dependencies: Collection[Dependency],
    dates: Collection[date],
    known: Sequence[date],
) -> dict[date, int]:
    """Versions of the dates that are read; of all up to the last where the newest is to be found."""
    name = next(iter(dependencies)).parent
    if any(d.dates.rule == "latest" for d in dependencies):
        return _published_until(store, name, max(dates))
    wanted = {w for d in dependencies for day in dates for w in parent_dates(d.dates, day, known, ())}
    return Ledger(store).current_versions(name, wanted)


def _published_until(store: ControlStore, name: str, last: date) -> dict[date, int]:
    newest: dict[date, int] = {}
    where = [Predicate("table_name", "=", name), Predicate("biz_dt", "<=", last)]
    for row in store.scan(TABLE, where, ["biz_dt", "version", "kind"]):
        if row["kind"] != VOID:
            newest[row["biz_dt"]] = max(row["version"], newest.get(row["biz_dt"], 0))
    return newest
