"""`fdm rollback`: the version before, published once more."""

from __future__ import annotations

import json
from typing import Any

import click

from fdm_platform.cli.load import ended_by_signals
from fdm_platform.defs.platform import open_platform
from fdm_platform.model.partition import parse_biz_dt


@click.command()
@click.argument("table")
@click.option("--biz-dt", "text", metavar="DATE", required=True, help="The business date.")
@click.option(
    "--to", metavar="VERSION", type=click.IntRange(1), help="Which version; without it, the newest kept."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rollback(*, table: str, text: str, to: int | None, as_json: bool) -> None:
    """Make a kept version of a business date live again.

    That is a publish like any other: the version gets a new number, the one that was live is kept, and tables that
    follow are loaded again. It counts as loaded from the same control row, so no sensor undoes it; a changed control
    row does, and so does `fdm materialize`.

    \b
    Examples:
      fdm rollback t_contract_master --biz-dt 2024-05-15
      fdm rollback t_contract_master --biz-dt 2024-05-15 --to 3
    """  # noqa: D301 - click wants the backspace itself
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.rollback import roll_back  # noqa: PLC0415

    biz_dt = parse_biz_dt(text)
    with open_platform() as platform, ended_by_signals() as raise_again:
        spec = platform.find(table)
        with open_instance(platform.settings) as instance:
            done = roll_back(instance, platform, spec, biz_dt, to=to, tell=_tell)
        raise_again()
    if as_json:
        click.echo(json.dumps(_plain(spec.name, text, done), indent=2))
    else:
        click.echo(
            f"{spec.name} {biz_dt}: version {done.restored} is live again, as version {done.report.version}; "
            f"version {done.replaced} is kept"
        )


def _tell(text: str) -> None:
    click.secho(f"  {text}", err=True)


def _plain(table: str, biz_dt: str, done: Any) -> dict[str, Any]:
    return {
        "table": table,
        "biz_dt": str(parse_biz_dt(biz_dt)),
        "version": done.report.version,
        "restored": done.restored,
        "replaced": done.replaced,
        "rows": done.manifest.rows,
        "path": done.report.path,
    }
