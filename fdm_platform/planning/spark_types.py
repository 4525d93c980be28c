"""Spark SQL's type names, checked without Spark."""

from __future__ import annotations

import re
from functools import cache

from fdm_platform.planning.names import suggest

MAX_PRECISION = 38

_WHOLE = frozenset({"byte", "tinyint", "short", "smallint", "int", "integer", "long", "bigint"})
_DECIMALS = frozenset({"decimal", "dec", "numeric"})
_TIMES = frozenset({"date", "timestamp", "timestamp_ntz", "timestamp_ltz"})
_SIMPLE = _WHOLE | _DECIMALS | _TIMES | {"string", "boolean", "float", "real", "double", "binary"}
_WITH_LENGTH = frozenset({"varchar", "char"})
_NESTED = frozenset({"array", "map", "struct"})
_FORM = re.compile(r"(?P<name>[a-z_]+)\s*(?P<rest>[(<].*)?", re.DOTALL)
_DECIMAL = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_LENGTH = re.compile(r"\(\s*\d+\s*\)")


@cache
def type_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a type and what to do; None if Spark knows it.

    Below array, map and struct only the brackets are checked.
    """
    form = _FORM.fullmatch(text.strip().lower())
    name, rest = (form["name"], form["rest"] or "") if form else (text, "")
    if name in _NESTED:
        is_closed = rest.startswith("<") and rest.endswith(">") and rest.count("<") == rest.count(">")
        return None if is_closed else (f"type {text!r} lacks a bracket", f"write it like {name}<string>")
    if name in _WITH_LENGTH:
        return None if _LENGTH.fullmatch(rest) else (f"type {text!r} needs a length", f"write {name}(20)")
    if name not in _SIMPLE:
        return f"unknown type {text!r}", suggest(name, _SIMPLE | _NESTED | _WITH_LENGTH)
    if name in _DECIMALS:
        return _decimal_problem(text, rest)
    return (f"type {text!r} takes no arguments", f"write {name}") if rest else None


def _decimal_problem(text: str, rest: str) -> tuple[str, str] | None:
    if not rest:
        return None
    digits = _DECIMAL.fullmatch(rest)
    if digits and 1 <= int(digits[1]) <= MAX_PRECISION and int(digits[2] or 0) <= int(digits[1]):
        return None
    return (
        f"type {text!r} is not a decimal that Spark can hold",
        f"write decimal(precision,scale) with scale ≤ precision ≤ {MAX_PRECISION}",
    )
