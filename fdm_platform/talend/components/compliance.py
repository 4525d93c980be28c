"""What tSchemaComplianceCheck asks of a column, as Talend asks it: nulls, types, lengths, places of a BigDecimal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from fdm_platform.talend.components.flows import called
from fdm_platform.talend.expression import Call, Infix, IsNull, Number, Ref, Sql
from fdm_platform.talend.java.logic import both
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import SqlColumn, View

WRONG_TYPE, EMPTY, TOO_LONG = 2, 4, 8
_DATE_WORDS = "wrong DATE pattern or wrong DATE data"
_VALUE_OF = {
    "Byte": "Byte.parseByte({0})",
    "Short": "Short.parseShort({0})",
    "Integer": "Integer.parseInt({0})",
    "Long": "Long.parseLong({0})",
    "Float": "Float.parseFloat({0})",
    "Double": "Double.parseDouble({0})",
    "BigDecimal": "new BigDecimal({0})",
}
"""By the type that is asked for, what throws where a text is none."""
_REFUSED = {
    "Boolean": '!"true".equals({0}) && !"false".equals({0})',
    "Character": "{0}.length() != 1",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a column's value must not be: `java` is a condition that is true of it, or where `throws` a value that has none."""

    code: int
    said: str
    java: str
    throws: bool = False
    places: tuple[int, int] | None = None
    """Digits in all and after the point, of a BigDecimal: its own condition, in place of Java's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A column that comes in, and what is asked of it."""

    given: SqlColumn
    type: str
    """As Java calls it; empty: any."""
    nullable: bool
    length: int
    is_measured: bool
    precision: int | None
    pattern: str
    is_empty_null: bool

    @property
    def kind(self) -> JavaType:
        return java_type(self.given.talend_type, nullable=self.given.nullable)


def unsure(view: View) -> View:
    """The view with every object taken for one that may be null, whatever its schema says: that is what is checked."""
    return replace(
        view, columns=tuple(replace(c, nullable=True) if _is_object(c) else c for c in view.columns)
    )


def _is_object(column: SqlColumn) -> bool:
    return java_type(column.talend_type, nullable=False).is_boxed


def asked(component: Component, columns: tuple[SqlColumn, ...]) -> Iterator[Asked]:
    """By position: of the component's own schema, another one's, or as its table says."""
    own = component.schemas.get("FLOW", ())
    schema = component.schemas.get("OTHER", own) if component.flag("CHECK_ANOTHER") else own
    is_custom = not component.flag("CHECK_ANOTHER") and not component.flag("CHECK_ALL")
    table = {r.get("SCHEMA_COLUMN", ""): r for r in component.rows("CHECKCOLS")} if is_custom else {}
    empty = {
        r.get("SCHEMA_COLUMN", "")
        for r in component.rows("EMPTY_NULL_TABLE")
        if r.get("EMPTY_NULL") == "true"
    }
    for given, column in zip(columns, schema, strict=False):
        is_null = component.flag("ALL_EMPTY_ARE_NULL") or called(given) in empty
        row = table.get(called(given))
        if is_custom and row is None:
            continue
        yield _asked(given, column, row, is_empty_null=is_null)


def _asked(given: SqlColumn, column: Column, row: Mapping[str, str] | None, *, is_empty_null: bool) -> Asked:
    if row is not None:
        return Asked(
            given,
            row.get("SELECTED_TYPE", ""),
            row.get("NULLABLE") == "true",
            column.length or 0,
            row.get("MAX_LENGTH") == "true",
            None,
            row.get("DATEPATTERN", ""),
            is_empty_null,
        )
    name = column.type.removeprefix("id_")
    return Asked(
        given,
        name,
        column.nullable,
        column.length or 0,
        True,
        column.precision,
        column.pattern or "",
        is_empty_null,
    )


def rules(asks: Asked, flow: str) -> Iterator[Rule]:
    """All that can be wrong with the column's value, in Talend's order."""
    value = f"{flow}.{called(asks.given)}"
    is_text = asks.kind.kind in ("string", "object")
    empty = f"{value}.length() == 0"
    if not asks.nullable and asks.kind.is_boxed:
        also = f" || {empty}" if asks.is_empty_null and is_text else ""
        yield Rule(EMPTY, "empty or null", f"{value} == null{also}")
    there = f"{value} != null" if asks.kind.is_boxed else "true"
    if asks.nullable and asks.is_empty_null and is_text:
        there += f" && !({empty})"
    yield from _types(asks, value, there, is_text=is_text)
    if asks.is_measured and asks.length > 0 and asks.kind.kind in ("string", "int"):
        text = value if asks.kind.kind == "string" else f"String.valueOf({value})"
        yield Rule(TOO_LONG, "exceed max length", f"{there} && {text}.length() > {asks.length}")
    if asks.precision is not None and asks.kind.kind == "decimal":
        yield Rule(TOO_LONG, "precision Non-matches", "", places=(asks.length, asks.precision))


def _types(asks: Asked, value: str, there: str, *, is_text: bool) -> Iterator[Rule]:
    if "Date" in asks.type:
        yield from _dates(asks, value, there, is_text=is_text)
    elif is_text and asks.type in _VALUE_OF:
        made = _VALUE_OF[asks.type].format(value)
        yield Rule(WRONG_TYPE, "wrong type", f"{there} ? {made} : null", throws=True)
    elif is_text and asks.type in _REFUSED:
        yield Rule(WRONG_TYPE, "wrong type", f"{there} && ({_REFUSED[asks.type].format(value)})")


def _dates(asks: Asked, value: str, there: str, *, is_text: bool) -> Iterator[Rule]:
    if not asks.pattern.strip('" '):
        yield Rule(WRONG_TYPE, "Date format not defined", "true")
    elif is_text:
        yield Rule(WRONG_TYPE, _DATE_WORDS, f"{there} && !TalendDate.isDate({value}, {asks.pattern})")
    elif asks.kind.kind == "date":
        if (asks.given.pattern or "") != asks.pattern:
            yield Rule(WRONG_TYPE, _DATE_WORDS, "true")
    else:
        said = "The TYPE of inputting data is error. (one of OBJECT, STRING, DATE)"
        yield Rule(WRONG_TYPE, said, "true")


def misplaced(column: SqlColumn, flow: str, places: tuple[int, int]) -> Sql:
    """A BigDecimal with more places than asked for, or more digits before the point than are left."""
    length, precision = places
    value = Ref(column.name, flow)
    has_more = Infix("<>", value, Call("round", (value, Number(precision))))
    is_large = Infix(">=", Call("abs", (value,)), Number(10 ** max(length - precision, 0)))
    return both(IsNull(value, is_negated=True), Infix("OR", has_more, is_large))


def is_misplaced(value: object, places: tuple[int, int]) -> bool:
    """As `misplaced`, in Python."""
    length, precision = places
    if not isinstance(value, Decimal):
        return False
    scaled = value.scaleb(precision)
    return scaled != scaled.to_integral_value() or abs(value) >= 10 ** max(length - precision, 0)
