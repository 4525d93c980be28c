"""`fdm partitions`: the business dates that Dagster knows of a source system, against process_control."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import click

from fdm_platform.cli.console import ranges_text
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import ParameterError
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.table import TableSpec


@dataclass(frozen=True, slots=True)
class SetState:
    """A partition set against process_control."""

    name: str
    tables: tuple[str, ...]
    dates: tuple[date, ...]
    """Of the set, in order."""
    without_row: tuple[date, ...]
    """Dates of the set that process_control does not have."""
    not_in_set: tuple[date, ...]
    """Dates of process_control that the set does not have."""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "partition_set": self.name,
            "tables": list(self.tables),
            "dates": [str(d) for d in self.dates],
            "without_control_row": [str(d) for d in self.without_row],
            "not_in_set": [str(d) for d in self.not_in_set],
        }

    def text(self) -> str:
        """For people."""
        known = sorted({*self.dates, *self.not_in_set})
        span = f", {self.dates[0]} … {self.dates[-1]}" if self.dates else ""
        lines = [f"{self.name}: {len(self.dates):,} dates{span}, shared by {', '.join(self.tables)}"]
        if self.not_in_set:
            lines.append(f"  in process_control, not in the set: {ranges_text(self.not_in_set, known)}")
        if self.without_row:
            lines.append(f"  in the set, not in process_control: {ranges_text(self.without_row, known)}")
        return "\n".join(lines)


@click.group()
def partitions() -> None:
    """The business dates that Dagster's UI knows of each source system.

    SOURCE is a source system, as gels/fpms or gels_fpms, or one of its tables.

    \b
    Examples:
      fdm partitions show
      fdm partitions show gels/fpms --json
      fdm partitions sync
      fdm partitions remove gels/fpms --biz-dt 2024-05-18
    """  # noqa: D301 - click wants the backspace itself


@partitions.command(name="show")
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, an object for each set.")
def show_command(source: str | None, as_json: bool) -> None:
    """Print each set's dates, and where it differs from process_control."""
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.partitions import dates_of  # noqa: PLC0415

    with open_platform() as platform, open_instance(platform.settings) as instance:
        chosen = _chosen(platform, source)
        states = [_state(platform, specs, dates_of(instance, name)) for name, specs in chosen.items()]
    if as_json:
        click.echo(json.dumps([state.to_json() for state in states], indent=2))
    else:
        click.echo("\n".join(state.text() for state in states))


@partitions.command(name="sync")
@click.argument("source", required=False)
def sync_command(source: str | None) -> None:
    """Add the dates that process_control has and a set lacks. None is removed."""
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.partitions import add_dates, dates_of  # noqa: PLC0415

    with open_platform() as platform, open_instance(platform.settings) as instance:
        for name, specs in _chosen(platform, source).items():
            added = add_dates(instance, name, _control_dates(platform, specs))
            click.echo(f"{name}: {len(added)} added")
            state = _state(platform, specs, dates_of(instance, name))
            if state.without_row:
                click.secho(
                    f"  process_control has no row of {ranges_text(state.without_row, state.dates)}; "
                    f"`fdm partitions remove {name} --biz-dt D` takes a date out",
                    fg="yellow",
                    err=True,
                )


@partitions.command(name="remove")
@click.argument("source")
@click.option("--biz-dt", metavar="DATE", required=True, help="The business date to take out.")
@click.option("--force", is_flag=True, help="Although a run or a backfill of it has not ended.")
def remove_command(source: str, biz_dt: str, force: bool) -> None:
    """Take a date out of a set, so that the UI no longer offers it.

    What is published of the date stays, and so do its history in Dagster and its rows in the control
    tables. A date that process_control still has comes back with the next sync.
    """
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.partitions import asset_keys, dates_of, remove_date, users_of  # noqa: PLC0415

    day = parse_biz_dt(biz_dt)
    with open_platform() as platform, open_instance(platform.settings) as instance:
        ((name, specs),) = _chosen(platform, source).items()
        if day not in dates_of(instance, name):
            raise ParameterError(
                f"partition set {name} has no {day}",
                field="--biz-dt",
                remedy=f"look with `fdm partitions show {name}`",
            )
        users = users_of(instance, asset_keys(specs), day)
        if users and not force:
            raise ParameterError(
                f"{day} of {name} is in use: {'; '.join(users)}",
                field="--biz-dt",
                remedy="wait for their end or cancel them; --force removes the date all the same",
            )
        remove_date(instance, name, day)
        has_row = day in _control_dates(platform, specs)
    click.echo(f"{day} is no longer in {name}; what is published of it, and its history, stay")
    if has_row:
        click.secho(
            "  process_control still has it: it comes back with the next sync, unless its row goes, too",
            fg="yellow",
            err=True,
        )


def _chosen(platform: Platform, source: str | None) -> dict[str, list[TableSpec]]:
    """Tables by partition set: all, or the one that a source system's or a table's name leads to."""
    by_set: dict[str, list[TableSpec]] = {}
    for spec in platform.catalog.tables.values():
        by_set.setdefault(spec.partition_set, []).append(spec)
    if source is None:
        return by_set
    name = source.lower().replace("/", "_")
    if name not in by_set:
        name = platform.find(source).partition_set
    return {name: by_set[name]}


def _state(platform: Platform, specs: Sequence[TableSpec], dates: Sequence[date]) -> SetState:
    control, of_set = set(_control_dates(platform, specs)), set(dates)
    return SetState(
        specs[0].partition_set,
        tuple(spec.table for spec in specs),
        tuple(dates),
        tuple(sorted(of_set - control)),
        tuple(sorted(control - of_set)),
    )


def _control_dates(platform: Platform, specs: Sequence[TableSpec]) -> list[date]:
    """Of process_control; of the calendar, where it says that the source has no control rows."""
    return [row.biz_dt for row in platform.control_rows(specs[0])]
