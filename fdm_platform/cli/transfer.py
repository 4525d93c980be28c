"""`fdm control export` and `fdm control import`: control tables from one environment to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from fdm_platform.cli.changes import counting, print_changes, print_counts
from fdm_platform.cli.conditions import condition, split_names
from fdm_platform.control.schema import TABLES, find_table
from fdm_platform.control.store import open_store
from fdm_platform.control.transfer import (
    Comparison,
    compare_export,
    export_tables,
    import_rows,
)
from fdm_platform.errors import ControlError
from fdm_platform.model.settings import Settings
from fdm_platform.planning.secrets import Secrets


@click.command("export")
@click.argument("tables", nargs=-1)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A .yaml file, or a folder for Parquet."
)
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Of one table: also <, <=, > and >=.")
@click.option("--json", "as_json", is_flag=True, help="Print how many rows of each table, as JSON.")
def export(tables: Sequence[str], out: Path, where: Sequence[str], as_json: bool) -> None:
    """Write control tables to a YAML file or a folder of Parquet files.

    By default those of the tables that people write which are here: job_master, process_control,
    job_dependency and sys_params. All of them are read in one state. Values are written as they are, in
    files that only you can read: sys_params may hold passwords.

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
    with closing(open_store(Settings.from_environ().control_url)) as store, counting("read") as read:
        if not tables:
            there = store.existing()
            names = [name for name in names if name in there]
            if not names:
                raise ControlError("no control tables", file=store.url, remedy="run `fdm control init`")
        counts = export_tables(store, names, out, predicates, read)
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

    Refused, before anything is written, where a row here differs and is not known to be older: it changed
    later than the file's, or at the same time, or its table does not say when. Times of change stay those of
    the file, so sensors do not take imported rows for new orders. Rows that are the same are not touched.

    \b
    Examples:
      fdm control import control.yaml --dry-run
      fdm control import control/ --force
    """  # noqa: D301 - click wants the character, not its name
    with closing(open_store(Settings.from_environ().control_url)) as store:
        with counting("compared") as compared:
            found = compare_export(store, path, force=force, progress=compared)
        is_written = not dry_run and (force or not found.conflict_count)
        if is_written:
            with counting("written") as written:
                import_rows(store, path, force=force, progress=written)
    if as_json and (dry_run or is_written):
        report = {"written": is_written, "conflicts": found.conflict_count, "tables": found.counts}
        click.echo(json.dumps(report))
    elif dry_run:
        _print_changes(found, Secrets(Settings.from_environ().secret_names))
    elif is_written:
        print_counts(found.counts, dry_run=False)
    if found.conflict_count and not force:
        raise _refusal(found, path)


def _print_changes(found: Comparison, secrets: Secrets) -> None:
    print_changes(found.changes, secrets)
    of_all = sum(counts["new"] + counts["changed"] for counts in found.counts.values())
    if of_all > len(found.changes):
        click.echo(f"and {of_all - len(found.changes):,} more that are new or changed")
    print_counts(found.counts, dry_run=True)


def _refusal(found: Comparison, path: Path) -> ControlError:
    lines = [
        f"  {c.table} {'/'.join(map(str, c.key))}"
        + (f" changed here at {c.stored.isoformat()}" if c.stored else "")
        for c in found.conflicts
    ]
    more = found.conflict_count - len(lines)
    lines += [f"  and {more:,} more"] if more else []
    rows = "1 row" if found.conflict_count == 1 else f"{found.conflict_count:,} rows"
    return ControlError(
        f"{rows} here may be newer than those of the file:\n" + "\n".join(lines),
        file=str(path),
        remedy="export again from the newer side, or give --force to replace them",
    )
