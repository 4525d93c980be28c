"""The control store in one SQLite file: the embedded default.

Dates are kept as ISO text and times as microseconds since 1970, so that both compare as they sort.
Identifiers in SQL come from control.schema alone, unquoted (a quoted one that SQLite does not know
would be a string to it), and values are always bound.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from fdm_platform.control.layout import ACCEPTED, StoredColumn, TableLayout, layout_of
from fdm_platform.control.schema import TABLES, ColumnType, ControlColumn, ControlTable, find_table
from fdm_platform.control.sqlite_connections import INIT_REMEDY, Connections, translated
from fdm_platform.control.store import Operator, Predicate, Snapshot, check_predicate
from fdm_platform.control.values import Row, check_key, check_row, from_micros, to_micros
from fdm_platform.errors import ControlError, ControlUnavailableError, RowExistsError

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "TEXT",
    "date": "TEXT",
    "timestamp_micros": "INTEGER",
    "int32": "INTEGER",
    "int64": "INTEGER",
    "double": "REAL",
}
_COMPARISONS: dict[Operator, str] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_BATCH_ROWS = 500


class SqliteSnapshot(Snapshot):
    """A read transaction on a connection of its own."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection


class SqliteStore:
    """A ControlStore in the file of `sqlite:///<path>`; four slashes for an absolute path.

    A write waits `busy_timeout_s` for another process's write, then is a ControlUnavailableError.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0) -> None:
        path = url.removeprefix("sqlite:///")
        if path in ("", url):
            raise ControlError(
                f"{url!r} names no file",
                field="FDM_CONTROL_URL",
                remedy="write it as sqlite:///<path of a file>",
            )
        self._url = url
        self._connections = Connections(Path(path).resolve(), busy_timeout_s)
        self._seen: frozenset[str] = frozenset()

    @property
    def url(self) -> str:
        """What it was opened by."""
        return self._url

    def existing(self) -> set[str]:
        """Names of the control tables that exist; none where the file is missing."""
        if not self._connections.path.exists():
            return set()
        with self._connections.borrow() as connection:
            return _tables_in(connection)

    def has(self, table: str) -> bool:
        """There is such a table. Where it was once, a missing file is a store that is away, and no empty one."""
        name = find_table(table).name
        if name not in self._seen:
            self._seen |= self.existing()
        return name in self._seen

    def layout(self, table: str) -> TableLayout:
        """How the table looks in the file."""
        spec = find_table(table)
        with self._connections.borrow() as connection:
            found = connection.execute(f"PRAGMA table_info({spec.name})").fetchall()
        if not found:
            raise ControlError(f"no table: {spec.name}", file=str(self._connections.path), remedy=INIT_REMEDY)
        return layout_of(spec, [_stored_column(spec, column) for column in found], has_generations=False)

    def create(self, tables: Iterable[str], *, replicas: int | None = None) -> list[str]:
        """Create what is missing of the tables, the file and its folder. A file has no replicas.

        A table of an earlier release is given the columns that may be missing; its rows have NULL there.
        """
        wanted = [find_table(name) for name in tables]
        path = self._connections.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ControlUnavailableError(
                f"cannot create the folder of the control store: {error.strerror}",
                file=str(path.parent),
                remedy="mend the permissions, or set FDM_CONTROL_URL to another place",
            ) from error
        connection = self._connections.open(is_new=True)
        try:
            with translated(path):
                self._connections.switch_to_wal(connection)
                return _create_missing(connection, wanted)
        finally:
            connection.close()

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
        chosen = [spec.column(name) for name in (columns or spec.names)]
        sql, arguments = _select(spec, where, chosen, limit)
        if snapshot is not None:
            connection = self._own(snapshot).connection
            with translated(self._connections.path):
                cursor = connection.execute(sql, arguments)
            return self._fetch(spec, chosen, cursor, lambda: None, unreadable)
        connection, owner = self._connections.take()
        try:
            with translated(self._connections.path):
                cursor = connection.execute(sql, arguments)
        except ControlError:
            self._connections.give_back(connection, owner)
            raise
        give_back = partial(self._connections.give_back, connection, owner)
        return self._fetch(spec, chosen, cursor, give_back, unreadable)

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row; RowExistsError if its key is there."""
        spec = find_table(table)
        check_row(spec, row)
        with self._connections.borrow() as connection:
            try:
                connection.execute(_insert_sql(spec, list(row)), _arguments(spec, row))
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
                    raise
                key = ", ".join(f"{name}={row[name]}" for name in spec.key)
                raise RowExistsError(
                    f"{table} has a row {key} already",
                    field=table,
                    remedy="read that row; upsert to change it",
                ) from error

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add or change rows. All are checked before the first is written."""
        spec, checked = find_table(table), list(rows)
        for row in checked:
            check_row(spec, row)
        with self._writing() as connection:
            for row in checked:
                connection.execute(_upsert_sql(spec, list(row)), _arguments(spec, row))

    def delete(self, table: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Remove the rows of these keys."""
        spec, checked = find_table(table), list(keys)
        for key in checked:
            check_key(spec, key)
        condition = " AND ".join(f"{name} = ?" for name in spec.key)
        with self._writing() as connection:
            for key in checked:
                ordered = {name: key[name] for name in spec.key}
                connection.execute(
                    f"DELETE FROM {spec.name} WHERE {condition}",  # noqa: S608 - names of the schema
                    _arguments(spec, ordered),
                )

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """A read transaction, begun now."""
        self._connections.give_back(*self._connections.take())  # tells a missing file as such
        connection = self._connections.open()
        try:
            with translated(self._connections.path):
                connection.execute("BEGIN")
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # WAL pins at the first read
            yield SqliteSnapshot(connection)
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._connections.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connections.borrow() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _own(self, snapshot: Snapshot) -> SqliteSnapshot:
        if isinstance(snapshot, SqliteSnapshot):
            return snapshot
        raise ControlError(
            "this snapshot was made by another store", remedy="take the snapshot from the store that you scan"
        )

    def _fetch(
        self,
        spec: ControlTable,
        columns: Sequence[ControlColumn],
        cursor: sqlite3.Cursor,
        done: Callable[[], None],
        unreadable: Callable[[ControlError], object] | None,
    ) -> Generator[Row, None, None]:
        try:
            with translated(self._connections.path):
                while batch := cursor.fetchmany(_BATCH_ROWS):
                    for values in batch:
                        try:
                            row = {c.name: _decode(spec, c, v) for c, v in zip(columns, values, strict=True)}
                        except ControlError as error:
                            if unreadable is None:
                                raise
                            unreadable(error)
                            continue
                        yield row
        finally:
            cursor.close()
            done()


def _stored_column(table: ControlTable, found: tuple[Any, ...]) -> StoredColumn:
    """A row of PRAGMA table_info. SQLite has fewer types: the right one of its own stands for ours."""
    _, name, sql_type, is_required, default, key_place = found
    column = next((c for c in table.columns if c.name == name.lower()), None)
    is_right = column is not None and sql_type.upper() == _SQL_TYPES[column.type]
    kind = ACCEPTED[column.type][0] if column is not None and is_right else sql_type.lower() or "untyped"
    is_nullable = not is_required and not key_place
    return StoredColumn(name, kind, bool(key_place), is_nullable, default is not None)


def _tables_in(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows if name in TABLES}


def _create_missing(connection: sqlite3.Connection, wanted: Iterable[ControlTable]) -> list[str]:
    connection.execute("BEGIN IMMEDIATE")
    there = _tables_in(connection)
    missing = [t for t in wanted if t.name not in there]
    for table in missing:
        connection.execute(_create_sql(table))
    for table in wanted:
        _add_missing_columns(connection, table)
    connection.execute("COMMIT")
    return [t.name for t in missing]


def _add_missing_columns(connection: sqlite3.Connection, table: ControlTable) -> None:
    found = connection.execute(f"PRAGMA table_info({table.name})").fetchall()
    there = {name.lower() for _, name, *_ in found}
    for column in table.columns:
        if column.is_optional and column.name not in there:
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {_SQL_TYPES[column.type]}")


def _create_sql(table: ControlTable) -> str:
    columns = [f"{c.name} {_SQL_TYPES[c.type]}{'' if c.is_nullable else ' NOT NULL'}" for c in table.columns]
    return f"CREATE TABLE {table.name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(table.key)}))"


def _insert_sql(table: ControlTable, names: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in names)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of the schema


def _upsert_sql(table: ControlTable, names: Sequence[str]) -> str:
    changes = ", ".join(f"{n} = excluded.{n}" for n in names if n not in table.key)
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    return f"{_insert_sql(table, names)} ON CONFLICT ({', '.join(table.key)}) DO {action}"


def _select(
    table: ControlTable, where: Sequence[Predicate], columns: Sequence[ControlColumn], limit: int | None
) -> tuple[str, list[Any]]:
    names = ", ".join(c.name for c in columns)
    sql = f"SELECT {names} FROM {table.name}"  # noqa: S608 - names of the schema
    conditions = [_condition(table, p) for p in where]
    if conditions:
        sql += " WHERE " + " AND ".join(text for text, _ in conditions)
    if limit is not None:
        sql += f" LIMIT {limit:d}"
    return sql, [a for _, arguments in conditions for a in arguments]


def _condition(table: ControlTable, predicate: Predicate) -> tuple[str, list[Any]]:
    check_predicate(table, predicate)
    column, name = table.column(predicate.column), predicate.column
    if predicate.op == "is_null":
        return f"{name} IS {'' if predicate.value else 'NOT '}NULL", []
    if predicate.op == "in":
        values = [_encode(column, v) for v in predicate.value]
        return f"{name} IN ({', '.join('?' for _ in values)})", values
    return f"{name} {_COMPARISONS[predicate.op]} ?", [_encode(column, predicate.value)]


def _arguments(table: ControlTable, row: Mapping[str, Any]) -> list[Any]:
    return [_encode(table.column(name), value) for name, value in row.items()]


def _encode(column: ControlColumn, value: Any) -> Any:
    if value is None:
        return None
    if column.type == "date":
        return value.isoformat()
    return to_micros(value) if column.type == "timestamp_micros" else value


def _decode(table: ControlTable, column: ControlColumn, value: Any) -> Any:
    if value is None or column.type not in ("date", "timestamp_micros"):
        return value
    try:
        return date.fromisoformat(value) if column.type == "date" else from_micros(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ControlError(
            f"{table.name} holds {value!r} in column {column.name}, which is no {column.type}",
            field=f"{table.name}.{column.name}",
            remedy="something else than fdm wrote it; correct or delete that row",
        ) from error
