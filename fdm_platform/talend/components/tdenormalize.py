"""tDenormalize: one row for all rows that agree in the other columns, their values joined in the order they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    called,
    main_input,
    relation,
    schema_of,
    sql_columns,
    view_name,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.ordering import in_order, joined_texts, numbered
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java
from fdm_platform.talend.expression import Call, Infix, Number, Ref, Sql, Todo
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Select, SqlColumn, View

_TEXT = JavaType("string")
_NO_ORDER = "values are joined in the order in which rows arrive, which nothing here tells"


@dataclass(frozen=True, slots=True)
class _Joined:
    """A column whose values are joined."""

    column: SqlColumn
    delimiter: str
    """In Java."""
    is_merged: bool
    """A value is taken once."""

    def java(self, flow: str) -> str:
        """A value as text."""
        value = f"{flow}.{called(self.column)}"
        is_date = java_type(self.column.talend_type, nullable=True).kind == "date"
        if is_date and (self.column.pattern or "").strip('" '):
            return f'{value} == null ? "null" : TalendDate.formatDate({self.column.pattern}, {value})'
        return f"String.valueOf({value})"


@dataclass(frozen=True, slots=True)
class _Group:
    flow: str
    view: View
    columns: tuple[SqlColumn, ...]
    joined: Mapping[str, _Joined]
    """By the column's name in Talend."""

    @property
    def keys(self) -> tuple[SqlColumn, ...]:
        return tuple(c for c in self.view.columns if called(c) not in self.joined)


def _group(component: Component, flow: str, view: View) -> _Group:
    known = {called(c): c for c in view.columns}
    joined: dict[str, _Joined] = {}
    for row in component.rows("DENORMALIZE_COLUMNS"):
        name = row.get("INPUT_COLUMN", "")
        if name in known and name not in joined:
            delimiter = row.get("DELIMITER") or '""'
            joined[name] = _Joined(known[name], delimiter, row.get("MERGE") == "true")
    columns = sql_columns(schema_of(component, None)) or view.columns
    made = (c if called(c) in joined else _as_incoming(c, known.get(called(c))) for c in columns)
    return _Group(flow, view, tuple(made), joined)


def _as_incoming(column: SqlColumn, incoming: SqlColumn | None) -> SqlColumn:
    """A key has the type that it comes in with."""
    return replace(column, spark_type=incoming.spark_type) if incoming else column


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    group, draft = _group(component, *incoming), Draft(component, around)
    keys = tuple(Ref(c.name, group.flow) for c in group.keys)
    source = relation(group.flow, group.view)
    if group.view.order and group.joined:
        source = numbered(
            group.flow, group.view, [c.name for c in group.view.columns], keys, group.view.order
        )
    select = Select(
        tuple(Output(c.name, _value(draft, group, c)) for c in group.columns),
        source,
        group_by=keys,
        having=None if keys else Infix(">", Call("count", (Ref("*"),)), Number(0)),
    )
    names = {called(c): c.name for c in group.columns}
    is_told_apart = bool(keys) and all(called(c) in names for c in group.keys)
    unique = frozenset({frozenset(names[called(c)] for c in group.keys)} if is_told_apart else ())
    draft.add(View(draft.name(), group.columns, unique=unique), select, *around.outputs)
    return draft.done()


def _value(draft: Draft, group: _Group, column: SqlColumn) -> Sql:
    joined = group.joined.get(called(column))
    if joined is None:
        key = next((c for c in group.keys if called(c) == called(column)), None)
        return Ref(key.name, group.flow) if key else default_value(column)
    java = joined.java(group.flow)
    reason = "" if group.view.order else _NO_ORDER
    if java_type(column.talend_type, nullable=True).kind != "string":
        reason = f"it makes a {column.talend_type} of joined values"
    if reason:
        draft.residue(column.name, java, reason)
        return Todo(column.spark_type, java, reason)
    text = draft.typed(java, draft.scope(), _TEXT, column.name, "string").sql
    delimiter = draft.typed(joined.delimiter, draft.scope({}), _TEXT, column.name, "string").sql
    if joined.is_merged and joined.column.spark_type == "timestamp":
        draft.note(
            f"{column.name}: dates that look alike are one value; to Talend they are by their milliseconds"
        )
    return joined_texts(group.flow, text, delimiter, is_merged=joined.is_merged)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    group = _group(component, *incoming)
    found: dict[tuple[object, ...], list[Mapping[str, object]]] = {}
    for row in in_order(group.view, rows[group.flow]):
        found.setdefault(tuple(row.get(c.name) for c in group.keys), []).append(row)
    java = Java(around, {group.flow: group.view})
    answer = [{c.name: _of(group, c, each, java) for c in group.columns} for each in found.values()]
    return {view_name(around.job, component.unique_name): answer}


def _of(group: _Group, column: SqlColumn, rows: Rows, java: Java) -> object:
    joined = group.joined.get(called(column))
    if joined is None:
        key = next((c for c in group.keys if called(c) == called(column)), None)
        return rows[0].get(key.name) if key else default_of(column)
    if not group.view.order or java_type(column.talend_type, nullable=True).kind != "string":
        return None
    want = Column("text", "id_String", nullable=True)
    texts = [str(java.value(joined.java(group.flow), {group.flow: row}, want)) for row in rows]
    return str(constant(joined.delimiter)).join(dict.fromkeys(texts) if joined.is_merged else texts)


HANDLERS: Mapping[str, Handler] = {"tDenormalize": Handler(_convert, _simulate)}
