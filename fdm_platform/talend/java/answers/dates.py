"""Methods of java.util.Date and Talend's TalendDate, on the wall clock of a zone without daylight saving."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from fdm_platform.talend.java.answers.answer import Answer, Key
from fdm_platform.talend.java.answers.simple_date_format import format_date, parse_date
from fdm_platform.talend.java.patterns import BY_POSITION
from fdm_platform.talend.java.values import CannotEvaluate, JavaError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock
_MILLISECOND = timedelta(milliseconds=1)
_DIVISORS = {"hh": 3_600_000, "mm": 60_000, "ss": 1000, "sss": 1, "dd": 86_400_000}


def millis(moment: datetime) -> int:
    """Date.getTime, as if the wall clock were UTC's."""
    return (moment - _EPOCH) // _MILLISECOND


def _parsed(pattern: str, text: str, *, is_lenient: bool = True) -> datetime:
    """TalendDate.parseDate: of two patterns Talend reads the fields by their positions, whatever is between them."""
    if pattern not in BY_POSITION:
        return parse_date(pattern, text, is_lenient=is_lenient)

    def digits(field: re.Match[str]) -> str:
        found = text[field.start() : field.end()]
        if not re.fullmatch(rf"[0-9]{{{len(field[0])}}}", found):
            raise JavaError("ParseException", f"{text!r} by {pattern!r}")
        return found

    return parse_date(pattern, re.sub("[A-Za-z]+", digits, pattern), is_lenient=is_lenient)


def _is_date(text: str | None, pattern: str | None) -> bool:
    if text is None:
        return False
    pattern = pattern or "yyyy-MM-dd HH:mm:ss"
    try:
        return format_date(pattern, parse_date(pattern, text)).lower() == text.lower()
    except JavaError:
        return False


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(
        year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1])
    )


_ADDERS: Mapping[str, Callable[[datetime, int], datetime]] = {
    "yyyy": lambda m, n: _months_later(m, 12 * n),
    "MM": _months_later,
    "dd": lambda m, n: m + timedelta(days=n),
    "HH": lambda m, n: m + timedelta(hours=n),
    "mm": lambda m, n: m + timedelta(minutes=n),
    "ss": lambda m, n: m + timedelta(seconds=n),
    "sss": lambda m, n: m + timedelta(milliseconds=n),
}


def _added(moment: datetime | None, amount: int, word: str | None) -> datetime | None:
    if moment is None or word is None:
        return None
    known = word if word in ("MM", "HH", "mm") else word.lower()
    if known not in _ADDERS:
        raise JavaError("RuntimeException", f"Can't support the dateType: {word}")
    return _ADDERS[known](moment, amount)


def _added_to_text(text: str | None, pattern: str, amount: int, word: str | None) -> str | None:
    if text is None or word is None:
        return None
    later = _added(parse_date(pattern, text), amount, word)
    return None if later is None else format_date(pattern, later)


def _difference(one: datetime | None, other: datetime | None, word: str | None = "dd") -> int:
    first, second, word = one or _EPOCH, other or _EPOCH, word or "SSS"
    if word.lower() == "yyyy":
        return first.year - second.year
    if word == "MM":
        return (first.year - second.year) * 12 + first.month - second.month
    divisor = _DIVISORS.get(word.lower())
    if divisor is None:
        raise JavaError("RuntimeException", f"Can't support the dateType: {word}")
    difference = millis(first) - millis(second)
    return abs(difference) // divisor * (1 if difference >= 0 else -1)


def _order(one: datetime | None, other: datetime | None, pattern: str | None = None) -> int:
    if one is None or other is None:
        return (one is not None) - (other is not None)
    if pattern is None:
        return (one > other) - (one < other)
    first, second = format_date(pattern, one), format_date(pattern, other)
    return (first > second) - (first < second)


_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "YEAR": lambda m: m.year,
    "MONTH": lambda m: m.month - 1,
    "HOUR": lambda m: m.hour % 12,
    "MINUTE": lambda m: m.minute,
    "SECOND": lambda m: m.second,
    "DAY_OF_WEEK": lambda m: m.isoweekday() % 7 + 1,
    "DAY_OF_MONTH": lambda m: m.day,
    "DAY_OF_YEAR": lambda m: m.timetuple().tm_yday,
    "DAY_OF_WEEK_IN_MONTH": lambda m: (m.day - 1) // 7 + 1,
}


def _part(word: str | None, moment: datetime | None) -> int:
    if word is None or moment is None:
        return 0
    if word in ("WEEK_OF_MONTH", "WEEK_OF_YEAR", "TIMEZONE"):
        raise CannotEvaluate(f"{word}, which depends on the machine")
    return _PARTS[word](moment) if word in _PARTS else 0


def _today(now: datetime, pattern: str | None) -> str:
    pattern = pattern or "yyyy-MM-dd HH:mm:ss"
    return format_date(
        pattern.replace("CC", "yy").replace("YY", "yy").replace("DD", "dd").replace("hh", "HH"), now
    )


def _last_day(moment: datetime) -> datetime:
    return moment.replace(day=calendar.monthrange(moment.year, moment.month)[1])


def _oracle(pattern: str) -> str:
    if pattern == "J" or any(word in pattern for word in ("W", "AM", "PM", "RR", "HH12", "MS")):
        raise CannotEvaluate(f"the pattern {pattern!r}")
    words = {
        "Y": "y",
        "MONTH": "MMMM",
        "MON": "MMM",
        "DY": "E",
        "DDD": "D",
        "DD": "d",
        "HH24": "\1",
        "HH": "hh",
    }
    for word, letters in {**words, "\1": "HH", "MI": "mm", "SS": "ss"}.items():
        pattern = pattern.replace(word, letters)
    return pattern


def _to_char(moment: datetime | None, pattern: str | None) -> str | None:
    return None if moment is None else format_date(_oracle(pattern or "MM/DD/YYYY HH24:MI:SS"), moment)


def _to_date(text: str | None, pattern: str | None = None) -> datetime | None:
    if not text:
        return None
    return parse_date(_oracle(pattern) if pattern else "MM/dd/yyyy HH:mm:ss.SSS", text)


def _now(now: datetime) -> datetime:
    return now


OF_VALUES: Mapping[Key, Answer] = {
    ("Date", "getTime", 0): Answer("long", "Date", millis),
    ("Date", "before", 1): Answer("boolean", "Date Date", lambda a, b: a < b),
    ("Date", "after", 1): Answer("boolean", "Date Date", lambda a, b: a > b),
    ("Date", "compareTo", 1): Answer("int", "Date Date", _order),
}
OF_CLASSES: Mapping[Key, Answer] = {
    ("TalendDate", "formatDate", 2): Answer("String", "String Date", format_date),
    ("TalendDate", "parseDate", 2): Answer("Date", "String String", _parsed),
    ("TalendDate", "parseDate", 3): Answer(
        "Date", "String String boolean", lambda p, s, lenient: _parsed(p, s, is_lenient=lenient)
    ),
    ("TalendDate", "isDate", 2): Answer("boolean", "String String", _is_date, nulls="take"),
    ("TalendDate", "getCurrentDate", 0): Answer("Date", "", _now, is_timed=True),
    ("TalendDate", "getDate", 1): Answer("String", "String", _today, nulls="take", is_timed=True),
    ("TalendDate", "addDate", 3): Answer("Date", "Date int String", _added, nulls="take"),
    ("TalendDate", "addDate", 4): Answer("String", "String String int String", _added_to_text, nulls="take"),
    ("TalendDate", "diffDate", 2): Answer("long", "Date Date", _difference, nulls="take"),
    ("TalendDate", "diffDate", 3): Answer("long", "Date Date String", _difference, nulls="take"),
    ("TalendDate", "compareDate", 2): Answer("int", "Date Date", _order, nulls="take"),
    ("TalendDate", "compareDate", 3): Answer("int", "Date Date String", _order, nulls="take"),
    ("TalendDate", "getPartOfDate", 2): Answer("int", "String Date", _part, nulls="take"),
    ("TalendDate", "getFirstDayOfMonth", 1): Answer("Date", "Date", lambda m: m.replace(day=1), nulls="pass"),
    ("TalendDate", "getLastDayOfMonth", 1): Answer("Date", "Date", _last_day, nulls="pass"),
    ("TalendDate", "TO_CHAR", 2): Answer("String", "Date String", _to_char, nulls="take"),
    ("TalendDate", "TO_DATE", 1): Answer("Date", "String", _to_date, nulls="take"),
    ("TalendDate", "TO_DATE", 2): Answer("Date", "String String", _to_date, nulls="take"),
}
CONSTRUCTED: Mapping[Key, Answer] = {
    ("Date", "new", 0): Answer("Date", "", _now, is_timed=True),
    ("Date", "new", 1): Answer("Date", "long", lambda count: _EPOCH + count * _MILLISECOND),
}
