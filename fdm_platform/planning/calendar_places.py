"""Where in which calendar.yaml a rule stands, for people who ask why. Read when they ask, and only then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fdm_platform.model.calendar import Rule
from fdm_platform.planning.document import Document, Place, read_document


@dataclass(frozen=True, slots=True)
class RulePlace:
    """A key, or an entry of its list, in a file."""

    file: str
    line: int
    field: str


def place_of(files: Sequence[Path], rule: Rule, day: date) -> RulePlace | None:
    """Where the rule stands that decides over the date; None where it is a default.

    `files` are the calendars that hold for the table, its own before its source's: the first that has the key
    counts. Raises DeclarationError where one cannot be read.
    """
    for file in files:
        document = read_document(file)
        if rule in document.value:
            place = _entry(document.value[rule], rule, day)
            return RulePlace(str(file), document.line(place), _field(document, place))
    return None


def _entry(value: Any, rule: Rule, day: date) -> Place:
    """The date's own entry, where the key holds a list of dates."""
    for at, entry in enumerate(value if rule in ("holidays", "extra_days") else ()):
        if (entry.get("date") if isinstance(entry, dict) else entry) == day.isoformat():
            return (rule, at)
    return (rule,)


def _field(document: Document, place: Place) -> str:
    """By its number: holidays have names that repeat from year to year."""
    return document.field(place[:1]) + "".join(f"[{part}]" for part in place[1:])
