"""`fdm calendar`: the business days of a source system or a table, and what process_control has of them."""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.cli.console import WIDTH
from fdm_platform.control.control_states import control_states
from fdm_platform.control.rows import process_control_dates
from fdm_platform.defs.legacy_jobs import read_catalog
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import FdmError, ParameterError, UnknownTableError
from fdm_platform.model.calendar import EPOCH, WEEKDAYS, Calendar, expected_from
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.settings import Settings
from fdm_platform.planning.calendar import CONSEQUENCES, REMARKS, CalendarDay, calendar_day, calendar_days
from fdm_platform.planning.calendar_declaration import calendar_schema
from fdm_platform.planning.calendar_places import RulePlace, place_of
from fdm_platform.planning.catalog import Catalog

MOST_DAYS = 3_660
"""Dates that one call shows: ten years."""
_COLOURS = {"overdue": "red", "absent": "yellow", "held": "yellow", "extra": "cyan"}

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was asked for: a source system, or a table with its own calendar or its source's."""

    name: str
    entity: str
    source_system: str
    calendar: Calendar
    files: tuple[Path, ...]
    """Its calendar.yaml files, the table's own before the source's."""


@click.group()
def calendar() -> None:
    """Business days: which dates a source system or a table is expected to deliver, and by when.

    A calendar is the file calendar.yaml in the folder of a source system, or of one table.

    \b
    Examples:
      fdm calendar show gels/fpms
      fdm calendar next gels/fpms --count 5
      fdm calendar explain t_contract_master --biz-dt 2024-05-20
    """  # noqa: D301 - click wants the character, not its name


@calendar.command()
@click.argument("name", metavar="SOURCE_OR_TABLE")
@click.option(
    "--from", "first", metavar="DATE", help="Default: the first day of the month of --to, or of today."
)
@click.option("--to", "last", metavar="DATE", help="Default: the last day of the month of --from.")
@as_json_option
def show(name: str, first: str | None, last: str | None, as_json: bool) -> None:
    """Show each date: business day or why not, due time, control row (Y, N or absent).

    Times are those of the calendar's zone; in JSON, UTC.

    \b
    Examples:
      fdm calendar show gels/fpms
      fdm calendar show t_contract_master --from 2024-05-01 --to 2024-06-30
      fdm calendar show gels/fpms --json | jq '.days[] | select(.standing == "overdue") | .biz_dt'
    """  # noqa: D301 - click wants the character, not its name
    now = datetime.now(UTC)
    with open_platform() as platform:
        subject = _subject(platform.catalog, name)
        start, end = _range(subject.calendar, first, last, now)
        every = {start + timedelta(days=n) for n in range((end - start).days + 1)}
        rows, since = _rows(platform, subject, every), _since(platform, subject, now)
    found = calendar_days(subject.calendar, start, end, rows, now, since=since)
    if as_json:
        click.echo(json.dumps({**_plain_subject(subject), "days": [_plain(d) for d in found]}, indent=2))
    else:
        _print_days(subject, found)


@calendar.command("next")
@click.argument("name", metavar="SOURCE_OR_TABLE")
@click.option("--after", metavar="DATE", help="Default: today, in the calendar's zone.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many dates.")
@as_json_option
def next_dates(name: str, after: str | None, count: int, as_json: bool) -> None:
    """Print the next business dates and when they are due. Control tables are not read.

    \b
    Examples:
      fdm calendar next gels/fpms
      fdm calendar next gels/fpms --after 2024-05-08 --count 5
    """  # noqa: D301 - click wants the character, not its name
    now = datetime.now(UTC)
    subject = _subject(read_catalog(Settings.from_environ()), name)
    day: date | None = parse_biz_dt(after) if after else _today(subject.calendar, now)
    found: list[date] = []
    while len(found) < count and day and (day := subject.calendar.next(day)):
        found.append(day)
    if as_json:
        click.echo(
            json.dumps([{"biz_dt": d.isoformat(), "due_at": _iso(subject, d)} for d in found], indent=2)
        )
        return
    for d in found:
        click.echo(
            f"{d}  {WEEKDAYS[d.weekday()]:9}  due {_local(subject.calendar, subject.calendar.due_at(d))}"
        )
    if len(found) < count:
        click.echo(f"the calendar ends on {subject.calendar.end}", err=True)


@calendar.command()
@click.argument("name", metavar="SOURCE_OR_TABLE")
@click.option("--biz-dt", metavar="DATE", required=True, help="The date to explain.")
@as_json_option
def explain(name: str, biz_dt: str, as_json: bool) -> None:
    """Explain one date: business day or not, by which line of which file, due when, and what happens.

    `fdm why` tells of one table's loads of a date, too.

    \b
    Examples:
      fdm calendar explain gels/fpms --biz-dt 2024-05-20
      fdm calendar explain t_contract_master --biz-dt 2024-05-15 --json
    """  # noqa: D301 - click wants the character, not its name
    asked, now = parse_biz_dt(biz_dt), datetime.now(UTC)
    with open_platform() as platform:
        subject = _subject(platform.catalog, name)
        rows, since = _rows(platform, subject, {asked}), _since(platform, subject, now)
    day = calendar_day(subject.calendar, asked, rows[0] if rows else None, now, since)
    place = place_of(subject.files, day.verdict.rule, asked)
    if as_json:
        plain = {**_plain_subject(subject), **_plain(day), "place": to_plain(place)}
        click.echo(json.dumps({**plain, "consequence": CONSEQUENCES[day.standing]}, indent=2))
    else:
        _print_explanation(subject, day, place)


@calendar.command()
def schema() -> None:
    """Print the JSON Schema of calendar.yaml, for editors.

    \b
    Examples:
      fdm calendar schema > calendar.schema.json
    """  # noqa: D301 - click wants the character, not its name
    click.echo(json.dumps(calendar_schema(), indent=2))


def _subject(catalog: Catalog, name: str) -> Subject:
    """The source system `gels/fpms`, or else the table of this name. What is broken is raised."""
    sources = {s.key[:2]: s for s in catalog.tables.values()}
    wanted = name.strip().strip("/").lower().replace("/", "_")
    found = [key for key in sources if "_".join(key) == wanted]
    if len(found) == 1:
        spec = sources[found[0]]
        _require_sound(catalog, found[0])
        of_source = catalog.calendars.of_source(spec.entity, spec.source_system)
        shown = f"{spec.entity}/{spec.source_system}"
        return Subject(shown, spec.entity, spec.source_system, of_source, catalog.calendars.files(found[0]))
    try:
        spec = catalog.get(name)
    except UnknownTableError as error:
        known = ", ".join(sorted("/".join(key) for key in sources)) or "none"
        raise UnknownTableError(
            f"no source system and no table is called {name!r}",
            remedy=f"source systems: {known}; {error.remedy}",
        ) from None
    _require_sound(catalog, spec.key)
    files = catalog.calendars.files(spec.key)
    return Subject(spec.name, spec.entity, spec.source_system, catalog.calendars.of(spec), files)


def _require_sound(catalog: Catalog, key: tuple[str, ...]) -> None:
    errors: Sequence[FdmError] = catalog.calendars.errors(key)
    if errors:
        raise errors[0]


def _rows(platform: Platform, subject: Subject, dates: set[date]) -> list[ProcessControlRow]:
    """The control rows of these dates; a row that cannot be used is told on stderr."""
    if not subject.calendar.control_rows:
        return []
    rows, problems = control_states(platform.store, subject.entity, subject.source_system, dates)
    for problem in problems:
        click.secho(f"warning: {problem.error}", fg="yellow", err=True)
    return list(rows)


def _since(platform: Platform, subject: Subject, now: datetime) -> date:
    """From when on dates are expected."""
    found = subject.calendar
    if found.start > EPOCH or found.file is None or not found.control_rows:
        return found.start
    names = subject.entity, subject.source_system
    return expected_from(found, process_control_dates(platform.store, *names, lambda _: None), now)


def _range(found: Calendar, first: str | None, last: str | None, now: datetime) -> tuple[date, date]:
    """The dates asked for; the current month by default."""
    given = first or last
    month = parse_biz_dt(given) if given else _today(found, now)
    start = parse_biz_dt(first) if first else month.replace(day=1)
    end = parse_biz_dt(last) if last else month.replace(day=monthrange(month.year, month.month)[1])
    if end < start:
        raise ParameterError(f"{end} is before {start}", field="--to", remedy="swap --from and --to")
    if (end - start).days >= MOST_DAYS:
        raise ParameterError(
            f"{start} to {end} are {(end - start).days + 1:,} dates",
            field="--to",
            remedy=f"ask for at most {MOST_DAYS:,} at once",
        )
    return start, end


def _today(found: Calendar, now: datetime) -> date:
    return now.astimezone(found.zone).date()


def _local(found: Calendar, at: datetime) -> str:
    """A time in the calendar's zone; the end of time has none."""
    try:
        return f"{at.astimezone(found.zone):%Y-%m-%d %H:%M %Z}"
    except OverflowError:
        return "never"


def _iso(subject: Subject, day: date) -> str:
    return subject.calendar.due_at(day).isoformat()


def _plain_subject(subject: Subject) -> dict[str, Any]:
    zone, files = subject.calendar.timezone, [str(file) for file in subject.files]
    return {"name": subject.name, "timezone": zone, "files": files}


def _plain(day: CalendarDay) -> dict[str, Any]:
    return {
        "biz_dt": day.biz_dt.isoformat(),
        "day": WEEKDAYS[day.biz_dt.weekday()],
        "is_business_day": day.verdict.is_business_day,
        "rule": day.verdict.rule,
        "why": day.verdict.text,
        "due_at": to_plain(day.due_at),
        "run_indicator": day.run_indicator,
        "standing": day.standing,
    }


def _print_days(subject: Subject, days: Sequence[CalendarDay]) -> None:
    click.echo(f"{subject.name}: {_origin(subject)}")
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("biz_dt", "day", "business day", "due", "control row", ""):
        grid.add_column(heading, no_wrap=True)
    for day in days:
        due = _local(subject.calendar, day.due_at) if day.due_at else ""
        is_one, text = day.verdict.is_business_day, day.verdict.text
        cells = (str(day.biz_dt), WEEKDAYS[day.biz_dt.weekday()], f"{'yes' if is_one else 'no'}: {text}", due)
        row = _control_row(subject, day)
        grid.add_row(*map(Text, (*cells, row, REMARKS[day.standing])), style=_COLOURS.get(day.standing, ""))
    Console(width=max(Console().width, WIDTH + 40)).print(grid)
    overdue = sum(day.standing == "overdue" for day in days)
    click.echo(f"{sum(d.verdict.is_business_day for d in days)} business days, {overdue} overdue")


def _control_row(subject: Subject, day: CalendarDay) -> str:
    if not subject.calendar.control_rows:
        return ""
    return day.run_indicator or "absent"


def _origin(subject: Subject) -> str:
    if not subject.files:
        return "no calendar.yaml, so that no date is expected; Monday to Friday, UTC"
    return f"{', '.join(map(_short, subject.files))}; times of {subject.calendar.timezone}"


def _print_explanation(subject: Subject, day: CalendarDay, place: RulePlace | None) -> None:
    found, verdict = subject.calendar, day.verdict
    where = (
        f"{_short(Path(place.file))}:{place.line}, {place.field}" if place else f"default of {verdict.rule}"
    )
    before, after = found.previous(day.biz_dt), found.next(day.biz_dt)
    lines = {
        "business day": f"{'yes' if verdict.is_business_day else 'no'}: {verdict.text} ({where})",
        "due": _local(found, day.due_at) if day.due_at else "never: it is no business day",
        "neighbours": f"{before or 'none'} before, {after or 'none'} after",
        "control row": _row_in_words(subject, day),
        "what happens": CONSEQUENCES[day.standing],
    }
    click.secho(f"{subject.name}, {WEEKDAYS[day.biz_dt.weekday()]} {day.biz_dt}", bold=True)
    for title, text in lines.items():
        click.echo(f"  {title:13} {text}")


def _row_in_words(subject: Subject, day: CalendarDay) -> str:
    if not subject.calendar.control_rows:
        return f"not needed: control_rows is false; schedule {subject.calendar.schedule or 'none'}"
    if day.run_indicator is None:
        late = f": {REMARKS[day.standing]}" if REMARKS[day.standing] else ""
        return f"absent{late}"
    return f"there, run_indicator {day.run_indicator}"


def _short(file: Path) -> str:
    """Shortened where it is below the working folder."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
