"""`fdm recover`: what dead loads left is put in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import click

from fdm_platform.defs import recovery
from fdm_platform.defs.liveness import Watch, watch_others
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.engines.folders import open_folders
from fdm_platform.errors import UnknownTableError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.recovered import Recovered


@click.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, an object for each thing done.")
def recover(*, tables: tuple[str, ...], is_dry_run: bool, as_json: bool) -> None:
    """Put in order what loads left whose process died, of all tables or of these.

    Half-done swaps are finished, what was staged is removed, attempts get their final line in execution_log, dates
    are free again, and what is left of Spark on this machine is ended. Loads that live are never touched. The daemon
    does the same every minute, and each load for its own table: nobody has to call this. It may be repeated, and run
    by several at once.

    Whether a load of another machine lives is seen by waiting for its next sign of life, which comes every quarter of
    FDM_LEASE_S; one of which there is none for somewhat more than FDM_LEASE_S is dead.

    \b
    Examples:
      fdm recover --dry-run
      fdm recover
      fdm recover gels_fpms_t_payment --json
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        names = [_name(platform, table) for table in tables] or None
        watch = Watch(platform.settings.lease_s)
        watch_others(platform, watch, partial(click.echo, err=True), names)
        done = recovery.recover(platform, names, is_dry_run=is_dry_run, watch=watch)
        if not is_dry_run:
            _tell_dagster(platform, done)
    if as_json:
        click.echo(json.dumps([to_plain(r) for r in done], indent=2))
        return
    for found in done:
        of = [found.what, found.table, found.biz_dt, found.load_id, found.detail]
        click.echo("  ".join(str(part) for part in of if part))
    if not done:
        click.echo("no load has left anything")


def _name(platform: Platform, table: str) -> str:
    """The whole name of a declared table, or of one that is published without being declared."""
    try:
        return platform.find(table).name
    except UnknownTableError:
        landing = platform.settings.landing
        if table in open_folders(landing).children(landing):
            return table
        raise


def _tell_dagster(platform: Platform, done: Sequence[Recovered]) -> None:
    """Of dates that a load published and did not live to tell, so that tables which follow are loaded."""
    if not any(r.is_published for r in done):
        return
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.telling import tell  # noqa: PLC0415

    with open_instance(platform.settings) as instance:
        tell(instance, platform, done)
