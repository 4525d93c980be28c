"""tFilterRow: conditions as Talend generates them, in Java; a null of an object meets none of them, not even `!=`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    REJECT,
    called,
    main_input,
    output_view,
    passed,
    relation,
    schema_of,
    sql_columns,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java
from fdm_platform.talend.expression import FALSE, NULL, Call, Case, Infix, Prefix, Sql, Text
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Component, Link
from fdm_platform.talend.plan import Converted, Output, Select, SqlColumn, View

_ADVANCED = "advanced condition failed"
_MESSAGE = "errorMessage"


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition in Java, and what the reject flow says of a row that does not meet it."""

    place: str
    java: str
    reason: str


def _conditions(component: Component, flow: str, view: View) -> Iterator[_Condition]:
    columns = {called(c): c for c in view.columns}
    for n, row in enumerate(component.rows("CONDITIONS"), 1):
        name = row.get("INPUT_COLUMN", "")
        yield _condition(f"condition {n}", columns.get(name), name, row, f"{flow}.{name}")
    if component.flag("USE_ADVANCED"):
        java = component.text("ADVANCED_COND").replace("input_row.", f"{flow}.")
        yield _Condition("advanced condition", java, _ADVANCED)


def _condition(
    place: str, column: SqlColumn | None, name: str, row: Mapping[str, str], source: str
) -> _Condition:
    """The Java and the words of the message, both as Talend writes them."""
    function, operator, value = (row.get(key, "") for key in ("FUNCTION", "OPERATOR", "RVALUE"))
    if function.strip():
        filled = function.replace("$operator", operator).replace("$target", value)
        said = filled.split(":", 1)[-1].replace("$source", name)
        return _Condition(place, filled.replace("$source", source), f"{said} failed")
    if value.strip() == "null":
        return _Condition(place, f"{source} {operator} null", f"{name}{operator}null failed")
    if column and not java_type(column.talend_type, nullable=column.nullable).is_boxed:
        return _Condition(place, f"{source} {operator} {value}", f"{name} {operator} {value} failed")
    java = f"{source} == null ? false : {source}.compareTo({_number(column, value)}) {operator} 0"
    return _Condition(place, java, f"{name}.compareTo({value}) {operator} 0 failed")


def _number(column: SqlColumn | None, value: str) -> str:
    """What a fraction is compared with: Talend parses the value's text as a number of the column's type."""
    kind = java_type(column.talend_type, nullable=True).kind if column else "object"
    found = constant(value) if kind in ("decimal", "float", "double") else None
    if found is None or isinstance(found, bool):
        return value
    if kind == "decimal":
        return f'new BigDecimal("{found}")'
    try:
        number = float(found)
    except ValueError:
        return value
    return f"{number!r}f" if kind == "float" else repr(number)


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    draft = Draft(component, around)
    conditions = tuple(_conditions(component, *incoming))
    tests = [draft.condition(c.java, draft.scope(), c.place) for c in conditions]
    holds = _joined("OR" if _is_any(component) else "AND", tests)
    for link in around.outputs:
        name = output_view(around, component, link)
        if link.connector == REJECT:
            message = _message([(t, c.reason) for t, c in zip(tests, conditions, strict=True)])
            further = {
                c: message if c.name == _MESSAGE else default_value(c)
                for c in _further(component, link, incoming[1])
            }
            draft.add(*_rejected(name, incoming, holds, further), link)
        else:
            draft.add(*_kept(name, incoming, holds), link)
    return draft.done()


def _is_any(component: Component) -> bool:
    return component.text("LOGICAL_OP", "&&") == "||"


def _joined(operator: str, tests: list[Sql]) -> Sql | None:
    """None: there is no condition. Talend passes all rows then, or with `||` none."""
    if not tests:
        return FALSE if operator == "OR" else None
    return reduce(lambda a, b: Infix(operator, a, b), tests)


def _message(reasons: list[tuple[Sql, str]]) -> Sql:
    """The reasons of all conditions that do not hold, `|` between them."""
    return Call("concat_ws", (Text("|"), *(Case(((Prefix("NOT", t), Text(r)),), NULL) for t, r in reasons)))


def _kept(name: str, incoming: tuple[str, View], holds: Sql | None) -> tuple[View, Select]:
    flow, view = incoming
    return replace(view, name=name), Select(passed(view, flow), relation(flow, view), where=holds)


def _rejected(
    name: str, incoming: tuple[str, View], holds: Sql | None, further: Mapping[SqlColumn, Sql]
) -> tuple[View, Select]:
    flow, view = incoming
    values = (Output(column.name, value) for column, value in further.items())
    where = FALSE if holds is None else Prefix("NOT", holds)
    made = replace(view, name=name, columns=(*view.columns, *further))
    return made, Select((*passed(view, flow), *values), relation(flow, view), where=where)


def _further(component: Component, link: Link, view: View) -> Iterator[SqlColumn]:
    """Columns of the reject flow that do not come in: the message."""
    known = {c.name.lower() for c in view.columns}
    return (c for c in sql_columns(schema_of(component, link)) if c.name.lower() not in known)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    flow, view = incoming
    conditions = tuple(_conditions(component, flow, view))
    java = Java(around, {flow: view})
    judged = [(row, _failed(conditions, java, {flow: row})) for row in rows[flow]]
    return {
        output_view(around, component, link): (
            _with_message(
                component, link, view, [(r, f) for r, f in judged if not _holds(component, conditions, f)]
            )
            if link.connector == REJECT
            else [r for r, f in judged if _holds(component, conditions, f)]
        )
        for link in around.outputs
    }


def _failed(
    conditions: tuple[_Condition, ...], java: Java, row: Mapping[str, Mapping[str, object]]
) -> list[str]:
    return [c.reason for c in conditions if not java.boolean(c.java, row)]


def _holds(component: Component, conditions: tuple[_Condition, ...], failed: list[str]) -> bool:
    return len(failed) < len(conditions) if _is_any(component) else not failed


def _with_message(
    component: Component, link: Link, view: View, judged: Iterable[tuple[Mapping[str, object], list[str]]]
) -> Rows:
    further = tuple(_further(component, link, view))
    return [
        {**row, **{c.name: "|".join(failed) if c.name == _MESSAGE else default_of(c) for c in further}}
        for row, failed in judged
    ]


HANDLERS: Mapping[str, Handler] = {"tFilterRow": Handler(_convert, _simulate)}
