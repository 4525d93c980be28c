"""process_control by what decides whether its dates run, and no more of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from fdm_platform.control.rows import refuse_two_spellings, source_prefixes
from fdm_platform.control.store import MAX_IN_VALUES, ControlStore, Predicate
from fdm_platform.model.control import ProcessControlRow

_COLUMNS = ("entity", "source_system", "biz_dt", "run_indicator", "reprocess_dt", "last_update_ts")


def control_states(
    store: ControlStore, entity: str, source_system: str, dates: Collection[date] | None = None
) -> list[ProcessControlRow]:
    """The source system's rows by date, of these dates or of all, without the other columns, in one scan.

    ControlError where a date has two rows, by letter case.
    """
    rows = sorted(_scan(store, entity, source_system, dates), key=lambda row: row.biz_dt)
    refuse_two_spellings(rows)
    return rows


def _scan(
    store: ControlStore, entity: str, source_system: str, dates: Collection[date] | None
) -> Iterator[ProcessControlRow]:
    is_few = dates is not None and len(dates) <= MAX_IN_VALUES
    of_dates = [Predicate("biz_dt", "in", sorted(dates))] if dates is not None and is_few else []
    for prefix in source_prefixes(entity, source_system):
        for row in store.scan("process_control", [*prefix, *of_dates], _COLUMNS):
            if dates is None or row["biz_dt"] in dates:
                yield ProcessControlRow(**row)
