"""`fdm why`: one screen on one business date."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.defs.why import read_evidence
from fdm_platform.model.codec import to_plain
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.evidence import DagsterFacts, Evidence, ParentDate, RunOfDate
from fdm_platform.planning.explanation import Explanation, explain, moment

_TITLE_WIDTH = 14
_MOST_VERSIONS = 5
_MOST_REQUESTS = 5
_MOST_LOG = 5
"""Lines of a dead letter's log; `fdm dead-letters TABLE --json` tells all."""
_COLOURS = {"published": "green", "failed": "red", "overdue": "red", "broken": "red", "running": "cyan"}


@click.command()
@click.argument("table")
@click.option("--biz-dt", "biz_dt", metavar="DATE", required=True, help="The business date to explain.")
@click.option("--no-dagster", is_flag=True, help="Do not ask Dagster: seconds faster.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why(*, table: str, biz_dt: str, no_dagster: bool, as_json: bool) -> None:
    """Explain why a business date of TABLE was loaded, was not, or waits; and what to do.

    Evidence is told with its times, in UTC: control row, calendar, parents, the sensor's requests, attempts,
    published versions, and Dagster's runs, sensor and pool.

    \b
    Examples:
      fdm why t_contract_master --biz-dt 2024-05-15
      fdm why gels/fpms/t_contract_summary --biz-dt 2024-05-15 --no-dagster
      fdm why t_contract_master --biz-dt 2024-05-15 --json | jq -r .verdict
    """  # noqa: D301 - click wants the backspace itself
    day = parse_biz_dt(biz_dt)
    with open_platform() as platform:
        spec = platform.find(table)
        evidence = read_evidence(platform, spec, day)
        if not no_dagster:
            evidence = replace(evidence, dagster=_dagster(platform, spec, evidence))
    explanation = explain(evidence)
    if as_json:
        plain = {**to_plain(explanation), "evidence": to_plain(evidence)}
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        _print(evidence, explanation)


def _dagster(platform: Platform, spec: TableSpec, evidence: Evidence) -> DagsterFacts | None:
    """What Dagster knows, where it has run at all."""
    if not Path(platform.settings.child_environ["FDM_DAGSTER_STORAGE"]).is_dir():
        return None
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.run_evidence import read_dagster  # noqa: PLC0415

    with open_instance(platform.settings) as instance:
        return read_dagster(instance, platform, spec, evidence)


def _print(e: Evidence, explanation: Explanation) -> None:
    click.echo(
        f"{click.style(f'{e.table} {e.biz_dt}', bold=True)}: "
        f"{click.style(explanation.state, fg=_COLOURS.get(explanation.state, 'yellow'), bold=True)}"
    )
    click.echo(f"  {explanation.verdict}\n")
    for title, lines in _sections(e):
        for at, line in enumerate(lines):
            click.echo(f"{(title if at == 0 else ''):<{_TITLE_WIDTH}}{line}")
    click.echo(f"\nWhat to do: {explanation.todo}.")


def _sections(e: Evidence) -> Iterator[tuple[str, Sequence[str]]]:
    """What was found, each with its title."""
    yield "control row", [_control_row(e)]
    yield "calendar", [_calendar(e)]
    yield "parents", [_parent(p) for p in e.parents] or ["none"]
    yield "requests", _requests(e) or ["none"]
    yield "attempts", list(_attempts(e)) or ["none"]
    if e.dead_letter:
        yield "dead letter", _dead_letter(e.dead_letter)
    yield "versions", list(_versions(e)) or ["none"]
    yield "dagster", list(_dagster_lines(e)) if e.dagster else ["not asked, or it never ran here"]
    yield "read at", [moment(e.at)]


def _control_row(e: Evidence) -> str:
    row = e.row
    if row is None:
        near = ", ".join(map(str, e.nearest))
        return "none" + (f"; the nearest dates with one: {near}" if near else "")
    reprocess = f", reprocess_dt {row.reprocess_dt}" if row.reprocess_dt else ""
    return f"run_indicator {row.run_indicator or 'absent'}, changed {moment(row.last_update_ts)}{reprocess}"


def _calendar(e: Evidence) -> str:
    c = e.calendar
    due = f", due {moment(c.due_at)}" if c.due_at and c.is_declared else ""
    declared = f" ({c.file})" if c.is_declared else " (the default: no calendar.yaml)"
    return f"{c.why}{due}{declared}"


def _parent(p: ParentDate) -> str:
    if p.biz_dt is None:
        return f"{p.table}, {p.rule}: no such date ({p.origin})"
    version = f"version {p.version} of {moment(p.published_at)}" if p.version else "not published"
    read = f", version {p.version_read} was read" if p.version_read else ""
    state = f"{p.status.state}: {p.status.reason}".removesuffix(": ") if p.status else "no control row"
    return f"{p.table} {p.biz_dt}, {p.rule}: {version}{read}; {state} ({p.origin})"


def _requests(e: Evidence) -> list[str]:
    return [
        f"{moment(r.requested_at)}  {r.run_key}, for the control row of {r.control_version.rstrip('/')}"
        for r in e.requests[::-1][:_MOST_REQUESTS]
    ]


def _dead_letter(letter: DeadLetter) -> list[str]:
    log = (letter.log_tail or "").splitlines()[-_MOST_LOG:]
    return [f"{moment(letter.parked_at)}  {letter.reason}, load {letter.load_id}", *(f"  {x}" for x in log)]


def _attempts(e: Evidence) -> Iterator[str]:
    for a in e.attempts:
        asked = f", {a.asked_by}" if a.asked_by else ""
        spark = f", {a.spark_app_id}" if a.spark_app_id else ""
        end = f" … {a.end_time:%H:%M:%S}" if a.end_time else ""
        yield f"{a.start_time:%Y-%m-%d %H:%M:%S}{end}  {a.status}{asked}, load {a.load_id}{spark}"


def _versions(e: Evidence) -> Iterator[str]:
    for v in e.versions[:_MOST_VERSIONS]:
        row = v.control_version.rstrip("/")
        yield f"{v.version}  {moment(v.published_at)}, load {v.load_id}, from the control row of {row}"
    if len(e.versions) > _MOST_VERSIONS:
        yield f"and {len(e.versions) - _MOST_VERSIONS} older"


def _dagster_lines(e: Evidence) -> Iterable[str]:
    d = e.dagster
    if d is None:
        return
    yield from (_run(r) for r in d.runs)
    sensor = {True: "running", False: "stopped", None: "never seen"}[d.sensor.is_running]
    tick = (
        f", last tick {moment(d.sensor.last_tick_at)} {d.sensor.last_tick}" if d.sensor.last_tick_at else ""
    )
    words = f": {d.sensor.words}" if d.sensor.words else ""
    yield f"{d.sensor.name} is {sensor}{tick}{words}"
    yield f"pool {d.pool.name}: {d.pool.in_use} of {'any number' if d.pool.slots is None else d.pool.slots} in use"
    alive = "alive" if d.is_daemon_alive else "not there"
    seen = f", last seen {moment(d.daemon_seen_at)}" if d.daemon_seen_at else ", never seen"
    yield f"daemon {alive}{seen}"


def _run(r: RunOfDate) -> str:
    place = f", place {r.position} of {r.queue_length} in the queue" if r.position else ""
    started = f", started {moment(r.started_at)}" if r.started_at else ""
    ended = f", ended {moment(r.ended_at)}" if r.ended_at else ""
    return f"run {r.run_id} {r.status}, created {moment(r.created_at)}{started}{ended}, priority {r.priority}{place}"
