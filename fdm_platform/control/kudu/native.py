"""kudu-python, the binding of Kudu's own client library, of version 1.18. A KuduClient.

https://kudu.apache.org/docs/developing.html#_kudu_python_client. It has no wheel: the extra `kudu` compiles it where
Kudu's headers and client library are. Its scans have the library's own time limit of 30 seconds, which
it does not let anyone change.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import kudu
from kudu.client import Partitioning

from fdm_platform.control.kudu.client import (
    TIMEOUT_S,
    KuduFailure,
    NewTable,
    ScanPredicate,
    StoredTable,
    WriteKind,
)
from fdm_platform.control.layout import StoredColumn
from fdm_platform.control.values import from_micros, to_micros

_FLUSH_ROWS = 1000
_STATUS = re.compile(r"(?:KuduError\('b')?([A-Z][A-Za-z ]+): (.*)", re.DOTALL)
"""A status as text: alone, or as an error of a row is shown, which is all that the library tells of it."""
_NAMES = {"KuduNotFound": "Not found", "KuduInvalidArgument": "Invalid argument"}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda column, value: column == value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "in": lambda column, value: column.in_list(value),
    "is_null": lambda column, _: column.is_null(),
    "is_not_null": lambda column, _: column.is_not_null(),
}


class NativeClient:
    """A connection by kudu-python. The cluster is reached at the first use."""

    def __init__(self, masters: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self._masters = list(masters)
        self._timeout_ms = int(timeout_s * 1000)
        self._lock = threading.Lock()
        self._client: Any = None
        self._tables: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The client library, for the log."""
        return f"kudu-python {kudu.__version__}"

    def tables(self) -> list[str]:
        """Names of all tables of the cluster."""
        with _reported():
            return list(self._open().list_tables())

    def servers(self) -> int:
        """How many tablet servers the cluster has."""
        with _reported():
            return len(self._open().list_tablet_servers())

    def describe(self, table: str) -> StoredTable:
        """The table's own schema, read now."""
        with _reported():
            opened = self._tables[table] = self._open().table(table)
            keys = set(opened.schema.primary_keys())
            columns = tuple(_stored(opened.schema[i], keys) for i in range(len(opened.schema)))
            return StoredTable(columns, str(opened.comment or ""))

    def create(self, table: NewTable) -> None:
        """Make a table, and wait until it can be used."""
        builder = kudu.schema_builder()
        for column in table.columns:
            builder.add_column(column.name, _kudu_type(column), nullable=column.is_nullable)
        builder.set_primary_keys([c.name for c in table.columns if c.is_key])
        partitioning = Partitioning().add_hash_partitions(list(table.hash_by), table.hash_buckets)
        if table.range_by:
            partitioning.set_range_partition_columns([table.range_by])
            for lower, upper in table.ranges:
                partitioning.add_range_partition(_bound(table.range_by, lower), _bound(table.range_by, upper))
        with _reported():
            self._open().create_table(
                table.name, builder.build(), partitioning, table.replicas, comment=table.comment
            )

    def add_range(self, table: str, column: str, lower: str, upper: str) -> None:
        """Add a range partition; no error where there is one already."""
        try:
            with _reported():
                alterer = self._open().new_table_alterer(self._table(table))
                alterer.add_range_partition(_bound(column, lower), _bound(column, upper))
                alterer.alter()
        except KuduFailure as failure:
            if "already" not in failure.status.lower() and "conflict" not in failure.message.lower():
                raise
        self._tables.pop(table, None)

    def drop_range(self, table: str, column: str, lower: str | None, upper: str) -> None:
        """Drop a range partition with its rows."""
        with _reported():
            alterer = self._open().new_table_alterer(self._table(table))
            alterer.drop_range_partition(_bound(column, lower), _bound(column, upper))
            alterer.alter()
        self._tables.pop(table, None)

    def scan(
        self,
        table: str,
        columns: Sequence[str],
        where: Sequence[ScanPredicate],
        *,
        at: int | None,
        limit: int | None,
    ) -> Iterator[tuple[Any, ...]]:
        """Rows as tuples in the order of `columns`, all of one state of the table."""
        if limit == 0:
            return iter(())
        with _reported():
            opened = self._table(table)
            scanner = opened.scanner().set_projected_column_names(list(columns)).set_read_mode("snapshot")
            if at is not None:
                scanner.set_snapshot(from_micros(at))
            if limit is not None:
                scanner.set_limit(limit)
            for predicate in where:
                scanner.add_predicate(_predicate(opened[predicate.column], predicate))
            scanner.open()
        return _rows(scanner)

    def write(
        self, kind: WriteKind, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Apply rows, in batches; returns when all are durable."""
        with _reported():
            opened = self._table(table)
            new = {"insert": opened.new_insert, "upsert": opened.new_upsert, "delete": opened.new_delete}[
                kind
            ]
            times = [opened.schema[name].type.name == "unixtime_micros" for name in columns]
            session = self._open().new_session(flush_mode="manual", timeout_ms=self._timeout_ms)
            for start in range(0, len(rows), _FLUSH_ROWS):
                for row in rows[start : start + _FLUSH_ROWS]:
                    cells = zip(columns, times, row, strict=True)
                    session.apply(new({n: from_micros(v) if t and v is not None else v for n, t, v in cells}))
                _flush(session, kind)

    def timestamp(self) -> int:
        """Microseconds of now: the latest that a tablet server told, which a scan asks for."""
        with _reported():
            name = next(iter(self._tables), None) or next(iter(self.tables()))
            key = self._table(name).schema.primary_keys()[0]
        for _ in self.scan(name, [key], [], at=None, limit=1):
            pass
        return to_micros(self._open().latest_observed_timestamp())

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            self._tables.clear()
            self._client = None

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = kudu.Client(
                    self._masters, admin_timeout_ms=self._timeout_ms, rpc_timeout_ms=self._timeout_ms
                )
            return self._client

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            self._tables[name] = self._open().table(name)
        return self._tables[name]


@contextmanager
def _reported() -> Iterator[None]:
    """KuduFailure for what the library raises."""
    try:
        yield
    except kudu.KuduException as error:
        raise _failure(error) from None


def _failure(error: Exception) -> KuduFailure:
    """The status is the exception's class for some, and the beginning of the text for the others."""
    text = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error.args[0])
    if (name := _NAMES.get(type(error).__name__)) is not None:
        return KuduFailure(name, text)
    return _of_text(text)


def _of_text(text: str) -> KuduFailure:
    match = _STATUS.match(text)
    return KuduFailure(match[1], match[2]) if match else KuduFailure("Runtime error", text)


def _flush(session: Any, kind: WriteKind) -> None:
    """Raise the first row that was refused, but for a delete of a key that is not there."""
    try:
        session.flush()
    except kudu.KuduBadStatus:
        errors, _ = session.get_pending_errors()
        for error in errors:
            failure = _of_text(str(error))
            if not (
                kind == "delete" and failure.status == "Not found" and "key not found" in failure.message
            ):
                raise failure from None


def _rows(scanner: Any) -> Iterator[tuple[Any, ...]]:
    try:
        while scanner.has_more_rows():
            with _reported():
                batch = scanner.read_next_batch_tuples()
            for row in batch:
                yield tuple(to_micros(v) if isinstance(v, datetime) else v for v in row)
    finally:
        scanner.close()


def _stored(column: Any, keys: set[str]) -> StoredColumn:
    # The library does not tell of defaults: what is not null may have one.
    return StoredColumn(
        column.name, column.type.name, column.name in keys, column.nullable, not column.nullable
    )


def _kudu_type(column: StoredColumn) -> Any:
    return getattr(kudu, column.type)


def _bound(column: str, value: str | None) -> dict[str, str] | None:
    return None if value is None else {column: value}


def _predicate(column: Any, predicate: ScanPredicate) -> Any:
    value = predicate.value
    if column.spec.type.name == "unixtime_micros":
        is_list = predicate.op == "in"
        value = [from_micros(v) for v in value] if is_list else value if value is None else from_micros(value)
    return _COMPARE[predicate.op](column, value)
