"""tAggregateRow: one row for each group of rows that have the same keys, NULLs among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fdm_platform.talend.components.aggregate_values import work_out
from fdm_platform.talend.components.aggregates import FLOATING, ORDERED, PLACES, Operation, aggregate
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
from fdm_platform.talend.components.ordering import in_order, numbered
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java
from fdm_platform.talend.expression import Call, Infix, Number, Ref, Sql, Todo
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.typed import Untranslated
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, View

_TEXT = JavaType("string")
_NO_ORDER = "it goes by the order in which rows arrive, which nothing here tells"


@dataclass(frozen=True, slots=True)
class _Group:
    """The component with what flows in."""

    component: Component
    flow: str
    view: View

    @property
    def keys(self) -> Mapping[str, str]:
        """Incoming columns of the keys, by outgoing column."""
        rows = self.component.rows("GROUPBYS")
        return {row.get("OUTPUT_COLUMN", ""): row.get("INPUT_COLUMN", "") for row in rows}

    @property
    def columns(self) -> tuple[SqlColumn, ...]:
        return sql_columns(schema_of(self.component, None))

    def incoming(self, name: str) -> SqlColumn | None:
        return next((c for c in self.view.columns if called(c) == name), None)

    def key_columns(self) -> tuple[SqlColumn, ...]:
        """Incoming columns that tell groups apart."""
        names = dict.fromkeys(self.keys.values())
        return tuple(c for c in self.view.columns if called(c) in names)

    def operations(self) -> Mapping[str, Mapping[str, str]]:
        """The first operation of each outgoing column: Talend takes no other."""
        found: dict[str, Mapping[str, str]] = {}
        for row in self.component.rows("OPERATIONS"):
            found.setdefault(row.get("OUTPUT_COLUMN", ""), row)
        return found

    def operation(
        self, row: Mapping[str, str], target: SqlColumn, text: Sql, delimiter: Sql
    ) -> Operation | None:
        source = self.incoming(row.get("INPUT_COLUMN", ""))
        if source is None:
            return None
        schema: tuple[Column, ...] = schema_of(self.component, None)
        places = next((c.precision for c in schema if c.name == called(target)), None)
        return Operation(
            row.get("FUNCTION", ""),
            source,
            target,
            self.flow,
            ignores_null=row.get("IGNORE_NULL") == "true",
            is_financial=self.component.flag("USE_FINANCIAL_PRECISION"),
            places=places or PLACES,
            text=text,
            delimiter=delimiter,
        )


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    group, draft = _Group(component, *incoming), Draft(component, around)
    if not group.keys and not group.operations():
        return left_to_a_person(component, around, "it has neither keys nor operations")
    typed = [(c, *_value(draft, group, c)) for c in group.columns]
    values = tuple(Output(c.name, value) for c, value, _ in typed)
    columns = tuple(replace(c, spark_type=kind) for c, _, kind in typed)
    keys = tuple(Ref(c.name, group.flow) for c in group.key_columns())
    having = None if keys else Infix(">", Call("count", (Ref("*"),)), Number(0))
    select = Select(values, _source(group, keys), group_by=keys, having=having)
    unique = frozenset(c.name for c in group.columns if called(c) in group.keys)
    is_told_apart = set(group.keys.values()) == {group.keys.get(called(c)) for c in group.columns} - {None}
    made = View(draft.name(), columns, unique=frozenset({unique} if keys and is_told_apart else ()))
    draft.add(made, select, *around.outputs)
    _notes(draft, group)
    return draft.done()


def _source(group: _Group, keys: tuple[Sql, ...]) -> Relation:
    """The incoming rows, numbered where a function asks for their order."""
    if not group.view.order or not any(row.get("FUNCTION") in ORDERED for row in group.operations().values()):
        return relation(group.flow, group.view)
    read = [row.get("INPUT_COLUMN", "") for row in group.operations().values()]
    names = [c.name for c in group.view.columns if called(c) in (*group.keys.values(), *read)]
    return numbered(group.flow, group.view, names, keys, group.view.order)


_Value = tuple[Sql, str]
"""A value, and its type in Spark."""


def _value(draft: Draft, group: _Group, column: SqlColumn) -> _Value:
    """A column of the result, in SQL."""
    if (key := group.keys.get(called(column))) is not None:
        return _key(draft, group, column, key)
    row = group.operations().get(called(column))
    return (
        (default_value(column), column.spark_type) if row is None else _aggregated(draft, group, column, row)
    )


def _key(draft: Draft, group: _Group, column: SqlColumn, name: str) -> _Value:
    """Of another type it goes by way of text, as in Talend."""
    source = group.incoming(name)
    if source is None:
        return _left(draft, column, name, f"no column {name} comes in")
    if _java(source).kind == _java(column).kind:
        return Ref(source.name, group.flow), source.spark_type
    if _java(column).kind != "string":
        reason = f"a key {source.talend_type} becomes {column.talend_type} by way of text"
        return _left(draft, column, name, reason)
    text = draft.value(f"String.valueOf({group.flow}.{name})", draft.scope(), column, column.name)
    return text.sql, text.spark_type


def _java(column: SqlColumn) -> JavaType:
    return java_type(column.talend_type, nullable=column.nullable)


def _left(draft: Draft, column: SqlColumn, java: str, reason: str) -> _Value:
    draft.residue(column.name, java, reason)
    return Todo(column.spark_type, java, reason), column.spark_type


def _aggregated(draft: Draft, group: _Group, column: SqlColumn, row: Mapping[str, str]) -> _Value:
    function, name = row.get("FUNCTION", ""), row.get("INPUT_COLUMN", "")
    said = f"{function}({name})"
    if function in ORDERED and not group.view.order:
        return _left(draft, column, said, _NO_ORDER)
    text, delimiter = _texts(draft, group, name, column) if function == "list" else (Ref(name), Ref(name))
    operation = group.operation(row, column, text, delimiter)
    if operation is None:
        return _left(draft, column, said, f"no column {name} comes in")
    if not operation.is_possible:
        kinds = f"from {operation.source.talend_type} to {column.talend_type}"
        draft.note(f"{column.name}: Talend has no {function} {kinds}")
        return default_value(column), column.spark_type
    found = aggregate(operation)
    if isinstance(found, Untranslated):
        return _left(draft, column, said, found.reason)
    return draft.guarded(found, column.name), found.spark_type


def _texts(draft: Draft, group: _Group, name: str, column: SqlColumn) -> tuple[Sql, Sql]:
    """A value's text, and what stands between two."""
    text = draft.typed(f"String.valueOf({group.flow}.{name})", draft.scope(), _TEXT, column.name, "string")
    java = group.component.text("LIST_DELIMITER") or '""'
    return text.sql, draft.typed(java, draft.scope({}), _TEXT, column.name, "string").sql


def _notes(draft: Draft, group: _Group) -> None:
    """What differs, of keys and sums."""
    if any(_java(c).kind == "decimal" for c in group.key_columns()):
        draft.note(
            "keys of BigDecimal are the same where their values are; Talend also asks for the same scale"
        )
    if group.component.flag("CHECK_TYPE_OVERFLOW") or group.component.flag("CHECK_ULP"):
        draft.residue(
            "", "", "sums are not checked for overflow or lost digits", "Give sums a wider type, or a check."
        )
    for row in group.operations().values():
        source = group.incoming(row.get("INPUT_COLUMN", ""))
        if source and row.get("FUNCTION") in ("sum", "avg") and _java(source).kind in FLOATING:
            draft.note(
                "fractions are added in no certain order: their last digits may differ from run to run"
            )
        is_compared = row.get("FUNCTION") in ("min", "max") and row.get("IGNORE_NULL") != "true"
        if source and is_compared and _java(source).is_boxed:
            draft.note(
                "min and max fail where a group has NULLs beside values; Talend lets those pass that come first"
            )


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    group = _Group(component, *incoming)
    keys = [c.name for c in group.key_columns()]
    groups: dict[tuple[object, ...], list[Mapping[str, object]]] = {}
    for row in in_order(group.view, rows[group.flow]):
        groups.setdefault(tuple(row.get(name) for name in keys), []).append(row)
    java = Java(around, {group.flow: group.view})
    answer = [
        {c.name: _worked_out(group, c, found, java) for c in group.columns} for found in groups.values()
    ]
    return {view_name(around.job, component.unique_name): answer}


def _worked_out(group: _Group, column: SqlColumn, rows: Rows, java: Java) -> object:
    if (key := group.keys.get(called(column))) is not None:
        return _key_of(group, column, key, rows[0], java)
    row = group.operations().get(called(column))
    if row is None:
        return default_of(column)
    function, name = row.get("FUNCTION", ""), row.get("INPUT_COLUMN", "")
    operation = group.operation(row, column, Ref(name), Ref(name))
    if operation is None or (function in ORDERED and not group.view.order):
        return None
    if not operation.is_possible or isinstance(aggregate(operation), Untranslated):
        return None if operation.is_possible else default_of(column)
    if function != "list":
        return work_out(operation, [r.get(operation.source.name) for r in rows])
    kept = (r for r in rows if not operation.skips_null or r.get(operation.source.name) is not None)
    delimiter = constant(group.component.text("LIST_DELIMITER") or '""')
    return str(delimiter).join(_text_of(group, name, r, java) for r in kept)


def _key_of(group: _Group, column: SqlColumn, name: str, row: Mapping[str, object], java: Java) -> object:
    source = group.incoming(name)
    if source is None or _java(source).kind == _java(column).kind:
        return row.get(source.name) if source else None
    return _text_of(group, name, row, java) if _java(column).kind == "string" else None


def _text_of(group: _Group, name: str, row: Mapping[str, object], java: Java) -> str:
    """String.valueOf."""
    want = Column("text", "id_String", nullable=True)
    return str(java.value(f"String.valueOf({group.flow}.{name})", {group.flow: row}, want))


HANDLERS: Mapping[str, Handler] = {"tAggregateRow": Handler(_convert, _simulate)}
