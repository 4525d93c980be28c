"""`fdm parity`: a published date against the old system's output."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fdm_platform.defs.parity import Certificate, certify
from fdm_platform.defs.platform import open_platform
from fdm_platform.errors import ParameterError
from fdm_platform.model.parity import ParitySample, ParitySpec
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec


@click.command()
@click.argument("table")
@click.option(
    "--biz-dt", "text", metavar="DATE", required=True, help="The business date, which is published."
)
@click.option("--against", metavar="PATH|TABLE", help="The old output: files, or a table of Hive's.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "orc", "parquet", "hive"]), help="Default: by the path."
)
@click.option("--keys", metavar="A,B", help="What identifies a row. Default: the table's keys.")
@click.option(
    "--tolerance", "tolerances", metavar="COLUMN=0.01", multiple=True, help="How far numbers may differ."
)
@click.option("--ignore", "ignored", metavar="COLUMN", multiple=True, help="A column that is not compared.")
@click.option(
    "--map", "mapped", metavar="OLD=NEW", multiple=True, help="A column that has another name there."
)
@click.option("--option", "options", metavar="NAME=VALUE", multiple=True, help="Of Spark's reader: sep=;")
@click.option(
    "--samples", type=click.IntRange(0, 100), default=5, show_default=True, help="Rows shown of each kind."
)
@click.option("--json", "as_json", is_flag=True, help="Print the certificate, one JSON object.")
def parity(
    *,
    table: str,
    text: str,
    against: str | None,
    kind: str | None,
    keys: str | None,
    tolerances: tuple[str, ...],
    ignored: tuple[str, ...],
    mapped: tuple[str, ...],
    options: tuple[str, ...],
    samples: int,
    as_json: bool,
) -> None:
    """Hold a published date of TABLE against what the old system made of it.

    Rows are paired by the keys and compared in Spark, in one pass; NULL equals NULL, and no cast hides a
    difference. A key that a side has more than once cannot be paired and is counted as duplicated.
    In a CSV an empty field is NULL, and nothing is inferred. What is left out here, `parity:` in table.yaml says.

    Exit code 0: they are equal; 1: they differ. A certificate is kept in the table's folder, .parity/biz_dt=…/,
    and Dagster shows it as the check `parity` where the table declares `parity:`.

    \b
    Examples:
      fdm parity t_contract_master --biz-dt 2024-05-15 --against old/contract_20240515.csv --option sep=;
      fdm parity t_payment --biz-dt 2024-05-15 --against fdm.t_payment --keys contract_no,payment_no
      fdm parity t_payment --biz-dt 2024-05-15 --against /old/pay --tolerance amount=0.01 --ignore load_ts --json
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        spec = platform.find(table)
        given = {
            "against": _absolute(against) if against else None,
            "format": kind,
            "keys": tuple(k.strip() for k in keys.split(",")) if keys else None,
            "tolerance": _tolerances(tolerances),
            "ignore": ignored,
            "renamed": _pairs(mapped, "--map", "OLD=NEW"),
            "options": _pairs(options, "--option", "NAME=VALUE"),
        }
        said: dict[str, Any] = {name: value for name, value in given.items() if value}
        asked = replace(spec.parity or ParitySpec(), **said)
        made = certify(platform, spec, parse_biz_dt(text), asked, samples=samples, tell=_tell)
        if as_json:
            click.echo(json.dumps(made.to_json(), indent=2))
        else:
            _print(Console(), made)
        _report(platform.settings, spec, made)
    raise SystemExit(0 if made.result.is_equal else 1)


def _tell(line: str) -> None:
    click.secho(f"  {line}", err=True)


def _absolute(against: str) -> str:
    """A path is the command line's, not below the source root; a table's name stays."""
    is_path = "/" in against or Path(against).exists() or "{" in against
    return str(Path(against).absolute()) if is_path and "://" not in against else against


def _pairs(texts: Iterable[str], option: str, form: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise ParameterError(f"{text!r} is no {form}", field=option, remedy=f"write {option} {form}")
        pairs[name.strip()] = value
    return pairs


def _tolerances(texts: Iterable[str]) -> dict[str, Decimal]:
    return {name: _number(value, name) for name, value in _pairs(texts, "--tolerance", "COLUMN=0.01").items()}


def _number(text: str, column: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite() and number >= 0:
        return number
    raise ParameterError(
        f"{text!r} is no tolerance of {column}", field="--tolerance", remedy="write a number such as 0.01"
    )


def _report(settings: Settings, spec: TableSpec, made: Certificate) -> None:
    """To Dagster, where it has such a check."""
    if spec.parity is None:
        return
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.parity_check import report  # noqa: PLC0415

    with open_instance(settings) as instance:
        report(instance, spec, made)


def _print(console: Console, made: Certificate) -> None:
    found = made.result
    console.print(
        f"{made.table} {made.biz_dt}, version {made.version}, against {escape(made.against)}", highlight=False
    )
    console.print(f"  compared with {made.scope}; keys: {', '.join(made.spec.keys) or 'none, rows whole'}")
    for name, count in found.counts.items():
        console.print(f"  {name.replace('_', ' '):<10} {count:>14,}", highlight=False)
    for column, count in sorted(found.by_column.items(), key=lambda item: -item[1]):
        console.print(f"    {column} differs in {count:,}", highlight=False)
    for what, columns in (("the table", found.only_new_columns), ("the old output", found.only_old_columns)):
        if columns:
            console.print(f"  only in {what}: {', '.join(columns)}", highlight=False)
    if found.samples:
        console.print(_samples(found.samples))
    verdict = "[green]equal[/]" if found.is_equal else "[red]they differ[/]"
    console.print(f"{verdict}; certificate: {escape(made.path)}", highlight=False, soft_wrap=True)


def _samples(samples: Iterable[ParitySample]) -> Table:
    table = Table("", "row", "column", "new", "old", box=None, padding=(0, 1), header_style="bold")
    for sample in samples:
        row = ", ".join(f"{c}={_shown(v)}" for c, v in sample.keys.items())
        for i, (column, pair) in enumerate((sample.values or {"": ("", "")}).items()):
            first = (sample.difference, row) if i == 0 else ("", "")
            table.add_row(*(escape(str(cell)) for cell in (*first, column, *map(_shown, pair))))
    return table


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value
