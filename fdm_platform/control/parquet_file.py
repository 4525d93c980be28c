"""Control tables' rows in Parquet: a file for each table, named after it, with the columns' types."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from fdm_platform.control.schema import ColumnType, ControlTable, find_table
from fdm_platform.control.seed_file import SeedRow
from fdm_platform.control.values import Row, check_row, parse_text
from fdm_platform.errors import ControlError

BATCH_ROWS = 10_000
"""Rows that are held at once; a row group has as many."""


def write_parquet(table: ControlTable, columns: Sequence[str], rows: Iterator[Row], file: Path) -> int:
    """Write the rows as they come; how many they were. Only the file's owner may read it."""
    import pyarrow as pa  # noqa: PLC0415 - a third of a second that only exports pay
    from pyarrow import parquet  # noqa: PLC0415

    schema, count = _schema(table, columns), 0
    with private(file) as opened, parquet.ParquetWriter(opened, schema) as writer:
        while batch := list(islice(rows, BATCH_ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def read_parquet(file: Path) -> Iterator[list[SeedRow]]:
    """The rows in batches, checked as those of seed files are; ControlError with file, row and column.

    A row that has the key of another is the caller's to find: keys are the store's.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    table, number = _table_of(file), 0
    try:
        with parquet.ParquetFile(file) as opened:
            schema = _schema(table, [_known(table, file, name) for name in opened.schema_arrow.names])
            for batch in opened.iter_batches(BATCH_ROWS):
                rows = batch.cast(schema).to_pylist()
                yield [_checked(table, file, number + n, row) for n, row in enumerate(rows, 1)]
                number += len(rows)
    except (pa.ArrowException, OSError) as error:
        raise ControlError(
            f"cannot be read as Parquet of {table.name}: {error}", file=str(file), remedy="export it again"
        ) from error


def private(file: Path) -> Any:
    """The file, opened to be written anew as bytes; an export may hold passwords, so others cannot read it."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _schema(table: ControlTable, columns: Iterable[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    types: dict[ColumnType, Any] = {
        "string": pa.string(),
        "date": pa.date32(),
        "timestamp_micros": pa.timestamp("us", tz="UTC"),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
    }
    return pa.schema([pa.field(name, types[table.column(name).type]) for name in columns])


def _table_of(file: Path) -> ControlTable:
    try:
        return find_table(file.stem)
    except ControlError as error:
        raise ControlError(
            error.message,
            file=str(file),
            remedy=f"name the file after its table: {error.remedy}",
        ) from error


def _known(table: ControlTable, file: Path, name: str) -> str:
    try:
        return table.column(name).name
    except ControlError as error:
        raise ControlError(error.message, file=str(file), field=error.field, remedy=error.remedy) from error


def _checked(table: ControlTable, file: Path, number: int, row: Row) -> SeedRow:
    try:
        check_row(table, row)
        for column in table.columns:
            if column.json_form and row.get(column.name) is not None:
                parse_text(column, row[column.name])
    except ControlError as error:
        raise ControlError(
            f"row {number:,}: {error.message}", file=str(file), field=error.field, remedy=error.remedy
        ) from error
    return SeedRow(table, row, str(file), number)
