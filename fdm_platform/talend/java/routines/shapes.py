"""What is translated by the shape of several nodes, since a part of it by itself has no SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from fdm_platform.talend.java.ast import Binary, Index, Invocation, Literal, New, Node
from fdm_platform.talend.java.logic import compared
from fdm_platform.talend.java.routines.decimals import compared_decimal
from fdm_platform.talend.java.routines.rule import Builder, rule
from fdm_platform.talend.java.routines.string_methods import compared_text, part_of_split, reversed_text
from fdm_platform.talend.java.typed import RefusedError, Typed

Found = tuple[Builder, Sequence[Node]]
Shape = Callable[[Node], Found | None]
_OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _split(node: Node) -> Found | None:
    """`text.split(pattern)[0]`, `text.split(pattern, -1)[0]`."""
    match node:
        case Index(Invocation(target, "split", (pattern,)), index) if target is not None:
            return partial(part_of_split, keeps_empty=False), (target, pattern, index)
        case Index(Invocation(target, "split", (pattern, Literal("int", -1))), index) if target is not None:
            return partial(part_of_split, keeps_empty=True), (target, pattern, index)
    return None


def _reversed(node: Node) -> Found | None:
    """`new StringBuilder(text).reverse().toString()`."""
    match node:
        case Invocation(Invocation(New(name, (text,)), "reverse", ()), "toString", ()) if name.endswith(
            ("StringBuilder", "StringBuffer")
        ):
            return reversed_text, (text,)
    return None


def _compared(node: Node) -> Found | None:
    """`a.compareTo(b) < 0`: only the sign of compareTo has a meaning."""
    match node:
        case Binary(operator, Invocation(target, "compareTo", (other,)), Literal("int", 0)) if (
            operator in _OPERATORS and target is not None
        ):
            return partial(_ordered, _OPERATORS[operator]), (target, other)
    return None


def _ordered(operator: str, values: Sequence[Typed]) -> Typed:
    kind = values[0].type.kind
    if kind == "decimal":
        return compared_decimal(operator)(values)
    if kind == "string":
        return compared_text(operator)(values)
    if kind == "date":
        return rule("boolean", "Date Date", lambda a, b: compared(operator, a, b))(values)
    if kind in ("byte", "short", "int", "long"):
        return rule("boolean", "long long", lambda a, b: compared(operator, a, b))(values)
    if kind in ("float", "double"):
        # Spark, too, puts NaN behind all others, and takes it for itself.
        found = rule("boolean", "double double", lambda a, b: compared(operator, a, b))(values)
        return replace(found, notes=(*found.notes, _NEGATIVE_ZERO))
    if kind == "boolean":
        return rule("boolean", "boolean boolean", lambda a, b: compared(operator, a, b))(values)
    raise RefusedError("compareTo of these has no translation")


_NEGATIVE_ZERO = "-0.0 is 0.0 in SQL; Java's compareTo of fractions puts it before"


def _copied(node: Node) -> Found | None:
    """`new String(text)` is the text."""
    match node:
        case New("String", (text,)):
            return rule("String", "String", lambda s: s), (text,)
    return None


SHAPES: Sequence[Shape] = (_split, _reversed, _compared, _copied)
