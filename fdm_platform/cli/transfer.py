"""`fdm control export` and `fdm control import`: control tables from one environment to another."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from fdm_platform.cli.conditions import condition, split_names
from fdm_platform.control.schema import TABLES, find_table
from fdm_platform.control.store import open_store
from fdm_platform.control.transfer import (
    SHOWN_CONFLICTS,
    Comparison,
    compare_export,
    export_tables,
    import_rows,
)
from fdm_platform.errors import ControlError
from fdm_platform.model.settings import Settings


@click.command("export")
@click.argument("tables", nargs=-1)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A .yaml file, or a folder for Parquet."
)
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Of one table: also <, <=, > and >=.")
@click.option("--json", "as_json", is_flag=True, help="Print how many rows of each table, as JSON.")
def export(tables: Sequence[str], out: Path, where: Sequence[str], as_json: bool) -> None:
    """Write control tables to a YAML file or a folder of Parquet files.

    By default the tables that people write: job_master, process_control, job_dependency and sys_params.
    sys_params is written with its values: keep the file as you keep those.

    \b
    Examples:
      fdm control export --out control.yaml
      fdm control export process_control --where 'biz_dt>=2024-01-01' --out control/
    """  # noqa: D301 - click wants the character, not its name
    names = [find_table(name).name for name in split_names(tables)]
    names = names or [table.name for table in TABLES.values() if table.is_seedable]
    if where and len(names) != 1:
        raise ControlError("--where is for one table", field="--where", remedy="name that table")
    predicates = [condition(find_table(names[0]), text) for text in where]
    with closing(open_store(Settings.from_environ().control_url)) as store:
        counts = export_tables(store, names, out, predicates, _progress)
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, count in counts.items():
        click.echo(f"{name}: {count} row{'' if count == 1 else 's'}")


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.option("--force", is_flag=True, help="Also replace rows that are newer here.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def import_(path: Path, dry_run: bool, force: bool, as_json: bool) -> None:
    """Bring what `fdm control export` wrote into the control tables, by key.

    Refused, before anything is written, where a row here is newer than the one of the file; in tables that
    do not say when a row changed, where it is another. Times of change stay those of the file.

    \b
    Examples:
      fdm control import control.yaml --dry-run
      fdm control import control/ --force
    """  # noqa: D301 - click wants the character, not its name
    with closing(open_store(Settings.from_environ().control_url)) as store:
        found = compare_export(store, path, _progress)
        if found.conflict_count and not force:
            raise _refusal(found, path)
        if not dry_run:
            import_rows(store, path, _progress)
    if as_json:
        click.echo(
            json.dumps({"written": not dry_run, "conflicts": found.conflict_count, "tables": found.counts})
        )
        return
    for name, counts in found.counts.items():
        click.echo(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if dry_run:
        click.echo("dry run: nothing was written")


def _refusal(found: Comparison, path: Path) -> ControlError:
    lines = [
        f"  {c.table} {'/'.join(map(str, c.key))}"
        + (f" changed here at {c.stored.isoformat()}" if c.stored else "")
        for c in found.conflicts
    ]
    more = found.conflict_count - len(lines)
    lines += [f"  and {more} more"] if more else []
    return ControlError(
        f"{found.conflict_count} rows here are newer than, or other than, those of the file "
        f"(the first {SHOWN_CONFLICTS}):\n" + "\n".join(lines),
        file=str(path),
        remedy="export again from the newer side, or give --force to replace them",
    )


def _progress(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"  {table}: {rows:,} rows", err=True)
