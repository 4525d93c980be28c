"""Talend's routine StringHandling. Most of its functions answer null for null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fdm_platform.talend.expression import FALSE, NULL, Cast, Infix, IsNull, Number, Sql, Text
from fdm_platform.talend.java.conversions import is_null, null_of
from fdm_platform.talend.java.logic import both, either
from fdm_platform.talend.java.routines.pieces import (
    OUTER_BLANKS,
    UTF16,
    call,
    case,
    less,
    literal,
    lower,
    plus,
    replaced,
    upper,
)
from fdm_platform.talend.java.routines.rule import Builder, Key, refusing, rule, taken
from fdm_platform.talend.java.routines.string_methods import rlike
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import STRING

_LEADING = r"^[\x00-\x20]+"
_BLANK = Text(" ")
_TRAILING = r"[\x00-\x20]+\z"


def _negative(text: Sql, count: Sql) -> Sql:
    return both(less(count, Number(0)), IsNull(text, is_negated=True))


def _left(text: Sql, count: Sql) -> Sql:
    return call("substring", text, Number(1), count)


def _right(text: Sql, count: Sql) -> Sql:
    return call("right", text, count)


def _count(text: Sql, sought: Sql) -> Sql:
    """How often it is found, overlapping ones too."""
    word = literal(sought)
    if not isinstance(word, str) or not word:
        raise RefusedError("COUNT has a translation only for a literal that is not empty")
    if any(word.endswith(word[:n]) for n in range(1, len(word))):
        raise RefusedError(
            "COUNT counts overlapping finds, which has no translation for a text that overlaps itself"
        )
    removed = call("replace", text, sought, Text(""))
    found: Sql = Infix("-", call("length", text), call("length", removed))
    if len(word) > 1:
        found = Infix("DIV", found, Number(len(word)))
    return call("coalesce", Cast(found, "INT"), Number(0))


def _changed(values: Sequence[Typed]) -> Typed:
    """replaceAll; where the pattern or what replaces it is null the text stays as it is."""
    text, pattern, by = (taken(value, "String") for value in values)
    sql: Sql = call("regexp_replace", text.sql, pattern.sql, by.sql)
    if pattern.is_nullable or by.is_nullable:
        sql = case((either(*(is_null(v) for v in (pattern, by) if v.is_nullable)), text.sql), otherwise=sql)
    return Typed(
        STRING,
        sql,
        "string",
        is_nullable=text.is_nullable,
        fails=either(text.fails, pattern.fails, by.fails),
    )


def _between_quotes(quote: str) -> Builder:
    return rule(
        "String", "String", lambda s: Infix("||", Infix("||", Text(quote), s), Text(quote)), nulls="pass"
    )


def _vacant(text: Sql, then: Sql) -> Sql:
    """`then`, but null for the empty text."""
    return case((Infix("=", text, Text("")), NULL), otherwise=then)


def _substr(text: Sql, start: Sql, count: Sql) -> Sql:
    first, many = literal(start), literal(count)
    if not isinstance(first, int) or not isinstance(many, int):
        raise RefusedError("SUBSTR has a translation only for a literal start and length")
    if many <= 0:
        return case((Infix("<>", text, Text("")), Text("")), otherwise=NULL)
    return _vacant(text, call("substring", text, _start(text, first), Number(many)))


def _start(text: Sql, first: int) -> Sql:
    if first >= 0:
        return Number(max(first, 1))
    return call("greatest", plus(call("length", text), first + 1), Number(1))


def _padded(function: str) -> Mapping[Key, Builder]:
    side = function[0].lower() + "pad"

    def sql(text: Sql, count: Sql, by: Sql = _BLANK) -> Sql:
        width, filler = literal(count), " " if by == null_of(STRING).sql else literal(by)
        if not isinstance(width, int) or not isinstance(filler, str):
            raise RefusedError(f"{function} has a translation only for a literal length and filler")
        if width < 1:
            return NULL
        kept = Infix("<", call("length", text), count)
        return _vacant(text, case((kept, call(side, text, count, Text(filler or " "))), otherwise=text))

    return {
        ("StringHandling", function, 2): _nulling(
            rule("String", "String int", sql, nulls="pass", notes=(UTF16,))
        ),
        ("StringHandling", function, 3): _nulling(
            rule("String", "String int String", sql, nulls="pass", notes=(UTF16,))
        ),
    }


def _nulling(build: Builder) -> Builder:
    """A function that also answers null for values that are not."""

    def built(values: Sequence[Typed]) -> Typed:
        return replace(build(values), is_nullable=True)

    return built


def _trimmed(function: str, pattern: str) -> Mapping[Key, Builder]:
    plain = _nulling(rule("String", "String", lambda s: _vacant(s, replaced(s, pattern)), nulls="pass"))
    return {
        ("StringHandling", function, 1): plain,
        ("StringHandling", function, 2): refusing(f"{function} of a set of characters has no translation"),
    }


def _repeated(text: Sql, count: Sql) -> Sql:
    return call("repeat", text, count)


STATICS: Mapping[Key, Builder] = {
    ("StringHandling", "UPCASE", 1): rule("String", "String", upper, nulls="pass"),
    ("StringHandling", "DOWNCASE", 1): rule("String", "String", lower, nulls="pass"),
    ("StringHandling", "TRIM", 1): rule(
        "String", "String", lambda s: replaced(s, OUTER_BLANKS), nulls="pass"
    ),
    ("StringHandling", "FTRIM", 1): rule("String", "String", lambda s: replaced(s, _LEADING), nulls="pass"),
    ("StringHandling", "BTRIM", 1): rule("String", "String", lambda s: replaced(s, _TRAILING), nulls="pass"),
    **_trimmed("LTRIM", _LEADING),
    **_trimmed("RTRIM", _TRAILING),
    **_padded("LPAD"),
    **_padded("RPAD"),
    ("StringHandling", "LEFT", 2): rule(
        "String", "String int", _left, nulls="pass", throws=_negative, notes=(UTF16,)
    ),
    ("StringHandling", "RIGHT", 2): rule(
        "String", "String int", _right, nulls="pass", throws=_negative, notes=(UTF16,)
    ),
    ("StringHandling", "LEN", 1): rule(
        "int",
        "String",
        lambda s: call("coalesce", call("length", s), Number(-1)),
        nulls="take",
        notes=(UTF16,),
    ),
    ("StringHandling", "INDEX", 2): rule(
        "int",
        "String String",
        lambda s, x: call("coalesce", plus(call("locate", x, s), -1), Number(-1)),
        nulls="take",
        notes=(UTF16,),
    ),
    ("StringHandling", "COUNT", 2): rule("int", "String String", _count, nulls="take"),
    ("StringHandling", "CHANGE", 3): _changed,
    ("StringHandling", "EREPLACE", 3): _changed,
    ("StringHandling", "DQUOTE", 1): _between_quotes('"'),
    ("StringHandling", "SQUOTE", 1): _between_quotes("'"),
    ("StringHandling", "SPACE", 1): rule("String", "int", lambda n: call("space", n)),
    ("StringHandling", "STR", 2): rule("String", "char int", _repeated),
    ("StringHandling", "SUBSTR", 3): _nulling(
        rule("String", "String int int", _substr, nulls="pass", notes=(UTF16,))
    ),
    ("StringHandling", "IS_ALPHA", 1): rule(
        "boolean",
        "String",
        lambda s: call("coalesce", rlike(s, Text(r"^\p{L}*\z")), FALSE),
        nulls="take",
    ),
    ("StringHandling", "ALPHA", 1): refusing(
        "ALPHA asks whether the characters are in ascending order, which has no translation; IS_ALPHA asks for letters"
    ),
    ("StringHandling", "INSTR", 4): refusing("INSTR has no translation; INDEX has"),
    ("StringHandling", "TO_CHAR", 1): refusing("the text of a number of unknown type has no translation"),
}
