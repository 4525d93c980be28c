"""Talend's routine TalendDate and methods of java.util.Date, on Spark's timestamps in the session's time zone.

Null is an argument that most functions take: the date 1970-01-01 for diffDate, null for null in others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fdm_platform.talend.expression import FALSE, NULL, Case, Cast, Infix, IsNull, Number, Sql, Text
from fdm_platform.talend.java.conversions import is_null, notes_of
from fdm_platform.talend.java.logic import compared, either, negated
from fdm_platform.talend.java.patterns import BY_POSITION, for_formatting, for_parsing
from fdm_platform.talend.java.routines.pieces import call, case, literal, minus, plus, sign
from fdm_platform.talend.java.routines.rule import Builder, Key, refusing, rule, taken, typed_as
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import BOOLEAN, STRING, JavaType

LENIENT = "Spark takes a date only as its pattern says; Java also takes the 45th day of a month, and text after the date"
CLOCK = "the clock at the time of the run, which is not the business date"
_DATE = JavaType("date")
_LONG = typed_as("long")
_EPOCH = call("timestamp_millis", Number(0, "L"))


def pattern_of(value: Typed) -> str:
    """A pattern that is a literal."""
    pattern = literal(value.sql)
    if not isinstance(pattern, str):
        raise RefusedError("a pattern of dates that is computed has no translation")
    return pattern


def _word(value: Typed, what: str) -> str:
    word = literal(value.sql)
    if not isinstance(word, str):
        raise RefusedError(f"{what} that is computed has no translation")
    return word


def _formatted(pattern: str, date: Typed, *, nulls: bool = False) -> Typed:
    fails = date.fails if nulls else either(date.fails, is_null(date))
    sql = call("date_format", date.sql, Text(for_formatting(pattern)))
    return Typed(STRING, sql, "string", is_nullable=nulls and date.is_nullable, fails=fails, notes=date.notes)


def _format(values: Sequence[Typed]) -> Typed:
    return _formatted(pattern_of(values[0]), taken(values[1], "Date"))


def _read(spark: str, text: Typed) -> Typed:
    """A text read as a date by Spark's pattern; what is none fails."""
    sql = call("to_timestamp", text.sql, Text(spark))
    fails = either(text.fails, IsNull(sql))  # also where the text is null
    return Typed(_DATE, sql, "timestamp", fails=fails, notes=tuple(dict.fromkeys((*text.notes, LENIENT))))


def _parse(values: Sequence[Typed]) -> Typed:
    pattern = pattern_of(values[0])
    spark = pattern if pattern in BY_POSITION else for_parsing(pattern)
    return _read(spark, taken(values[1], "String"))


def _is_date(values: Sequence[Typed]) -> Typed:
    """Whether a text, read and written again by the pattern, is the same."""
    text, pattern = taken(values[0], "String"), pattern_of(values[1])
    written = call(
        "date_format",
        call("to_timestamp", text.sql, Text(for_parsing(pattern))),
        Text(for_formatting(pattern)),
    )
    same = Infix("=", call("lower", written), call("lower", text.sql))
    return Typed(BOOLEAN, call("coalesce", same, FALSE), "boolean", fails=text.fails, notes=text.notes)


def _now(_: Sequence[Typed]) -> Typed:
    return Typed(_DATE, call("current_timestamp"), "timestamp", notes=(f"the current date is {CLOCK}",))


def _today(values: Sequence[Typed]) -> Typed:
    """getDate: `CC` and `YY` are two letters y each, `DD` the day, `hh` the hour of the day."""
    pattern = (
        pattern_of(values[0]).replace("CC", "yy").replace("YY", "yy").replace("DD", "dd").replace("hh", "HH")
    )
    return _formatted(pattern, _now(values))


def _interval(unit: int, amount: Sql) -> Sql:
    """make_interval(years, months, weeks, days, hours, minutes, seconds)."""
    return call("make_interval", *[Number(0)] * unit, amount)


_YEARS, _MONTHS, _DAYS, _HOURS, _MINUTES, _SECONDS = 0, 1, 3, 4, 5, 6


def _unit(word: str) -> int:
    """The field that addDate's word names; case counts only between months and minutes, and for hours."""
    if word in ("MM", "HH", "mm"):
        return {"MM": _MONTHS, "HH": _HOURS, "mm": _MINUTES}[word]
    known = {"yyyy": _YEARS, "dd": _DAYS, "ss": _SECONDS, "sss": -1}.get(word.lower())
    if known is None:
        raise RefusedError(f"{word!r} is no part of a date that TalendDate knows: Java throws")
    return known


def _later(date: Sql, word: str, amount: Sql) -> Sql:
    unit = _unit(word)
    if unit < 0:
        return call("timestamp_millis", Infix("+", call("unix_millis", date), amount))
    return Infix("+", date, _interval(unit, amount))


def _add(values: Sequence[Typed]) -> Typed:
    date, amount, word = (
        taken(values[0], "Date"),
        taken(values[1], "int"),
        _word(values[2], "a part of a date"),
    )
    fails = either(date.fails, amount.fails)
    return Typed(
        _DATE,
        _later(date.sql, word, amount.sql),
        "timestamp",
        is_nullable=date.is_nullable,
        fails=fails,
        notes=notes_of(date, amount),
    )


def _add_to_text(values: Sequence[Typed]) -> Typed:
    text, pattern = taken(values[0], "String"), pattern_of(values[1])
    if text.is_nullable:
        raise RefusedError("addDate of a text that may be null has no translation; parseDate before it has")
    return _formatted(pattern, _add([_read(for_parsing(pattern), text), *values[2:]]))


_MILLIS = {"hh": 3_600_000, "mm": 60_000, "ss": 1000, "sss": 1, "dd": 86_400_000}


def _difference(values: Sequence[Typed], word: str) -> Typed:
    one, other = (taken(value, "Date") for value in values[:2])
    first, second = (call("coalesce", v.sql, _EPOCH) if v.is_nullable else v.sql for v in (one, other))
    return Typed(
        _LONG,
        _difference_sql(first, second, word),
        "bigint",
        fails=either(one.fails, other.fails),
        notes=notes_of(one, other),
    )


def _difference_sql(one: Sql, other: Sql, word: str) -> Sql:
    years = Infix("-", call("year", one), call("year", other))
    if word.lower() == "yyyy":
        return Cast(years, "BIGINT")
    if word == "MM":
        months = Infix("-", call("month", one), call("month", other))
        return Cast(Infix("+", Infix("*", years, Number(12)), months), "BIGINT")
    millis = Infix("-", call("unix_millis", one), call("unix_millis", other))
    divisor = _MILLIS.get(word.lower())
    if divisor is None:
        raise RefusedError(f"{word!r} is no part of a date that TalendDate knows: Java throws")
    return millis if divisor == 1 else Infix("DIV", millis, Number(divisor))


def _difference_in_days(values: Sequence[Typed]) -> Typed:
    return _difference(values, "dd")


def _difference_in(values: Sequence[Typed]) -> Typed:
    return _difference(values, _word(values[2], "a part of a date"))


def _order(values: Sequence[Typed]) -> Typed:
    """compareDate: null is before all dates; with a pattern the texts are compared."""
    one, other = (taken(value, "Date") for value in values[:2])
    first, second = one.sql, other.sql
    if len(values) > 2 and values[2].type.kind != "null":  # noqa: PLR2004 - the pattern
        pattern = Text(for_formatting(pattern_of(values[2])))
        first, second = call("date_format", first, pattern), call("date_format", second, pattern)
    sql = case(
        (_both_null(one, other), Number(0)),
        (is_null(one), Number(-1)),
        (is_null(other), Number(1)),
        (Infix("<", first, second), Number(-1)),
        (Infix("=", first, second), Number(0)),
        otherwise=Number(1),
    )
    fails = either(one.fails, other.fails)
    return Typed(typed_as("int"), sql, "int", fails=fails, notes=notes_of(one, other))


def _both_null(one: Typed, other: Typed) -> Sql:
    if not (one.is_nullable and other.is_nullable):
        return FALSE
    return Infix("AND", is_null(one), is_null(other))


_PARTS: Mapping[str, Callable[[Sql], Sql]] = {
    "YEAR": lambda d: call("year", d),
    "MONTH": lambda d: plus(call("month", d), -1),
    "HOUR": lambda d: Infix("%", call("hour", d), Number(12)),
    "MINUTE": lambda d: call("minute", d),
    "SECOND": lambda d: call("second", d),
    "DAY_OF_WEEK": lambda d: call("dayofweek", d),
    "DAY_OF_MONTH": lambda d: call("day", d),
    "DAY_OF_YEAR": lambda d: call("dayofyear", d),
    "DAY_OF_WEEK_IN_MONTH": lambda d: plus(Infix("DIV", plus(call("day", d), -1), Number(7)), 1),
}


def _part(values: Sequence[Typed]) -> Typed:
    """getPartOfDate: months from 0, hours of half a day, Sunday is 1; 0 for null."""
    word, date = _word(values[0], "a part of a date"), taken(values[1], "Date")
    if word not in _PARTS:
        raise RefusedError(f"getPartOfDate of {word} has no translation")
    sql = _PARTS[word](date.sql)
    sql = Cast(sql, "INT") if word == "DAY_OF_WEEK_IN_MONTH" else sql
    sql = call("coalesce", sql, Number(0)) if date.is_nullable else sql
    return Typed(typed_as("int"), sql, "int", fails=date.fails, notes=date.notes)


def _first_day(date: Sql) -> Sql:
    return Infix("-", date, _interval(_DAYS, plus(call("day", date), -1)))


def _last_day(date: Sql) -> Sql:
    return Infix("+", date, _interval(_DAYS, minus(call("day", call("last_day", date)), call("day", date))))


def _to_date(values: Sequence[Typed]) -> Typed:
    text = taken(values[0], "String")
    pattern = _converted(pattern_of(values[1])) if len(values) > 1 else "MM/dd/yyyy HH:mm:ss.SSS"
    plain = _read(for_parsing(pattern), replace(text, is_nullable=False))
    is_empty = compared("=", text.sql, Text(""))
    vacant = either(is_null(text), is_empty)
    return replace(
        plain,
        sql=Case(((is_empty, NULL),), plain.sql),
        is_nullable=True,
        fails=either(text.fails, Infix("AND", negated(vacant), IsNull(plain.sql))),
    )


def _to_char(values: Sequence[Typed]) -> Typed:
    pattern = pattern_of(values[1]) or "MM/DD/YYYY HH24:MI:SS"
    return _formatted(_converted(pattern), taken(values[0], "Date"), nulls=True)


def _converted(oracle: str) -> str:
    """A pattern of TO_CHAR as SimpleDateFormat's, by the replacements that Talend makes, in its order."""
    if oracle == "J":
        raise RefusedError("a date as a number of milliseconds, 'J', has no translation")
    if any(word in oracle for word in ("W", "AM", "PM", "A.M.", "P.M.", "RR", "HH12", "MS")):
        raise RefusedError(f"the pattern {oracle!r} has no translation")
    steps = (
        ("Y", "y"), ("MONTH", "MMMM"), ("MON", "MMM"), ("DY", "E"), ("DDD", "D"), ("DD", "d"), ("HH24", "\0"),
        ("HH", "hh"), ("\0", "HH"), ("MI", "mm"), ("SS", "ss"),
    )  # fmt: skip
    for word, letters in steps:
        oracle = oracle.replace(word, letters)
    return oracle


METHODS: Mapping[Key, Builder] = {
    ("Date", "getTime", 0): rule("long", "Date", lambda d: call("unix_millis", d)),
    ("Date", "before", 1): rule("boolean", "Date Date", lambda a, b: compared("<", a, b)),
    ("Date", "after", 1): rule("boolean", "Date Date", lambda a, b: compared(">", a, b)),
    ("Date", "compareTo", 1): rule("int", "Date Date", sign),
}
_ZONED = "a date in another time zone than the session's has no translation"
_LOCALE = "names of months and days in another language have no translation"
_RANDOM = "it is random: no two runs give the same"
STATICS: Mapping[Key, Builder] = {
    ("TalendDate", "formatDate", 2): _format,
    ("TalendDate", "parseDate", 2): _parse,
    ("TalendDate", "parseDate", 3): lambda values: _parse(values[:2]),
    ("TalendDate", "isDate", 2): _is_date,
    ("TalendDate", "getCurrentDate", 0): _now,
    ("TalendDate", "getDate", 1): _today,
    ("TalendDate", "addDate", 3): _add,
    ("TalendDate", "addDate", 4): _add_to_text,
    ("TalendDate", "diffDate", 2): _difference_in_days,
    ("TalendDate", "diffDate", 3): _difference_in,
    ("TalendDate", "compareDate", 2): _order,
    ("TalendDate", "compareDate", 3): _order,
    ("TalendDate", "getPartOfDate", 2): _part,
    ("TalendDate", "getFirstDayOfMonth", 1): rule("Date", "Date", _first_day, nulls="pass"),
    ("TalendDate", "getLastDayOfMonth", 1): rule("Date", "Date", _last_day, nulls="pass"),
    ("TalendDate", "TO_DATE", 1): _to_date,
    ("TalendDate", "TO_DATE", 2): _to_date,
    ("TalendDate", "TO_CHAR", 2): _to_char,
    ("TalendDate", "getRandomDate", 2): refusing(f"TalendDate.getRandomDate: {_RANDOM}"),
    ("TalendDate", "formatDateInUTC", 2): refusing(_ZONED),
    ("TalendDate", "parseDateInUTC", 2): refusing(_ZONED),
    ("TalendDate", "formatDateLocale", 3): refusing(_LOCALE),
    ("TalendDate", "parseDateLocale", 3): refusing(_LOCALE),
    ("TalendDate", "diffDateIgnoreDST", 2): refusing(
        "diffDateIgnoreDST depends on the time zone of Talend's machine"
    ),
    ("TalendDate", "diffDateIgnoreDST", 3): refusing(
        "diffDateIgnoreDST depends on the time zone of Talend's machine"
    ),
}
CONSTRUCTORS: Mapping[tuple[str, int], Builder] = {
    ("Date", 0): _now,
    ("Date", 1): rule("Date", "long", lambda millis: call("timestamp_millis", millis)),
}
