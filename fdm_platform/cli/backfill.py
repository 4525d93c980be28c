"""`fdm backfill`: many dates of a table in few submits, chosen by what is missing, stale or failed."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from datetime import date

import click

from fdm_platform.cli.console import human_bytes, print_published, ranges_text
from fdm_platform.cli.load import Asked, load_dates
from fdm_platform.defs.backfill import BackfillPlan, plan_backfill
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import ParameterError
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.backfill import Choice, per_submit

LEAST_PRIORITY = "-10"
"""Of a backfill's runs in Dagster's queue: behind what is due today."""


@click.command()
@click.argument("table")
@click.option("--from", "first", metavar="DATE", help="First business date of a range.")
@click.option("--to", "last", metavar="DATE", help="Last business date of a range.")
@click.option("--dates", "named", metavar="DATE,DATE", help="These business dates.")
@click.option("--all-missing", "is_missing", is_flag=True, help="Dates that were never published.")
@click.option(
    "--stale", "is_stale", is_flag=True, help="Dates whose control row, SQL, parameters or parents changed."
)
@click.option("--failed", "is_failed", is_flag=True, help="Dates whose newest load failed.")
@click.option("--plan", "is_plan", is_flag=True, help="Print what it would do. Runs nothing.")
@click.option(
    "--dates-per-run",
    type=click.IntRange(min=1),
    help="Dates that share a submit. Default: the table's dates_per_run.",
)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask before it begins.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what was published, as JSON.")
def backfill(
    *,
    table: str,
    first: str | None,
    last: str | None,
    named: str | None,
    is_missing: bool,
    is_stale: bool,
    is_failed: bool,
    is_plan: bool,
    dates_per_run: int | None,
    is_sure: bool,
    as_json: bool,
) -> None:
    """Load many business dates of TABLE in few submits, as runs in Dagster.

    Each date is published by itself: when some fail the others are live, the command exits with the code
    of the first failure, and `--failed` loads those that failed again. A range narrows --all-missing,
    --stale and --failed down; without them it is all its dates that are not on hold.

    \b
    Examples:
      fdm backfill t_contract_master --from 2024-01-01 --to 2024-03-31 --plan
      fdm backfill t_contract_master --from 2024-01-01 --to 2024-03-31
      fdm backfill t_contract_master --dates 2024-05-13,2024-05-15
      fdm backfill gels/fpms/t_contract_master --all-missing --dates-per-run 60 --yes
      fdm backfill t_contract_master --failed
    """  # noqa: D301 - click wants the backspace itself
    choice = _choice(
        first=first, last=last, named=named, is_missing=is_missing, is_stale=is_stale, is_failed=is_failed
    )
    with open_platform() as platform:
        spec = platform.find(table)
        per_run = per_submit(spec, dates_per_run)
        planned = plan_backfill(platform, spec, choice, per_run)
        if is_plan and as_json:
            click.echo(json.dumps(planned.to_json(), indent=2))
            return
        click.echo(plan_text(planned), err=not is_plan)
        if is_plan:
            return
        if planned.reasons and not is_sure and sys.stdin.isatty():
            click.confirm("Load them?", abort=True, err=True)
        _run(platform, spec, sorted(planned.reasons), per_run, as_json)


def _choice(
    *,
    first: str | None,
    last: str | None,
    named: str | None,
    is_missing: bool,
    is_stale: bool,
    is_failed: bool,
) -> Choice:
    """The options, as far as they go together."""
    dates = tuple(parse_biz_dt(text.strip()) for text in named.split(",")) if named else ()
    low = parse_biz_dt(first) if first else date.min
    high = parse_biz_dt(last) if last else date.max
    choice = Choice(dates, low, high, is_missing, is_stale, is_failed)
    if low > high:
        raise ParameterError(f"--from {low} is after --to {high}", field="--from", remedy="swap the two")
    if dates and (first or last or choice.by_state):
        raise ParameterError(
            "--dates names the dates, so nothing else can choose them",
            field="--dates",
            remedy="leave out --dates, or --from, --to, --all-missing, --stale and --failed",
        )
    if not (dates or first or last or choice.by_state):
        raise ParameterError(
            "no business date is chosen",
            field="--from",
            remedy="add --from and --to, or --dates, --all-missing, --stale or --failed",
        )
    return choice


def _run(platform: Platform, spec: TableSpec, dates: Sequence[date], per_run: int, as_json: bool) -> None:
    tags = {"dagster/priority": LEAST_PRIORITY, "fdm/backfill": uuid.uuid4().hex[:8]}
    asked = Asked("backfill", tags, is_always_run=True)
    loaded = load_dates(platform, spec, dates, per_run, asked)
    if as_json:
        click.echo(json.dumps(loaded.to_json(), indent=2))
    elif loaded.published:
        print_published(loaded.published)
    if loaded.failed:
        rest = "the others are live" if loaded.published else "none is new"
        text = f"{len(loaded.failed)} of {_count(len(dates), 'date')} failed, {rest}"
        click.secho(f"{text}: `fdm backfill {spec.name} --failed` loads those again", fg="red", err=True)
    loaded.require_all()


def plan_text(plan: BackfillPlan) -> str:
    """The plan for people."""
    if not plan.reasons:
        return f"{plan.table}: no date to load"
    lines = [f"{plan.table}: {_count(len(plan.reasons), 'date')} into {plan.target}", ""]
    lines += [f"  {reason}: {ranges_text(dates, plan.known)}" for reason, dates in _by_reason(plan).items()]
    if plan.refused:
        lines += ["", f"{_count(len(plan.refused), 'date')} cannot be loaded as things are:"]
        lines += [f"  {o.biz_dt}  {o.failure.headline}" for o in plan.refused if o.failure]
    if plan.running:
        lines += [
            "",
            "loads of this table have begun and have not ended; of two loads of a date the second fails:",
        ]
        lines += [
            f"  {a.biz_dt}  since {a.start_time:%Y-%m-%d %H:%M:%S %Z}, {a.load_id}" for a in plan.running
        ]
    return "\n".join([*lines, "", *_cost_lines(plan)])


def _cost_lines(plan: BackfillPlan) -> list[str]:
    submits = ", ".join(str(len(dates)) for dates in plan.submits)
    reads = "unknown: its script says what" if plan.input_bytes is None else human_bytes(plan.input_bytes)
    lines = [f"submits  {len(plan.submits)} of spark-submit ({submits} dates)", f"reads    {reads}"]
    if plan.estimate is None or plan.output_bytes is None:
        return [*lines, "takes    unknown: no past load"]
    past = _count(plan.estimate.loads, "past load")
    return [
        *lines,
        f"writes   about {human_bytes(plan.output_bytes)}",
        f"takes    about {plan.estimate.seconds / 60:.1f} minutes, by {past}",
    ]


def _by_reason(plan: BackfillPlan) -> dict[str, list[date]]:
    found: dict[str, list[date]] = {}
    for biz_dt, reason in sorted(plan.reasons.items()):
        found.setdefault(reason, []).append(biz_dt)
    return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
