"""java.text.SimpleDateFormat in Python: what it writes, and what it reads, as leniently as it does."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fdm_platform.talend.java.patterns import Letters, Part, parts
from fdm_platform.talend.java.values import CannotEvaluate, JavaError

_MONTHS = list(calendar.month_name)
_SHORT_MONTHS = list(calendar.month_abbr)
_TEXT_MONTH, _FULL, _TWO_DIGITS = 3, 4, 2
_HALF = 12


def _padded(number: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: str(number(moment)).zfill(count)


def _year(moment: datetime, count: int) -> str:
    return f"{moment.year % 100:02}" if count == _TWO_DIGITS else str(moment.year).zfill(count)


def _month(moment: datetime, count: int) -> str:
    if count < _TEXT_MONTH:
        return str(moment.month).zfill(count)
    return (_MONTHS if count >= _FULL else _SHORT_MONTHS)[moment.month]


def _weekday(moment: datetime, count: int) -> str:
    return moment.strftime("%A" if count >= _FULL else "%a")


_WRITERS: Mapping[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "M": _month,
    "E": _weekday,
    "a": lambda moment, _: "AM" if moment.hour < _HALF else "PM",
    "d": _padded(lambda m: m.day),
    "D": _padded(lambda m: m.timetuple().tm_yday),
    "H": _padded(lambda m: m.hour),
    "k": _padded(lambda m: m.hour or 24),
    "K": _padded(lambda m: m.hour % _HALF),
    "h": _padded(lambda m: m.hour % _HALF or _HALF),
    "m": _padded(lambda m: m.minute),
    "s": _padded(lambda m: m.second),
    "S": _padded(lambda m: m.microsecond // 1000),
}


def format_date(pattern: str, moment: datetime) -> str:
    """SimpleDateFormat.format, in English."""
    return "".join(_written(part, moment) for part in _parts(pattern))


def _written(part: Part, moment: datetime) -> str:
    if isinstance(part, str):
        return part
    if part.letter not in _WRITERS:
        raise CannotEvaluate(f"{part.letter} in a pattern of dates")
    return _WRITERS[part.letter](moment, part.count)


def _parts(pattern: str) -> list[Part]:
    try:
        return parts(pattern)
    except ValueError as error:
        raise JavaError("IllegalArgumentException", str(error)) from None


def parse_date(pattern: str, text: str, *, is_lenient: bool = True) -> datetime:
    """SimpleDateFormat.parse: from the beginning of the text; what follows the date is not looked at."""
    reading = _Reading(pattern, text)
    found = _parts(pattern)
    for n, part in enumerate(found):
        reading.read(part, found[n + 1 : n + 2])
    return _moment(reading.fields, reading.refused(), is_lenient=is_lenient)


@dataclass(slots=True)
class _Reading:
    """How far a text has been read, and what was found."""

    pattern: str
    text: str
    at: int = 0
    fields: dict[str, int] = field(default_factory=dict)

    def refused(self) -> JavaError:
        return JavaError("ParseException", f"{self.text!r} by {self.pattern!r}")

    def read(self, part: Part, following: Sequence[Part]) -> None:
        rest = self.text[self.at :]
        if isinstance(part, str):
            if not rest.startswith(part):
                raise self.refused()
            self.at += len(part)
            return
        self.at += len(rest) - len(rest.lstrip(" \t"))
        if part.is_numeric:
            is_abutting = bool(following) and isinstance(following[0], Letters) and following[0].is_numeric
            self._read_number(part, is_abutting=is_abutting)
        else:
            self._read_word(part)

    def _read_number(self, part: Letters, *, is_abutting: bool) -> None:
        """Digits: as many as there are letters where another number follows directly, else all there are."""
        least, most = (part.count, part.count) if is_abutting else (1, 18)
        digits = re.match(rf"[0-9]{{{least},{most}}}", self.text[self.at :])
        if digits is None:
            raise self.refused()
        if part.letter == "y" and part.count <= _TWO_DIGITS and len(digits[0]) == _TWO_DIGITS:
            raise CannotEvaluate("the century of a year of two digits")
        self.fields[part.letter] = int(digits[0])
        self.at += len(digits[0])

    def _read_word(self, part: Letters) -> None:
        if part.letter not in _WORDS:
            raise CannotEvaluate(f"{part.letter} in a pattern of dates that is read")
        rest = self.text[self.at :].lower()
        matching = [(n, name) for n, name in _WORDS[part.letter] if name and rest.startswith(name.lower())]
        if not matching:
            raise self.refused()
        number, name = max(matching, key=lambda pair: len(pair[1]))
        self.fields[part.letter] = number
        self.at += len(name)


_WORDS = {"M": [*enumerate(_MONTHS), *enumerate(_SHORT_MONTHS)], "a": [(0, "AM"), (1, "PM")]}
_LARGEST = {"M": 12, "H": 23, "h": 12, "k": 24, "K": 11, "m": 59, "s": 59}
_SMALLEST = {"M": 1, "d": 1, "h": 1, "k": 1}


def _moment(fields: Mapping[str, int], refused: JavaError, *, is_lenient: bool) -> datetime:
    """Fields that are too large carry over, as they do in a lenient calendar."""
    year, month, day = fields.get("y", 1970), fields.get("M", 1), fields.get("d", 1)
    if not is_lenient:
        is_outside = any(not _SMALLEST.get(f, 0) <= v <= _LARGEST.get(f, v) for f, v in fields.items())
        if is_outside or day > calendar.monthrange(year, month)[1]:
            raise refused
    try:
        first = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)  # noqa: DTZ001 - wall clock
        return first + timedelta(
            days=day - 1,
            hours=_hour(fields),
            minutes=fields.get("m", 0),
            seconds=fields.get("s", 0),
            milliseconds=fields.get("S", 0),
        )
    except (ValueError, OverflowError):
        raise CannotEvaluate("a year that Python has not") from None


def _hour(fields: Mapping[str, int]) -> int:
    if "H" in fields or "k" in fields:
        return fields["H"] if "H" in fields else fields["k"] % 24
    half = fields.get("h", fields.get("K", 0))
    return half % _HALF + _HALF * fields.get("a", 0) if half <= _HALF else half + _HALF * fields.get("a", 0)
