"""`fdm test`: fixture tests of tables, all in one Spark session."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.model.codec import to_plain
from fdm_platform.model.settings import Settings
from fdm_platform.planning.catalog import Catalog, load_catalog

if TYPE_CHECKING:  # imports pyspark
    from fdm_platform.engines.fixtures import FixtureResult


@click.command("test")
@click.argument("tables", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Results as one JSON object.")
def test(tables: Sequence[str], as_json: bool) -> None:
    """Run the fixture tests (tests/*.yaml) of TABLES, or of every table.

    Exit code 1 if a test fails.

    \b
    Examples:
      fdm test
      fdm test t_contract_master t_payment
    """  # noqa: D301 - click marks a block with the character itself
    catalog = load_catalog(Settings.from_environ().sql_root)
    results = _run(catalog, tables)
    if as_json:
        click.echo(json.dumps({"results": [{**to_plain(r), "is_passed": r.is_passed} for r in results]}))
    else:
        _print(Console(), results)
    raise SystemExit(0 if all(r.is_passed for r in results) else 1)


def _run(catalog: Catalog, names: Sequence[str]) -> list[FixtureResult]:
    from fdm_platform.engines.fixtures import fixture_files, run_fixtures  # noqa: PLC0415 - imports pyspark
    from fdm_platform.engines.sessions import local_session  # noqa: PLC0415 - imports pyspark

    specs = [catalog.get(n) for n in names] if names else list(catalog.tables.values())
    specs = [s for s in specs if fixture_files(s)]
    if not specs:
        return []
    project = str(Settings.from_environ().project)
    spark = local_session("fdm test")
    try:
        return [r for s in specs for r in run_fixtures(s, spark, catalog.tables, [project])]
    finally:
        spark.stop()


def _print(console: Console, results: Sequence[FixtureResult]) -> None:
    if not results:
        console.print("no fixture tests: put some into tests/*.yaml beside table.yaml")
    for result in results:
        mark = "[green]passed[/]" if result.is_passed else "[red]failed[/]"
        console.print(f"{mark}  {result.table}: {result.name}", highlight=False)
        if not result.is_passed:
            _print_failure(console, result)
    failed = sum(not r.is_passed for r in results)
    console.print(f"{len(results) - failed} passed, {failed} failed", highlight=False)


def _print_failure(console: Console, result: FixtureResult) -> None:
    if result.failure is not None:
        place = ":".join(str(x) for x in (result.failure.file, result.failure.line) if x)
        console.print(Text(f"  {place or result.file}: {result.failure.headline}", style="red"))
        if result.failure.remedy:
            console.print(Text(f"  remedy: {result.failure.remedy}"))
        return
    console.print(Text(f"  {result.file}: - expected and missing, + made and not expected"))
    console.print(_difference(result))


def _difference(result: FixtureResult) -> Table:
    """Missing and unexpected rows, the most alike beside each other, their differences marked."""
    table = Table("", *result.columns, box=None, padding=(0, 1), header_style="bold")
    for i in range(max(len(result.missing), len(result.unexpected))):
        left = result.missing[i] if i < len(result.missing) else None
        right = result.unexpected[i] if i < len(result.unexpected) else None
        for sign, row, other, style in (("-", left, right, "red"), ("+", right, left, "green")):
            if row is not None:
                table.add_row(Text(sign, style=style), *_cells(row, other, style))
    return table


def _cells(row: Iterable[str], other: Sequence[str] | None, style: str) -> list[Text]:
    return [
        Text(value, style=f"bold {style}" if other is None or value != other[i] else "dim")
        for i, value in enumerate(row)
    ]
