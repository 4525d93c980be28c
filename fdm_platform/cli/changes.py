"""What commands that write control tables print: rows by key, what changes in them, and how far they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console

from fdm_platform.control.seed import RowChange
from fdm_platform.model.codec import to_plain
from fdm_platform.planning.secrets import Secrets, masked

SIGNS = {"new": "+", "changed": "~", "same": "="}
"""By kind of change."""


def print_changes(changes: Iterable[RowChange], secrets: Secrets) -> None:
    """A line for each row, with its key in this store, and one for each column that changes. Secrets are masked."""
    for change in changes:
        before, after = masked(change.stored or {}, secrets), masked(change.row.values, secrets)
        key = "/".join(str(part) for part in change.key)
        click.echo(f"{SIGNS[change.kind]} {change.kind:<7}  {change.row.table.name}  {key}")
        for name in change.differences:
            click.echo(f"             {name}: {cell(before[name])} -> {cell(after[name])}")


def print_counts(counts: Mapping[str, Mapping[Any, int]], *, dry_run: bool) -> None:
    """A line for each table."""
    for name, of_table in counts.items():
        click.echo(f"{name}: " + ", ".join(f"{of_table[kind]} {kind}" for kind in SIGNS))
    if dry_run:
        click.echo("dry run: nothing was written")


def cell(value: Any) -> str:
    """A value as a line shows it."""
    return "NULL" if value is None else str(to_plain(value))


@contextmanager
def counting(done: str) -> Iterator[Callable[[int], None]]:
    """Call it with how many rows more are done: a terminal shows their number, on stderr."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    total = 0
    with Console(stderr=True).status(f"rows {done}") as status:

        def add(rows: int) -> None:
            nonlocal total
            total += rows
            status.update(f"{total:,} rows {done}")

        yield add
