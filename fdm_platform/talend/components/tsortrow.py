"""tSortRow: no step of its own. A table has no order; what is kept is by what rows are in order, for those who ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import Order, called, main_input
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.expression import Call, Cast, Ref, Sql, Text
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted, SqlColumn, View

_AS_THEY_ARE = {
    "num": frozenset(
        {"byte", "short", "int", "long", "float", "double", "decimal", "date", "boolean", "char"}
    ),
    "date": frozenset({"date"}),
    "alpha": frozenset({"string"}),
}
"""What each way of sorting compares as values; NULL comes first, in descending order last, as in Spark."""
_AS_TEXT = frozenset({"byte", "short", "int", "long", "boolean", "char"})
"""What `alpha` compares as text, NULL as `null`."""


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    draft, view = Draft(component, around), incoming[1]
    order = tuple(_criteria(draft, component, view))
    if draft.residues:
        draft.views.update({link.name: replace(view, order=None) for link in around.outputs})
        return draft.done("residue", draft.residues[0].reason)
    ordered = replace(view, order=(*order, *_further(draft, view, order)) or None)
    draft.views.update({link.name: ordered for link in around.outputs})
    return draft.done("note", "a table has no order; components that ask for one go by it")


def _criteria(draft: Draft, component: Component, view: View) -> Iterator[tuple[Sql, bool]]:
    columns = {called(c): c for c in view.columns}
    seen = set()
    for row in component.rows("CRITERIA"):
        name, way = row.get("COLNAME", ""), row.get("SORT", "")
        if name in seen:
            continue
        seen.add(name)
        by = _by(columns.get(name), way)
        if by is None:
            draft.residue(
                f"criterion {name}", "", f"{name} cannot be sorted as {way}", "Say by what to sort."
            )
        else:
            yield by, row.get("ORDER") != "asc"


def _by(column: SqlColumn | None, way: str) -> Sql | None:
    kind = java_type(column.talend_type, nullable=column.nullable).kind if column else "object"
    if column and kind in _AS_THEY_ARE.get(way, ()):
        return Ref(column.name)
    if column and way == "alpha" and kind in _AS_TEXT:
        return Call("coalesce", (Cast(Ref(column.name), "string"), Text("null")))
    return None


def _further(draft: Draft, view: View, order: Order) -> Order:
    """Rows with the same values stay as they came."""
    by = {value.column for value, _ in order if isinstance(value, Ref)}
    if view.order is not None or any(unique <= by for unique in view.unique):
        return tuple(x for x in view.order or () if x not in order)
    draft.note("rows with the same values stay in Talend as they arrived; here nothing tells how they did")
    return ()


HANDLERS: Mapping[str, Handler] = {"tSortRow": Handler(_convert), "tExternalSortRow": Handler(_convert)}
