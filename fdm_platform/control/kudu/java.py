"""Kudu's Java client, in a JVM inside this process. A KuduClient."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import jpype

from fdm_platform import jvm
from fdm_platform.control.kudu.batches import MAX_ROWS, batches
from fdm_platform.control.kudu.client import (
    TIMEOUT_S,
    KuduFailure,
    NewTable,
    ScanPredicate,
    StoredTable,
    WriteKind,
)
from fdm_platform.control.layout import StoredColumn

_EPOCH = date(1970, 1, 1)
_COMPARISONS = {"=": "EQUAL", "<": "LESS", "<=": "LESS_EQUAL", ">": "GREATER", ">=": "GREATER_EQUAL"}
_INTEGERS = {"int8": "Byte", "int16": "Short", "int32": "Int", "int64": "Long", "unixtime_micros": "Long"}

Get = Callable[[Any, int], Any]
Add = Callable[[Any, int, Any], None]


class JavaClient:
    """A connection by the Java client. The JVM starts and the cluster is reached at the first use."""

    def __init__(
        self, masters: Sequence[str], jars: Callable[[], Sequence[Path]], timeout_s: float = TIMEOUT_S
    ) -> None:
        self._masters = list(masters)
        self._jars = jars
        self._timeout_ms = int(timeout_s * 1000)
        self._lock = threading.Lock()
        self._client: Any = None
        self._tables: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The client library, for the log."""
        return "the Java client"

    def tables(self) -> list[str]:
        """Names of all tables of the cluster."""
        with _reported():
            return [str(name) for name in self._open().getTablesList().getTablesList()]

    def servers(self) -> int:
        """How many tablet servers the cluster has."""
        with _reported():
            return int(self._open().listTabletServers().getTabletServersCount())

    def describe(self, table: str) -> StoredTable:
        """The table's own schema, read now."""
        with _reported():
            opened = self._open().openTable(table)
            self._tables[table] = opened
            columns = tuple(_stored(c) for c in opened.getSchema().getColumns())
            return StoredTable(columns, str(opened.getComment() or ""))

    def create(self, table: NewTable) -> None:
        """Make a table, and wait until it can be used."""
        with _reported():
            client, schema = self._open(), _schema(table.columns)
            options = _kudu().CreateTableOptions()
            options.addHashPartitions(_list(table.hash_by), table.hash_buckets)
            options.setNumReplicas(table.replicas)
            options.setComment(table.comment)
            options.setRangePartitionColumns(_list([table.range_by] if table.range_by else []))
            for lower, upper in table.ranges:
                options.addRangePartition(*_bounds(schema, table.range_by, lower, upper))
            self._tables[table.name] = client.createTable(table.name, schema, options)

    def add_range(self, table: str, column: str, lower: str, upper: str) -> None:
        """Add a range partition; no error where there is one already."""
        try:
            with _reported():
                options = _kudu().AlterTableOptions()
                options.addRangePartition(*_bounds(self._table(table).getSchema(), column, lower, upper))
                self._open().alterTable(table, options)
        except KuduFailure as failure:
            if "already" not in failure.status.lower() and "conflict" not in failure.message.lower():
                raise
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
        with _reported():
            opened = self._table(table)
            schema = opened.getSchema()
            builder = self._open().newScannerBuilder(opened)
            builder.setProjectedColumnNames(_list(columns))
            builder.readMode(_kudu().AsyncKuduScanner.ReadMode.READ_AT_SNAPSHOT)
            builder.scanRequestTimeout(self._timeout_ms)
            if at is not None:
                builder.snapshotTimestampRaw(jpype.JLong(at))
            if limit is not None:
                builder.limit(jpype.JLong(limit))
            for predicate in where:
                builder.addPredicate(_predicate(schema.getColumn(predicate.column), predicate))
            scanner = builder.build()
            readers = [_getter(_type(schema.getColumn(name))) for name in columns]
            first = scanner.nextRows() if scanner.hasMoreRows() else None
        return _rows(scanner, first, readers)

    def write(
        self, kind: WriteKind, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Apply rows, in batches; returns when all are durable."""
        with _reported():
            opened = self._table(table)
            schema = opened.getSchema()
            cells = [(int(schema.getColumnIndex(n)), _adder(_type(schema.getColumn(n)))) for n in columns]
            new = {"insert": opened.newInsert, "upsert": opened.newUpsert, "delete": opened.newDelete}[kind]
            session = self._open().newSession()
            try:
                session.setTimeoutMillis(jpype.JLong(self._timeout_ms))
                # Not in the background: two batches on their way would lose the order of rows of one key.
                session.setFlushMode(_kudu().SessionConfiguration.FlushMode.MANUAL_FLUSH)
                session.setMutationBufferSpace(MAX_ROWS)
                for batch in batches(rows):
                    # All are made before any is applied: closing the session sends what was applied.
                    for operation in [_operation(new(), cells, row) for row in batch]:
                        session.apply(operation)
                    _raise_first(session.flush(), kind)
            finally:
                session.close()

    def timestamp(self) -> int:
        """A timestamp of now: that of the last answer of a tablet server, which a scan asks for."""
        with _reported():
            name = next(iter(self._tables), None) or next(iter(self.tables()))
            key = str(self._table(name).getSchema().getColumnByIndex(0).getName())
        for _ in self.scan(name, [key], [], at=None, limit=1):
            pass
        return int(self._open().getLastPropagatedTimestamp())

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            client, self._client = self._client, None
            self._tables.clear()
        if client is not None:
            client.close()

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                jvm.start(self._jars())
                jvm.attach()
                builder = _kudu().KuduClient.KuduClientBuilder(_list(self._masters))
                builder.defaultAdminOperationTimeoutMs(jpype.JLong(self._timeout_ms))
                builder.defaultOperationTimeoutMs(jpype.JLong(self._timeout_ms))
                self._client = builder.build()
        jvm.attach()
        return self._client

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            self._tables[name] = self._open().openTable(name)
        return self._tables[name]


@contextmanager
def _reported() -> Iterator[None]:
    """KuduFailure for what the client throws."""
    try:
        yield
    except jpype.JException as error:
        raise _failure(error) from None


def _failure(error: Any) -> KuduFailure:
    status = getattr(error, "getStatus", None)
    if status is not None:
        return _of_status(status())
    if "UnknownHost" in str(error) or "Unresolved" in str(error):
        return KuduFailure("Network error", str(error.getMessage()))
    return KuduFailure("Runtime error", str(error))


def _of_status(status: Any) -> KuduFailure:
    """Its name is what its text begins with; its message may name the whole trace of tries behind `:`."""
    name, _, message = str(status.toString()).partition(": ")
    return KuduFailure(name, message)


def _raise_first(responses: Any, kind: WriteKind) -> None:
    """The first row that was refused, but for a delete of a key that is not there."""
    for error in _kudu().OperationResponse.collectErrors(responses):
        failure = _of_status(error.getErrorStatus())
        if not (kind == "delete" and failure.status == "Not found" and "key not found" in failure.message):
            raise failure


def _operation(operation: Any, cells: Sequence[tuple[int, Add]], row: tuple[Any, ...]) -> Any:
    partial = operation.getRow()
    for (index, add), value in zip(cells, row, strict=True):
        if value is None:
            partial.setNull(index)
        else:
            add(partial, index, value)
    return operation


def _rows(scanner: Any, batch: Any, readers: Sequence[Get]) -> Iterator[tuple[Any, ...]]:
    numbered = list(enumerate(readers))
    try:
        while batch is not None:
            for row in batch:
                yield tuple(None if row.isNull(i) else read(row, i) for i, read in numbered)
            with _reported():
                batch = scanner.nextRows() if scanner.hasMoreRows() else None
    finally:
        scanner.close()


def _stored(column: Any) -> StoredColumn:
    return StoredColumn(
        name=str(column.getName()),
        type=_type(column),
        is_key=bool(column.isKey()),
        is_nullable=bool(column.isNullable()),
        has_default=column.getDefaultValue() is not None,
    )


def _type(column: Any) -> str:
    return str(column.getType().getName()).lower()


def _schema(columns: Sequence[StoredColumn]) -> Any:
    package = jpype.JPackage("org").apache.kudu
    built = [
        package.ColumnSchema.ColumnSchemaBuilder(c.name, getattr(package.Type, c.type.upper()))
        .key(c.is_key)
        .nullable(c.is_nullable)
        .build()
        for c in columns
    ]
    return package.Schema(_list(built))


def _bounds(schema: Any, column: str | None, lower: str | None, upper: str | None) -> list[Any]:
    rows = []
    for bound in (lower, upper):
        row = schema.newPartialRow()
        if bound is not None:
            row.addString(column, bound)
        rows.append(row)
    return rows


def _predicate(column: Any, predicate: ScanPredicate) -> Any:
    kudu = _kudu().KuduPredicate
    if predicate.op == "is_null":
        return kudu.newIsNullPredicate(column)
    if predicate.op == "is_not_null":
        return kudu.newIsNotNullPredicate(column)
    convert = _boxed(_type(column))
    if predicate.op == "in":
        return kudu.newInListPredicate(column, _list([convert(v) for v in predicate.value]))
    operator = getattr(kudu.ComparisonOp, _COMPARISONS[predicate.op])
    return kudu.newComparisonPredicate(column, operator, jpype.JObject(convert(predicate.value)))


def _boxed(kind: str) -> Any:
    """Python's value as the Java object that Kudu compares a column of this type with."""
    if kind == "date":
        return _java_date
    if kind in _INTEGERS:
        box = {"Byte": "Byte", "Short": "Short", "Int": "Integer", "Long": "Long"}[_INTEGERS[kind]]
        return jpype.JClass(f"java.lang.{box}").valueOf
    if kind in ("double", "float"):
        return jpype.JClass(f"java.lang.{kind.capitalize()}").valueOf
    return jpype.JString


def _getter(kind: str) -> Get:
    if kind == "date":
        return lambda row, i: _EPOCH + timedelta(days=int(row.getInt(i)))
    if kind in _INTEGERS:
        method = f"get{_INTEGERS[kind]}"
        return lambda row, i: int(getattr(row, method)(i))
    if kind in ("double", "float"):
        method = f"get{kind.capitalize()}"
        return lambda row, i: float(getattr(row, method)(i))
    if kind == "varchar":
        return lambda row, i: str(row.getVarchar(i))
    if kind == "string":
        return lambda row, i: str(row.getString(i))
    return lambda row, i: row.getObject(i)


def _adder(kind: str) -> Add:
    if kind == "date":
        return lambda row, i, value: row.addDate(i, _java_date(value))
    if kind in _INTEGERS:
        method, cast = f"add{_INTEGERS[kind]}", getattr(jpype, f"J{_INTEGERS[kind]}")
        return lambda row, i, value: getattr(row, method)(i, cast(value))
    if kind in ("double", "float"):
        method = f"add{kind.capitalize()}"
        return lambda row, i, value: getattr(row, method)(i, float(value))
    if kind == "varchar":
        return lambda row, i, value: row.addVarchar(i, value)
    return lambda row, i, value: row.addString(i, value)


@lru_cache(maxsize=4096)
def _java_date(value: date) -> Any:
    return jpype.JClass("java.sql.Date").valueOf(value.isoformat())


def _kudu() -> Any:
    return jpype.JPackage("org").apache.kudu.client


def _list(values: Sequence[Any]) -> Any:
    made = jpype.JClass("java.util.ArrayList")()
    for value in values:
        made.add(value)
    return made
