"""`fdm status`: what is published of each table, and what needs attention."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.cli.console import WIDTH, ranges_text
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.defs.recovery import dead_loads
from fdm_platform.defs.status import Statuses, TableReport
from fdm_platform.errors import ParameterError
from fdm_platform.model.breaker import Breaker
from fdm_platform.model.claim import LoadRow
from fdm_platform.model.codec import to_plain
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.breaker import scopes_of
from fdm_platform.planning.status import QUIET, STATES, DateStatus, State, TableStatus

ALARM_EXIT = 3
"""Exit code of `--check` where something failed or is overdue."""
MANY_TABLES = 20
"""From here on, progress is told."""
MOST_GROUPS = 40
"""Groups of dates that are printed of one table."""
_ALWAYS: tuple[State, ...] = ("published", "stale", "missing", "failed")
_COLOURS = {
    "failed": "red",
    "overdue": "red",
    "broken": "red",
    "stale": "yellow",
    "missing": "yellow",
    "running": "cyan",
}


@click.command()
@click.argument("table", required=False)
@click.option("--entity", metavar="E", help="Tables of this entity only.")
@click.option("--source-system", metavar="S", help="Tables of this source system only.")
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Dates in this state; may be repeated.",
)
@click.option("--check", is_flag=True, help="Exit with 3 when a date failed or is overdue: for monitoring.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, an object for each table.")
def status(
    *,
    table: str | None,
    entity: str | None,
    source_system: str | None,
    states: tuple[State, ...],
    check: bool,
    as_json: bool,
) -> None:
    """Print what is published of the tables, and what is missing, failed, stale or on hold.

    Without TABLE, how many dates of each table are in each state. With TABLE or --state, which dates those
    are, and why. `fdm why` explains one of them.

    \b
    Examples:
      fdm status
      fdm status t_contract_master
      fdm status --entity GELS --state failed --state overdue
      fdm status --check --json > status.json || echo "somebody has to look"
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        specs = _chosen(platform, table, entity, source_system)
        is_overview = not (table or states or as_json)
        read = _read(Statuses(platform, specs))
        reports = sorted((r.summary if is_overview else r for r in read), key=lambda r: r.spec.name)
        breakers = platform.breakers.not_closed()
        dead = [] if as_json else dead_loads(platform)
    if not as_json:
        _print_breakers(breakers, specs)
        _print_dead(dead)
        _print_parked(reports)
    if as_json:
        click.echo(json.dumps([_plain(r, states, breakers) for r in reports], indent=2))
    elif is_overview:
        _print_counts(reports)
    else:
        _print_dates(reports, states)
    _print_errors(reports, as_json=as_json)
    if any(r.status is None for r in reports):
        sys.exit(next(e.exit_code for r in reports if r.status is None for e in r.errors))
    if check and any(r.status and r.status.is_alarming for r in reports):
        sys.exit(ALARM_EXIT)


def _chosen(
    platform: Platform, table: str | None, entity: str | None, source_system: str | None
) -> list[TableSpec]:
    specs = [platform.find(table)] if table else list(platform.catalog.tables.values())
    wanted = [(0, entity), (1, source_system)]
    found = [s for s in specs if all(name is None or s.key[at] == name.lower() for at, name in wanted)]
    if found or not specs:
        return found
    of = "/".join(name for _, name in wanted if name)
    raise ParameterError(
        f"no declared table is of {of}",
        field="--entity" if entity else "--source-system",
        remedy="`fdm list` lists the tables",
    )


def _read(statuses: Statuses) -> Iterator[TableReport]:
    """The reports; progress on stderr where there are many and somebody looks."""
    reports, count = statuses.reports(), len(statuses.specs)
    if count < MANY_TABLES:
        yield from reports
        return
    with click.progressbar(reports, length=count, label="reading", file=sys.stderr) as bar:
        yield from bar


def _print_breakers(breakers: Sequence[Breaker], specs: Sequence[TableSpec]) -> None:
    """Those that keep dates of the tables waiting: before all else, since it may explain the rest."""
    concerned = {scope for spec in specs for scope in scopes_of(spec)}
    for breaker in breakers:
        if (breaker.scope, breaker.name) in concerned:
            click.secho(breaker.reason, fg="yellow")


def _print_dead(dead: Sequence[LoadRow]) -> None:
    """Loads whose process died and that nobody has put in order yet."""
    if dead:
        tables = ", ".join(sorted({row.table_name for row in dead}))
        click.secho(
            f"{len(dead)} {'load' if len(dead) == 1 else 'loads'} of {tables} died: `fdm recover` puts in order what "
            "is left, as the daemon does every minute",
            fg="yellow",
        )


def _print_parked(reports: Sequence[TableReport]) -> None:
    """Dates that wait for somebody."""
    parked = {r.spec.name: r.status.parked for r in reports if r.status and r.status.parked}
    if count := sum(parked.values()):
        dates = "1 date" if count == 1 else f"{count:,} dates"
        tables = next(iter(parked)) if len(parked) == 1 else f"{len(parked)} tables"
        told = "failed for good: `fdm dead-letters` tells why, `fdm retry` loads again"
        click.secho(f"{dates} of {tables} {told}", fg="yellow")


def _print_counts(reports: Sequence[TableReport]) -> None:
    found = [r.status for r in reports if r.status]
    occurring = {state for s in found for state in s.counts}
    states = [s for s in STATES if s in _ALWAYS or s in occurring]
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    grid.add_column("table", no_wrap=True)
    grid.add_column("last published", no_wrap=True)
    for state in states:
        grid.add_column(state, no_wrap=True, justify="right")
    grid.add_column("next expected", no_wrap=True)
    for s in found:
        counts = [_count(s, state) for state in states]
        grid.add_row(s.table, str(s.last_published or "never"), *counts, _next(s))
    _print(grid)


def _count(status: TableStatus, state: State) -> Text:
    count = status.counts.get(state, 0)
    return Text(f"{count:,}" if count else "-", _COLOURS.get(state, "") if count else "dim")


def _next(status: TableStatus) -> str:
    following = status.next_expected
    return f"{following.biz_dt} due {following.due_at:%Y-%m-%d %H:%M} UTC" if following else ""


def _print_dates(reports: Sequence[TableReport], states: Sequence[State]) -> None:
    wanted = states or [s for s in STATES if s not in QUIET]
    for report in reports:
        found = report.status
        groups = found.in_states(wanted) if found else {}
        if found is None or (states and len(reports) > 1 and not groups):
            continue
        click.secho(f"{found.table}  {_summary(found)}", bold=True)
        _print_groups(groups, list(found.dates))
        if not groups:
            click.echo("  no date is " + (" or ".join(states) if states else "in need of attention"))


def _summary(status: TableStatus) -> str:
    counts = ", ".join(f"{count:,} {state}" for state, count in status.counts.items())
    following = f"; next expected {_next(status)}" if status.next_expected else ""
    return f"last published {status.last_published or 'never'}; {counts or 'no dates'}{following}"


def _print_groups(groups: Mapping[DateStatus, Sequence[date]], known: Sequence[date]) -> None:
    """A state, its dates as ranges, and why."""
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    grid.add_column(overflow="fold", ratio=1)
    for status, dates in list(groups.items())[:MOST_GROUPS]:
        state = Text(f"  {status.state}", _COLOURS.get(status.state, ""))
        grid.add_row(state, ranges_text(dates, known), Text(status.reason))
    _print(grid)
    if len(groups) > MOST_GROUPS:
        click.echo(f"  and {len(groups) - MOST_GROUPS} more groups: --state chooses, --json tells all")


def _print(grid: Table) -> None:
    """As wide as it is: nothing is cut, and what is folded has WIDTH at least."""
    console = Console()
    Console(width=max(console.width, WIDTH, console.measure(grid).minimum)).print(grid)


def _print_errors(reports: Sequence[TableReport], *, as_json: bool) -> None:
    """Each once, with the tables that it concerns: one row of process_control may concern many."""
    tables: dict[str, list[str]] = {}
    for report in reports:
        for error in report.errors:
            tables.setdefault(str(error), []).append(report.spec.name)
    for text, names in tables.items() if not as_json else ():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
        click.secho(f"{shown}: {text}", fg="red", err=True)


def _plain(report: TableReport, states: Sequence[State], breakers: Sequence[Breaker]) -> dict[str, Any]:
    found = report.status
    errors = [{"error": type(e).__name__, **e.to_json()} for e in report.errors]
    plain: dict[str, Any] = {"table": report.spec.name, "errors": errors}
    plain["breakers"] = [to_plain(b) for b in breakers if (b.scope, b.name) in scopes_of(report.spec)]
    if found is None:
        return plain
    wanted = states or [s for s in STATES if s not in QUIET]
    following = found.next_expected
    return plain | {
        "last_published": _text(found.last_published),
        "next_expected": following
        and {"biz_dt": str(following.biz_dt), "due_at": following.due_at.isoformat()},
        "is_alarming": found.is_alarming,
        "parked": found.parked,
        "counts": {state: found.counts.get(state, 0) for state in STATES},
        "dates": [
            {"biz_dt": str(d), "state": s.state, "reason": s.reason}
            for d, s in found.dates.items()
            if s.state in wanted
        ],
    }


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
