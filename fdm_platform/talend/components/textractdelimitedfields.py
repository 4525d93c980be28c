"""tExtractDelimitedFields: fields in a column of text become columns; what separates them is a regular expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    REJECT,
    called,
    hidden,
    main_input,
    output_view,
    passed,
    relation,
    schema_of,
    sql_columns,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java, JavaError
from fdm_platform.talend.components.text_fields import TextRules, text_of, value_of
from fdm_platform.talend.components.tnormalize import split
from fdm_platform.talend.expression import FALSE, Call, Case, Infix, IsNull, Number, Ref, Sql, Text
from fdm_platform.talend.java.logic import either, negated
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component, Link
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, View

_TEXT = JavaType("string")
_PIECE = Column("text", "id_String")
_FIELD_NAME, _COUNT = "_field_{}", "_fields"
_SCOPE = "_"
"""The flow under which a field's Java sees its text."""
_CODE, _MESSAGE = "errorCode", "errorMessage"
_NULL, _NUMBER, _FIELD = "no text to take apart", "the number of fields differs", "cannot be read"


@dataclass(frozen=True, slots=True)
class _Fields:
    """The component with what flows in."""

    component: Component
    flow: str
    view: View
    main: Link | None

    @property
    def column(self) -> SqlColumn | None:
        """What is taken apart."""
        name = self.component.text("FIELD")
        found = next((c for c in self.view.columns if called(c) == name), None)
        return found if found and java_type(found.talend_type, nullable=True).kind == "string" else None

    @property
    def schema(self) -> tuple[Column, ...]:
        return schema_of(self.component, self.main)

    @property
    def new(self) -> tuple[Column, ...]:
        """Columns that do not come in: the fields, in their order."""
        known = {called(c) for c in self.view.columns}
        return tuple(c for c in self.schema if c.name not in known)

    @property
    def separator(self) -> str:
        return self.component.text("FIELDSEPARATOR") or '";"'

    @property
    def is_counted(self) -> bool:
        return self.component.flag("CHECK_FIELDS_NUM")

    @property
    def skips_null(self) -> bool:
        return self.component.flag("IGNORE_SOURCE_NULL")

    @property
    def dies(self) -> bool:
        return self.component.flag("DIE_ON_ERROR")

    def prepared(self, column: Column) -> str:
        """The Java of a field's text: trimmed, a number with Java's own separators."""
        is_split = self.component.flag("ADVANCED_SEPARATOR")
        rules = TextRules(
            lambda _: self.component.flag("TRIM"),
            self.component.text("THOUSANDS_SEPARATOR") if is_split else None,
            self.component.text("DECIMAL_SEPARATOR") if is_split else None,
        )
        return text_of(column, _SCOPE, rules)

    def java(self, column: Column) -> str:
        """The Java of a field's value, of its prepared text. Of a String it is the text, whatever its default."""
        kind = java_type(column.type, nullable=True).kind
        return f"{_SCOPE}.{column.name}" if kind in ("string", "object") else value_of(column, _SCOPE)


def _fields(component: Component, around: Around) -> _Fields | None:
    incoming = main_input(around)
    main = next((link for link in around.outputs if link.connector != REJECT), None)
    return _Fields(component, *incoming, main) if incoming else None


def _obstacle(fields: _Fields) -> str:
    if fields.column is None:
        return f"{fields.component.text('FIELD') or 'the column'} is no text that comes in"
    return "its fields are those of CSV, with quotes" if fields.component.flag("CSV_OPTION") else ""


def _convert(component: Component, around: Around) -> Converted:
    fields = _fields(component, around)
    if fields is None:
        return left_to_a_person(component, around, "no flow comes in")
    if reason := _obstacle(fields):
        return left_to_a_person(component, around, reason, todo="Write how the column is taken apart.")
    draft = Draft(component, around)
    values = {c.name: _value(draft, fields, n, c) for n, c in enumerate(fields.new)}
    failing = either(_whole(fields), *(value.fails for value in values.values()))
    made = _Made(_source(draft, fields), values, failing)
    for link in around.outputs:
        if link.connector == REJECT:
            _add_rejects(draft, fields, link, made)
        else:
            _add_rows(draft, fields, link, made)
    return draft.done()


def _text(fields: _Fields) -> Sql:
    name = fields.column.name if fields.column else fields.component.text("FIELD")
    return Ref(name, fields.flow)


def _source(draft: Draft, fields: _Fields) -> Relation:
    """The incoming rows, each with its fields' texts; a field that is not there is an empty text."""
    separator = draft.typed(fields.separator, draft.scope({}), _TEXT, "FIELDSEPARATOR", "string").sql
    array = Call("split", (_text(fields), separator, Number(-1)))
    texts = [Output(_COUNT, Call("size", (array,)))] if fields.is_counted else []
    for n, column in enumerate(fields.new):
        text = Call("coalesce", (Call("get", (array, Number(n))), Text("")))
        raw = draft.scope({_SCOPE: {column.name: Typed(_TEXT, text, "string")}})
        prepared = draft.typed(fields.prepared(column), raw, _TEXT, column.name, "string")
        texts.append(Output(_FIELD_NAME.format(n + 1), prepared.sql))
    where = IsNull(_text(fields), is_negated=True) if fields.skips_null else None
    select = Select(
        (*passed(fields.view, fields.flow), *texts), relation(fields.flow, fields.view), where=where
    )
    return Relation(select, fields.flow)


def _is_missing(fields: _Fields) -> Sql:
    return FALSE if fields.skips_null else IsNull(_text(fields))


def _whole(fields: _Fields) -> Sql:
    """What is wrong with a row beside its fields: no text, or another number of them."""
    if not fields.is_counted:
        return _is_missing(fields)
    return either(_is_missing(fields), Infix("<>", Ref(_COUNT, fields.flow), Number(len(fields.new))))


def _value(draft: Draft, fields: _Fields, n: int, column: Column) -> Typed:
    """The n-th field's value."""
    text = Typed(_TEXT, Ref(_FIELD_NAME.format(n + 1), fields.flow), "string")
    scope = draft.scope({_SCOPE: {column.name: text}})
    return draft.value(fields.java(column), scope, sql_columns((column,))[0], column.name)


@dataclass(frozen=True, slots=True)
class _Made:
    """The rows with their fields as an array, each field's value, and when a row is rejected."""

    source: Relation
    values: Mapping[str, Typed]
    failing: Sql


def _add_rows(draft: Draft, fields: _Fields, link: Link, made: _Made) -> None:
    values, failing = made.values, made.failing
    known = {called(c): c for c in fields.view.columns}
    columns, outputs = [], []
    whole = _whole(fields)
    for column in sql_columns(fields.schema):
        name = called(column)
        if name in values:
            value = replace(values[name], fails=either(whole, values[name].fails))
            columns.append(replace(column, spark_type=value.spark_type))
            outputs.append(Output(column.name, draft.guarded(value, name) if fields.dies else value.sql))
        else:
            columns.append(replace(column, spark_type=known[name].spark_type, nullable=known[name].nullable))
            outputs.append(Output(column.name, Ref(known[name].name, fields.flow)))
    outputs += [Output(n, Ref(n, fields.flow)) for n in hidden(fields.view)]
    if failing != FALSE and not fields.dies and not any(k.connector == REJECT for k in draft.around.outputs):
        draft.note("rows with a field that cannot be read are left out, as Talend does (it prints them)")
    where = None if fields.dies or failing == FALSE else negated(failing)
    kept = {c.name for c in columns} | set(hidden(fields.view))
    unique = frozenset(keys for keys in fields.view.unique if keys <= kept)
    view = View(output_view(draft.around, draft.component, link), tuple(columns), fields.view.order, unique)
    draft.add(view, Select(tuple(outputs), made.source, where=where), link)


def _add_rejects(draft: Draft, fields: _Fields, link: Link, made: _Made) -> None:
    """Columns up to the one that cannot be read, and which it was."""
    values = made.values
    columns = sql_columns(schema_of(draft.component, link))
    known = {called(c): c.name for c in fields.view.columns}
    draft.note("the words of errorMessage differ from Talend's")
    outputs = []
    for column in columns:
        name = called(column)
        value: Sql = default_value(column)
        if name == _MESSAGE:
            value = _said(fields, values)
        elif name in values:
            before = either(_is_missing(fields), *_up_to(values, name))
            value = values[name].sql
            value = value if before == FALSE else Case(((before, default_value(column)),), value)
        elif name in known:
            value = Ref(known[name], fields.flow)
        outputs.append(Output(column.name, value))
    view = View(output_view(draft.around, draft.component, link), columns)
    where = FALSE if fields.dies else made.failing
    draft.add(view, Select(tuple(outputs), made.source, where=where), link)


def _up_to(values: Mapping[str, Typed], name: str) -> Iterator[Sql]:
    for each, value in values.items():
        yield value.fails
        if each == name:
            return


def _said(fields: _Fields, values: Mapping[str, Typed]) -> Sql:
    wrong = tuple((v.fails, Text(f"{name}: {_FIELD}")) for name, v in values.items() if v.fails != FALSE)
    null = () if fields.skips_null else ((_is_missing(fields), Text(_NULL)),)
    branches = (*null, *wrong)
    return Case(branches, Text(_NUMBER)) if branches else Text(_NUMBER)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    fields = _fields(component, around)
    if fields is None or _obstacle(fields) or fields.column is None:
        return {}
    texts = {c.name: Typed(_TEXT, Ref(c.name, _SCOPE), "string") for c in fields.new}
    java = Java(around, {}, {_SCOPE: {**texts, "v": Typed(_TEXT, Ref("v", _SCOPE), "string")}})
    given = [r for r in rows[fields.flow] if not fields.skips_null or r.get(fields.column.name) is not None]
    read = [_read(fields, row, java) for row in given]
    if fields.dies and any(wrong for _, wrong in read):
        raise JavaError("RuntimeException")
    answer: dict[str, Rows] = {}
    for link in around.outputs:
        columns = sql_columns(schema_of(component, link))
        answer[output_view(around, component, link)] = [
            _row(columns, fields, row, wrong)
            for row, wrong in read
            if bool(wrong) == (link.connector == REJECT)
        ]
    return answer


def _read(fields: _Fields, row: Mapping[str, object], java: Java) -> tuple[Mapping[str, object], str]:
    """The row by Talend's names with its fields, as far as they can be read, and what is wrong with it."""
    known: dict[str, object] = {called(c): row.get(c.name) for c in fields.view.columns}
    known |= {name: row.get(name) for name in hidden(fields.view)}
    text = row.get(fields.column.name) if fields.column else None
    if text is None:
        return known, _NULL
    pieces = list(split(str(text), fields.separator, java))
    padded: Sequence[str] = [*pieces, *[""] * len(fields.new)]
    for piece, column in zip(padded, fields.new, strict=False):
        try:
            text = java.value(fields.prepared(column), {_SCOPE: {column.name: piece}}, _PIECE)
            value = java.value(fields.java(column), {_SCOPE: {column.name: text}}, column)
        except JavaError:
            return known, f"{column.name}: {_FIELD}"
        known[column.name] = value
    return known, _NUMBER if fields.is_counted and len(pieces) != len(fields.new) else ""


def _row(
    columns: Sequence[SqlColumn], fields: _Fields, row: Mapping[str, object], wrong: str
) -> Mapping[str, object]:
    said = {_MESSAGE: wrong, _CODE: None} if wrong else {}
    shown = {c.name: said.get(called(c), row.get(called(c), default_of(c))) for c in columns}
    return shown if wrong else {**shown, **{name: row.get(name) for name in hidden(fields.view)}}


HANDLERS: Mapping[str, Handler] = {"tExtractDelimitedFields": Handler(_convert, _simulate)}
