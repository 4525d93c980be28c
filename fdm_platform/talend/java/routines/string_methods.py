"""Methods of java.lang.String, and of every object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fdm_platform.talend.expression import FALSE, TRUE, Call, Infix, Number, Sql, Text
from fdm_platform.talend.java.conversions import as_text, is_null, notes_of
from fdm_platform.talend.java.logic import compared, either
from fdm_platform.talend.java.routines.rule import Builder, rule
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import BOOLEAN, spelled

UTF16 = "lengths and positions count characters; Java counts those beyond U+FFFF, such as emoji, as two"
"""A note."""
OUTER_BLANKS = r"^[\x00-\x20]+|[\x00-\x20]+\z"
"""What Java's trim removes: all characters up to the blank, where Spark's removes blanks alone."""


def call(name: str, *arguments: Sql) -> Call:
    """`name(arguments)`."""
    return Call(name, arguments)


def number(value: int) -> Number:
    """An int."""
    return Number(value)


def plus(value: Sql, more: int) -> Sql:
    """`value + more`, worked out where it is a literal."""
    if isinstance(value, Number):
        return Number(value.value + more, value.suffix)
    if more == 0:
        return value
    return Infix("+" if more > 0 else "-", value, Number(abs(more)))


def minus(value: Sql, less: Sql) -> Sql:
    """`value - less`, worked out where both are literals."""
    if isinstance(less, Number):
        return plus(value, -int(less.value))
    return Infix("-", value, less)


def length(text: Sql) -> Sql:
    """Its number of characters."""
    return Number(len(text.value)) if isinstance(text, Text) else call("length", text)


def less(left: Sql, right: Sql) -> Sql:
    """`left < right`, decided where both are literals."""
    if isinstance(left, Number) and isinstance(right, Number):
        return TRUE if left.value < right.value else FALSE
    if isinstance(left, Number):
        return compared("<", left, right)
    return Infix("<", left, right)


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
        raise RefusedError(f"equals of a {spelled(receiver.type)} compares objects, not their contents")
    if receiver.type.kind != argument.type.kind:
        return FALSE
    return compared("<=>" if argument.is_nullable else "=", receiver.sql, argument.sql)


def to_string(values: Sequence[Typed]) -> Typed:
    """`a.toString()`: the text of anything but null."""
    value = values[0]
    text = as_text(Typed(value.type, value.sql, value.spark_type, notes=value.notes))
    return Typed(text.type, text.sql, "string", fails=either(value.fails, is_null(value)), notes=text.notes)


def value_of(values: Sequence[Typed]) -> Typed:
    """`String.valueOf(a)`: `null` for null."""
    return as_text(values[0])


METHODS: Mapping[tuple[str, str, int], Builder] = {
    ("Object", "equals", 1): equals,
    ("Object", "toString", 0): to_string,
    ("String", "length", 0): rule("int", "String", length, notes=(UTF16,)),
    ("String", "isEmpty", 0): rule("boolean", "String", lambda s: compared("=", s, Text(""))),
    ("String", "toUpperCase", 0): rule("String", "String", lambda s: call("upper", s)),
    ("String", "toLowerCase", 0): rule("String", "String", lambda s: call("lower", s)),
    ("String", "trim", 0): rule(
        "String", "String", lambda s: call("regexp_replace", s, Text(OUTER_BLANKS), Text(""))
    ),
}
STATICS: Mapping[tuple[str, str, int], Builder] = {
    ("String", "valueOf", 1): value_of,
    ("Relational", "ISNULL", 1): lambda values: Typed(
        BOOLEAN, is_null(values[0]), "boolean", fails=values[0].fails, notes=values[0].notes
    ),
}
