"""`fdm control show`: the rows of a control table."""

from __future__ import annotations

import heapq
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.cli.changes import cell
from fdm_platform.cli.conditions import condition
from fdm_platform.control.layout import TableLayout
from fdm_platform.control.lookup import Key, rows_by_key
from fdm_platform.control.schema import find_table
from fdm_platform.control.store import ControlStore, Predicate, open_store
from fdm_platform.control.values import Row, to_micros
from fdm_platform.model.codec import to_plain
from fdm_platform.model.settings import Settings
from fdm_platform.planning.secrets import Secrets, masked

_WIDEST_CELL = 48
_PIPED_WIDTH = 1000
_DAYS_BACK = (1, 31, 366)
"""How far back a log of attempts is looked through, step by step, for its last rows."""


@click.command()
@click.argument("table")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Also <, <=, > and >=; repeat for more.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of rows.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The last rows.")
@click.option("--reveal", is_flag=True, help="Show secrets, too.")
def show(table: str, where: Sequence[str], as_json: bool, limit: int, reveal: bool) -> None:
    """Show the last rows of a control table in the order of its key. An empty value means NULL.

    Conditions are applied where the data is. Of execution_log only as much is read as holds the last rows.
    Values whose names match FDM_SECRET_NAMES, and those that say where a secret is, are shown as ******.

    \b
    Examples:
      fdm control show process_control --where biz_dt=2024-05-15
      fdm control show execution_log --where 'status>=Failed' --limit 10
      fdm control show process_control --where reprocess_dt= --json
    """  # noqa: D301 - click wants the character, not its name
    predicates = [condition(find_table(table), text) for text in where]
    settings = Settings.from_environ()
    with closing(open_store(settings.control_url)) as store:
        layout = store.layout(table)
        rows, total = _last_rows(store, layout, predicates, limit)
    if not reveal:
        secrets = Secrets(settings.secret_names)
        rows = [masked(row, secrets) for row in rows]
    if as_json:
        click.echo(json.dumps(to_plain(rows), indent=2, ensure_ascii=False))
        return
    if rows:
        _print_rows(layout, rows)
    if total is None:
        click.echo(f"the last {limit} rows")
        return
    shown = f", the last {limit} shown" if total > limit else ""
    click.echo(f"{total} row{'' if total == 1 else 's'}{shown}")


def _last_rows(
    store: ControlStore, layout: TableLayout, where: Sequence[Predicate], limit: int
) -> tuple[list[Row], int | None]:
    """The rows with the greatest keys, in order, and how many there are; None where not all were read.

    Keys are read first, and held as many as asked for; then their rows.
    """
    name, windows = layout.table.name, _windows(layout)
    with store.snapshot() as snapshot:
        keys: list[Key] = []
        total = 0
        for window in windows:
            counter = _Keys(store.scan(name, [*where, *window], layout.key, snapshot=snapshot), layout.key)
            keys += heapq.nlargest(limit - len(keys), counter)
            total += counter.count
            if len(keys) == limit:
                break
        found = dict(rows_by_key(store, name, layout.key, keys, snapshot=snapshot))
    is_all = window == windows[-1]
    return [found[key] for key in reversed(keys)], total if is_all else None


def _windows(layout: TableLayout) -> list[list[Predicate]]:
    """Ranges of the key, the latest first: of a log, whose ids are times; else one of everything."""
    if not layout.table.is_by_month or layout.key != layout.table.key:
        return [[]]
    key, now = layout.key[0], datetime.now(UTC)
    bounds = [f"{to_micros(now - timedelta(days=days)):016d}" for days in _DAYS_BACK]
    between = [[Predicate(key, ">=", low), Predicate(key, "<", high)] for high, low in pairwise(bounds)]
    return [[Predicate(key, ">=", bounds[0])], *between, [Predicate(key, "<", bounds[-1])]]


class _Keys:
    """The rows' keys, counted as they pass."""

    def __init__(self, rows: Iterator[Row], key: Sequence[str]) -> None:
        self._rows, self._key = rows, key
        self.count = 0

    def __iter__(self) -> Iterator[Key]:
        for row in self._rows:
            self.count += 1
            yield tuple(row[name] for name in self._key)


def _print_rows(layout: TableLayout, rows: Sequence[Row]) -> None:
    """One line per row; columns that are NULL in every row are left out."""
    names = [n for n in layout.table.names if n in layout.key or any(row[n] is not None for row in rows)]
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in names:
        grid.add_column(name, no_wrap=True, max_width=_WIDEST_CELL)
    for row in rows:
        grid.add_row(*(Text(cell(row[name])) for name in names))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(grid)
