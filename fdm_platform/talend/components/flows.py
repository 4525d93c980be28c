"""Flows as relations: columns of a schema in SQL, names of views, what an expression sees of a view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.components.trees import placed
from fdm_platform.talend.expression import Call, Cast, Ref, Sql
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import java_type, spark_type
from fdm_platform.talend.model import Column, Component, Link, TalendJob
from fdm_platform.talend.plan import Output, Relation, SqlColumn, View

Order = tuple[tuple[Sql, bool], ...]
LINE = "_line"
"""The hidden column by which a file's rows are told in their order; only made where a component asks for the order."""
REJECT = "REJECT"
BY_VALUE = "CHANGE_HASH_AND_EQUALS_FOR_BIGDECIMAL"
"""With it Talend, too, takes BigDecimals of one value for one key, whatever their number of decimals."""


def distinct_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, a number after each that differs from one before it by letter case alone, for which SQL has no eye."""
    taken: set[str] = set()
    answer = []
    for name in names:
        given, n = name, 1
        while given.lower() in taken:
            n += 1
            given = f"{name}_{n}"
        taken.add(given.lower())
        answer.append(given)
    return tuple(answer)


def view_name(job: TalendJob, *parts: str) -> str:
    """The view of a flow or component, `tMap_1_out1`: in Talend's letters, unless another differs by case alone."""
    names = dict.fromkeys([*(c.unique_name for c in job.components), *(link.name for link in job.links)])
    return "_".join(_apart(part, names) for part in parts)


def _apart(name: str, names: Iterable[str]) -> str:
    alike = [other for other in names if other.lower() == name.lower()]
    return distinct_names(alike)[alike.index(name)] if name in alike else name


def sql_columns(schema: Sequence[Column]) -> tuple[SqlColumn, ...]:
    """A schema's columns in SQL."""
    return tuple(
        SqlColumn(
            name,
            column.type,
            spark_type(java_type(column.type, nullable=True).kind, column.length, column.precision),
            column.nullable,
            column.key,
            column.pattern,
            talend_name=column.name if name != column.name else "",
        )
        for column, name in zip(schema, distinct_names(c.name for c in schema), strict=True)
    )


def schema_of(component: Component, link: Link | None, connector: str = "FLOW") -> tuple[Column, ...]:
    """The schema of an outgoing flow: by the flow's name (tMap), its connector, else the component's only schema."""
    wanted = [link.name, link.connector] if link else []
    for key in (*wanted, connector, component.unique_name):
        if component.schemas.get(key):
            return component.schemas[key]
    return next(iter(component.schemas.values()), ())


def output_view(around: Around, component: Component, link: Link) -> str:
    """`tFilterRow_1`, of a reject `tFilterRow_1_reject`; with the flow's name where several flows come out."""
    if link.connector == REJECT:
        return view_name(around.job, component.unique_name, "reject")
    many = len(main_outputs(around)) > 1
    return view_name(around.job, component.unique_name, *([link.name] if many else []))


def main_outputs(around: Around) -> tuple[Link, ...]:
    """Outgoing flows that are no rejects."""
    return tuple(link for link in around.outputs if link.connector != REJECT)


def main_input(around: Around) -> tuple[str, View] | None:
    """The main incoming flow and its view; None where nothing flows in."""
    return next(iter(around.inputs.items()), None)


def called(column: SqlColumn) -> str:
    """The column's name in Talend."""
    return column.talend_name or column.name


def typed(column: SqlColumn, sql: Sql) -> Typed:
    """A column's value as Java sees it; of a column that is not nullable, never null."""
    kind = java_type(column.talend_type, nullable=column.nullable)
    return Typed(kind, sql, column.spark_type, is_nullable=column.nullable)


def fields(view: View, alias: str | None) -> Mapping[str, Typed]:
    """What expressions call `row1.column`, for one flow."""
    return {called(c): typed(c, Ref(c.name, alias)) for c in view.columns}


def hidden(view: View) -> tuple[str, ...]:
    """Columns that only the view's order uses; a component that keeps rows in their order passes them on."""
    shown = {c.name.lower() for c in view.columns}
    return tuple(name for name in ordered_by(view) if name.lower() not in shown)


def ordered_by(view: View) -> tuple[str, ...]:
    """Columns that the view's order uses."""
    return tuple(dict.fromkeys(name for value, _ in view.order or () for name in _columns_in(value)))


def _columns_in(expression: Sql) -> Iterator[str]:
    match expression:
        case Ref(column):
            yield column
        case Cast(value):
            yield from _columns_in(value)
        case Call(_, arguments):
            for argument in arguments:
                yield from _columns_in(argument)


def passed(view: View, alias: str) -> tuple[Output, ...]:
    """All columns of a view as they are, and those of its order."""
    return tuple(Output(n, Ref(n, alias)) for n in (*(c.name for c in view.columns), *hidden(view)))


def relation(flow: str, view: View) -> Relation:
    """`FROM view AS flow`."""
    return Relation(view.name, flow)


def carried(view: View, alias: str) -> tuple[tuple[Output, ...], Order | None]:
    """Hidden columns by which rows made of this view's, one of one, are told in its order; and that order."""
    if not view.order:
        return (), None
    names = [value.column if isinstance(value, Ref) else "" for value, _ in view.order]
    kept = [n if n in hidden(view) else f"_by_{i}" for i, n in enumerate(names, 1)]
    outputs = tuple(Output(k, placed(v, alias)) for k, (v, _) in zip(kept, view.order, strict=True))
    return outputs, tuple((Ref(k), down) for k, (_, down) in zip(kept, view.order, strict=True))


_ORDERED_MAIN = frozenset(
    {"tUniqRow", "tUniqueRow", "tAggregateRow", "tAggregateSortedRow", "tDenormalize", "tNormalize"}
)
"""Kinds whose answer depends on the order of the rows that flow in."""


def asks_for_order(job: TalendJob, unique_name: str) -> bool:
    """A component behind this one, or a lookup that it feeds, depends on the order of its rows."""
    seen, ahead = {unique_name}, [unique_name]
    while ahead:
        at = ahead.pop()
        for link in job.links:
            if link.source != at or not link.is_active:
                continue
            if link.is_lookup or _kind(job, link.target) in _ORDERED_MAIN:
                return True
            if link.target not in seen:
                seen.add(link.target)
                ahead.append(link.target)
    return False


def _kind(job: TalendJob, unique_name: str) -> str:
    return next((c.kind for c in job.components if c.unique_name == unique_name), "")
