"""`fdm list`, `fdm show`, `fdm new table`, `fdm validate`: declared tables, without Spark."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from fdm_platform.defs.legacy_jobs import read_catalog
from fdm_platform.errors import DeclarationError, FdmError, SqlError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import CheckSpec, ColumnSpec, SourceSpec, TableSpec
from fdm_platform.planning.catalog import TABLE_FILE, Catalog, load_catalog, read_table
from fdm_platform.planning.declaration import table_schema
from fdm_platform.planning.sample_parameters import bound_hql, bound_step, is_about_sample
from fdm_platform.planning.scaffold import new_table_files

as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")


@click.command("list")
@as_json
def list_tables(is_json: bool) -> None:
    """List the declared tables and legacy jobs.

    \b
    Examples:
      fdm list
      fdm list --json | jq -r '.[].name'
    """  # noqa: D301 - click marks a block with the character itself
    catalog = read_catalog(Settings.from_environ())
    if is_json:
        click.echo(json.dumps([_row(spec) for spec in catalog.tables.values()], indent=2))
    else:
        _print_tables(catalog)
    if catalog.broken:
        click.secho(f"{len(catalog.broken)} more are broken: `fdm validate` says why", fg="yellow", err=True)
    elif catalog.errors:
        raise catalog.errors[0]


@click.command()
@click.argument("table")
@as_json
def show(table: str, is_json: bool) -> None:
    """Show one table with every default filled in, and its SQL.

    TABLE is gels_fpms_t_x, gels/fpms/t_x, or t_x where only one is.

    \b
    Examples:
      fdm show t_contract_master
      fdm show gels/fpms/t_contract_master --json
    """  # noqa: D301 - click marks a block with the character itself
    spec = read_catalog(Settings.from_environ()).get(table)
    if is_json:
        plain = {"name": spec.name, "key": list(spec.key), **to_plain(spec)}
        click.echo(json.dumps(plain, indent=2))
    else:
        _print_table(spec)


@click.group()
def new() -> None:
    """Write the files of something new.

    \b
    Examples:
      fdm new table GELS FPMS t_policy
    """  # noqa: D301 - click marks a block with the character itself


@new.command("table")
@click.argument("entity")
@click.argument("source_system", metavar="SOURCE")
@click.argument("table")
@click.option("--source", "sources", multiple=True, metavar="VIEW=PATH", help="An input; may be repeated.")
@as_json
def new_table(entity: str, source_system: str, table: str, sources: tuple[str, ...], is_json: bool) -> None:
    """Declare a table: table.yaml, a first HQL and a fixture test. Overwrites nothing.

    \b
    Examples:
      fdm new table GELS FPMS t_claim
      fdm new table GELS FPMS t_claim --source "row1=claims_{biz_dt:%Y%m%d}.csv" --source row2=codes.orc
    """  # noqa: D301 - click marks a block with the character itself
    settings = Settings.from_environ()
    folder = settings.sql_root / entity.lower() / source_system.lower() / table.lower()
    _refuse_existing(settings.sql_root, folder)
    paths = dict(_split_source(s) for s in sources)
    files = new_table_files(entity, source_system, table, paths)
    _write_sound(files, folder)
    if is_json:
        click.echo(json.dumps({"folder": str(folder), "files": list(files)}))
        return
    for name in files:
        click.echo(f"wrote {_shown(folder / name)}")
    click.echo(f"next: fdm validate {entity}/{source_system}/{table}".lower())


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--analyze", is_flag=True, help="Let Spark analyse the SQL too, with its columns (starts Spark)."
)
@click.option("--no-parse", is_flag=True, help="Leave out Spark's own parser, which needs a JDK.")
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of table.yaml for editors; check nothing."
)
@as_json
@click.pass_context
def validate(
    context: click.Context,
    *,
    tables: tuple[str, ...],
    analyze: bool,
    no_parse: bool,
    schema: bool,
    is_json: bool,
) -> None:
    """Check declarations and HQL, all or the named ones, legacy jobs' among them. Exit code 2 when anything is wrong.

    HQL that has changed goes through Spark's own parser: seconds, the first time; what was parsed before takes
    milliseconds.

    \b
    Examples:
      fdm validate                        every table and legacy job; no Spark session, nothing is run
      fdm validate --no-parse             on a machine without Java
      fdm validate t_contract_master --analyze
      fdm validate --schema > table.schema.json
    """  # noqa: D301 - click marks a block with the character itself
    if schema:
        click.echo(json.dumps(table_schema(), indent=2))
        return
    settings = Settings.from_environ()
    specs, errors = _chosen(read_catalog(settings), tables)
    statements: dict[str, str] = {}
    for spec in specs:
        wrong = _bound_all(spec, statements)
        errors += wrong or (_analyze(spec) if analyze else [])
    errors += [] if no_parse else _parse(statements, settings, {e.file for e in errors})
    if is_json:
        plain = [{"error": type(e).__name__, **e.to_json()} for e in errors]
        click.echo(json.dumps({"tables": len(specs), "errors": plain}, indent=2))
    else:
        _print_errors(errors, len(specs))
    context.exit(DeclarationError.exit_code if errors else 0)


def _chosen(catalog: Catalog, names: Sequence[str]) -> tuple[list[TableSpec], list[DeclarationError]]:
    """The sound tables and the errors of the broken ones, among the named or among all."""
    if not names:
        return list(catalog.tables.values()), list(catalog.errors)
    keys = dict.fromkeys(catalog.key_of(name) for name in names)
    specs = [catalog.get("/".join(k)) for k in keys if k not in catalog.broken]
    return specs, [e for k in keys for e in (*catalog.broken.get(k, ()), *catalog.calendars.errors(k))]


def _bound_all(spec: TableSpec, statements: dict[str, str]) -> list[DeclarationError]:
    """Bind the table's HQL, or a legacy job's, with samples, into `statements` by file.

    Literals, comments and placeholders without end, and further statements, are errors; which names exist is known
    with a date's rows.
    """
    errors: list[DeclarationError] = []
    bound = {step.file: partial(bound_step, spec, step) for step in spec.steps}
    folder = spec.legacy.sql_dir if spec.legacy else None
    for file in sorted(Path(folder).glob("*.hql")) if folder else ():
        bound[str(file)] = partial(_bound_file, file)
    for name, bind in bound.items():
        try:
            statements[name] = bind()
        except SqlError as error:
            errors.append(error)
    return errors


def _bound_file(file: Path) -> str:
    try:
        return bound_hql(file.read_text(encoding="utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise SqlError(f"is no UTF-8: {error}", file=str(file), remedy="save it as UTF-8") from error


def _parse(statements: dict[str, str], settings: Settings, broken: set[str | None]) -> list[SqlError]:
    """What Spark's parser finds in the files that are sound otherwise."""
    from fdm_platform.engines.hql_parser import parse_all  # noqa: PLC0415 - imports JPype

    sound = {file: text for file, text in statements.items() if file not in broken}
    return [e for e in parse_all(sound, settings.cache) if not is_about_sample(e)]


def _analyze(spec: TableSpec) -> list[SqlError]:
    from fdm_platform.engines.analysis import analyze  # noqa: PLC0415 - starts Spark: only when asked for

    return analyze(spec)


def _refuse_existing(sql_root: Path, folder: Path) -> None:
    if folder.exists():
        raise DeclarationError(
            "is there already", file=str(folder), remedy="choose another name, or edit its table.yaml"
        )
    same = load_catalog(sql_root).tables.get("_".join(folder.parts[-3:])) if sql_root.is_dir() else None
    if same:
        raise DeclarationError(
            f"{same.name} is declared already", file=same.file, remedy="choose another name"
        )


def _split_source(text: str) -> tuple[str, str]:
    view, separator, path = text.partition("=")
    if not (view and separator and path):
        raise click.BadParameter(f"{text!r} is not VIEW=PATH", param_hint="--source")
    return view, path


def _write_sound(files: dict[str, str], folder: Path) -> None:
    """Write the files aside, check them as `fdm validate` would, and only then put them in their place."""
    with tempfile.TemporaryDirectory() as aside:
        for name, text in files.items():
            path = Path(aside, "table", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            read_table(Path(aside, "table", TABLE_FILE))
        except DeclarationError as error:
            where = f"{error.field}: " if error.field else ""
            raise DeclarationError(f"{where}{error.message}", remedy=error.remedy) from None
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(aside, "table"), folder)


def _row(spec: TableSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "key": list(spec.key),
        "sources": {s.view: s.path or s.table or s.format for s in spec.sources},
        "legacy_job": spec.legacy.job_id if spec.legacy else None,
        "partition_by": list(spec.partition_by),
        "columns": len(spec.columns),
        "checks": len(spec.checks),
        "owner": spec.owner,
        "description": spec.description,
        "file": spec.file,
    }


def _print_tables(catalog: Catalog) -> None:
    rows = (
        (s.name, "\n".join(_source_label(s)), s.owner or "", s.description or "")
        for s in catalog.tables.values()
    )
    _print_grid(("table", "sources", "owner", "description"), rows)


def _print_sql(sql: str) -> None:
    """In colours on a terminal, else as it is written: unfolded, so that it can be copied."""
    console = _console()
    if console.is_terminal:
        console.print(Syntax(sql, "sql", background_color="default", word_wrap=True))
    else:
        click.echo(sql)


def _print_table(spec: TableSpec) -> None:
    skipped = {"sources", "steps", "columns", "checks"}
    facts = {"name": spec.name, **{k: v for k, v in to_plain(spec).items() if k not in skipped}}
    facts["file"] = _shown(Path(spec.file))
    if spec.legacy:
        facts["legacy"] = {
            k: v for k, v in facts["legacy"].items() if v and k not in ("declared", "prefixes")
        }
    _print_grid(("key", "value"), ((k, text) for k, v in facts.items() if (text := _fact(v))))
    sources = ((s.view, s.format, _origin(s), _fact(dict(s.options))) for s in spec.sources)
    _print_grid(("source", "format", "path or table", "options"), sources)
    if spec.columns:
        _print_grid(
            ("column", "type", "null", "key", "sensitivity", "description"), map(_column, spec.columns)
        )
    if spec.checks:
        _print_grid(("check", "severity", "rule"), ((c.name, c.severity, _rule(c)) for c in spec.checks))
    for step in spec.steps:
        click.echo(f"{step.view}  {_shown(Path(step.file))}")
        _print_sql(step.sql.strip())


def _source_label(spec: TableSpec) -> list[str]:
    own = [f"legacy job {spec.legacy.job_id}"] if spec.legacy else []
    return own + [f"{s.view}: {_origin(s) or s.format}" for s in spec.sources]


def _origin(source: SourceSpec) -> str:
    """Its path, or the table that is read, with the dates where they are not the same."""
    if source.table is None or source.biz_dt.rule == "same":
        return source.path or source.table or ""
    return f"{source.table} ({source.biz_dt})"


def _column(column: ColumnSpec) -> tuple[str, ...]:
    return (
        column.name,
        column.type,
        "" if column.nullable else "no",
        "yes" if column.key else "",
        column.sensitivity or "",
        column.description or "",
    )


def _rule(check: CheckSpec) -> str:
    if check.expect:
        return f"every row: {check.expect}"
    if check.not_null:
        return f"no NULL in {', '.join(check.not_null)}"
    low, high = check.min_rows or 0, check.max_rows
    return f"at least {low} rows" if high is None else f"{low} to {high} rows"


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}={_fact(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _print_grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    grid = Table(*headings, header_style="bold", box=None, pad_edge=False)
    for column in grid.columns:
        column.overflow = "fold"
    grid.columns[0].no_wrap = True
    for row in rows:
        grid.add_row(*row)
    _console().print(grid, "")


def _print_errors(errors: Sequence[FdmError], sound: int) -> None:
    for error in errors:
        headline, _, rest = str(error).partition("\n")
        click.secho(headline.replace(f"{Path.cwd()}/", ""), fg="red")
        click.echo(rest) if rest else None
    verdict = f"{len(errors)} errors" if len(errors) != 1 else "1 error"
    click.secho(f"{sound} tables are sound, {verdict}", fg="red" if errors else "green")


def _console() -> Console:
    """Plain text: names in brackets are no markup."""
    return Console(markup=False, highlight=False)


def _shown(path: Path) -> str:
    """The path, shortened where it is below the working folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
