"""calendar.yaml: the calendar of a source system, in its folder, or of one table, in the table's folder.

A table's calendar has its source's keys where it does not say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from fdm_platform.errors import DeclarationError
from fdm_platform.model.calendar import Calendar
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.calendar_declaration import CalendarDeclaration, HolidayDeclaration
from fdm_platform.planning.document import Place, read_document
from fdm_platform.planning.findings import Findings
from fdm_platform.planning.names import suggest

CALENDAR_FILE = "calendar.yaml"
_CUTOFF = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_CRON_FIELD = re.compile(r"(\*|(?P<first>\d{1,2})(-(?P<last>\d{1,2}))?)(/(?P<step>[1-9]?\d))?")
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_DEFAULT = Calendar()


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendars below the SQL root, by folder: `entity/source` and `entity/source/table` in lower case."""

    by_folder: Mapping[tuple[str, ...], Calendar] = field(default_factory=dict)

    def of(self, spec: TableSpec) -> Calendar:
        """The table's calendar: its own, else its source's, else Monday to Friday in UTC."""
        return self.by_folder.get(spec.key) or self.of_source(spec.entity, spec.source_system)

    def of_source(self, entity: str, source_system: str) -> Calendar:
        """The source system's calendar, else Monday to Friday in UTC."""
        return self.by_folder.get((entity.lower(), source_system.lower()), _DEFAULT)


def read_calendars(sql_root: Path, files: Iterable[Path]) -> tuple[Calendars, list[DeclarationError]]:
    """The calendars of these files, those of sources first; a broken one is left out, with its errors."""
    found: dict[tuple[str, ...], Calendar] = {}
    errors: list[DeclarationError] = []
    for file in sorted(files, key=lambda f: len(f.parts)):
        folder = tuple(part.lower() for part in file.parent.relative_to(sql_root).parts)
        calendar, wrong = read_calendar(file, found.get(folder[:2], _DEFAULT))
        errors += wrong
        if calendar:
            found[folder] = calendar
    return Calendars(found), errors


def read_calendar(file: Path, base: Calendar = _DEFAULT) -> tuple[Calendar | None, list[DeclarationError]]:
    """One calendar.yaml on top of another calendar; None with all that is wrong with it."""
    try:
        document = read_document(file)
    except DeclarationError as error:
        return None, [error]
    findings = Findings(document, CalendarDeclaration)
    try:
        declared = CalendarDeclaration.model_validate(document.value)
    except ValidationError as error:
        findings.add_validation(error)
        return None, findings.errors
    values = _Values(declared, findings).read()
    return (None, findings.errors) if findings.errors else (_on_top(base, values, str(file)), [])


def _on_top(base: Calendar, values: Mapping[str, Any], file: str) -> Calendar:
    own = {name: getattr(base, name) for name in CalendarDeclaration.model_fields}
    return Calendar(**{**own, **values, "file": file})


@dataclass(slots=True)
class _Values:
    """The declared keys as a Calendar has them; what is wrong goes to the findings."""

    declared: CalendarDeclaration
    findings: Findings

    def read(self) -> dict[str, Any]:
        given = {name: getattr(self.declared, name) for name in self.declared.model_fields_set}
        readers: dict[str, Callable[[Any], Any]] = {
            "timezone": self._timezone,
            "weekend": tuple,
            "holidays": self._holidays,
            "extra_days": self._extra_days,
            "cutoff": self._cutoff,
            "start": lambda text: self._date(text, ("start",)),
            "end": lambda text: self._date(text, ("end",)),
            "schedule": self._schedule,
        }
        values = {name: readers.get(name, lambda v: v)(value) for name, value in given.items()}
        self._check_together(values)
        return {name: value for name, value in values.items() if value is not None or name == "cutoff"}

    def _timezone(self, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            from zoneinfo import available_timezones  # noqa: PLC0415 - a slow look at the disk

            self._wrong(("timezone",), f"unknown time zone {name!r}", suggest(name, available_timezones()))
        return name

    def _holidays(self, declared: list[HolidayDeclaration]) -> dict[date, str]:
        found: dict[date, str] = {}
        for at, entry in enumerate(declared):
            day = self._date(entry.date, ("holidays", at))
            if day in found:
                self._wrong(("holidays", at), f"{day} is a holiday twice", "remove one of them")
            elif day:
                found[day] = entry.name
        return found

    def _extra_days(self, declared: list[str]) -> frozenset[date]:
        days = [self._date(text, ("extra_days", at)) for at, text in enumerate(declared)]
        return frozenset(day for day in days if day)

    def _cutoff(self, text: str | None) -> time | None:
        match = _CUTOFF.fullmatch(text or "")
        if text is not None and match is None:
            self._wrong(("cutoff",), f"{text!r} is no time of day", 'write it as "18:00", in quotes')
        return time(int(match[1]), int(match[2])) if match else None

    def _schedule(self, text: str | None) -> str | None:
        if text is not None and not is_cron(text):
            self._wrong(
                ("schedule",),
                f"{text!r} is no cron expression",
                'write minute, hour, day, month and weekday, e.g. "30 6 * * *"',
            )
        return text

    def _date(self, text: str | None, place: Place) -> date | None:
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self._wrong(place, f"{text!r} is no date", "write it as 2024-12-26")
            return None

    def _check_together(self, values: Mapping[str, Any]) -> None:
        start, end = values.get("start"), values.get("end")
        if start and end and start > end:
            self._wrong(("end",), f"end {end} is before start {start}", "swap the two")
        for day in sorted(set(values.get("holidays") or ()) & set(values.get("extra_days") or ())):
            self._wrong(
                ("extra_days",), f"{day} is a holiday and an extra day", "remove it from one of the lists"
            )
        if not values.get("control_rows", True) and not start:
            self._wrong(
                ("control_rows",),
                "a calendar that stands for process_control needs a start",
                "add start: the first date that there is data of",
            )
        if values.get("schedule") and values.get("control_rows", True):
            self._wrong(
                ("schedule",),
                "a source with control rows is loaded when they change, not by times",
                "remove schedule, or set control_rows: false",
            )

    def _wrong(self, place: Place, message: str, remedy: str) -> None:
        self.findings.add(place, message, remedy)


def is_cron(text: str) -> bool:
    """Five fields of numbers, `*`, ranges, lists and steps, as cron has them."""
    fields = text.split()
    return len(fields) == len(_CRON_FIELDS) and all(
        _is_cron_field(part, low, high)
        for field_, (low, high) in zip(fields, _CRON_FIELDS, strict=True)
        for part in field_.split(",")
    )


def _is_cron_field(text: str, low: int, high: int) -> bool:
    match = _CRON_FIELD.fullmatch(text)
    if not match:
        return False
    numbers = [int(n) for n in match.group("first", "last") if n]
    return all(low <= n <= high for n in numbers) and numbers == sorted(numbers) and match["step"] != "0"
