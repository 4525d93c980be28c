"""`fdm control`: create, fill and show the control tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from fdm_platform.cli.changes import SIGNS, counting, print_changes, print_counts
from fdm_platform.cli.conditions import split_names
from fdm_platform.cli.rows import show
from fdm_platform.cli.transfer import export, import_
from fdm_platform.control import seed as seeding
from fdm_platform.control.checking import TableCheck, check_tables
from fdm_platform.control.schema import TABLES, find_table
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.errors import ControlError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.settings import Settings
from fdm_platform.planning.secrets import Secrets


@click.group()
def control() -> None:
    """The control tables: create, check, fill, show, move.

    They are where FDM_CONTROL_URL says, by default in the SQLite file .fdm/control.db of the project.

    \b
    Examples:
      fdm control init
      fdm control seed examples/control/sample.yaml --dry-run
      fdm control show process_control --where entity=GELS --where 'biz_dt>=2024-05-14'
    """  # noqa: D301 - click wants the character \b


for command in (show, export, import_):
    control.add_command(command)


@control.command()
@click.option("--tables", multiple=True, metavar="NAME", help="Only these; repeat it or use commas.")
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    metavar="N",
    help="Copies that a Kudu cluster keeps, an odd number; default 3 where it has three servers, else 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was created and what was there, as JSON.")
def init(tables: Sequence[str], replicas: int | None, as_json: bool) -> None:
    """Create the control tables that are missing. Nothing is ever dropped or altered.

    One exception: in SQLite, a table of an earlier release is given the columns that have come since.

    \b
    Examples:
      fdm control init
      fdm control init --tables process_control,sys_params
      fdm control init --replicas 3
    """  # noqa: D301 - click wants the character, not its name
    if replicas is not None and replicas % 2 == 0:
        raise click.BadParameter("give an odd number, such as 3", param_hint="--replicas")
    names = [find_table(name).name for name in split_names(tables)] or list(TABLES)
    with _store() as store:
        created = set(store.create(names, replicas=replicas))
        url = store.url
    if as_json:
        kept = [name for name in names if name not in created]
        click.echo(json.dumps({"store": url, "created": [n for n in names if n in created], "kept": kept}))
        return
    click.echo(f"control store {url}")
    for name in names:
        click.echo(f"  {'created' if name in created else 'kept   '}  {name}: {TABLES[name].purpose}")


@control.command()
@click.option("--tables", multiple=True, metavar="NAME", help="Only these; repeat it or use commas.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of tables and their differences.")
def check(tables: Sequence[str], as_json: bool) -> None:
    """Compare the control tables to what is expected, column by column. Reads no rows, changes nothing.

    Exit code 3 where the platform does not cope with something; tables of either generation are fine.

    \b
    Examples:
      fdm control check
      fdm control check --tables process_control --json
    """  # noqa: D301 - click wants the character, not its name
    names = [find_table(name).name for name in split_names(tables)] or list(TABLES)
    with _store() as store:
        checks = check_tables(store, names)
        url = store.url
    if as_json:
        click.echo(json.dumps([{**to_plain(c), "is_usable": c.is_usable} for c in checks], indent=2))
    else:
        click.echo(f"control store {url}")
        for each in checks:
            _print_check(each)
    if not all(c.is_usable for c in checks):
        raise SystemExit(ControlError.exit_code)


@control.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", metavar="NAME", help="The table of a CSV file; YAML names its tables itself.")
@click.option("--dry-run", is_flag=True, help="Show what would change, row by row, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print how many rows are new, changed and the same.")
def seed(file: Path, table: str | None, dry_run: bool, as_json: bool) -> None:
    """Bring rows of a YAML or CSV file into the control tables, by key.

    The whole file is checked first. Columns that it does not give keep their value. Running it again
    changes nothing.

    \b
    Examples:
      fdm control seed examples/control/sample.yaml --dry-run
      fdm control seed dates.csv --table process_control
    """  # noqa: D301 - click wants the character, not its name
    with _store() as store:
        rows = read_seed(file, table, key_of=lambda spec: store.layout(spec.name).key)
        with counting("compared") as compared:
            changes = seeding.compare(store, rows, compared)
        if not dry_run:
            with counting("written") as written:
                seeding.write(store, changes, datetime.now(UTC), written)
    names = dict.fromkeys(row.table.name for row in rows)
    counts = {name: Counter[str](c.kind for c in changes if c.row.table.name == name) for name in names}
    if as_json:
        tables = {name: {kind: of[kind] for kind in SIGNS} for name, of in counts.items()}
        click.echo(json.dumps({"written": not dry_run, "tables": tables}))
        return
    if dry_run:
        print_changes(changes, Secrets(Settings.from_environ().secret_names))
    print_counts(counts, dry_run=dry_run)


def _store() -> closing[ControlStore]:
    return closing(open_store(Settings.from_environ().control_url))


def _print_check(check: TableCheck) -> None:
    generation = f", generation {check.generation}" if check.generation else ""
    remedy = ""
    if check.state == "missing":
        remedy = ": made when it is needed" if check.is_usable else ": run `fdm control init`"
    click.echo(
        f"  {'ok   ' if check.is_usable else 'wrong'}  {check.table}: {check.state}{generation}{remedy}"
    )
    for d in check.differences:
        sign = "!" if d.is_fatal else "~"
        click.echo(f"           {sign} {d.column}: expected {d.expected}, found {d.found}; {d.consequence}")
