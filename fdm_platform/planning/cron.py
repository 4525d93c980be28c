"""Cron expressions that Dagster takes: one that it refuses would take all definitions with it."""

from __future__ import annotations

import re
from calendar import monthrange

_FIELD = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d{1,2}))?")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_RANGES: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_LEAP_YEAR = 2024


def is_cron(text: str) -> bool:
    """Five fields: minute, hour, day, month, weekday; of `*`, numbers, names, ranges, lists and steps.

    It names a date that some year has: 30 February is none.
    """
    fields = text.split()
    if len(fields) != len(_RANGES):
        return False
    chosen = [_field(field, *limits) for field, limits in zip(fields, _RANGES, strict=True)]
    if not all(chosen):
        return False
    return min(chosen[2]) <= max(monthrange(_LEAP_YEAR, month)[1] for month in chosen[3])


def _field(text: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    """The numbers that a field stands for; none where it is wrong."""
    parts = [_part(part, low, high, names) for part in text.split(",")]
    return set().union(*parts) if all(parts) else set()


def _part(text: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    match = _FIELD.fullmatch(text)
    if match is None:
        return set()
    if match["first"] is None:
        first, last = low, high
    else:
        first = _number(match["first"], names)
        last = _number(match["last"], names) if match["last"] else first
    step = int(match["step"] or 1)
    if step == 0 or not low <= first <= last <= high or (match["step"] and first == last):
        return set()
    return set(range(first, last + 1, step))


def _number(text: str, names: dict[str, int]) -> int:
    """-1, which is in no range, for what is no number."""
    return int(text) if text.isascii() and text.isdecimal() else names.get(text.upper(), -1)
