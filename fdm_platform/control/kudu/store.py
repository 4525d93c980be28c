"""The control store in Apache Kudu, by whichever client library is at hand.

Every scan reads one state of the tables (READ_AT_SNAPSHOT), and what this process wrote is in it. Every
write is durable when it returns; a row is written whole or not at all, several rows are several writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from fdm_platform.control.kudu.address import KuduAddress
from fdm_platform.control.kudu.cells import CREATED_BY, cell, check_size, month_of, new_table, value
from fdm_platform.control.kudu.client import KuduClient, KuduFailure, ScanPredicate, WriteKind
from fdm_platform.control.kudu.failures import explain, is_gone, is_uncovered
from fdm_platform.control.layout import TableLayout, layout_of
from fdm_platform.control.schema import TABLES, find_table
from fdm_platform.control.store import Predicate, Snapshot, check_predicate
from fdm_platform.control.values import Row, check_row, check_value
from fdm_platform.errors import ControlError, RowExistsError

_COPIES = 3
T = TypeVar("T")


class KuduSnapshot(Snapshot):
    """A timestamp of the cluster, for all scans of it to read at."""

    __slots__ = ("at", "store")

    def __init__(self, store: KuduStore, at: int) -> None:
        self.store = store
        self.at = at


class KuduStore:
    """A ControlStore in the cluster of a KuduAddress."""

    def __init__(self, url: str, address: KuduAddress, client: KuduClient) -> None:
        self._url = url
        self._address = address
        self._client = client
        self._layouts: dict[str, TableLayout] = {}
        self._own: set[str] = set()
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What it was opened by."""
        return self._url

    def existing(self) -> set[str]:
        """Names of the control tables that exist."""
        with self._explained():
            there = set(self._client.tables())
        found = {name for name in TABLES if self._name(name) in there}
        with self._lock:
            self._seen |= found
        return found

    def has(self, table: str) -> bool:
        """There is such a table. Kudu answers with a list of all tables of the cluster: hence once only."""
        name = find_table(table).name
        with self._lock:
            if name in self._seen:
                return True
        return name in self.existing()

    def create(self, tables: Iterable[str], *, replicas: int | None = None) -> list[str]:
        """Create what is missing of the tables."""
        wanted, there = [find_table(name) for name in tables], self.existing()
        missing = [table for table in wanted if table.name not in there]
        copies = (replicas or self._address.replicas or self._copies()) if missing else 1
        created: list[str] = []
        for table in missing:
            try:
                self._client.create(new_table(table, self._name(table.name), copies))
            except KuduFailure as failure:
                if failure.status == "Already present":  # another process was faster
                    continue
                raise explain(failure, self._address.text, self._name(table.name)) from failure
            created.append(table.name)
        with self._lock:
            self._seen |= {table.name for table in wanted}
        return created

    def layout(self, table: str) -> TableLayout:
        """How the table looks here; read once."""
        spec = find_table(table)
        with self._lock:
            known = self._layouts.get(table)
        if known is None:
            with self._explained(table):
                stored = self._client.describe(self._name(table))
            known = layout_of(spec, stored.columns)
            with self._lock:
                self._layouts[table] = known
                if stored.comment == CREATED_BY:
                    self._own.add(table)
        return known

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
        """Rows that meet every predicate. The query runs now; rows are fetched as they are asked for."""
        spec = find_table(table)
        asked = [spec.column(name) for name in (columns or spec.names)]
        for predicate in where:
            check_predicate(spec, predicate)
        at = None if snapshot is None else self._of_this(snapshot).at

        def begin(layout: TableLayout) -> Iterator[Row]:
            present = [(c.name, s) for c in asked if (s := layout.usable(c.name, self._address.text))]
            conditions = self._conditions(layout, where)
            if conditions is None or limit == 0:
                return iter(())
            # Kudu wants a column: a key's, where the table has none of those that were asked for.
            names = [s.name for _, s in present] or [layout.stored[layout.key[0]].name]
            rows = self._client.scan(self._name(table), names, conditions, at=at, limit=limit)
            nulls = {column.name: None for column in asked}
            decoders = [(n, s, spec.column(n)) for n, s in present]
            return self._decoded(table, rows, nulls, decoders, unreadable)

        with self._explained(table):
            return self._by_layout(table, begin)

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row; RowExistsError if its key is there."""
        check_row(find_table(table), row)
        try:
            self._write("insert", table, [row])
        except KuduFailure as failure:
            if failure.status != "Already present":
                raise explain(failure, self._address.text, self._name(table)) from failure
            key = ", ".join(f"{name}={row[name]}" for name in self.layout(table).key)
            raise RowExistsError(
                f"{table} has a row {key} already",
                field=table,
                remedy="read that row; upsert to change it",
            ) from failure

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add or change rows. All are checked before the first is written."""
        spec, checked = find_table(table), list(rows)
        for row in checked:
            check_row(spec, row)
        with self._explained(table):
            self._write("upsert", table, checked)

    def delete(self, table: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Remove the rows of these keys: those of the table's key here."""
        checked = list(keys)
        with self._explained(table):
            self._write("delete", table, checked)

    @contextmanager
    def snapshot(self) -> Iterator[KuduSnapshot]:
        """The state of now. A scan that the cluster refuses at this time is a ControlUnavailableError.

        It is never answered from another state: rows that have to agree would not.
        """
        with self._explained():
            at = self._client.timestamp()
        yield KuduSnapshot(self, at)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _write(self, kind: WriteKind, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the same columns go together, in their order; a month that is not there yet is added."""
        checked = self._by_layout(table, lambda layout: [_check_key(layout, row, kind) for row in rows])
        start = 0
        for end in range(1, len(rows) + 1):
            if end == len(rows) or rows[end].keys() != rows[start].keys():
                alike = checked[start:end]
                self._by_layout(table, lambda layout, alike=alike: self._write_alike(kind, layout, alike))  # type: ignore[misc]
                start = end

    def _write_alike(self, kind: WriteKind, layout: TableLayout, rows: Sequence[Mapping[str, Any]]) -> None:
        spec, place = layout.table, self._address.text
        given = layout.key if kind == "delete" else tuple(rows[0])
        stored = {name: layout.usable(name, place) for name in given}
        for name in (n for n, s in stored.items() if s is None):
            if any(row[name] is not None for row in rows):
                raise ControlError(
                    f"table {spec.name} of {place} has no column {name}",
                    field=f"{spec.name}.{name}",
                    remedy="leave it out; `fdm control check` shows what the table has",
                )
        there = [(spec.column(n), s) for n, s in stored.items() if s is not None]
        cells = [tuple(cell(column, s, row[column.name]) for column, s in there) for row in rows]
        check_size(spec, [column for column, _ in there], cells)
        names, name = [s.name for _, s in there], self._name(spec.name)
        try:
            self._client.write(kind, name, names, cells)
        except KuduFailure as failure:
            if not (is_uncovered(failure) and spec.is_by_month and spec.name in self._own):
                raise
            self._add_months(layout, rows)
            self._client.write(kind, name, names, cells)

    def _add_months(self, layout: TableLayout, rows: Sequence[Mapping[str, Any]]) -> None:
        """Range partitions for the months of ids that none covers."""
        key = layout.key[0]
        for lower, upper in sorted({month_of(layout.table, str(row[key])) for row in rows}):
            self._client.add_range(self._name(layout.table.name), layout.stored[key].name, lower, upper)

    def _by_layout(self, table: str, act: Callable[[TableLayout], T]) -> T:
        """What `act` does; once more where somebody made the table anew since its layout was read."""
        was_known = table in self._layouts
        try:
            return act(self.layout(table))
        except KuduFailure as failure:
            if not (was_known and is_gone(failure)):
                raise
            with self._lock:
                self._layouts.pop(table, None)
                self._own.discard(table)
                self._seen.discard(table)
            return act(self.layout(table))

    def _conditions(self, layout: TableLayout, where: Sequence[Predicate]) -> list[ScanPredicate] | None:
        """The predicates as Kudu takes them; None where no row can meet them."""
        conditions: list[ScanPredicate] = []
        for predicate in where:
            column = layout.table.column(predicate.column)
            stored = layout.usable(predicate.column, self._address.text)
            if stored is None:
                if predicate.op == "is_null" and predicate.value:
                    continue
                return None
            if predicate.op == "is_null":
                if not stored.is_nullable:
                    if predicate.value:
                        return None
                    continue
                conditions.append(ScanPredicate(stored.name, "is_null" if predicate.value else "is_not_null"))
            elif predicate.op == "in":
                values = [cell(column, stored, v) for v in predicate.value]
                if not values:
                    return None
                conditions.append(ScanPredicate(stored.name, "in", values))
            else:
                conditions.append(
                    ScanPredicate(stored.name, predicate.op, cell(column, stored, predicate.value))
                )
        return conditions

    def _decoded(
        self,
        table: str,
        rows: Iterator[tuple[Any, ...]],
        nulls: Row,
        decoders: Sequence[tuple[Any, ...]],
        unreadable: Callable[[ControlError], object] | None,
    ) -> Iterator[Row]:
        spec = find_table(table)
        with self._explained(table):
            for cells in rows:
                row = dict(nulls)
                try:
                    for (name, stored, column), found in zip(decoders, cells, strict=False):
                        row[name] = value(spec, column, stored, found)
                except ControlError as error:
                    if unreadable is None:
                        raise
                    unreadable(error)
                    continue
                yield row

    def _copies(self) -> int:
        with self._explained():
            return _COPIES if self._client.servers() >= _COPIES else 1

    def _of_this(self, snapshot: Snapshot) -> KuduSnapshot:
        if isinstance(snapshot, KuduSnapshot) and snapshot.store is self:
            return snapshot
        raise ControlError(
            "this snapshot was made by another store", remedy="take the snapshot from the store that you scan"
        )

    def _name(self, table: str) -> str:
        return self._address.prefix + table

    @contextmanager
    def _explained(self, table: str | None = None) -> Iterator[None]:
        try:
            yield
        except KuduFailure as failure:
            raise explain(failure, self._address.text, self._name(table) if table else None) from failure


def _check_key(layout: TableLayout, row: Mapping[str, Any], kind: WriteKind) -> Mapping[str, Any]:
    """The row; ControlError unless it has the key that the table has here, which may be another generation's."""
    spec, key = layout.table, ", ".join(layout.key)
    if kind == "delete" and set(row) != set(layout.key):
        raise ControlError(
            f"{sorted(row)} is not a key of {spec.name}", field=spec.name, remedy=f"give exactly {key}"
        )
    for name in layout.key:
        if row.get(name) is None:
            raise ControlError(
                f"a row of {spec.name} lacks {name}",
                field=f"{spec.name}.{name}",
                remedy=f"give {name}; the key of {spec.name} is {key} here",
            )
        check_value(spec, spec.column(name), row[name])
    return row
