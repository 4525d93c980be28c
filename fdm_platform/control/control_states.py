"""process_control by what decides whether its dates run, and no more of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from fdm_platform.control.rows import RowProblem, readable_rows, source_prefixes
from fdm_platform.control.store import MAX_IN_VALUES, ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.errors import ControlError
from fdm_platform.model.control import ProcessControlRow

_COLUMNS = ("entity", "source_system", "biz_dt", "run_indicator", "reprocess_dt", "last_update_ts")
_NOT_READ: Row = {"business_keys": None, "compare_cols": None}


def control_states(
    store: ControlStore, entity: str, source_system: str, dates: Collection[date] | None = None
) -> tuple[list[ProcessControlRow], list[RowProblem]]:
    """The source system's rows by date, of these dates or of all, without the other columns, in one scan.

    Rows that nothing can be done with are told beside them.
    """
    unreadable: list[ControlError] = []
    return readable_rows([_scan(store, entity, source_system, dates, unreadable)], unreadable)


def _scan(
    store: ControlStore,
    entity: str,
    source_system: str,
    dates: Collection[date] | None,
    unreadable: list[ControlError],
) -> Iterator[Row]:
    of_dates = [] if dates is None else _within(dates)
    wanted = None if dates is None else set(dates)
    for prefix in source_prefixes(entity, source_system):
        where = [*prefix, *of_dates]
        for row in store.scan("process_control", where, _COLUMNS, unreadable=unreadable.append):
            if wanted is None or row["biz_dt"] in wanted:
                yield {**row, **_NOT_READ}


def _within(dates: Collection[date]) -> list[Predicate]:
    """Predicates that hold for the dates and, where they are many, for those between them."""
    if len(dates) <= MAX_IN_VALUES:
        return [Predicate("biz_dt", "in", sorted(dates))]
    return [Predicate("biz_dt", ">=", min(dates)), Predicate("biz_dt", "<=", max(dates))]
