"""`fdm control`: create, fill and show the control tables."""

from __future__ import annotations

import heapq
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.cli.conditions import condition, split_names
from fdm_platform.cli.transfer import export, import_
from fdm_platform.control import seed as seeding
from fdm_platform.control.checking import TableCheck, check_tables
from fdm_platform.control.schema import TABLES, ControlTable, find_table
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import ControlStore, Predicate, open_store
from fdm_platform.control.values import Row
from fdm_platform.errors import ControlError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.settings import Settings

_SIGNS = {"new": "+", "changed": "~", "same": "="}
_WIDEST_CELL = 48
_PIPED_WIDTH = 1000


@click.group()
def control() -> None:
    """The control tables: create, check, fill, show, move.

    They are where FDM_CONTROL_URL says, by default in the SQLite file .fdm/control.db of the project.

    \b
    Examples:
      fdm control init
      fdm control seed examples/control/sample.yaml --dry-run
      fdm control show process_control --where entity=GELS --where 'biz_dt>=2024-05-14'
    """  # noqa: D301 - click wants the character \b


control.add_command(export)
control.add_command(import_)


@control.command()
@click.option("--tables", multiple=True, metavar="NAME", help="Only these; repeat it or use commas.")
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    metavar="N",
    help="Copies that a Kudu cluster keeps, an odd number; default 3 where it has three servers, else 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was created and what was there, as JSON.")
def init(tables: Sequence[str], replicas: int | None, as_json: bool) -> None:
    """Create the control tables that are missing. Nothing is ever dropped or altered.

    \b
    Examples:
      fdm control init
      fdm control init --tables process_control,sys_params
      fdm control init --replicas 3
    """  # noqa: D301 - click wants the character, not its name
    if replicas is not None and replicas % 2 == 0:
        raise click.BadParameter("give an odd number, such as 3", param_hint="--replicas")
    names = [find_table(name).name for name in split_names(tables)] or list(TABLES)
    with _store() as store:
        created = set(store.create(names, replicas=replicas))
        url = store.url
    if as_json:
        kept = [name for name in names if name not in created]
        click.echo(json.dumps({"store": url, "created": [n for n in names if n in created], "kept": kept}))
        return
    click.echo(f"control store {url}")
    for name in names:
        click.echo(f"  {'created' if name in created else 'kept   '}  {name}: {TABLES[name].purpose}")


@control.command()
@click.option("--tables", multiple=True, metavar="NAME", help="Only these; repeat it or use commas.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of tables and their differences.")
def check(tables: Sequence[str], as_json: bool) -> None:
    """Compare the control tables to what is expected, column by column. Reads no rows, changes nothing.

    Exit code 3 where the platform does not cope with something; tables of either generation are fine.

    \b
    Examples:
      fdm control check
      fdm control check --tables process_control --json
    """  # noqa: D301 - click wants the character, not its name
    names = [find_table(name).name for name in split_names(tables)] or list(TABLES)
    with _store() as store:
        checks = check_tables(store, names)
        url = store.url
    if as_json:
        click.echo(json.dumps([{**to_plain(c), "is_usable": c.is_usable} for c in checks], indent=2))
    else:
        click.echo(f"control store {url}")
        for each in checks:
            _print_check(each)
    if not all(c.is_usable for c in checks):
        raise SystemExit(ControlError.exit_code)


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
        rows = _last_rows(spec, _counted(store, spec, [condition(spec, w) for w in where], counter), limit)
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


def _counted(
    store: ControlStore, table: ControlTable, where: Sequence[Predicate], counter: Counter[str]
) -> Iterator[Row]:
    for row in store.scan(table.name, where):
        counter["rows"] += 1
        yield row


def _last_rows(table: ControlTable, rows: Iterator[Row], limit: int) -> list[Row]:
    """The rows with the greatest keys, in order; only as many as asked for are held."""
    return heapq.nlargest(limit, rows, key=lambda row: [row[name] for name in table.key])[::-1]


def _print_changes(changes: Sequence[seeding.RowChange]) -> None:
    for change in changes:
        key = "/".join(str(part) for part in change.row.key)
        click.echo(f"{_SIGNS[change.kind]} {change.kind:<7}  {change.row.table.name}  {key}")
        for name, (before, after) in change.differences.items():
            click.echo(f"             {name}: {_cell(before)} -> {_cell(after)}")


def _print_check(check: TableCheck) -> None:
    generation = f", generation {check.generation}" if check.generation else ""
    remedy = ": run `fdm control init`" if check.state == "missing" else ""
    click.echo(
        f"  {'ok   ' if check.is_usable else 'wrong'}  {check.table}: {check.state}{generation}{remedy}"
    )
    for d in check.differences:
        sign = "!" if d.is_fatal else "~"
        click.echo(f"           {sign} {d.column}: expected {d.expected}, found {d.found}; {d.consequence}")


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
