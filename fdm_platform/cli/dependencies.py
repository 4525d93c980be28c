"""`fdm dependencies`: which table waits for which, for which dates, by whose word, and what is wrong with that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from fdm_platform.control.dependencies import refresh
from fdm_platform.defs.platform import open_platform
from fdm_platform.errors import ControlError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.dependency import Dependency
from fdm_platform.planning.job_dependency import Dependencies

Next = Callable[[str], Sequence[tuple[str, Dependency]]]
"""The names on the other side of a table, and by which dependencies."""


@click.command("dependencies")
@click.argument("table", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def show_dependencies(context: click.Context, table: str | None, as_json: bool) -> None:
    """Show which tables wait for which: by their SQL, and by job_dependency.

    Checks job_dependency (jobs that do not exist, cycles, dependency_level) and brings what Dagster knows
    of it up to date. Exit code 3 when a row is wrong; the tables themselves go on.

    \b
    Examples:
      fdm dependencies                       all tables, from parents to children
      fdm dependencies t_contract_summary    what it waits for, and what waits for it
      fdm dependencies --json | jq '.findings'
    """  # noqa: D301 - click marks a block with the character itself
    with open_platform() as platform:
        name = platform.find(table).name if table else None
        is_changed = refresh(platform.store, platform.settings.home)
        found = platform.dependencies
        names = list(platform.catalog.tables)
    if as_json:
        click.echo(json.dumps({**_plain(found, name), "is_changed": is_changed}, indent=2))
    else:
        _print(found, name, names)
        if is_changed:
            click.echo("job_dependency has changed: reload the code location in the UI to see it there")
    context.exit(ControlError.exit_code if found.findings else 0)


def _plain(found: Dependencies, name: str | None) -> dict[str, Any]:
    """Of one table, or of all."""
    groups = {"dependencies": found.of, "told_twice": found.told_twice, "jobs": found.jobs}
    chosen = {
        group: [to_plain(d) for of in by_child.values() for d in of if name in (None, d.child, d.parent)]
        for group, by_child in groups.items()
    }
    findings = [{"error": type(e).__name__, **e.to_json()} for e in found.findings]
    return {**chosen, "findings": findings}


def _print(found: Dependencies, name: str | None, names: Sequence[str]) -> None:
    for line in _of_one(found, name) if name else _of_all(found, names):
        click.echo(line)
    for error in found.findings:
        headline, _, rest = str(error).partition("\n")
        click.secho(headline, fg="red")
        click.echo(rest)


def _of_one(found: Dependencies, name: str) -> Iterator[str]:
    for title, following in (("waits for", _parents(found)), ("is waited for by", _children(found))):
        yield f"{name} {title}"
        yield from list(_below(name, following, set(), 1)) or ["  nothing"]


def _of_all(found: Dependencies, names: Sequence[str]) -> Iterator[str]:
    """From the tables without parents down to their children."""
    children, seen = _children(found), set[str]()
    for root in (n for n in names if not found.of.get(n) and children(n)):
        yield root
        yield from _below(root, children, seen, 1)
    jobs = [d for of in found.jobs.values() for d in of]
    if jobs:
        yield "jobs without a declared table, which are not waited for"
        yield from (f"  {job.parent}  before {job.child}, by {job.origin}" for job in jobs)
    alone = sum(1 for n in names if not found.of.get(n) and not children(n))
    if alone:
        yield f"tables without parents and children: {alone}"


def _parents(found: Dependencies) -> Next:
    def of(name: str) -> list[tuple[str, Dependency]]:
        known = (*found.of.get(name, ()), *found.told_twice.get(name, ()), *found.jobs.get(name, ()))
        return [(d.parent, d) for d in known]

    return of


def _children(found: Dependencies) -> Next:
    by_parent: dict[str, list[tuple[str, Dependency]]] = {}
    for group in (found.of, found.told_twice):
        for of in group.values():
            for dependency in of:
                by_parent.setdefault(dependency.parent, []).append((dependency.child, dependency))
    return lambda name: by_parent.get(name, ())


def _below(name: str, following: Next, seen: set[str], depth: int) -> Iterator[str]:
    """What follows a table, a line each; what was unfolded already is not unfolded again."""
    by_name: dict[str, list[Dependency]] = {}
    for other, dependency in following(name):
        by_name.setdefault(other, []).append(dependency)
    for other, of in by_name.items():
        how = ", ".join(f"{d.dates} by {d.origin}" for d in of)
        is_known = other in seen and bool(following(other))
        seen.add(other)
        yield f"{'  ' * depth}{other}  {how}" + ("  (see above)" if is_known else "")
        if not is_known:
            yield from _below(other, following, seen, depth + 1)
