"""The order in which rows flow into a component, where its answer depends on it. Spark keeps none by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.components.flows import Order, relation
from fdm_platform.talend.components.handler import Rows
from fdm_platform.talend.expression import NULL, Call, Case, Cast, Ref, Sql, Text, Todo, Window
from fdm_platform.talend.plan import Output, Relation, Select, View

NUMBER = "_n"
"""Column of `numbered`: 1 for the first row of its group, in the order of arrival."""


def order_or_todo(draft: Draft, view: View, depends: str) -> Order:
    """By what the view's rows are in order; a TODO and a residue where nothing says it."""
    if view.order:
        return view.order
    reason = f"{depends} by the order in which rows arrive, which nothing here tells"
    draft.residue(
        "order of rows", "", reason, "Write in place of the TODO by which columns rows are ordered."
    )
    return ((Todo("string", "order of rows", reason), False),)


def numbered(
    flow: str, view: View, columns: Iterable[str], partition: tuple[Sql, ...], order: Order
) -> Relation:
    """Some columns of a view, its rows numbered within their group in column `_n`."""
    number = Window(Call("row_number"), partition, order)
    kept = tuple(Output(name, Ref(name, flow)) for name in dict.fromkeys(columns))
    return Relation(Select((*kept, Output(NUMBER, number)), relation(flow, view)), flow)


def joined_texts(
    flow: str, text: Sql, delimiter: Sql, *, is_merged: bool = False, where: Sql | None = None
) -> Sql:
    """Texts of the rows of a group that `numbered` made, in their order; `is_merged`: each of them once.

    The map is Spark's way to take one part of structs that were sorted by another.
    """
    one: Sql = Call("struct", (Ref(NUMBER, flow), text))
    if where is not None:
        one = Case(((where, one),), NULL)
    ordered = Call("sort_array", (Call("collect_list", (one,)),))
    texts: Sql = Call("map_values", (Call("map_from_entries", (ordered,)),))
    return Call("array_join", (Call("array_distinct", (texts,)) if is_merged else texts, delimiter))


def in_order(view: View, rows: Rows) -> list[Mapping[str, object]]:
    """Rows of a view as `order` says, NULL first; those that it does not tell apart, and all if there is none, as given."""
    ordered = list(rows)
    for expression, is_descending in reversed(view.order or ()):
        ordered.sort(key=lambda row: _sortable(_evaluated(expression, row)), reverse=is_descending)
    return ordered


def _sortable(value: object) -> tuple[bool, object]:
    return value is not None, value if value is not None else 0


def _evaluated(expression: Sql, row: Mapping[str, object]) -> object:
    """The few expressions that orders consist of."""
    match expression:
        case Ref(column):
            return row.get(column)
        case Cast(value, "string"):
            return _text(_evaluated(value, row))
        case Call("coalesce", (value, Text(otherwise))):
            found = _evaluated(value, row)
            return otherwise if found is None else found
    raise NotImplementedError(f"an order by {expression}")


def _text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
