"""Patterns of java.text.SimpleDateFormat: taken apart, for Spark's functions, and for templates of paths.

Spark's letters are java.time.format.DateTimeFormatter's; where a letter or its number means something else there, the
pattern is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fdm_platform.talend.java.typed import RefusedError

NUMERIC = frozenset("yMdHhkKmsSDuwWF")
"""Letters that are read as digits; M only up to two of them."""
_LETTERS = re.compile(r"([A-Za-z])\1*|'(?:[^']|'')*'|.", re.DOTALL)
_WIDEST = {
    "y": 9, "M": 4, "d": 2, "H": 2, "h": 2, "k": 2, "K": 2, "m": 2, "s": 2, "S": 3, "E": 4, "a": 1, "z": 4, "Z": 3,
    "X": 3, "D": 3,
}  # fmt: skip
_NOT_READ = "EDzZX"
BY_POSITION = frozenset({"yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss"})
"""Patterns that Talend does not leave to SimpleDateFormat when it parses: each field has all its digits."""
_STRFTIME = {
    "yyyy": "%Y", "y": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S",
    "MMM": "%b", "MMMM": "%B", "DDD": "%j", "a": "%p", "E": "%a", "EEE": "%a", "EEEE": "%A",
}  # fmt: skip
_MILLISECONDS = 3
_TEXT_MONTH = 3


@dataclass(frozen=True, slots=True)
class Letters:
    """A field: a letter and how often it stands there."""

    letter: str
    count: int

    @property
    def is_numeric(self) -> bool:
        """Whether it is written in digits."""
        return self.letter in NUMERIC and not (self.letter == "M" and self.count >= _TEXT_MONTH)


Part = Letters | str
"""A field, or text as it is."""


def parts(pattern: str) -> list[Part]:
    """A pattern's fields and texts. ValueError: a quote that is not closed, a letter that Java does not know."""
    found: list[Part] = []
    for match in _LETTERS.finditer(pattern):
        piece = match[0]
        if piece[0].isascii() and piece[0].isalpha():
            if piece[0] not in "GyYMLwWDdFEuaHkKhmsSzZX":
                raise ValueError(f"Java has no letter {piece[0]} in patterns of dates")
            found.append(Letters(piece[0], len(piece)))
        elif piece == "'":
            raise ValueError(f"a quote of {pattern!r} is not closed")
        else:
            found.append(piece[1:-1].replace("''", "'") or "'" if piece[0] == "'" else piece)
    return found


def for_formatting(pattern: str) -> str:
    """Spark's pattern for date_format. RefusedError where there is none."""
    return "".join(_formatted(part) for part in _checked(pattern))


def for_parsing(pattern: str) -> str:
    """Spark's pattern for to_timestamp: fields that stand apart take as many digits as there are, as in Java."""
    checked = _checked(pattern)
    return "".join(_parsed(checked, n, pattern) for n in range(len(checked)))


def strftime(pattern: str) -> str:
    """Python's format for templates of paths. RefusedError where there is none."""
    try:
        found = parts(pattern)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    written = []
    for part in found:
        if isinstance(part, str):
            written.append(part.replace("%", "%%"))
        elif part.letter * part.count in _STRFTIME:
            written.append(_STRFTIME[part.letter * part.count])
        else:
            raise _refused(part.letter * part.count, pattern)
    return "".join(written)


def _checked(pattern: str) -> list[Part]:
    try:
        found = parts(pattern)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    for part in found:
        if isinstance(part, Letters) and part.count > _WIDEST.get(
            part.letter, 9 if part.letter in "EMa" else 0
        ):
            raise _refused(part.letter * part.count, pattern)
        if isinstance(part, Letters) and part.letter == "S" and part.count != _MILLISECONDS:
            raise _refused(part.letter * part.count, pattern)
    return found


def _refused(letters: str, pattern: str) -> RefusedError:
    return RefusedError(f"{letters!r} of the date pattern {pattern!r} has no equal in Spark")


def _formatted(part: Part) -> str:
    return _quoted(part) if isinstance(part, str) else part.letter * part.count


def _parsed(found: list[Part], n: int, pattern: str) -> str:
    part = found[n]
    if isinstance(part, str):
        return _quoted(part)
    letters = part.letter * part.count
    if part.letter in _NOT_READ:
        raise _refused(letters, pattern)
    if letters in ("y", "yy"):
        raise RefusedError(
            f"the century of a year of two digits ({pattern!r}) depends on the day of the run in Java"
        )
    if not part.is_numeric or part.letter == "S":
        return letters
    before, after = (
        any(isinstance(p, Letters) and p.is_numeric for p in beside)
        for beside in (found[max(n - 1, 0) : n], found[n + 1 : n + 2])
    )
    if before and not after and part.count == 1:
        return part.letter * 2  # the last of several in a row takes what is left in Java: two digits, usually
    return letters if before or after else part.letter


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    if text == "'":
        return doubled
    return f"'{doubled}'" if re.search(r"[A-Za-z\[\]{}#']", text) else text
