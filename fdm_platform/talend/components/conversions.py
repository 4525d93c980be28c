"""How tConvertType makes a value of one type out of another: in Java, by both types' kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fdm_platform.talend.java.types import JavaType, Kind, java_type
from fdm_platform.talend.plan import SqlColumn

_WHOLE: tuple[Kind, ...] = ("byte", "short", "int", "long")
_NUMBERS: tuple[Kind, ...] = (*_WHOLE, "float", "double")


@dataclass(frozen=True, slots=True)
class Rule:
    """Java over `{0}`, which is not null; `refuses` is where Talend throws though that Java would not."""

    java: str
    refuses: str = ""


_OF_TEXT: Mapping[Kind, Rule] = {
    "string": Rule("{0}"),
    "byte": Rule("Byte.parseByte({0})"),
    "short": Rule("Short.parseShort({0})"),
    "int": Rule("Integer.parseInt({0})"),
    "long": Rule("Long.parseLong({0})"),
    "float": Rule("Float.parseFloat({0})"),
    "double": Rule("Double.parseDouble({0})"),
    "decimal": Rule("new BigDecimal({0})"),
    "boolean": Rule(
        "Boolean.parseBoolean({0})", '!{0}.equalsIgnoreCase("true") && !{0}.equalsIgnoreCase("false")'
    ),
    "char": Rule("{0}.charAt(0)", "{0}.length() > 1"),
    "date": Rule("{0}.trim().length() == 0 ? null : TalendDate.parseDate({1}, {0})"),
}
_RULES: Mapping[tuple[Kind, Kind], Rule] = {
    **{("string", kind): rule for kind, rule in _OF_TEXT.items()},
    **{
        (given, wanted): Rule(f"{{0}}.{wanted}Value()")
        for given in (*_NUMBERS, "decimal")
        for wanted in _NUMBERS
    },
    **{(given, "decimal"): Rule("new BigDecimal({0})") for given in _NUMBERS},
    **{(given, "string"): Rule("String.valueOf({0})") for given in (*_NUMBERS, "decimal", "boolean", "char")},
    ("date", "string"): Rule("TalendDate.formatDate({1}, {0})"),
    ("date", "long"): Rule("{0}.getTime()"),
}


def rule(given: SqlColumn, wanted: SqlColumn) -> Rule | None:
    """The rule for two columns; None where Talend has none, or it goes by the machine's locale."""
    kinds = (_java(given).kind, _java(wanted).kind)
    if kinds[0] == kinds[1]:
        return Rule("{0}")
    if kinds[0] in _NUMBERS and kinds[1] in _NUMBERS and not _java(given).is_boxed:
        return Rule(f"({kinds[1]}) {{0}}")
    pattern = {("string", "date"): wanted.pattern, ("date", "string"): given.pattern}.get(kinds, "-")
    found = _RULES.get(kinds)
    return found if found and (pattern or "").strip('" ') else None


def java_of(
    given: SqlColumn, wanted: SqlColumn, value: str, found: Rule, *, empty_is_null: bool = False
) -> str:
    """The whole conversion in Java: a null is null, or 0 of a primitive."""
    pattern = wanted.pattern if _java(wanted).kind == "date" else given.pattern
    made = found.java.format(value, pattern)
    is_text = _java(given).kind == "string"
    if not _java(given).is_boxed:
        return made
    is_null = f"{value} == null" + (f" || {value}.length() == 0" if empty_is_null and is_text else "")
    return f"{is_null} ? {_default(_java(wanted))} : ({made})"


def refusal_of(given: SqlColumn, value: str, found: Rule, *, empty_is_null: bool = False) -> str:
    """When the conversion is refused by Talend itself, in Java; empty where it never is."""
    if not found.refuses:
        return ""
    is_text = _java(given).kind == "string"
    not_empty = f" && {value}.length() > 0" if empty_is_null and is_text else ""
    return f"{value} != null{not_empty} && ({found.refuses.format(value)})"


def _default(wanted: JavaType) -> str:
    if wanted.is_boxed:
        return "null"
    return {"boolean": "false", "char": "(char) 0"}.get(wanted.kind, f"({wanted.kind}) 0")


def _java(column: SqlColumn) -> JavaType:
    return java_type(column.talend_type, nullable=column.nullable)
