"""What commands print for people: a run's log lines, sizes, and the table of published dates."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date

import click
from rich.console import Console
from rich.table import Table

from fdm_platform.model.control import PublishRecord
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.partition import contiguous_runs

WIDTH = 100
"""Columns of the terminal that the table of published dates takes at least: a name is never cut."""

MOST_DATES_SPELT_OUT = 2

COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


class RunLog(logging.Handler):
    """A run's lines on stderr, one short line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the line that was logged, without Dagster's prefix and without Dagster's own events."""
        if getattr(record, "dagster_event", None) is None:
            text = getattr(record, "dagster_meta", {}).get("orig_message") or record.getMessage()
            click.secho(f"  {text}", fg=COLOURS.get(record.levelno), err=True)


def human_bytes(count: float) -> str:
    """A size in bytes as people read it, for example `1.5 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def print_published(records: Iterable[PublishRecord]) -> None:
    """A table of published dates."""
    table = Table(title="Published", title_justify="left")
    table.add_column("table", no_wrap=True)
    for name in ("biz_dt", "version", "rows", "files", "size"):
        table.add_column(name, no_wrap=True, justify="left" if name == "biz_dt" else "right")
    for record in records:
        m = Manifest.from_json(record.manifest)
        cells = (str(m.biz_dt), str(record.version), f"{m.rows:,}", str(len(m.files)), human_bytes(m.bytes))
        table.add_row(record.table_name, *cells)
    Console(width=max(Console().width, WIDTH)).print(table)


def ranges_text(dates: Sequence[date], known: Sequence[date] = ()) -> str:
    """Dates for people: `2024-01-02 … 2024-01-05 (4 dates), 2024-01-09`.

    A range holds dates that stand next to each other among the known ones; without any, it holds all.
    """
    return ", ".join(_range(run) for run in contiguous_runs(dates, known or dates))


def _range(run: Sequence[date]) -> str:
    if len(run) <= MOST_DATES_SPELT_OUT:
        return ", ".join(map(str, run))
    return f"{run[0]} … {run[-1]} ({len(run)} dates)"
