"""Requests of the process_control sensors, remembered: each version of a control row is requested once for a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime

from fdm_platform.control.schema import find_table
from fdm_platform.control.store import MAX_IN_VALUES, ControlStore, Predicate
from fdm_platform.model.request import DateRequest

TABLE = "fdm_requests"
_KEY = find_table(TABLE).key


class Requests:
    """The requests of all sensors, in a control store."""

    def __init__(self, store: ControlStore) -> None:
        self._store = store

    def of_dates(self, partition_set: str, dates: Collection[date]) -> list[DateRequest]:
        """What was requested of these dates, for any table."""
        return [r for some in _chunks(sorted(dates)) for r in self._scan(partition_set, some)]

    def of_date(self, partition_set: str, table_name: str, biz_dt: date) -> list[DateRequest]:
        """What was requested of one date of a table, oldest first."""
        mine = [r for r in self._scan(partition_set, [biz_dt]) if r.table_name == table_name]
        return sorted(mine, key=lambda r: r.requested_at)

    def of_run_keys(self, partition_set: str, run_keys: Collection[str]) -> list[DateRequest]:
        """The dates of these runs."""
        of_set, keys = Predicate("partition_set", "=", partition_set), sorted(run_keys)
        return [
            DateRequest(**row)
            for at in range(0, len(keys), MAX_IN_VALUES)
            for row in self._store.scan(
                TABLE, [of_set, Predicate("run_key", "in", keys[at : at + MAX_IN_VALUES])]
            )
        ]

    def made_before(self, partition_set: str, moment: datetime) -> list[DateRequest]:
        """Requests of a set that are older; few, where those that are settled are forgotten now and then."""
        where = [Predicate("partition_set", "=", partition_set), Predicate("requested_at", "<", moment)]
        return [DateRequest(**row) for row in self._store.scan(TABLE, where)]

    def forget(self, requests: Iterable[DateRequest]) -> None:
        """Remove them; one that is not there is no error."""
        self._store.delete(TABLE, [{name: getattr(r, name) for name in _KEY} for r in requests])

    def remember(self, requests: Iterable[DateRequest]) -> None:
        """Write them; writing one again changes nothing."""
        self._store.upsert(TABLE, [asdict(r) for r in requests])

    def _scan(self, partition_set: str, dates: Sequence[date]) -> list[DateRequest]:
        where = [
            Predicate("partition_set", "=", partition_set),
            Predicate("biz_dt", ">=", dates[0]),
            Predicate("biz_dt", "<=", dates[-1]),
            Predicate("biz_dt", "in", list(dates)),
        ]
        return [DateRequest(**row) for row in self._store.scan(TABLE, where)]


def _chunks(dates: Sequence[date]) -> list[list[date]]:
    return [list(dates[i : i + MAX_IN_VALUES]) for i in range(0, len(dates), MAX_IN_VALUES)]
