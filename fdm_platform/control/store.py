"""The control store: what the platform asks of the database that holds the control tables.

It asks for what Kudu can do and no more: scans by key and predicate with projection, inserts that fail
on an existing key, upserts, deletes by key, and a snapshot for reads that must agree. No joins, no
ORDER BY, no transaction over several rows: whoever needs an order sorts, and whoever needs several rows
to change at once needs another design.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from fdm_platform.control.layout import TableLayout
from fdm_platform.control.schema import ControlTable
from fdm_platform.control.values import Row, check_value
from fdm_platform.errors import ControlError
from fdm_platform.planning.names import nearest

Operator = Literal["=", "<", "<=", ">", ">=", "in", "is_null"]
MAX_IN_VALUES = 1000
"""Most values of one `in` predicate; beyond it, scan a range."""

IMPLEMENTATIONS = {
    "sqlite": "fdm_platform.control.sqlite:SqliteStore",
    "kudu": "fdm_platform.control.kudu.opening:open_kudu",
    "kudu+java": "fdm_platform.control.kudu.opening:open_kudu",
    "kudu+native": "fdm_platform.control.kudu.opening:open_kudu",
}
"""By the URL's scheme. Imported when asked for: each needs a client that others can do without."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on one column, applied where the data is. Conditions of one scan all hold.

    `in` takes a collection of at most 1,000 values; `is_null` takes True, or False for IS NOT NULL. A
    comparison with NULL never holds, as in SQL.
    """

    column: str
    op: Operator
    value: Any


class Snapshot:
    """A state of the whole store. Opaque: a store makes it and takes it back in `scan`."""

    __slots__ = ()


class ControlStore(Protocol):
    """The control tables. Safe for threads and processes; each row is written whole or not at all.

    Rows are dicts of str, date, aware datetime (UTC), int, float or None. Every method raises
    ControlError for an unknown table or column or a value of the wrong type, and
    ControlUnavailableError where the database cannot be reached.
    """

    @property
    def url(self) -> str:
        """What `open_store` opened it by."""
        ...

    def existing(self) -> set[str]:
        """Names of the control tables that exist."""
        ...

    def has(self, table: str) -> bool:
        """There is such a table. One that was seen once is not looked for again: it may be asked before each use.

        So a table is never taken for one that was never made because the store is away.
        """
        ...

    def create(self, tables: Iterable[str], *, replicas: int | None = None) -> list[str]:
        """Create those of the tables that are missing; the names of what was created.

        `replicas` is how many copies a cluster keeps (odd; default: 3 where it has as many servers, else 1).
        """
        ...

    def layout(self, table: str) -> TableLayout:
        """How the table looks here: its generation, its key, its columns."""
        ...

    def scan(
        self,
        table: str,
        where: Sequence[Predicate] = (),
        columns: Sequence[str] | None = None,
        *,
        snapshot: Snapshot | None = None,
        limit: int | None = None,
        unreadable: Callable[[ControlError], object] | None = None,
    ) -> Iterator[Row]:
        """Rows that meet every predicate, in no order, with these columns (default all), at most `limit`.

        A column that the table does not have here is None. A row that holds what its column cannot hold, such
        as a biz_dt that is no date, is an error; `unreadable` is told it instead, where given, and the row is
        left out.
        """
        ...

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row; RowExistsError if its key is there. Columns not given are NULL."""
        ...

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add or change rows, each by its key. Columns not given keep their value, or are NULL."""
        ...

    def delete(self, table: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Remove the rows of these keys; a key that is not there is no error."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A state for several scans to agree on; what is written meanwhile is not in it."""
        ...

    def close(self) -> None:
        """Let go of connections. The store must not be used afterwards."""
        ...


def open_store(url: str) -> ControlStore:
    """The control store at a URL such as `sqlite:////var/lib/fdm/control.db`; ControlError if none fits.

    Nothing is opened yet: a database that is missing shows at the first use.
    """
    scheme, separator, _ = url.partition("://")
    target = IMPLEMENTATIONS.get(scheme) if separator else None
    if target is None:
        close = nearest(scheme, IMPLEMENTATIONS) if separator else None
        raise ControlError(
            f"{url!r} is not the URL of a control store{f'; did you mean {close}://?' if close else ''}",
            field="FDM_CONTROL_URL",
            remedy="set it to sqlite:///<path of a file> or kudu://<master>:7051,<master>:7051",
        )
    module, _, name = target.partition(":")
    store: ControlStore = getattr(importlib.import_module(module), name)(url)
    return store


def check_predicate(table: ControlTable, predicate: Predicate) -> None:
    """ControlError unless the predicate's column is known and its value fits; for implementations."""
    column = table.column(predicate.column)
    if predicate.op == "is_null":
        if not isinstance(predicate.value, bool):
            raise _misused(table, predicate, "give is_null True or False")
        return
    if predicate.op == "in" and isinstance(predicate.value, str):
        raise _misused(table, predicate, "give a collection of values, not one string")
    values = list(predicate.value) if predicate.op == "in" else [predicate.value]
    if len(values) > MAX_IN_VALUES:
        raise _misused(table, predicate, f"give at most {MAX_IN_VALUES} values, or scan a range")
    for value in values:
        if value is None:
            raise _misused(table, predicate, "nothing compares with NULL: use is_null")
        check_value(table, column, value)


def _misused(table: ControlTable, predicate: Predicate, remedy: str) -> ControlError:
    return ControlError(
        f"a predicate {predicate.op!r} cannot be used so",
        field=f"{table.name}.{predicate.column}",
        remedy=remedy,
    )
