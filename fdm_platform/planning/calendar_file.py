"""One calendar.yaml, read and checked. A table's calendar has its source's keys where it does not say otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from fdm_platform.errors import DeclarationError
from fdm_platform.model.calendar import WEEKDAYS, Calendar
from fdm_platform.planning.calendar_declaration import CalendarDeclaration, HolidayDeclaration
from fdm_platform.planning.cron import is_cron
from fdm_platform.planning.document import Place, read_document
from fdm_platform.planning.findings import Findings
from fdm_platform.planning.names import suggest

MOST_LAG = 250
"""Working days: a year."""
_CUTOFF = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]*")
_DEFAULT = Calendar()


def read_calendar(file: Path, base: Calendar | None = None) -> tuple[Calendar | None, list[DeclarationError]]:
    """The calendar, or None with all that is wrong with it.

    `base` is its source system's calendar, or the default, where it is one table's; None for a source's own.
    """
    try:
        document = read_document(file, "timezone, holidays or another key of docs/calendars.md")
    except DeclarationError as error:
        return None, [error]
    findings = Findings(document, CalendarDeclaration)
    try:
        declared = CalendarDeclaration.model_validate(document.value)
    except ValidationError as error:
        findings.add_validation(error)
        return None, findings.errors
    values = _Values(declared, findings, base).read()
    if findings.errors:
        return None, findings.errors
    return Calendar(**{**_inherited(base or _DEFAULT, values), **values, "file": str(file)}), []


def _inherited(base: Calendar, own: Mapping[str, Any]) -> dict[str, Any]:
    """The source's keys; a table's holiday is one though its source has it for an extra day."""
    keys = {name: getattr(base, name) for name in CalendarDeclaration.model_fields}
    return {**keys, "extra_days": base.extra_days - set(own.get("holidays", ()))}


@dataclass(slots=True)
class _Values:
    """The declared keys as a Calendar has them; what is wrong goes to the findings."""

    declared: CalendarDeclaration
    findings: Findings
    base: Calendar | None

    def read(self) -> dict[str, Any]:
        """A key without a value, as in `end:`, takes back what the source says."""
        readers: dict[str, Callable[[Any], Any]] = {
            "timezone": self._timezone,
            "weekend": self._weekend,
            "holidays": self._holidays,
            "extra_days": self._extra_days,
            "cutoff": self._cutoff,
            "lag": self._lag,
            "start": lambda text: self._date(text, ("start",)),
            "end": lambda text: self._date(text, ("end",)),
            "schedule": self._schedule,
        }
        values: dict[str, Any] = {}
        for name in sorted(self.declared.model_fields_set):
            value = getattr(self.declared, name)
            read = readers.get(name, lambda v: v)
            values[name] = getattr(_DEFAULT, name) if value is None else read(value)
        if not self.findings.errors:
            self._check_together(values)
        return values

    def _timezone(self, name: str) -> str:
        try:
            if _ZONE.fullmatch(name) and name.lower() not in ("localtime", "posixrules"):
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        from zoneinfo import available_timezones  # noqa: PLC0415 - a slow look at the disk

        close = suggest(name, available_timezones()).partition("known:")[0]
        self._wrong(
            ("timezone",), f"unknown time zone {name!r}", f"{close}write an IANA name, e.g. Europe/Zurich"
        )
        return name

    def _weekend(self, names: list[str]) -> tuple[str, ...]:
        if set(names) >= set(WEEKDAYS):
            self._wrong(("weekend",), "every day is weekend", "leave out the days with business")
        return tuple(names)

    def _holidays(self, declared: list[HolidayDeclaration]) -> dict[date, str]:
        days = [self._date(entry.date, ("holidays", at)) for at, entry in enumerate(declared)]
        self._refuse_doubles("holidays", days)
        return {day: entry.name for day, entry in zip(days, declared, strict=True) if day}

    def _extra_days(self, declared: list[str]) -> frozenset[date]:
        days = [self._date(text, ("extra_days", at)) for at, text in enumerate(declared)]
        self._refuse_doubles("extra_days", days)
        return frozenset(day for day in days if day)

    def _refuse_doubles(self, key: str, days: list[date | None]) -> None:
        first: dict[date, int] = {}
        for at, day in enumerate(days):
            if day is not None and first.setdefault(day, at) != at:
                line = self.findings.document.line((key, first[day]))
                self._wrong((key, at), f"{day} stands twice, first on line {line}", "remove one of them")

    def _cutoff(self, text: str) -> time | None:
        if match := _CUTOFF.fullmatch(text):
            return time(int(match[1]), int(match[2]))
        self._wrong(("cutoff",), f"{text!r} is no time of day", 'write it as "18:00", in quotes')
        return None

    def _lag(self, lag: int) -> int:
        if lag > MOST_LAG:
            self._wrong(("lag",), f"{lag} working days are more than a year", f"write at most {MOST_LAG}")
        return lag

    def _schedule(self, text: str) -> str:
        if not is_cron(text):
            remedy = 'write minute, hour, day, month and weekday, e.g. "30 6 * * *" for 6:30 every day'
            self._wrong(("schedule",), f"{text!r} is no cron expression", remedy)
        return text

    def _date(self, text: str, place: Place) -> date | None:
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self._wrong(place, f"{text!r} is no date", "write it as 2024-12-26")
        return None

    def _check_together(self, values: Mapping[str, Any]) -> None:
        base = self.base or _DEFAULT
        start, end = values.get("start", base.start), values.get("end", base.end)
        if start > end:
            key = "end" if "end" in values else "start"
            self._wrong((key,), f"start {start} is after end {end}", "swap the two")
        for day in sorted(set(values.get("holidays", ())) & set(values.get("extra_days", ()))):
            message = f"{day} is both a holiday and an extra day"
            self._wrong(("extra_days",), message, "remove it from one of the lists")
        if self.base is None:
            self._check_control_rows(values)
            return
        for key in sorted({"control_rows", "schedule"} & set(values)):
            remedy = "move it to the source system's calendar.yaml"
            self._wrong((key,), f"{key} is the source system's: its tables share their dates", remedy)

    def _check_control_rows(self, values: Mapping[str, Any]) -> None:
        if not values.get("control_rows", True) and values.get("start", _DEFAULT.start) == _DEFAULT.start:
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
