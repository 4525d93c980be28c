"""Moves rows of control tables between environments: YAML for people, Parquet for many rows.

A YAML export is a seed file. A Parquet export is a folder with a file for each table, written and read in
parts, so that a million rows need little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import yaml

from fdm_platform.control.parquet_file import private, read_parquet, write_parquet
from fdm_platform.control.schema import ControlTable, find_table
from fdm_platform.control.seed import Kind, Progress, RowChange, compare, write
from fdm_platform.control.seed_file import SeedRow, read_seed
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.errors import ControlError

MAX_YAML_ROWS = 100_000
"""Most rows of a table in YAML, which is sorted, and read again, in memory."""
SHOWN_CONFLICTS = 20
SHOWN_CHANGES = 100
_YAML = (".yaml", ".yml")
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row of the store that is not known to be older than the row of the import."""

    table: str
    key: tuple[Any, ...]
    stored: Any
    """When the stored row changed; None where the table, or the row, does not say."""


@dataclass(slots=True)
class Comparison:
    """What an import would do."""

    counts: dict[str, dict[Kind, int]] = field(default_factory=dict)
    """Rows by table."""
    changes: list[RowChange] = field(default_factory=list)
    """The first of what is new or changed."""
    conflicts: list[Conflict] = field(default_factory=list)
    """The first of them."""
    conflict_count: int = 0


def export_tables(
    store: ControlStore,
    tables: Sequence[str],
    out: Path,
    where: Sequence[Predicate] = (),
    progress: Progress = lambda _: None,
) -> dict[str, int]:
    """Write one state of the tables to a `.yaml` file or to a folder of Parquet; how many rows of each.

    Columns that a table lacks here are left out. What was there is replaced when all of it is written.
    ControlError for a target that cannot be written, and for more rows than YAML is for.
    """
    with _told(out), store.snapshot() as snapshot:

        def rows_of(name: str, limit: int | None = None) -> Iterator[Row]:
            columns = store.layout(name).columns
            return _counted(store.scan(name, where, columns, snapshot=snapshot, limit=limit), progress)

        if out.suffix.lower() in _YAML:
            return _to_yaml({name: store.layout(name).key for name in tables}, out, rows_of)
        out.mkdir(parents=True, exist_ok=True)
        counts: dict[str, int] = {}
        for name in tables:
            with _replacing(out / f"{name}.parquet") as file:
                columns = store.layout(name).columns
                counts[name] = write_parquet(find_table(name), columns, rows_of(name), file)
        return counts


def compare_export(
    store: ControlStore, path: Path, *, force: bool = False, progress: Progress = lambda _: None
) -> Comparison:
    """Every row of the export against the store. Writes nothing.

    ControlError for what is no export, for a row that does not fit, and, unless `force`, for rows of tables
    that loads alone write.
    """
    result = Comparison()
    for change in _changes(store, path, force=force, progress=progress):
        name = change.row.table.name
        result.counts.setdefault(name, {"new": 0, "changed": 0, "same": 0})[change.kind] += 1
        if change.kind != "same" and len(result.changes) < SHOWN_CHANGES:
            result.changes.append(change)
        if conflict := _conflict(change):
            result.conflict_count += 1
            if len(result.conflicts) < SHOWN_CONFLICTS:
                result.conflicts.append(conflict)
    return result


def import_rows(
    store: ControlStore, path: Path, *, force: bool = False, progress: Progress = lambda _: None
) -> None:
    """Write what of the export is new or changed. Times of change stay what they were.

    Each row is compared once more before it is written: ControlError, unless `force`, where somebody changed
    it meanwhile. What was written until then stays.
    """

    def safe() -> Iterator[RowChange]:
        for change in _changes(store, path, force=force, progress=progress):
            if not force and (conflict := _conflict(change)):
                raise ControlError(
                    f"{conflict.table} {'/'.join(map(str, conflict.key))} changed during the import",
                    file=str(path),
                    remedy="import again: rows that are there already are left alone",
                )
            yield change

    write(store, safe(), None)


def _changes(store: ControlStore, path: Path, *, force: bool, progress: Progress) -> Iterator[RowChange]:
    for batch in _batches(store, path, force=force):
        yield from map(_without_older_stamp, compare(store, batch, progress))


def _batches(store: ControlStore, path: Path, *, force: bool) -> Iterator[list[SeedRow]]:
    """The export's rows, in batches of one table; no two of them have one key."""

    def key_of(table: ControlTable) -> Sequence[str]:
        return store.layout(table.name).key

    if not path.is_dir() and path.suffix.lower() != ".parquet":
        _refuse_csv(path)
        rows = read_seed(path, key_of=key_of, takes_all=True)
        _refuse_loads_own(path, {row.table.name for row in rows}, force=force)
        yield rows
        return
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ControlError(
            "holds no Parquet file", file=str(path), remedy="name what `fdm control export` wrote"
        )
    _refuse_loads_own(path, {file.stem for file in files}, force=force)
    for file in files:
        # Hashes, not keys: eight bytes each. Two of a million keys share one once in forty million imports.
        seen: set[int] = set()
        for batch in read_parquet(file):
            _refuse_repeated(batch, key_of(batch[0].table), seen)
            yield batch


def _refuse_repeated(rows: Iterable[SeedRow], key: Sequence[str], seen: set[int]) -> None:
    for row in rows:
        values = tuple(row.values.get(name) for name in key)
        before = len(seen)
        seen.add(hash(values))
        if len(seen) == before:
            raise ControlError(
                f"row {row.line:,}: {'/'.join(map(str, values))} is given twice",
                file=row.file,
                field=row.table.name,
                remedy="keep one of them",
            )


def _refuse_csv(path: Path) -> None:
    if path.suffix.lower() == ".csv":
        raise ControlError(
            "is CSV, which no export is",
            file=str(path),
            remedy=f"fdm control seed {path.name} --table <its table>",
        )


def _refuse_loads_own(path: Path, tables: set[str], *, force: bool) -> None:
    own = sorted(name for name in tables if not find_table(name).is_seedable)
    if own and not force:
        raise ControlError(
            f"{', '.join(own)}: written by loads alone, as what they did in their own environment",
            file=str(path),
            remedy="leave it out, or give --force if these records belong to this environment",
        )


def _without_older_stamp(change: RowChange) -> RowChange:
    """A row that differs in an older time of change alone is the same."""
    stamp = change.row.table.stamp
    if stamp is None or set(change.differences) != {stamp} or _is_newer(change, stamp):
        return change
    return RowChange(change.row, "same", change.key, change.stored, {})


def _conflict(change: RowChange) -> Conflict | None:
    if change.kind != "changed" or change.stored is None:
        return None
    stamp = change.row.table.stamp
    if stamp is not None and _is_newer(change, stamp):
        return None
    return Conflict(change.row.table.name, change.key, change.stored[stamp] if stamp else None)


def _is_newer(change: RowChange, stamp: str) -> bool:
    """The import's row is known to have changed after the stored one."""
    ours, theirs = change.row.values.get(stamp), (change.stored or {})[stamp]
    return ours is not None and (theirs is None or ours > theirs)


def _to_yaml(
    keys: Mapping[str, Sequence[str]], out: Path, rows_of: Callable[[str, int], Iterator[Row]]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(out) as temporary, private(temporary) as file:
        for name, key in keys.items():
            rows = sorted(rows_of(name, MAX_YAML_ROWS + 1), key=itemgetter(*key))
            if len(rows) > MAX_YAML_ROWS:
                raise ControlError(
                    f"{name} has more than {MAX_YAML_ROWS:,} rows, which are too many for YAML",
                    file=str(out),
                    remedy="export to a folder, as Parquet, or fewer rows with --where",
                )
            text = yaml.dump(
                {name: rows}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1
            )
            file.write(text.encode())
            counts[name] = len(rows)
    return counts


def _counted(rows: Iterator[Row], progress: Progress) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if number % 1_000 == 0:
            progress(1_000)
        yield row


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A file beside the target, which takes its place when all went well."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ControlError(
            f"cannot be written: {error.strerror or error}",
            file=str(out),
            remedy="name a .yaml file or a folder that can be written",
        ) from error
