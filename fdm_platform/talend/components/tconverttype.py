"""tConvertType: columns become those of another schema; a row with a value that cannot is rejected, or ends the job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fdm_platform.talend.components.conversions import java_of, refusal_of, rule
from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    REJECT,
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
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java, JavaError
from fdm_platform.talend.expression import FALSE, NULL, Call, Case, Ref, Sql, Text, Todo
from fdm_platform.talend.java.logic import either, negated
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Component, Link
from fdm_platform.talend.plan import Converted, Output, Select, SqlColumn, View

_CODE, _MESSAGE = "errorCode", "errorMessage"
_FAILED = ":cannot be converted"


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One outgoing column. Without `given` nothing is put into it."""

    column: SqlColumn
    given: SqlColumn | None = None
    java: str = ""
    refuses: str = ""
    reason: str = ""
    """Why it cannot be said."""


def _conversions(component: Component, around: Around, flow: str, view: View) -> Iterator[_Conversion]:
    """By name, or as the component's table pairs columns."""
    main = next((link for link in around.outputs if link.connector != REJECT), None)
    given = {called(c): c for c in view.columns}
    pairs = {called(c): called(c) for c in sql_columns(schema_of(component, main))}
    if not component.flag("AUTOCAST"):
        rows = component.rows("MANUALTABLE")
        pairs = {row.get("OUTPUT_COLUMN", ""): row.get("INPUT_COLUMN", "") for row in rows}
    is_null = component.flag("EMPTYTONULL")
    for column in sql_columns(schema_of(component, main)):
        source = given.get(pairs.get(called(column), ""))
        if source is None:
            yield _Conversion(column)
            continue
        found, value = rule(source, column), f"{flow}.{called(source)}"
        if found is None:
            reason = f"no conversion from {source.talend_type} to {column.talend_type}"
            yield _Conversion(column, source, value, reason=reason)
            continue
        java = java_of(source, column, value, found, empty_is_null=is_null)
        yield _Conversion(column, source, java, refusal_of(source, value, found, empty_is_null=is_null))


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    draft = Draft(component, around)
    each = tuple(_conversions(component, around, *incoming))
    values = [_value(draft, conversion) for conversion in each]
    failing = either(*(value.fails for value in values))
    for link in around.outputs:
        if link.connector == REJECT:
            _add_rejects(draft, link, incoming, list(zip(each, values, strict=True)), failing)
        else:
            _add_rows(draft, link, incoming, list(zip(each, values, strict=True)), failing)
    return draft.done()


def _value(draft: Draft, conversion: _Conversion) -> Typed:
    column, scope = conversion.column, draft.scope()
    kind = java_type(column.talend_type, nullable=column.nullable)
    if conversion.given is None:
        return Typed(kind, default_value(column), column.spark_type, column.nullable)
    if conversion.reason:
        draft.residue(column.name, conversion.java, conversion.reason)
        todo = Todo(column.spark_type, conversion.java, conversion.reason)
        return Typed(kind, todo, column.spark_type, is_nullable=True)
    value = draft.value(conversion.java, scope, column, column.name)
    if not conversion.refuses:
        return value
    return replace(
        value, fails=either(value.fails, draft.boolean(conversion.refuses, scope, column.name).sql)
    )


_Pairs = Sequence[tuple[_Conversion, Typed]]


def _add_rows(draft: Draft, link: Link, incoming: tuple[str, View], pairs: _Pairs, failing: Sql) -> None:
    flow, view = incoming
    dies = draft.component.flag("DIEONERROR")
    columns = tuple(replace(c.column, spark_type=v.spark_type) for c, v in pairs)
    outputs = tuple(
        Output(c.column.name, draft.guarded(v, c.column.name) if dies else v.sql) for c, v in pairs
    )
    same = {c.column.name for c, v in pairs if v.sql == Ref(c.column.name, flow)}
    kept = tuple(Output(n, Ref(n, flow)) for n in hidden(view))
    order = view.order if set(ordered_by(view)) <= same | set(hidden(view)) else None
    if failing != FALSE and not dies and not any(k.connector == REJECT for k in draft.around.outputs):
        draft.note("rows with a value that cannot be converted are left out, as Talend does (it prints them)")
    where = None if dies or failing == FALSE else negated(failing)
    unique = frozenset(keys for keys in view.unique if keys <= same)
    made = View(output_view(draft.around, draft.component, link), columns, order, unique)
    draft.add(made, Select((*outputs, *(kept if order else ())), relation(flow, view), where=where), link)


def _add_rejects(draft: Draft, link: Link, incoming: tuple[str, View], pairs: _Pairs, failing: Sql) -> None:
    """With the values that came in where the reject flow has other types than the main one, else the converted ones."""
    flow, view = incoming
    columns = sql_columns(schema_of(draft.component, link))
    takes_given = _takes_given(columns, [c for c, _ in pairs])
    draft.note("the words of errorMessage differ from Talend's")
    by_name = {called(c.column): (c, v) for c, v in pairs}
    outputs = tuple(_rejected(column, by_name, pairs, flow, takes_given=takes_given) for column in columns)
    where = FALSE if draft.component.flag("DIEONERROR") else failing
    made = View(output_view(draft.around, draft.component, link), columns)
    draft.add(made, Select(outputs, relation(flow, view), where=where), link)


def _takes_given(columns: Sequence[SqlColumn], conversions: Sequence[_Conversion]) -> bool:
    kinds = [c.talend_type for c in columns]
    return any(a.column.talend_type != b for a, b in zip(conversions[:-1], kinds, strict=False))


def _rejected(
    column: SqlColumn,
    by_name: Mapping[str, tuple[_Conversion, Typed]],
    pairs: _Pairs,
    flow: str,
    *,
    takes_given: bool,
) -> Output:
    if column.name == _CODE:
        return Output(column.name, Text("2"))
    if column.name == _MESSAGE:
        said = tuple(
            Case(((v.fails, Text(called(c.column) + _FAILED)),), NULL) for c, v in pairs if v.fails != FALSE
        )
        return Output(column.name, Call("concat_ws", (Text(";"), *said)))
    conversion, value = by_name.get(called(column), (None, None))
    if conversion is None or value is None or conversion.given is None:
        return Output(column.name, default_value(column))
    if takes_given:
        return Output(column.name, Ref(conversion.given.name, flow))
    return Output(column.name, Case(((value.fails, default_value(column)),), value.sql))


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    flow, view = incoming
    each = tuple(_conversions(component, around, flow, view))
    java = Java(around, {flow: view})
    judged = [(row, _converted(each, flow, row, java)) for row in rows[flow]]
    if component.flag("DIEONERROR") and any(failed for _, (_, failed) in judged):
        raise JavaError("ConvertTypeException")
    answer: dict[str, Rows] = {}
    for link in around.outputs:
        name = output_view(around, component, link)
        if link.connector == REJECT:
            columns = sql_columns(schema_of(component, link))
            answer[name] = [
                _rejected_row(columns, each, row, values, failed)
                for row, (values, failed) in judged
                if failed
            ]
        else:
            answer[name] = [
                {**values, **{n: row.get(n) for n in hidden(view)}}
                for row, (values, failed) in judged
                if not failed
            ]
    return answer


def _converted(
    each: Sequence[_Conversion], flow: str, row: Mapping[str, object], java: Java
) -> tuple[dict[str, object], list[str]]:
    """The values, and the columns whose value cannot be converted."""
    values: dict[str, object] = {}
    failed = []
    for conversion in each:
        column = conversion.column
        values[column.name] = default_of(column)
        if conversion.given is None or conversion.reason:
            continue
        try:
            value = java.value(conversion.java, {flow: row}, column)
        except JavaError:
            failed.append(column.name)
            continue
        if conversion.refuses and java.boolean(conversion.refuses, {flow: row}):
            failed.append(column.name)
        else:
            values[column.name] = value
    return values, failed


def _rejected_row(
    columns: Sequence[SqlColumn],
    each: Sequence[_Conversion],
    row: Mapping[str, object],
    values: Mapping[str, object],
    failed: Sequence[str],
) -> Mapping[str, object]:
    given = {called(c.column): c.given.name for c in each if c.given}
    said = {_CODE: "2", _MESSAGE: ";".join(f"{name}{_FAILED}" for name in failed)}
    if _takes_given(columns, each):
        known = {c.name: row.get(given[called(c)]) for c in columns if called(c) in given}
    else:
        known = {c.name: values[c.name] for c in columns if c.name in values}
    return {c.name: said.get(c.name, known.get(c.name, default_of(c))) for c in columns}


HANDLERS: Mapping[str, Handler] = {"tConvertType": Handler(_convert, _simulate)}
