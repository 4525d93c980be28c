"""Methods of java.lang.String, of Character, and of every object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fdm_platform.talend.expression import FALSE, Infix, Number, Sql, Text
from fdm_platform.talend.java.conversions import as_text, is_null, notes_of
from fdm_platform.talend.java.logic import compared, either
from fdm_platform.talend.java.routines.formatting import formatted
from fdm_platform.talend.java.routines.pieces import (
    OUTER_BLANKS,
    UTF16,
    call,
    case,
    length,
    less,
    literal,
    lower,
    minus,
    plus,
    replaced,
    upper,
)
from fdm_platform.talend.java.routines.rule import Builder, Key, refusing, rule, taken
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import BOOLEAN, STRING, described

_MOST_FORMATTED = 9


def equals(values: Sequence[Typed]) -> Typed:
    """`a.equals(b)`: null as argument is unequal, as receiver Java throws; two classes are never equal."""
    receiver, argument = values
    fails = either(receiver.fails, argument.fails, is_null(receiver))
    return Typed(
        BOOLEAN, _equal(receiver, argument), "boolean", fails=fails, notes=notes_of(receiver, argument)
    )


def _equal(receiver: Typed, argument: Typed) -> Sql:
    if argument.type.kind == "null":
        return FALSE
    if receiver.type.kind == "decimal":
        raise RefusedError(
            "BigDecimal.equals also compares the number of decimal places; compareTo() == 0 does not"
        )
    if receiver.type.kind in ("bytes", "object"):
        raise RefusedError(f"equals of {described(receiver.type)} compares objects, not their contents")
    if receiver.type.kind != argument.type.kind:
        return FALSE
    return compared("<=>" if argument.is_nullable else "=", receiver.sql, argument.sql)


def _equal_ignoring_case(values: Sequence[Typed]) -> Typed:
    receiver, argument = (taken(value, "String") for value in values)
    operator = "<=>" if argument.is_nullable else "="
    sql = compared(operator, lower(receiver.sql), lower(argument.sql))
    fails = either(receiver.fails, argument.fails, is_null(receiver))
    return Typed(BOOLEAN, sql, "boolean", fails=fails, notes=notes_of(receiver, argument))


def _to_string(values: Sequence[Typed]) -> Typed:
    value = values[0]
    text = as_text(Typed(value.type, value.sql, value.spark_type, notes=value.notes))
    return Typed(text.type, text.sql, "string", fails=either(value.fails, is_null(value)), notes=text.notes)


def _value_of(values: Sequence[Typed]) -> Typed:
    return as_text(values[0])


def _substring(text: Sql, begin: Sql, end: Sql | None = None) -> Sql:
    if end is None:
        return call("substring", text, plus(begin, 1))
    return call("substring", text, plus(begin, 1), minus(end, begin))


def _is_outside(text: Sql, begin: Sql, end: Sql | None = None) -> Sql:
    if end is None:
        return either(less(begin, Number(0)), less(length(text), begin))
    return either(less(begin, Number(0)), less(end, begin), less(length(text), end))


def _has_no_character(text: Sql, index: Sql) -> Sql:
    if isinstance(index, Number):
        return either(less(index, Number(0)), less(length(text), plus(index, 1)))
    return either(less(index, Number(0)), compared("<=", length(text), index))


def _last_index(text: Sql, sought: Sql) -> Sql:
    from_end = call("locate", call("reverse", sought), call("reverse", text))
    return case(
        (Infix("=", call("locate", sought, text), Number(0)), Number(-1)),
        otherwise=minus(plus(Infix("-", call("length", text), length(sought)), 1), from_end),
    )


def _index_from(text: Sql, sought: Sql, start: Sql) -> Sql:
    if not literal(sought):
        raise RefusedError("indexOf from a position has a translation only for a literal that is not empty")
    first = plus(start if literal(start) is not None else call("greatest", start, Number(0)), 1)
    if isinstance(first, Number) and first.value < 1:
        first = Number(1)
    return plus(call("locate", sought, text, first), -1)


def _replace(text: Sql, sought: Sql, by: Sql) -> Sql:
    if literal(sought) == "":
        raise RefusedError("replace of the empty text puts something between all characters")
    return call("replace", text, sought, by)


def _has_no_words(_: Sql, sought: Sql, __: Sql) -> Sql:
    """Java would put something between all characters; that is not what SQL does, so it counts as failing."""
    return FALSE if literal(sought) else Infix("=", sought, Text(""))


def _replace_first(text: Sql, pattern: Sql, by: Sql) -> Sql:
    regex = literal(pattern)
    if not isinstance(regex, str) or not regex.startswith("^") or "|" in regex:
        raise RefusedError("replaceFirst has a translation only for a pattern that starts with ^")
    return call("regexp_replace", text, pattern, by)


def whole_match(pattern: Sql) -> Sql:
    """The regular expression that finds what `pattern` matches as a whole."""
    if isinstance(pattern, Text):
        return Text(f"^(?:{pattern.value})\\z")
    return Infix("||", Infix("||", Text("^(?:"), pattern), Text(")\\z"))


def rlike(text: Sql, pattern: Sql) -> Sql:
    """Whether the regular expression finds something."""
    return Infix("RLIKE", text, pattern)


def _of_character(pattern: str) -> Builder:
    return rule("boolean", "char", lambda c: rlike(c, Text(pattern)))


def _objects_equal(values: Sequence[Typed]) -> Typed:
    """`Objects.equals(a, b)`: null equals null."""
    one, other = values
    if "null" in (one.type.kind, other.type.kind):
        sql = is_null(other if one.type.kind == "null" else one)
    elif one.is_nullable and one.type.kind == other.type.kind not in ("decimal", "bytes", "object"):
        sql = compared("<=>", one.sql, other.sql)
    else:
        sql = _equal(one, other)
    return Typed(BOOLEAN, sql, "boolean", fails=either(one.fails, other.fails), notes=notes_of(one, other))


METHODS: Mapping[Key, Builder] = {
    ("Object", "equals", 1): equals,
    ("Object", "toString", 0): _to_string,
    ("String", "length", 0): rule("int", "String", length, notes=(UTF16,)),
    ("String", "isEmpty", 0): rule("boolean", "String", lambda s: compared("=", s, Text(""))),
    ("String", "toUpperCase", 0): rule("String", "String", upper),
    ("String", "toLowerCase", 0): rule("String", "String", lower),
    ("String", "trim", 0): rule("String", "String", lambda s: replaced(s, OUTER_BLANKS)),
    ("String", "equalsIgnoreCase", 1): _equal_ignoring_case,
    ("String", "substring", 1): rule("String", "String int", _substring, throws=_is_outside, notes=(UTF16,)),
    ("String", "substring", 2): rule(
        "String", "String int int", _substring, throws=_is_outside, notes=(UTF16,)
    ),
    ("String", "charAt", 1): rule(
        "char",
        "String int",
        lambda s, n: call("substring", s, plus(n, 1), Number(1)),
        throws=_has_no_character,
        notes=(UTF16,),
    ),
    ("String", "indexOf", 1): rule(
        "int", "String text", lambda s, x: plus(call("locate", x, s), -1), notes=(UTF16,)
    ),
    ("String", "indexOf", 2): rule("int", "String text int", _index_from, notes=(UTF16,)),
    ("String", "lastIndexOf", 1): rule("int", "String text", _last_index, notes=(UTF16,)),
    ("String", "contains", 1): rule("boolean", "String String", lambda s, x: call("contains", s, x)),
    ("String", "startsWith", 1): rule("boolean", "String String", lambda s, x: call("startswith", s, x)),
    ("String", "endsWith", 1): rule("boolean", "String String", lambda s, x: call("endswith", s, x)),
    ("String", "concat", 1): rule("String", "String String", lambda s, x: Infix("||", s, x)),
    ("String", "replace", 2): rule("String", "String text text", _replace, throws=_has_no_words),
    ("String", "replaceAll", 2): rule(
        "String", "String String String", lambda s, p, x: call("regexp_replace", s, p, x)
    ),
    ("String", "replaceFirst", 2): rule("String", "String String String", _replace_first),
    ("String", "matches", 1): rule("boolean", "String String", lambda s, p: rlike(s, whole_match(p))),
    ("String", "compareTo", 1): refusing(
        "String.compareTo counts; only its sign, compared with 0, has a translation"
    ),
    ("String", "split", 1): refusing("split has a translation only where one part is taken: split(…)[0]"),
    ("String", "hashCode", 0): refusing("hashCode has no translation"),
}
STATICS: Mapping[Key, Builder] = {
    ("String", "valueOf", 1): _value_of,
    **{("String", "format", n): formatted for n in range(1, _MOST_FORMATTED)},
    ("Character", "isDigit", 1): _of_character(r"^\p{Nd}"),
    ("Character", "isLetter", 1): _of_character(r"^\p{L}"),
    ("Character", "isLetterOrDigit", 1): _of_character(r"^[\p{L}\p{Nd}]"),
    ("Character", "toString", 1): rule("String", "char", lambda c: c),
    ("Character", "valueOf", 1): rule("char", "char", lambda c: c),
    ("Objects", "equals", 2): _objects_equal,
}


def part_of_split(values: Sequence[Typed], *, keeps_empty: bool) -> Typed:
    """`text.split(pattern)[index]`: trailing empty parts are dropped, unless the limit -1 keeps them."""
    text, pattern, index = taken(values[0], "String"), taken(values[1], "String"), taken(values[2], "int")
    position = literal(index.sql)
    if not isinstance(position, int) or position < 0:
        raise RefusedError("a part of split has a translation only for a literal index")
    pieces = call("split", text.sql, pattern.sql, Number(-1))
    missing: Sql = Infix("<", call("size", pieces), Number(position + 1))
    if not keeps_empty:
        rest = call("array_join", call("slice", pieces, Number(position + 1), call("size", pieces)), Text(""))
        is_all_empty = Infix("AND", Infix(">", call("size", pieces), Number(1)), Infix("=", rest, Text("")))
        missing = either(missing, is_all_empty)
    fails = either(*(v.fails for v in (text, pattern, index)), is_null(text), is_null(pattern), missing)
    return Typed(STRING, call("get", pieces, index.sql), "string", fails=fails, notes=notes_of(text, pattern))


def reversed_text(values: Sequence[Typed]) -> Typed:
    """`new StringBuilder(text).reverse().toString()`."""
    return rule("String", "String", lambda s: call("reverse", s))(values)


def compared_text(operator: str) -> Builder:
    """`a.compareTo(b) operator 0` of texts."""
    return rule("boolean", "String String", lambda a, b: compared(operator, a, b))
