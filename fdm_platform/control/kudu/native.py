"""kudu-python, the binding of Kudu's own client library, of version 1.18. A KuduClient.

https://kudu.apache.org/docs/developing.html#_kudu_python_client. It has no wheel: the extra `kudu` compiles it where
Kudu's headers and client library are.

Two of its traits were seen in 1.18.1 and shape this module:

- It holds Python's interpreter lock while it waits for Kudu: every other thread of the process stands still
  meanwhile, up to the time limit. Where that matters, take the Java client (`kudu+java://`).
- An operation that its session does not accept (its buffer is full, a key is not set) is freed twice, which ends
  the process. So no such operation is made.
"""

from __future__ import annotations

import ast
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import Any

import kudu
from kudu.client import Partitioning

from fdm_platform.control.kudu.batches import MAX_CHARACTERS, batches
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

_BUFFER_BYTES = 4 * MAX_CHARACTERS + 16 * 1024 * 1024
"""More than a batch can need: its texts, and what Kudu keeps beside them. 7 MiB by default."""
_RETRY_S = 0.05
_STATUS = re.compile(r"([A-Z][A-Za-z ]+): (.*)", re.DOTALL)
_ROW_ERROR = re.compile(r"KuduError\('(b['\"].*['\"])'\)", re.DOTALL)
"""How an error of a row is shown, which is all that the library tells of it: the literal of its status' bytes."""
_NAMES = {
    "KuduNotFound": "Not found",
    "KuduInvalidArgument": "Invalid argument",
    "KuduNotSupported": "Not implemented",
}
_ABANDONED: list[Any] = []
"""What a forked process took over and must not even let go of: its threads are in the parent only."""
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
    """A connection by kudu-python. The cluster is reached at the first use; a forked process makes its own."""

    def __init__(self, masters: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self._masters = list(masters)
        self._timeout_ms = int(timeout_s * 1000)
        self._lock = threading.Lock()
        self._client: Any = None
        self._process = 0
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
            client = self._open()
            opened = self._tables[table] = client.table(table)
            keys = set(opened.schema.primary_keys())
            columns = tuple(_stored(opened.schema[i], keys) for i in range(len(opened.schema)))
            return StoredTable(columns, str(opened.comment or ""))

    def create(self, table: NewTable) -> None:
        """Make a table, and wait until it can be used.

        While another client makes the same table, the master reserves its name; the Java client tries again by
        itself, this one is told.
        """
        deadline = time.monotonic() + self._timeout_ms / 1000
        while True:
            try:
                return self._create(table)
            except KuduFailure as failure:
                if "already reserved" not in failure.message or time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_S)

    def _create(self, table: NewTable) -> None:
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
            builder = self._tokens(table, columns, where)
            if at is not None:
                builder.set_snapshot(from_micros(at))
            tokens = builder.build()
            if at is None and len(tokens) > 1:  # each would choose a state of its own
                builder.set_snapshot(from_micros(self._now(tokens[0])))
                tokens = builder.build()
            first = _opened(tokens[0], limit) if tokens else None
        return _rows(first, tokens[1:], limit)

    def _tokens(self, table: str, columns: Sequence[str], where: Sequence[ScanPredicate]) -> Any:
        """A builder of scans of one tablet each: a plain scan's time limit is 30 s, which cannot be changed."""
        opened = self._table(table)
        builder = opened.scan_token_builder().set_projected_column_names(list(columns))
        builder.set_read_mode("snapshot").set_timeout_millis(self._timeout_ms)
        for predicate in where:
            builder.add_predicate(_predicate(opened[predicate.column], predicate))
        return builder

    def _now(self, token: Any) -> int:
        """Microseconds of now, as the tablet server of a token has it, and behind all that this client wrote."""
        _opened(token, 1).close()
        return to_micros(self._open().latest_observed_timestamp())

    def write(
        self, kind: WriteKind, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Apply rows, in batches; returns when all are durable."""
        with _reported():
            opened = self._table(table)
            _check_keys(opened, columns)
            new = {"insert": opened.new_insert, "upsert": opened.new_upsert, "delete": opened.new_delete}[
                kind
            ]
            times = [opened.schema[name].type.name == "unixtime_micros" for name in columns]
            session = self._open().new_session(
                flush_mode="manual", timeout_ms=self._timeout_ms, mutation_buffer_sz=_BUFFER_BYTES
            )
            for batch in batches(rows):
                for row in batch:
                    cells = zip(columns, times, row, strict=True)
                    session.apply(new({n: from_micros(v) if t and v is not None else v for n, t, v in cells}))
                _flush(session, kind)

    def timestamp(self) -> int:
        """Microseconds of now: the latest that a tablet server told, which a scan asks for."""
        with _reported():
            self._open()
            for name in chain(tuple(self._tables), self._names()):
                try:
                    key = self._table(name).schema.primary_keys()[0]
                    if tokens := self._tokens(name, [key], []).build():
                        return self._now(tokens[0])
                except kudu.KuduNotFound:  # dropped by somebody since it was opened
                    self._tables.pop(name, None)
            raise KuduFailure("Not found", "no table of the cluster has a tablet that could tell the time")

    def _names(self) -> Iterator[str]:
        """The cluster's tables, asked for only where those that are known did not do."""
        yield from self._open().list_tables()

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            self._tables.clear()
            self._client = None

    def _open(self) -> Any:
        with self._lock:
            if self._client is not None and self._process != os.getpid():
                _ABANDONED.extend((self._client, self._tables))
                self._client, self._tables = None, {}
            if self._client is None:
                self._process = os.getpid()
                self._client = kudu.Client(
                    self._masters, admin_timeout_ms=self._timeout_ms, rpc_timeout_ms=self._timeout_ms
                )
            return self._client

    def _table(self, name: str) -> Any:
        client = self._open()
        if name not in self._tables:
            self._tables[name] = client.table(name)
        return self._tables[name]


@contextmanager
def _reported() -> Iterator[None]:
    """KuduFailure for what the library raises: Python's own errors too, for a value or a column that is not Kudu's."""
    try:
        yield
    except kudu.KuduException as error:
        raise _failure(error) from None
    except KeyError as error:
        raise KuduFailure("Not found", f"column {_text(error.args[0])} is not in the table") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise KuduFailure("Invalid argument", str(error)) from error


def _failure(error: Exception) -> KuduFailure:
    """The status is the exception's class for some, and the beginning of the text for the others."""
    text = _text(error.args[0])
    if (name := _NAMES.get(type(error).__name__)) is not None:
        return KuduFailure(name, text)
    return _of_status(text)


def _text(shown: Any) -> str:
    return shown.decode(errors="replace") if isinstance(shown, bytes) else str(shown)


def _of_row(error: Any) -> KuduFailure:
    shown = _ROW_ERROR.fullmatch(str(error))
    return _of_status(_text(ast.literal_eval(shown[1]) if shown else error))


def _of_status(text: str) -> KuduFailure:
    match = _STATUS.match(text)
    return KuduFailure(match[1], match[2]) if match else KuduFailure("Runtime error", text)


def _check_keys(table: Any, columns: Sequence[str]) -> None:
    """What Kudu would say, said before the library can free the operation twice."""
    missing = [key for key in table.schema.primary_keys() if key not in columns]
    if missing:
        raise KuduFailure("Illegal state", f"Key not specified: {', '.join(missing)}")


def _flush(session: Any, kind: WriteKind) -> None:
    """Raise the first row that was refused, but for a delete of a key that is not there."""
    try:
        session.flush()
    except kudu.KuduBadStatus:
        errors, _ = session.get_pending_errors()
        for error in errors:
            failure = _of_row(error)
            if not (
                kind == "delete" and failure.status == "Not found" and "key not found" in failure.message
            ):
                raise failure from None


def _opened(token: Any, limit: int | None) -> Any:
    scanner = token.into_kudu_scanner()
    if limit is not None:
        scanner.set_limit(limit)
    return scanner.open()


def _rows(scanner: Any, rest: Sequence[Any], limit: int | None) -> Iterator[tuple[Any, ...]]:
    """Of the open scan and then of one tablet after the other, which are opened when it is their turn."""
    waiting, left = list(rest), limit
    try:
        while scanner is not None:
            while scanner.has_more_rows():
                with _reported():
                    batch = scanner.read_next_batch_tuples()
                left = None if left is None else left - len(batch)
                for row in batch:
                    yield tuple(to_micros(v) if isinstance(v, datetime) else v for v in row)
            scanner.close()
            scanner = None
            if waiting and left != 0:
                with _reported():
                    scanner = _opened(waiting.pop(0), left)
    finally:
        if scanner is not None:
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
