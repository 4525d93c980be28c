"""`fdm talend import`, `fdm talend count`: Talend Studio's jobs become declared tables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from fdm_platform.errors import ImportRefusedError, ParameterError
from fdm_platform.model.settings import ENVIRONMENTS, Settings
from fdm_platform.planning.rules import NAME
from fdm_platform.talend.conversion import ConversionOptions
from fdm_platform.talend.importing import (
    ImportOptions,
    ImportSummary,
    JobSummary,
    Progress,
    import_project,
    to_json,
)
from fdm_platform.talend.project import open_project

_MOST = 15
"""Residues that a summary lists; `--json` has them all."""
_COLOURS = {"whole": "green", "partly": "yellow", "none": "red"}

as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")


@click.group()
def talend() -> None:
    """Talend Studio's jobs: bring them over, or count what would come over.

    \b
    Examples:
      fdm talend count my_project.zip
      fdm talend import my_project.zip --entity GELS --source-system FPMS --dry-run
    """  # noqa: D301 - click marks a block with the character itself


@talend.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of declared tables; default FDM_SQL_ROOT."
)
@click.option("--entity", metavar="E", help="Legal entity, e.g. GELS; default what --out says.")
@click.option("--source-system", metavar="S", help="Source system, e.g. FPMS; default what --out says.")
@click.option(
    "--context", "contexts", multiple=True, metavar="NAME=ENV", help="Whose environment a context is."
)
@click.option("--timezone", metavar="TZ", help="Zone of the machine that ran Talend, e.g. Asia/Singapore.")
@click.option(
    "--on-java-error",
    type=click.Choice(["raise", "null"]),
    default="raise",
    help="Where Java would have ended the job: fail the date (default), or NULL.",
)
@click.option("--job", "labels", multiple=True, metavar="LABEL", help="Only this job; may be repeated.")
@click.option(
    "--replace",
    "may_replace",
    is_flag=True,
    help="Put tables in the place of those that are there; what was there and differs is kept below _talend/_replaced.",
)
@click.option("--strict", "is_strict", is_flag=True, help="Write nothing if any job is refused.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Convert everything, write nothing.")
@as_json
@click.pass_context
def import_(  # noqa: PLR0917 - click gives each option as an argument
    context: click.Context,
    source: Path,
    out: Path | None,
    entity: str | None,
    source_system: str | None,
    contexts: tuple[str, ...],
    timezone: str | None,
    on_java_error: str,
    labels: tuple[str, ...],
    may_replace: bool,
    is_strict: bool,
    is_dry: bool,
    is_json: bool,
) -> None:
    """Import jobs of Talend Studio: SOURCE is an .item file, a project's folder, or a zip of one.

    Each output of a job becomes a declared table below --out, with an HQL for each component, a test for each HQL, and
    a MIGRATION.md for each job that says what became of every component and what is left to do. Exit code 2 if a job
    was refused; the others are imported all the same.

    \b
    Examples:
      fdm talend import my_project.zip --entity GELS --source-system FPMS
      fdm talend import policy_load_0.1.item --out sql/landing/gels/fpms --replace
      fdm talend import my_project --entity GELS --source-system FPMS --context int=QA --dry-run
    """  # noqa: D301 - click marks a block with the character itself
    root = Settings.from_environ().sql_root
    entity, source_system = _home(out or root, root, entity, source_system)
    policy: Literal["raise", "null"] = "null" if on_java_error == "null" else "raise"
    conversion = ConversionOptions(entity, source_system, policy, timezone)
    options = ImportOptions(
        conversion,
        root,
        dict(_context(text) for text in contexts),
        labels,
        may_replace,
        is_strict,
        is_dry,
    )
    summary = _run(source, options)
    _show(summary, is_json=is_json)
    context.exit(ImportRefusedError.exit_code if summary.refused else 0)


@talend.command()
@click.argument("source", type=click.Path(path_type=Path))
@as_json
@click.pass_context
def count(context: click.Context, source: Path, is_json: bool) -> None:
    """Count how much of SOURCE would come over: jobs, components, and what is left to a person. Writes nothing.

    \b
    Examples:
      fdm talend count my_project.zip
      fdm talend count my_project --json | jq .residues
    """  # noqa: D301 - click marks a block with the character itself
    nowhere = Settings.from_environ().sql_root / "nowhere"
    summary = _run(source, ImportOptions(ConversionOptions("TALEND", "COUNT"), nowhere, is_dry=True))
    _show(summary, is_json=is_json)
    context.exit(ImportRefusedError.exit_code if summary.refused else 0)


def _run(source: Path, options: ImportOptions) -> ImportSummary:
    with _progress() as tell:
        return import_project(open_project(source), options, tell)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def tell(progress: Progress) -> None:
            bar.update(task, description=progress.label, completed=progress.done, total=progress.total)

        yield tell


def _home(out: Path, root: Path, entity: str | None, source_system: str | None) -> tuple[str, str]:
    """Entity and source system, by option or by the folder; ParameterError where they are missing or disagree."""
    place = Path(os.path.normpath(out.absolute()))
    if not place.is_relative_to(root):
        raise ParameterError(
            f"{out} is not below the folder of declared tables, {root}",
            field="--out",
            remedy="leave --out away, name a folder below it, or set FDM_SQL_ROOT",
        )
    parts = place.relative_to(root).parts
    if len(parts) > len(_HOME):
        raise ParameterError(
            f"{out} is deeper than <entity>/<source system>", field="--out", remedy="shorten it"
        )
    given = dict(zip(_HOME, (entity, source_system), strict=True))
    named = dict(zip(_HOME, parts, strict=False))
    for option, value in named.items():
        said = given[option]
        if said and said.lower() != value.lower():
            raise ParameterError(
                f"{said!r} is not what --out says: {value}", field=option, remedy="leave one out"
            )
    found = {option: given[option] or named.get(option, "").upper() for option in _HOME}
    for option, text in found.items():
        if not text:
            raise ParameterError(
                "is missing",
                field=option,
                remedy="give --entity and --source-system, or --out sql/landing/<e>/<s>",
            )
        if not NAME.fullmatch(text):
            raise ParameterError(f"{text!r} is not a name", field=option, remedy="use letters, digits and _")
    return found["--entity"], found["--source-system"]


_HOME = ("--entity", "--source-system")


def _context(text: str) -> tuple[str, str]:
    name, _, environment = text.partition("=")
    if not name or environment.upper() not in ENVIRONMENTS:
        raise ParameterError(
            f"{text!r} is not NAME=ENV", field="--context", remedy=f"ENV is one of {', '.join(ENVIRONMENTS)}"
        )
    return name, environment.upper()


def _show(summary: ImportSummary, *, is_json: bool) -> None:
    if is_json:
        click.echo(json.dumps(to_json(summary), indent=2))
        return
    for warning in summary.warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    if summary.older:
        click.echo(f"older versions of jobs that are not imported: {len(summary.older)}", err=True)
    if summary.others:
        counted = ", ".join(f"{number} {kind}" for kind, number in sorted(summary.others.items()))
        click.echo(f"files of which nothing is made: {counted}", err=True)
    console = Console(markup=False, highlight=False)
    if summary.jobs:
        console.print(_jobs(summary.jobs))
    console.print(_counts(summary))
    _print_residues(summary)
    for error in summary.refused:
        click.secho(f"refused: {error}", fg="red", err=True)


def _jobs(jobs: tuple[JobSummary, ...]) -> Table:
    table = Table("job", "came over", header_style="bold", box=None, pad_edge=False)
    for name in ("components", "whole", "in part", "left", "notes"):
        table.add_column(name, justify="right")
    table.add_column("to do", justify="right")
    table.add_column("tables", justify="right")
    table.columns[0].overflow = "fold"
    for job in jobs:
        of = job.components
        notes = of.get("note", 0) + of.get("off", 0)
        numbers = (sum(of.values()), of.get("whole", 0), of.get("partly", 0), of.get("left", 0), notes)
        cells = map(str, (*numbers, job.residues + job.settings, len(job.tables)))
        table.add_row(job.label, job.verdict, *cells, style=_COLOURS[job.verdict])
    return table


def _counts(summary: ImportSummary) -> str:
    said = {word: sum(j.verdict == word for j in summary.jobs) for word in _COLOURS}
    of = summary.components
    doing = of["whole"] + of["partly"] + of["left"]
    share = f" ({100 * of['whole'] // doing} %)" if doing else ""
    written = "written" if summary.is_written else "nothing was written"
    return (
        f"{len(summary.jobs)} jobs: {said['whole']} whole, {said['partly']} in part, {said['none']} not at all; "
        f"{len(summary.refused)} refused. {sum(of.values())} components: {of['whole']}{share} of the {doing} that do "
        f"something came over whole, {of['partly']} in part, {of['left']} are left to a person. {written.capitalize()}."
    )


def _print_residues(summary: ImportSummary) -> None:
    if not summary.residues:
        return
    table = Table("commonest residues", header_style="bold", box=None, pad_edge=False)
    table.add_column("times", justify="right")
    for reason, number in summary.residues.most_common(_MOST):
        table.add_row(reason, str(number))
    Console(markup=False, highlight=False).print(table)
