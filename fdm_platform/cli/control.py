"""`fdm control`: create, fill and show the control tables."""

from __future__ import annotations

import heapq
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.control import seed as seeding
from fdm_platform.control.schema import TABLES, ControlTable, find_table
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import ControlStore, Operator, Predicate, open_store
from fdm_platform.control.values import Row, parse_text
from fdm_platform.errors import ControlError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.settings import Settings

_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|=|<|>)(.*)", re.DOTALL)
_SIGNS = {"new": "+", "changed": "~", "same": "="}
_WIDEST_CELL = 48
_PIPED_WIDTH = 1000


@click.group()
def control() -> None:
    """The control tables: create, fill, show.

    They are where FDM_CONTROL_URL says, by default in the SQLite file .fdm/control.db of the project.

    \b
    Examples:
      fdm control init
      fdm control seed examples/control/sample.yaml --dry-run
      fdm control show process_control --where entity=GELS --where 'biz_dt>=2024-05-14'
    """  # noqa: D301 - click wants the character \b


@control.command()
@click.option("--tables", multiple=True, metavar="NAME", help="Only these; repeat it or use commas.")
def init(tables: Sequence[str]) -> None:
    """Create the control tables that are missing. Nothing is ever dropped or altered.

    \b
    Examples:
      fdm control init
      fdm control init --tables process_control,sys_params
    """  # noqa: D301 - click wants the character, not its name
    names = [find_table(name).name for name in _split(tables)] or list(TABLES)
    with _store() as store:
        created = set(store.create(names))
        click.echo(f"control store {store.url}")
    for name in names:
        click.echo(f"  {'created' if name in created else 'kept   '}  {name}: {TABLES[name].purpose}")


@control.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", metavar="NAME", help="The table of a CSV file; YAML names its tables itself.")
@click.option("--dry-run", is_flag=True, help="Show what would change, row by row, and write nothing.")
def seed(file: Path, table: str | None, dry_run: bool) -> None:
    """Bring rows of a YAML or CSV file into the control tables, by key.

    The whole file is checked first. Columns that it does not give keep their value. Running it again
    changes nothing.

    \b
    Examples:
      fdm control seed examples/control/sample.yaml --dry-run
      fdm control seed dates.csv --table process_control
    """  # noqa: D301 - click wants the character, not its name
    rows = read_seed(file, table)
    with _store() as store:
        changes = seeding.compare(store, rows)
        if dry_run:
            _print_changes(changes)
        else:
            seeding.write(store, changes, datetime.now(UTC))
    for name in dict.fromkeys(row.table.name for row in rows):
        kinds = Counter[str](change.kind for change in changes if change.row.table.name == name)
        click.echo(f"{name}: " + ", ".join(f"{kinds[kind]} {kind}" for kind in _SIGNS))
    if dry_run:
        click.echo("dry run: nothing was written")


@control.command()
@click.argument("table")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Also <, <=, > and >=; repeat for more.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of rows.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The last rows.")
def show(table: str, where: Sequence[str], as_json: bool, limit: int) -> None:
    """Show the last rows of a control table in the order of its key. An empty value means NULL.

    \b
    Examples:
      fdm control show process_control --where biz_dt=2024-05-15
      fdm control show execution_log --where 'status>=Failed' --limit 10
      fdm control show process_control --where reprocess_dt= --json
    """  # noqa: D301 - click wants the character, not its name
    spec = find_table(table)
    with _store() as store:
        counter = Counter[str]()
        rows = _last_rows(spec, _counted(store, spec, [_predicate(spec, w) for w in where], counter), limit)
    if as_json:
        click.echo(json.dumps(to_plain(rows), indent=2, ensure_ascii=False))
        return
    if rows:
        _print_rows(spec, rows)
    total = counter["rows"]
    click.echo(
        f"{total} row{'' if total == 1 else 's'}" + (f", the last {limit} shown" if total > limit else "")
    )


def _store() -> closing[ControlStore]:
    return closing(open_store(Settings.from_environ().control_url))


def _split(names: Sequence[str]) -> list[str]:
    parts = [part.strip() for name in names for part in name.split(",")]
    return [] if parts == ["all"] else [part for part in parts if part]


def _counted(
    store: ControlStore, table: ControlTable, where: Sequence[Predicate], counter: Counter[str]
) -> Iterator[Row]:
    for row in store.scan(table.name, where):
        counter["rows"] += 1
        yield row


def _last_rows(table: ControlTable, rows: Iterator[Row], limit: int) -> list[Row]:
    """The rows with the greatest keys, in order; only as many as asked for are held."""
    return heapq.nlargest(limit, rows, key=lambda row: [row[name] for name in table.key])[::-1]


def _predicate(table: ControlTable, text: str) -> Predicate:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ControlError(
            f"{text!r} is no condition", field="--where", remedy="write it as biz_dt=2024-05-15"
        )
    name, op, value = match.groups()
    column = table.column(name)
    if value == "":
        return Predicate(name, "is_null", True)
    # Text that a JSON column is compared with need not be JSON.
    parsed = value if column.type == "string" else parse_text(column, value)
    return Predicate(name, cast("Operator", op), parsed)


def _print_changes(changes: Sequence[seeding.RowChange]) -> None:
    for change in changes:
        key = "/".join(str(part) for part in change.row.key)
        click.echo(f"{_SIGNS[change.kind]} {change.kind:<7}  {change.row.table.name}  {key}")
        for name, (before, after) in change.differences.items():
            click.echo(f"             {name}: {_cell(before)} -> {_cell(after)}")


def _print_rows(table: ControlTable, rows: Sequence[Row]) -> None:
    """One line per row; columns that are NULL in every row are left out."""
    names = [n for n in table.names if n in table.key or any(row[n] is not None for row in rows)]
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in names:
        grid.add_column(name, no_wrap=True, max_width=_WIDEST_CELL)
    for row in rows:
        grid.add_row(*(Text(_cell(row[name])) for name in names))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(grid)


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(to_plain(value))
