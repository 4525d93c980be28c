"""`fdm dead-letters` and `fdm retry`: dates that are not loaded again by themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import click

from fdm_platform.cli.console import print_published
from fdm_platform.cli.load import load_dates
from fdm_platform.defs.parking import parked
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import ParameterError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.explanation import moment

Letters = Mapping[date, DeadLetter]


@click.command()
@click.argument("table", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, with parameters and logs.")
def dead_letters(*, table: str | None, as_json: bool) -> None:
    """List the dates that failed for good: no sensor loads them until their control row changes.

    Those of TABLE, or of all tables. `fdm retry` loads them.

    \b
    Examples:
      fdm dead-letters
      fdm dead-letters t_contract_master --json
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        letters = [x for of in _parked(platform, table, is_whole=as_json).values() for x in of.values()]
    if as_json:
        click.echo(json.dumps([_plain(x) for x in letters], indent=2, ensure_ascii=False))
        return
    for x in letters:
        click.echo(
            f"{click.style(f'{x.table_name} {x.biz_dt}', bold=True)}  {moment(x.parked_at)}  {x.kind}, load {x.load_id}"
        )
        click.echo(f"  {x.reason}")
    if not letters:
        click.echo("no date is parked")


@click.command()
@click.argument("table", required=False)
@click.option("--biz-dt", "single", metavar="DATE", multiple=True, help="A business date; may be repeated.")
@click.option("--all", "is_all", is_flag=True, help="Every parked date: of TABLE, or of all tables.")
@click.option("--json", "as_json", is_flag=True, help="Print what was published as JSON.")
def retry(*, table: str | None, single: tuple[str, ...], is_all: bool, as_json: bool) -> None:
    """Load parked dates now. One that is published is parked no more; one that fails again stays so.

    \b
    Examples:
      fdm retry t_contract_master --biz-dt 2024-05-15
      fdm retry t_contract_master --all
      fdm retry --all
    """  # noqa: D301 - click wants the backspace itself
    if is_all == bool(single) or (single and not table):
        raise ParameterError(
            "which dates are to be tried again is not clear",
            field="--biz-dt",
            remedy="give a TABLE with --biz-dt, or --all with or without a TABLE",
        )
    with open_platform() as platform:
        found = _parked(platform, table)
        chosen = [(spec, _chosen(spec, found, single)) for spec in _specs(platform, table, found)]
        loaded = [load_dates(platform, spec, dates) for spec, dates in chosen if dates]
    if as_json:
        plain = [x.to_json() for x in loaded]
        merged = {key: [r for p in plain for r in p[key]] for key in ("published", "failed")}
        click.echo(json.dumps(merged, indent=2))
    elif not loaded:
        click.echo("no date is parked")
    for x in loaded:
        if x.published and not as_json:
            print_published(x.published)
    for x in loaded:
        x.require_all()


def _parked(platform: Platform, table: str | None, *, is_whole: bool = False) -> dict[str, Letters]:
    """The letters that hold, by table and in order of date; of a table that is declared no more, all."""
    known = platform.dead_letters.all()
    names = [platform.find(table).name] if table else sorted(known)
    return {name: _of(platform, name, is_whole=is_whole) for name in names if name in known}


def _of(platform: Platform, name: str, *, is_whole: bool) -> Letters:
    if spec := platform.catalog.tables.get(name):
        return parked(platform, spec, is_whole=is_whole)
    return dict(sorted(platform.dead_letters.of_table(name, is_whole=is_whole).items()))


def _specs(platform: Platform, table: str | None, found: Mapping[str, Letters]) -> list[TableSpec]:
    if table:
        return [platform.find(table)]
    return [platform.catalog.tables[name] for name in found if name in platform.catalog.tables]


def _chosen(spec: TableSpec, found: Mapping[str, Letters], single: tuple[str, ...]) -> list[date]:
    """The dates to load; ParameterError for one that is not parked."""
    letters = found.get(spec.name, {})
    wanted = sorted({parse_biz_dt(d) for d in single}) if single else list(letters)
    if others := [d for d in wanted if d not in letters]:
        raise ParameterError(
            f"{spec.name} {others[0]} is not parked",
            field="--biz-dt",
            remedy=f"`fdm why {spec.name} --biz-dt {others[0]}` tells how it stands; `fdm materialize` loads any date",
        )
    return wanted


def _plain(letter: DeadLetter) -> dict[str, Any]:
    """With its JSON parsed, as far as it is whole."""
    plain: dict[str, Any] = to_plain(letter)
    return {**plain, "error": json.loads(letter.error), "parameters": _parsed(letter.parameters)}


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:  # it was cut
        return text
