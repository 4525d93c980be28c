"""Text that is a date of its own: in a job that is run for a business date it is probably a mistake."""

from __future__ import annotations

import re
from datetime import date

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?|(\d{8})")
_YEARS = range(1971, 2200)
"""Beyond them dates stand for `never` and `for ever`: 1900-01-01, 9999-12-31."""


def is_fixed_date(text: str) -> bool:
    """The text is a day, as `2025-05-31` or `20250531`, perhaps with a time; none that stands for an open end."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return False
    try:
        return date.fromisoformat(match[1] or match[2]).year in _YEARS
    except ValueError:
        return False
