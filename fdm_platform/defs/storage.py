"""Dagster's storage with partition sets of business dates in date order, whatever order they came in.

Dagster keeps a dynamic partition set in the order of insertion, and its ranges, backfills and pages follow
that order (https://github.com/dagster-io/dagster/issues/28693). dagster.yaml names the storage:

    storage:
      custom:
        module: fdm_platform.defs.storage
        class: SortedSqliteStorage
        config: {base_dir: ...}

Files and tables are those of Dagster's own storage: one may be put in the other's place at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as db
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import DynamicPartitionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._core.types.pagination import PaginatedResults, ValueIndexCursor
from dagster._serdes import ConfigurableClassData

_DATE = "____-__-__"
"""SQL's pattern of an ISO date."""
_table = DynamicPartitionsTable.c


class DateOrder(SqlEventLogStorage):
    """What an event log storage adds to keep date order: a set whose keys are all ISO dates is read sorted.

    Sets of other keys stay as Dagster has them. The table's index by set and key serves both.
    """

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """All keys of a set."""
        if not self._is_of_dates(partitions_def_name):
            return super().get_dynamic_partitions(partitions_def_name)
        return self._keys(
            db.select(_table.partition)
            .where(_table.partitions_def_name == partitions_def_name)
            .order_by(_table.partition)
        )

    def get_paginated_dynamic_partitions(
        self, partitions_def_name: str, limit: int, ascending: bool, cursor: str | None = None
    ) -> PaginatedResults[str]:
        """A page of a set. The cursor holds the last key, so keys may come and go between two pages."""
        if not self._is_of_dates(partitions_def_name):
            return super().get_paginated_dynamic_partitions(partitions_def_name, limit, ascending, cursor)
        last = ValueIndexCursor.from_cursor(cursor).value if cursor else None
        query = db.select(_table.partition).where(_table.partitions_def_name == partitions_def_name)
        if last is not None:
            query = query.where(_table.partition > last if ascending else _table.partition < last)
        query = query.order_by(_table.partition.asc() if ascending else _table.partition.desc()).limit(
            limit + 1
        )
        keys = self._keys(query)
        page = keys[:limit]
        return PaginatedResults(
            results=page,
            cursor=ValueIndexCursor(value=page[-1] if page else last).to_string(),
            has_more=len(keys) > limit,
        )

    def _is_of_dates(self, partitions_def_name: str) -> bool:
        self._check_partitions_table()
        other = (
            db.select(_table.partition)
            .where(_table.partitions_def_name == partitions_def_name, _table.partition.not_like(_DATE))
            .limit(1)
        )
        return not self._keys(other)

    def _keys(self, query: db.Select[Any]) -> list[str]:
        with self.index_connection() as connection:
            return list(connection.scalars(query))


class SortedSqliteEventLog(DateOrder, SqliteEventLogStorage):
    """Dagster's SQLite event log in date order."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """As Dagster's, which takes an index that is there for a whole one.

        The first process of a deployment may be about to make its tables, or have been killed while it did; the
        first connection makes those that are missing. Dagster connects after it has asked for the table of partitions.
        """
        super().__init__(base_dir, inst_data)
        with self.index_connection():
            pass


class SortedSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage in date order, with the same files below `base_dir`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """`base_dir` as Dagster's own `sqlite:` has it."""
        super().__init__(base_dir, inst_data)
        self._event_log_storage = SortedSqliteEventLog(self._event_log_storage._base_dir)  # noqa: SLF001

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> SortedSqliteStorage:
        """As Dagster makes it from dagster.yaml."""
        return cls.from_local(inst_data=inst_data, **config_value)
