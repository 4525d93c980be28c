"""Components that pass rows on as they are: tFilterColumns, tReplicate, tLogRow, and those that are switched off."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    called,
    hidden,
    main_input,
    ordered_by,
    output_view,
    relation,
    schema_of,
    sql_columns,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.expression import FALSE, NULL, Call, Cast, Number, Ref, Sql
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted, Outcome, Output, Select, SqlColumn, View


def default_value(column: SqlColumn) -> Sql:
    """What Java gives a column that nothing was put into: null, or 0 or false of a primitive."""
    kind = java_type(column.talend_type, nullable=column.nullable)
    if kind.is_boxed:
        return Cast(NULL, column.spark_type)
    if kind.kind == "char":
        return Call("chr", (Number(0),))
    return FALSE if kind.kind == "boolean" else Cast(Number(0), column.spark_type)


def default_of(column: SqlColumn) -> object:
    """As `default_value`, in Python."""
    kind = java_type(column.talend_type, nullable=column.nullable)
    if kind.is_boxed:
        return None
    return {"boolean": False, "float": 0.0, "double": 0.0, "char": "\x00"}.get(kind.kind, 0)


def _columns_of(around: Around, component: Component) -> Mapping[str, tuple[SqlColumn, ...]]:
    return {link.name: sql_columns(schema_of(component, link)) for link in around.outputs}


def _is_same(columns: tuple[SqlColumn, ...], view: View) -> bool:
    return not columns or [c.name for c in columns] == [c.name for c in view.columns]


def _pass(component: Component, around: Around, outcome: Outcome, detail: str) -> Converted:
    """Columns by name. Where they are the incoming ones, the incoming view serves."""
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    draft = Draft(component, around)
    for link in around.outputs:
        columns = _columns_of(around, component)[link.name]
        if _is_same(columns, view):
            draft.views[link.name] = view
        else:
            draft.add(*_chosen(output_view(around, component, link), columns, flow, view), link)
    return draft.done("step" if draft.steps else outcome, "" if draft.steps else detail)


def _chosen(name: str, columns: tuple[SqlColumn, ...], flow: str, view: View) -> tuple[View, Select]:
    known = {called(c): c for c in view.columns}
    made = tuple(_as_incoming(c, known.get(called(c))) for c in columns)
    values = tuple(
        Output(c.name, Ref(known[called(c)].name, flow) if called(c) in known else default_value(c))
        for c in columns
    )
    kept = tuple(Output(n, Ref(n, flow)) for n in hidden(view))
    left = {c.name for c in columns if called(c) in known}
    order = view.order if set(ordered_by(view)) <= left | set(hidden(view)) else None
    unique = frozenset(keys for keys in view.unique if keys <= left)
    select = Select((*values, *(kept if order else ())), relation(flow, view))
    return View(name, made, order, unique), select


def _as_incoming(column: SqlColumn, incoming: SqlColumn | None) -> SqlColumn:
    if incoming is None:
        return column
    return SqlColumn(
        column.name,
        column.talend_type,
        incoming.spark_type,
        incoming.nullable,
        column.key,
        column.pattern,
        column.talend_name,
    )


def _filter_columns(component: Component, around: Around) -> Converted:
    return _pass(component, around, "step", "the columns are the incoming ones")


def _replicate(component: Component, around: Around) -> Converted:
    return _pass(component, around, "step", "its flows read the incoming view")


def _log_row(component: Component, around: Around) -> Converted:
    return _pass(component, around, "note", "prints only")


def _dummy_row(component: Component, around: Around) -> Converted:
    return _pass(component, around, "off", "switched off in Talend, which passes its rows on")


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    flow, view = incoming
    answer: dict[str, Rows] = {}
    for link in around.outputs:
        columns = _columns_of(around, component)[link.name]
        if not _is_same(columns, view):
            answer[output_view(around, component, link)] = [_one(columns, view, row) for row in rows[flow]]
    return answer


def _one(columns: tuple[SqlColumn, ...], view: View, row: Mapping[str, object]) -> dict[str, object]:
    known = {called(c): c.name for c in view.columns}
    shown = {c.name: row[known[called(c)]] if called(c) in known else default_of(c) for c in columns}
    return shown | {name: row[name] for name in hidden(view) if name in row}


HANDLERS: Mapping[str, Handler] = {
    "tFilterColumns": Handler(_filter_columns, _simulate),
    "tReplicate": Handler(_replicate, _simulate),
    "tLogRow": Handler(_log_row, _simulate),
    "tDummyRow": Handler(_dummy_row, _simulate),
}
