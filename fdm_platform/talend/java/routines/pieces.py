"""Pieces of SQL that translations of methods are put together from; what literals decide is decided here."""

from __future__ import annotations

from fdm_platform.talend.expression import FALSE, TRUE, Call, Case, Infix, Number, Sql, Text
from fdm_platform.talend.java.logic import compared

UTF16 = "lengths and positions count characters; Java counts those beyond U+FFFF, such as emoji, as two"
"""A note."""
OUTER_BLANKS = r"^[\x00-\x20]+|[\x00-\x20]+\z"
"""What Java's trim removes: all characters up to the blank, where Spark's removes blanks alone."""


def call(name: str, *arguments: Sql) -> Call:
    """`name(arguments)`."""
    return Call(name, arguments)


def literal(value: Sql) -> str | int | None:
    """The value of a text or whole number that is a literal; None for anything else."""
    if isinstance(value, Text):
        return value.value
    return value.value if isinstance(value, Number) and isinstance(value.value, int) else None


def plus(value: Sql, more: int) -> Sql:
    """`value + more`."""
    if isinstance(value, Number):
        return Number(value.value + more, value.suffix)
    if more == 0:
        return value
    return Infix("+" if more > 0 else "-", value, Number(abs(more)))


def minus(value: Sql, less: Sql) -> Sql:
    """`value - less`."""
    if isinstance(less, Number):
        return plus(value, -int(less.value))
    return Infix("-", value, less)


def length(text: Sql) -> Sql:
    """Its number of characters."""
    return Number(len(text.value)) if isinstance(text, Text) else call("length", text)


def less(left: Sql, right: Sql) -> Sql:
    """`left < right`."""
    if isinstance(left, Number) and isinstance(right, Number):
        return TRUE if left.value < right.value else FALSE
    return compared("<", left, right)


def upper(text: Sql) -> Sql:
    """In capitals."""
    return Text(text.value.upper()) if isinstance(text, Text) else call("upper", text)


def lower(text: Sql) -> Sql:
    """In small letters."""
    return Text(text.value.lower()) if isinstance(text, Text) else call("lower", text)


def replaced(text: Sql, pattern: str, by: str = "") -> Sql:
    """Each part that a regular expression finds."""
    return call("regexp_replace", text, Text(pattern), Text(by))


def case(*branches: tuple[Sql, Sql], otherwise: Sql) -> Sql:
    """CASE without the branches that are never taken."""
    kept = [(test, value) for test, value in branches if test != FALSE]
    if kept and kept[0][0] == TRUE:
        return kept[0][1]
    return Case(tuple(kept), otherwise) if kept else otherwise


def sign(left: Sql, right: Sql) -> Sql:
    """-1, 0 or 1, as compareTo of numbers and dates."""
    return Case(
        ((Infix("<", left, right), Number(-1)), (Infix("=", left, right), Number(0))), otherwise=Number(1)
    )
