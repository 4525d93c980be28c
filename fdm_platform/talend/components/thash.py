"""tHashOutput keeps rows in memory, tHashInput reads them: a view by the output's name."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    main_input,
    passed,
    relation,
    schema_of,
    sql_columns,
    view_name,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.expression import Cast, Ref, Sql
from fdm_platform.talend.flow import hash_writers
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, View


def _write(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    kept = component.text("KEYS_MANAGEMENT", "KEEP_ALL")
    if kept != "KEEP_ALL":
        reason = f"it keeps one row of each key ({kept})"
        return left_to_a_person(component, around, reason, todo="Say which row of a key is kept.")
    draft = Draft(component, around)
    if component.flag("LINK_WITH") and not component.flag("APPEND"):
        reason = f"it empties {component.text('LIST')} before it writes"
        draft.residue("APPEND", "false", reason, "Say which rows its readers are to see.")
    made = View(draft.name(), view.columns, view.order, view.unique)
    draft.add(made, Select(passed(view, flow), relation(flow, view)))
    draft.views.update({link.name: view for link in around.outputs})
    return draft.done()


def _keep(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    return {view_name(around.job, component.unique_name): rows[incoming[0]]} if incoming else {}


def _read(component: Component, around: Around) -> Converted:
    writers, named = hash_writers(around.job, component), component.text("LIST")
    if named not in {writer.unique_name for writer in writers}:
        reason = f"it reads {named or 'nothing'}, which is not there"
        return left_to_a_person(component, around, reason, todo="Say which rows it is to read.")
    draft, columns = Draft(component, around), sql_columns(schema_of(component, None))
    if any(c.spark_type.startswith("decimal") for c in columns):
        draft.note(
            "a BigDecimal is kept with its column's places; in Talend's memory it keeps all that it has"
        )
    first, *others = (_of(writer, columns, around, component.unique_name) for writer in writers)
    draft.add(
        View(draft.name(), columns),
        Select(first.columns, first.source, union=tuple(others)),
        *around.outputs,
    )
    return draft.done()


def _of(writer: Component, columns: tuple[SqlColumn, ...], around: Around, alias: str) -> Select:
    """The rows that one output kept; columns by their names, as Talend's classes have them."""
    written = {c.name: c.spark_type for c in sql_columns(schema_of(writer, None))}

    def value(column: SqlColumn) -> Sql:
        plain, kind = Ref(column.name, alias), column.spark_type
        # What a BigDecimal has of places on its way is told by no schema.
        is_same = written.get(column.name) == kind and not kind.startswith("decimal")
        return plain if is_same else Cast(plain, kind)

    values = tuple(Output(c.name, value(c)) for c in columns)
    return Select(values, Relation(view_name(around.job, writer.unique_name), alias))


HANDLERS: Mapping[str, Handler] = {"tHashOutput": Handler(_write, _keep), "tHashInput": Handler(_read)}
