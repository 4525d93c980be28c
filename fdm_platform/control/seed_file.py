"""Reads rows of control tables from YAML and CSV files, and says where in the file a fault is."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from fdm_platform.control.schema import TABLES, ControlColumn, ControlTable, find_table
from fdm_platform.control.values import Row, check_row, json_description, json_matches, parse_text
from fdm_platform.errors import ControlError

T = TypeVar("T")
_NULL = "tag:yaml.org,2002:null"
_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class SeedRow:
    """A row of a file: the columns that it gives, checked, and where it stands."""

    table: ControlTable
    values: Row
    file: str
    line: int
    """1-based; in Parquet, which has no lines, the row's number."""


def key_of_schema(table: ControlTable) -> tuple[str, ...]:
    """The key of the platform's own tables."""
    return table.key


def read_seed(
    path: Path,
    table: str | None = None,
    *,
    key_of: Callable[[ControlTable], Sequence[str]] = key_of_schema,
    takes_all: bool = False,
) -> list[SeedRow]:
    """The rows of a file; ControlError, with file, line and field, at the first fault.

    YAML maps table names to lists of rows. A CSV file has the columns' names in its first line, holds
    rows of the one `table`, and NULL where a field is empty. No two rows have one key, which is another in
    tables of another generation: `key_of`. Tables that loads alone write are refused unless `takes_all`.
    """
    text, find = _read_text(path), find_table if takes_all else _seedable_table
    if path.suffix.lower() == ".csv":
        rows = list(_csv_rows(path, text, _table_of_csv(path, table)))
    elif table is not None:
        raise ControlError("a YAML file names its tables itself", file=str(path), remedy="leave --table out")
    else:
        rows = list(_yaml_rows(path, text, find))
    _refuse_repeated_keys(path, rows, key_of)
    return rows


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ControlError(
            f"is not UTF-8: {error.reason} at byte {error.start}", file=str(path), remedy="save it as UTF-8"
        ) from error
    except OSError as error:
        raise ControlError(
            f"cannot be read: {error.strerror}", file=str(path), remedy="check the path and its permissions"
        ) from error


def _table_of_csv(path: Path, table: str | None) -> ControlTable:
    if table is None:
        raise ControlError(
            "a CSV file does not say which table it is for",
            file=str(path),
            remedy=f"name it with --table: {', '.join(t.name for t in TABLES.values() if t.is_seedable)}",
        )
    return _seedable_table(table)


def _csv_rows(path: Path, text: str, table: ControlTable) -> Iterator[SeedRow]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for name, count in Counter(header).items() if count > 1]
        if twice:
            raise _given_twice(path, 1, twice[0], table.name)
        columns = [_at(path, 1, partial(table.column, name)) for name in header]
        end = reader.line_num
        for fields in reader:
            line, end = end + 1, reader.line_num
            if fields:
                yield _csv_row(path, line, table, columns, fields)
    except csv.Error as error:
        raise ControlError(
            f"is not CSV: {error}", file=str(path), line=reader.line_num, remedy="mend its quotes"
        ) from error


def _csv_row(
    path: Path, line: int, table: ControlTable, columns: list[ControlColumn], fields: list[str]
) -> SeedRow:
    if len(fields) != len(columns):
        raise ControlError(
            f"has {len(fields)} fields, the first line has {len(columns)}",
            file=str(path),
            line=line,
            remedy="give every column a field; quote fields that hold a comma",
        )
    values = {
        c.name: _at(path, line, partial(parse_text, c, text), f"{table.name}.{c.name}") if text else None
        for c, text in zip(columns, fields, strict=True)
    }
    return _checked(path, SeedRow(table, values, str(path), line))


def _yaml_rows(path: Path, text: str, find: Callable[[str], ControlTable]) -> Iterator[SeedRow]:
    try:
        loader, root = _parsed(text)
        for name, node in _mapping(path, root, "a mapping of table names to lists of rows").value:
            table = _at(path, _line(name), partial(find, name.value))
            if not isinstance(node, yaml.SequenceNode):
                raise _wrong_form(path, node, table.name, "a list of rows")
            for number, row in enumerate(node.value):
                yield _yaml_row(path, loader, table, f"{table.name}[{number}]", row)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ControlError(
            f"is not YAML: {error.problem or error.context}",
            file=str(path),
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
            remedy="mend it there",
        ) from error
    except yaml.YAMLError as error:
        raise ControlError(f"is not YAML: {error}", file=str(path), remedy="mend it there") from error


def _parsed(text: str) -> tuple[Any, yaml.Node | None]:
    """A loader, for its methods, and the document. The one in C is fast, the other tells faults by their place."""
    try:
        loader = _FastLoader(text)
        return loader, loader.get_single_node()
    except yaml.YAMLError:
        loader = yaml.SafeLoader(text)
        return loader, loader.get_single_node()


def _yaml_row(path: Path, loader: Any, table: ControlTable, place: str, node: yaml.Node) -> SeedRow:
    row = _mapping(path, node, "a mapping of columns to values", place)
    loader.flatten_mapping(row)  # `<<: *base`; what the row gives itself comes last and wins
    values: Row = {}
    for name, value in row.value:
        column = _at(path, _line(name), partial(table.column, str(name.value)), place)
        values[column.name] = _yaml_value(path, loader, f"{place}.{column.name}", column, value)
    return _checked(path, SeedRow(table, values, str(path), _line(node)), place)


def _yaml_value(path: Path, loader: Any, place: str, column: ControlColumn, node: yaml.Node) -> Any:
    """The text as written: a run_id of 20240515 or an indicator of NO stays what it is."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _NULL:
            return None
        return _at(path, _line(node), partial(parse_text, column, node.value), place)
    if not column.json_form:
        raise _wrong_form(path, node, place, "a single value")
    value = loader.construct_object(node, deep=True)
    if not json_matches(column, value):
        raise _wrong_form(path, node, place, json_description(column))
    try:
        return json.dumps(value, default=str, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:  # a key that is a date, a number that is none
        raise _wrong_form(path, node, place, json_description(column)) from error


def _mapping(path: Path, node: yaml.Node | None, form: str, place: str | None = None) -> yaml.MappingNode:
    """The node as a mapping; ControlError for something else and for a key given twice."""
    if not isinstance(node, yaml.MappingNode):
        raise _wrong_form(path, node, place, form)
    seen: set[str] = set()
    for name, _ in node.value:
        if not isinstance(name, yaml.ScalarNode):
            raise _wrong_form(path, name, place, "a name")
        if name.value in seen:
            raise _given_twice(path, _line(name), name.value, place)
        seen.add(name.value)
    return node


def _seedable_table(name: str) -> ControlTable:
    table = find_table(name)
    if table.is_seedable:
        return table
    raise ControlError(
        f"{table.name} is written by loads alone",
        remedy=f"seed {', '.join(t.name for t in TABLES.values() if t.is_seedable)}",
    )


def _checked(path: Path, row: SeedRow, place: str | None = None) -> SeedRow:
    _at(path, row.line, partial(check_row, row.table, row.values), place)
    return row


def _at(path: Path, line: int, call: Callable[[], T], place: str | None = None) -> T:
    """What the call returns; its ControlError with the place in the file."""
    try:
        return call()
    except ControlError as error:
        raise ControlError(
            error.message, remedy=error.remedy, file=str(path), line=line, field=place or error.field
        ) from error


def _refuse_repeated_keys(
    path: Path, rows: list[SeedRow], key_of: Callable[[ControlTable], Sequence[str]]
) -> None:
    keys = {name: key_of(find_table(name)) for name in {row.table.name for row in rows}}
    first: dict[tuple[Any, ...], SeedRow] = {}
    for row in rows:
        key = tuple(row.values.get(name) for name in keys[row.table.name])
        earlier = first.setdefault((row.table.name, *key), row)
        if earlier is not row:
            name = f"{row.table.name} {'/'.join(map(str, key))}"
            raise _given_twice(path, row.line, name, row.table.name, f", first in line {earlier.line}")


def _given_twice(path: Path, line: int, name: str, place: str | None, first: str = "") -> ControlError:
    return ControlError(
        f"{name} is given twice{first}", file=str(path), line=line, field=place, remedy="keep one of them"
    )


def _wrong_form(path: Path, node: yaml.Node | None, place: str | None, form: str) -> ControlError:
    return ControlError(
        "has the wrong form",
        file=str(path),
        line=_line(node) if node else None,
        field=place,
        remedy=f"write {form} here",
    )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
