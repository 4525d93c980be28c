"""tFixedFlowInput and tRowGenerator: rows that the job has in itself. A generator's are the same each time, or a residue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    LINE,
    asks_for_order,
    main_outputs,
    schema_of,
    sql_columns,
    view_name,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.settings import constant_text
from fdm_platform.talend.components.simulating import Java
from fdm_platform.talend.components.text_fields import PARSED
from fdm_platform.talend.expression import Call, Infix, Number, Ref, Sql, Todo
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.ast import Invocation, Literal, Name
from fdm_platform.talend.java.parsing import parse
from fdm_platform.talend.java.typed import Untranslated
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, View

_MOST_ROWS = 1_000_000
"""Of a generator: more than these, Talend makes to test a load."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows in Java, by column, and how often all of them come."""

    columns: tuple[SqlColumn, ...]
    rows: Sequence[Mapping[str, str]]
    times: int


_SUFFIXES = {"byte": "", "short": "", "int": "", "long": "L", "double": "D", "float": "F"}
_AS_IT_IS = frozenset({"string", "object", "date", "bytes"})
"""Of other kinds a field of blanks is an empty one."""
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,8})")
_Read = Callable[[Draft, tuple[Column, ...]], Sequence[Mapping[str, str]]]


def _values(draft: Draft, schema: tuple[Column, ...]) -> Sequence[Mapping[str, str]]:
    """USE_SINGLEMODE: one row of expressions."""
    del schema
    return [{r.get("SCHEMA_COLUMN", ""): r.get("VALUE", "") for r in draft.component.rows("VALUES")}]


def _in_table(draft: Draft, schema: tuple[Column, ...]) -> Sequence[Mapping[str, str]]:
    """USE_INTABLE: rows of expressions."""
    del schema
    return draft.component.rows("INTABLE")


def _inline(draft: Draft, schema: tuple[Column, ...]) -> Sequence[Mapping[str, str]]:
    """USE_INLINECONTENT: rows as text, with separators."""
    ends, between = constant_text(draft, "ROWSEPARATOR", "\n"), constant_text(draft, "FIELDSEPARATOR", ";")
    lines = [x for x in _split(draft.component.text("INLINECONTENT"), ends) if x]
    return [
        {c.name: _parsed(c, field) for c, field in zip(schema, _split(line, between), strict=False)}
        for line in lines
    ]


def _split(text: str, separator: str) -> list[str]:
    """Without a separator the text is one part."""
    return text.split(separator) if separator else [text]


def _parsed(column: Column, field: str) -> str:
    kind = java_type(column.type, nullable=column.nullable)
    is_blank = not field if kind.kind in _AS_IT_IS else not field.strip()
    if is_blank:
        return ""
    if kind.kind in _SUFFIXES and _NUMBER.fullmatch(field):
        return field + _SUFFIXES[kind.kind]
    quoted = '"' + field.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return PARSED[kind.kind].format(quoted, pattern=column.pattern or '"dd-MM-yyyy"')


def _generated(draft: Draft, schema: tuple[Column, ...]) -> Sequence[Mapping[str, str]]:
    del schema
    return [{r.get("SCHEMA_COLUMN", ""): r.get("ARRAY", "") for r in draft.component.rows("VALUES")}]


def _read_of(component: Component) -> _Read:
    if component.kind == "tRowGenerator":
        return _generated
    if component.flag("USE_INTABLE"):
        return _in_table
    return _inline if component.flag("USE_INLINECONTENT") else _values


def _schema(component: Component, around: Around) -> tuple[Column, ...]:
    return schema_of(component, next(iter(main_outputs(around)), None))


def _table(draft: Draft) -> _Table | None:
    """None: how many rows it makes is known at run time alone."""
    component, schema = draft.component, _schema(draft.component, draft.around)
    times = constant(component.text("NB_ROWS").strip() or _ROWS[component.kind])
    if not str(times).strip().isdigit() or int(str(times)) > _MOST_ROWS:
        return None
    rows = [_with_defaults(schema, row) for row in _read_of(component)(draft, schema)]
    return _Table(sql_columns(schema), rows, int(str(times)))


_ROWS = {"tRowGenerator": "100", "tFixedFlowInput": "1"}
"""How many rows Talend makes where the setting is empty."""


def _with_defaults(schema: tuple[Column, ...], row: Mapping[str, str]) -> Mapping[str, str]:
    """A value that is left empty is its column's default."""
    return {c.name: row.get(c.name, "").strip() or (c.default or "") for c in schema}


def _convert(component: Component, around: Around) -> Converted:
    draft = Draft(component, around)
    table = _table(draft)
    if table is None:
        java = component.text("NB_ROWS")
        return left_to_a_person(
            component, around, "how many rows it makes is not known", place="NB_ROWS", java=java
        )
    is_ordered = asks_for_order(around.job, component.unique_name)
    selects = list(_selects(draft, table, is_ordered=is_ordered))
    select = replace(selects[0], union=tuple(selects[1:]))
    order = ((Ref(LINE), False),) if is_ordered else None
    draft.add(View(draft.name(), table.columns, order), select, *main_outputs(around))
    return draft.done()


def _selects(draft: Draft, table: _Table, *, is_ordered: bool) -> Iterator[Select]:
    """One for each row; where all come several times, each from a run of numbers."""
    if not table.rows or not table.times:
        yield _no_rows(table)
        return
    for n, row in enumerate(table.rows):
        number = Ref(LINE, "number") if table.times > 1 else Number(1)
        values = tuple(Output(c.name, _value(draft, row, c, number)) for c in table.columns)
        line = (Output(LINE, _line(n, number, len(table.rows), table.times)),) if is_ordered else ()
        yield Select((*values, *line), _numbers(table.times) if table.times > 1 else None)


def _line(n: int, number: Sql, rows: int, times: int) -> Sql:
    if times == 1:
        return Number(n)
    return Infix("+", Infix("*", number, Number(rows)), Number(n)) if rows > 1 else number


def _numbers(times: int) -> Relation:
    made = Call("explode", (Call("sequence", (Number(1), Number(times))),))
    return Relation(Select((Output(LINE, made),), None), "number")


def _no_rows(table: _Table) -> Select:
    values = tuple(Output(c.name, default_value(c)) for c in table.columns)
    return Select(values, None, where=Infix("=", Number(1), Number(0)))


def _value(draft: Draft, row: Mapping[str, str], column: SqlColumn, number: Sql) -> Sql:
    java = row.get(column.talend_name or column.name, "").strip()
    if not java:
        return default_value(column)
    if (sequence := _sequence(draft.component, java)) is not None:
        start, step = sequence
        return Infix("+", Number(start), Infix("*", Infix("-", number, Number(1)), Number(step)))
    if draft.component.kind == "tRowGenerator" and isinstance(parse(java), Untranslated):
        reason = "one of these values is picked at random"
        draft.residue(column.name, java, reason)
        return Todo(column.spark_type, java, reason)
    value = draft.value(java, draft.scope({}), column, column.name)
    return draft.guarded(value, column.name)


def _sequence(component: Component, java: str) -> tuple[int, int] | None:
    """Start and step of a `Numeric.sequence` that nothing else counts on: rows come one by one here."""
    node = parse(java)
    match node:
        case Invocation(
            Name("Numeric"),
            "sequence",
            (Literal("string", name), Literal("int", start), Literal("int", step)),
        ):
            uses = sum(r.get("ARRAY", "").count(f'"{name}"') for r in component.rows("VALUES"))
            if component.kind == "tRowGenerator" and uses == 1:
                return int(str(start)), int(str(step))
    return None


_MOST_SIMULATED = 1_000
"""Rows that are worked out for a test; of a component that makes more there is none."""


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    del rows
    table = _table(Draft(component, around))
    if table is None or not main_outputs(around) or table.times * len(table.rows) > _MOST_SIMULATED:
        return {}
    java = Java(around)
    made = [
        {c.name: _simulated(component, java, row, c, n) for c in table.columns}
        for n in range(table.times)
        for row in table.rows
    ]
    return {view_name(around.job, component.unique_name): made}


def _simulated(component: Component, java: Java, row: Mapping[str, str], column: SqlColumn, n: int) -> object:
    text = row.get(column.talend_name or column.name, "").strip()
    if not text:
        return default_of(column)
    sequence = _sequence(component, text)
    return java.value(text, {}, column) if sequence is None else sequence[0] + n * sequence[1]


HANDLERS: Mapping[str, Handler] = {
    "tFixedFlowInput": Handler(_convert, _simulate),
    "tRowGenerator": Handler(_convert, _simulate),
}
