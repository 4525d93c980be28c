"""Moves rows of control tables between environments: YAML for people, Parquet for many rows.

A YAML export is a seed file. A Parquet export is a folder with a file for each table, types kept. Both are
written and read in parts, but for YAML's reading, so that a million rows need little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import yaml

from fdm_platform.control.lookup import rows_by_key
from fdm_platform.control.schema import TABLES, ColumnType, ControlTable, find_table
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row, check_row
from fdm_platform.errors import ControlError
from fdm_platform.model.codec import to_plain

BATCH_ROWS = 10_000
SHOWN_CONFLICTS = 20
Progress = Callable[[str, int], None]
"""Called with a table's name and its rows so far."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row of the store that an import would make older, or other where the table has no time of change."""

    table: str
    key: tuple[Any, ...]
    stored: Any
    """When the stored row changed; None where the table has no such column."""


@dataclass(slots=True)
class Comparison:
    """What an import would do, table by table."""

    counts: dict[str, dict[Literal["new", "changed", "same"], int]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    """The first of them."""
    conflict_count: int = 0


def export_tables(
    store: ControlStore,
    tables: Sequence[str],
    out: Path,
    where: Sequence[Predicate] = (),
    progress: Progress = lambda *_: None,
) -> dict[str, int]:
    """Write the tables to a `.yaml` file or to a folder of Parquet files; how many rows of each.

    ControlError for a target that cannot be written. What was there is replaced when all is written.
    """
    try:
        if out.suffix.lower() in (".yaml", ".yml"):
            return _to_yaml(store, tables, out, where, progress)
        return {name: _to_parquet(store, name, out, where, progress) for name in tables}
    except OSError as error:
        raise ControlError(
            f"cannot be written: {error.strerror}",
            file=str(out),
            remedy="name a .yaml file or a folder that can be written",
        ) from error


def read_export(path: Path) -> Iterator[tuple[ControlTable, list[Row]]]:
    """The rows of an export, in batches of one table; ControlError for what is none."""
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            raise ControlError(
                "holds no Parquet file", file=str(path), remedy="name what `fdm control export` wrote"
            )
        for file in files:
            yield from _parquet_rows(file)
        return
    rows = read_seed(path)
    for name in dict.fromkeys(row.table.name for row in rows):
        of_table = iter(row.values for row in rows if row.table.name == name)
        while batch := list(islice(of_table, BATCH_ROWS)):
            yield find_table(name), batch


def compare_export(store: ControlStore, path: Path, progress: Progress = lambda *_: None) -> Comparison:
    """Every row of the export against the store. Writes nothing."""
    result = Comparison()
    for table, batch in read_export(path):
        counts = result.counts.setdefault(table.name, {"new": 0, "changed": 0, "same": 0})
        keys = [tuple(row[name] for name in table.key) for row in batch]
        stored = dict(rows_by_key(store, table.name, table.key, keys))
        for key, row in zip(keys, batch, strict=True):
            kind, conflict = _compare(table, key, row, stored.get(key))
            counts[kind] += 1
            if conflict:
                result.conflict_count += 1
                result.conflicts += [conflict][: SHOWN_CONFLICTS - len(result.conflicts)]
        progress(table.name, sum(counts.values()))
    return result


def import_rows(store: ControlStore, path: Path, progress: Progress = lambda *_: None) -> None:
    """Write every row of the export. Times of change stay what they were."""
    for table, batch in read_export(path):
        store.upsert(table.name, batch)
        progress(table.name, len(batch))


def _compare(
    table: ControlTable, key: tuple[Any, ...], row: Row, stored: Row | None
) -> tuple[Literal["new", "changed", "same"], Conflict | None]:
    if stored is None:
        return "new", None
    if all(stored[name] == value for name, value in row.items()):
        return "same", None
    if table.stamp is None:
        return "changed", Conflict(table.name, key, None)
    theirs, ours = stored[table.stamp], row.get(table.stamp)
    is_newer = theirs is not None and (ours is None or theirs > ours)
    return "changed", Conflict(table.name, key, theirs) if is_newer else None


def _to_yaml(
    store: ControlStore, tables: Sequence[str], out: Path, where: Sequence[Predicate], progress: Progress
) -> dict[str, int]:
    counts = dict.fromkeys(tables, 0)
    temporary = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for name in tables:
                file.write(f"{name}:\n")
                for row in _rows(store, name, where):
                    file.write(
                        yaml.safe_dump([to_plain(row)], sort_keys=False, allow_unicode=True, width=10**6)
                    )
                    counts[name] += 1
                    if counts[name] % BATCH_ROWS == 0:
                        progress(name, counts[name])
                if not counts[name]:
                    file.write("  []\n")
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return counts


def _to_parquet(
    store: ControlStore, name: str, folder: Path, where: Sequence[Predicate], progress: Progress
) -> int:
    import pyarrow as pa  # noqa: PLC0415 - seeding and showing do without it
    from pyarrow import parquet  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.parquet"
    temporary, count = target.with_suffix(".part"), 0
    schema = _arrow_schema(find_table(name))
    try:
        with parquet.ParquetWriter(temporary, schema) as writer:
            rows = _rows(store, name, where)
            while batch := list(islice(rows, BATCH_ROWS)):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
                count += len(batch)
                progress(name, count)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _rows(store: ControlStore, name: str, where: Sequence[Predicate]) -> Iterator[Row]:
    """One state of the table, without the columns that it does not have here."""
    return store.scan(name, where, store.layout(name).columns)


def _arrow_schema(table: ControlTable) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    types: dict[ColumnType, Any] = {
        "string": pa.string(),
        "date": pa.date32(),
        "timestamp_micros": pa.timestamp("us", tz="UTC"),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
    }
    return pa.schema([pa.field(c.name, types[c.type], c.is_nullable) for c in table.columns])


def _parquet_rows(file: Path) -> Iterator[tuple[ControlTable, list[Row]]]:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    if file.stem not in TABLES:
        raise ControlError(
            f"{file.stem!r} is no control table", file=str(file), remedy="name the file after its table"
        )
    table = find_table(file.stem)
    try:
        with parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(BATCH_ROWS):
                yield table, _checked(table, file, batch.to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise ControlError(
            f"cannot be read as Parquet: {error}", file=str(file), remedy="export it again"
        ) from error


def _checked(table: ControlTable, file: Path, rows: Iterable[Row]) -> list[Row]:
    checked = list(rows)
    for row in checked:
        try:
            check_row(table, row)
        except ControlError as error:
            raise ControlError(
                error.message, file=str(file), field=error.field, remedy=error.remedy
            ) from error
    return checked
