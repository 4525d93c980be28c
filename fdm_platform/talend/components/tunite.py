"""tUnite: all rows of its flows, in their order of merging; columns by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import main_outputs, relation, schema_of, sql_columns, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.expression import Cast, Ref, Sql
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted, Output, Select, SqlColumn, View


def _columns(component: Component, around: Around) -> tuple[SqlColumn, ...]:
    """The component's schema, a BigDecimal with room for those of all flows."""
    views = tuple(around.inputs.values())
    made = sql_columns(schema_of(component, next(iter(main_outputs(around)), None))) or views[0].columns
    return tuple(
        replace(c, spark_type=_widest([v.columns[n].spark_type for v in views if n < len(v.columns)]))
        if c.spark_type.startswith("decimal")
        else c
        for n, c in enumerate(made)
    )


_MOST_DIGITS = 38


def _widest(kinds: Sequence[str]) -> str:
    """A decimal that holds these, digits before the point before those after it."""
    places = [tuple(map(int, kind[len("decimal(") : -1].split(","))) for kind in kinds if "," in kind]
    whole, scale = max((p - s for p, s in places), default=28), max((s for _, s in places), default=10)
    return f"decimal({min(whole + scale, _MOST_DIGITS)},{min(scale, _MOST_DIGITS - whole)})"


def _convert(component: Component, around: Around) -> Converted:
    if not around.inputs:
        return left_to_a_person(component, around, "no flow comes in")
    draft, columns = Draft(component, around), _columns(component, around)
    selects = [_select(flow, view, columns) for flow, view in around.inputs.items()]
    view = View(draft.name(), columns)
    draft.add(view, replace(selects[0], union=tuple(selects[1:])), *main_outputs(around))
    return draft.done()


def _select(flow: str, view: View, columns: tuple[SqlColumn, ...]) -> Select:
    values = tuple(Output(c.name, _value(flow, view, n, c)) for n, c in enumerate(columns))
    return Select(values, relation(flow, view))


def _value(flow: str, view: View, n: int, column: SqlColumn) -> Sql:
    if n >= len(view.columns):
        return default_value(column)
    read = Ref(view.columns[n].name, flow)
    return read if view.columns[n].spark_type == column.spark_type else Cast(read, column.spark_type)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    if not around.inputs:
        return {}
    columns = _columns(component, around)
    made = [
        {
            c.name: row.get(view.columns[n].name) if n < len(view.columns) else default_of(c)
            for n, c in enumerate(columns)
        }
        for flow, view in around.inputs.items()
        for row in rows[flow]
    ]
    return {view_name(around.job, component.unique_name): made}


HANDLERS: Mapping[str, Handler] = {"tUnite": Handler(_convert, _simulate)}
