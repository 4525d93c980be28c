"""Dead letters: dates that neither sensor nor schedule nor automation loads until their control row changes.

A row stays until its date is published. Who reads it asks DeadLetter.holds: a letter of an older control row is
of no account, so a change of the row needs no write here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import date

from fdm_platform.control.side_table import SideTable
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.model.dead_letter import DeadLetter

TABLE = "fdm_dead_letters"
MOST_CHARACTERS = 12_000
"""Of a cell: four bytes each at most, and a cell of Kudu holds 64 KiB."""
_SHORT = ("table_name", "biz_dt", "load_id", "control_version", "attempts", "kind", "error", "parked_at")


class DeadLetters:
    """The parked dates of all tables, in a control store."""

    def __init__(self, store: ControlStore) -> None:
        self._table = SideTable(store, TABLE)

    def park(self, letters: Iterable[DeadLetter]) -> None:
        """Write them; a date that was parked before has its newest letter."""
        rows = [asdict(letter) for letter in letters]
        for row in rows:
            row["parameters"] = row["parameters"] and row["parameters"][:MOST_CHARACTERS]
            row["log_tail"] = row["log_tail"] and row["log_tail"][-MOST_CHARACTERS:]
        if rows:
            self._table.upsert(rows)

    def of_table(
        self, table_name: str, dates: Collection[date] | None = None, *, is_whole: bool = True
    ) -> dict[date, DeadLetter]:
        """The letters of a table, of these dates or of all; without parameters and logs unless `is_whole`."""
        where = [Predicate("table_name", "=", table_name)]
        if dates is not None:
            if not dates:
                return {}
            where += [Predicate("biz_dt", ">=", min(dates)), Predicate("biz_dt", "<=", max(dates))]
        rows = self._table.rows(where, None if is_whole else _SHORT)
        found = [DeadLetter(**row) for row in rows]
        wanted = None if dates is None else set(dates)
        return {x.biz_dt: x for x in found if wanted is None or x.biz_dt in wanted}

    def all(self) -> dict[str, dict[date, DeadLetter]]:
        """The letters of every table, by table and date, without parameters and logs."""
        found: dict[str, dict[date, DeadLetter]] = {}
        for row in self._table.rows(columns=_SHORT):
            found.setdefault(row["table_name"], {})[row["biz_dt"]] = DeadLetter(**row)
        return found

    def clear(self, table_name: str, dates: Collection[date]) -> None:
        """Remove the letters of these dates; one that is not there is no error."""
        if dates:
            self._table.delete([{"table_name": table_name, "biz_dt": d} for d in sorted(set(dates))])
