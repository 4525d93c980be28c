"""tNormalize: a row for each item of a column of text; what separates items is a regular expression of Java's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import called, main_input, relation, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.simulating import Java, JavaError
from fdm_platform.talend.expression import NULL, Call, Case, Cast, Infix, IsNull, Number, Ref, Sql, Text
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, View

_TEXT = JavaType("string")
_PLAIN = re.compile(r"(?:[^\\.^$|?*+()\[\]{}]|\\[^A-Za-z0-9])+")
"""Regular expressions that stand for one text."""
_DISCARDS = "DISCARD_TRAILING_EMPTY_STR"


def _column(component: Component, view: View) -> SqlColumn | None:
    name = component.text("NORMALIZE_COLUMN")
    found = next((c for c in view.columns if called(c) == name), None)
    return found if found and java_type(found.talend_type, nullable=True).kind == "string" else None


def _separator(component: Component) -> str:
    return component.text("ITEMSEPARATOR") or '","'


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    column = _column(component, view)
    reason = _obstacle(component, column)
    if reason or column is None:
        return left_to_a_person(component, around, reason, todo="Write how the column is taken apart.")
    draft = Draft(component, around)
    separator = draft.typed(_separator(component), draft.scope({}), _TEXT, "ITEMSEPARATOR", "string").sql
    items = _items(Ref(column.name, flow), separator, discards=component.flag(_DISCARDS))
    outputs = tuple(
        Output(c.name, Call("explode", (items,)) if c is column else Ref(c.name, flow)) for c in view.columns
    )
    is_distinct = component.flag("DEDUPLICATE")
    select = Select(outputs, relation(flow, view))
    if component.flag("TRIM"):
        select = _trimmed(draft, view, column, Relation(select, flow))
    select = replace(select, is_distinct=is_distinct)
    unique = frozenset({frozenset(c.name for c in view.columns)} if is_distinct else ())
    draft.add(View(draft.name(), view.columns, unique=unique), select, *around.outputs)
    return draft.done()


def _obstacle(component: Component, column: SqlColumn | None) -> str:
    if column is None:
        return f"{component.text('NORMALIZE_COLUMN') or 'the column'} is no text that comes in"
    if component.flag("CSV_OPTION"):
        return "its items are fields of CSV, with quotes"
    if component.flag(_DISCARDS) and not _PLAIN.fullmatch(str(constant(_separator(component)) or "")):
        return "it discards empty items at the end, and what separates items is not one certain text"
    return ""


def _items(value: Sql, separator: Sql, *, discards: bool) -> Sql:
    """The items; of NULL one that is NULL. Where empty ones at the end are discarded, those alone are none."""
    null = Call("array", (Cast(NULL, "string"),))
    if not discards:
        return Call("coalesce", (Call("split", (value, separator, Number(-1))), null))
    trailing = Text(f"(?:{separator.value})+\\z") if isinstance(separator, Text) else separator
    kept = Call("regexp_replace", (value, trailing, Text("")))
    split = Call("split", (kept, separator, Number(-1)))
    return Case(((IsNull(value), null), (Infix("<>", kept, Text("")), split)), NULL)


def _trimmed(draft: Draft, view: View, column: SqlColumn, source: Relation) -> Select:
    scope = draft.scope({"_": {"v": Typed(_TEXT, Ref(column.name, source.alias), "string")}})
    trimmed = draft.typed("_.v.trim()", scope, _TEXT, column.name, "string").sql
    outputs = tuple(
        Output(c.name, trimmed if c is column else Ref(c.name, source.alias)) for c in view.columns
    )
    return Select(outputs, source)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    column = _column(component, incoming[1]) if incoming else None
    if incoming is None or column is None or _obstacle(component, column):
        return {}
    flow, view = incoming
    java = Java(around, {}, {"_": {"v": Typed(_TEXT, Ref("v", "_"), "string")}})
    made = [
        {**{c.name: row.get(c.name) for c in view.columns}, column.name: item}
        for row in rows[flow]
        for item in _items_of(component, row.get(column.name), java)
    ]
    if component.flag("DEDUPLICATE"):
        made = list({tuple(row.values()): row for row in reversed(made)}.values())[::-1]
    return {view_name(around.job, component.unique_name): made}


def _items_of(component: Component, value: object, java: Java) -> Iterator[str | None]:
    if value is None:
        yield None
        return
    items = list(split(str(value), _separator(component), java))
    while component.flag(_DISCARDS) and items and items[-1] == "":
        items.pop()
    yield from (trimmed(item) if component.flag("TRIM") else item for item in items)


def split(text: str, separator: str, java: Java) -> Iterator[str]:
    """Java's `text.split(separator, -1)`; `separator` is Java."""
    want, n = Column("item", "id_String", nullable=True), 0
    try:
        while True:
            yield str(java.value(f"_.v.split({separator}, -1)[{n}]", {"_": {"v": text}}, want))
            n += 1
    except JavaError:
        return


def trimmed(text: str) -> str:
    """Java's trim."""
    return text.strip("".join(map(chr, range(0x21))))


HANDLERS: Mapping[str, Handler] = {"tNormalize": Handler(_convert, _simulate)}
