"""Fields of text files: what Talend's inputs make of a field's text, said in Java, so that SQL and fixtures agree.

A source is read as text alone; a step makes values of it, and tells the rows apart of which Talend makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.components.flows import (
    LINE,
    REJECT,
    asks_for_order,
    called,
    output_view,
    schema_of,
    sql_columns,
)
from fdm_platform.talend.components.handler import Around, Rows
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java, JavaError
from fdm_platform.talend.expression import (
    FALSE,
    NULL,
    Call,
    Case,
    Cast,
    Infix,
    IsNull,
    Number,
    Ref,
    Sql,
    Text,
)
from fdm_platform.talend.java.logic import either, negated
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component, Link
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SourceInput, SqlColumn, View

_CODE, _MESSAGE = "errorCode", "errorMessage"
_BAD = "_bad"
_BAD_REF = Ref(_BAD)
"""Which of the fields is the first that cannot be read."""
_STRING = JavaType("string")
_AS_TEXT = Column("text", "id_String")
PARSED = {
    "boolean": '({0}.equals("1") || Boolean.parseBoolean({0}))',
    "byte": "Byte.parseByte({0})",
    "short": "Short.parseShort({0})",
    "char": "{0}.charAt(0)",
    "int": "Integer.parseInt({0})",
    "long": "Long.parseLong({0})",
    "float": "Float.parseFloat({0})",
    "double": "Double.parseDouble({0})",
    "decimal": "new BigDecimal({0})",
    "date": "TalendDate.parseDate({pattern}, {0}.trim())",
    "bytes": "{0}.getBytes()",
    "string": "{0}",
    "object": "{0}",
}
"""By kind, what Talend's ParserUtils do with a text that is not empty."""
_NUMBERS = frozenset({"byte", "short", "int", "long", "float", "double", "decimal"})


@dataclass(frozen=True, slots=True)
class TextRules:
    """What the component's settings say of all fields."""

    is_trimmed: Callable[[Column], bool]
    thousands: str | None = None
    """Java literals, where numbers have separators of their own."""
    decimal: str | None = None


def trimming(component: Component) -> Callable[[Column], bool]:
    """TRIMALL, or the columns that TRIMSELECT ticks."""
    if component.flag("TRIMALL"):
        return lambda _: True
    ticked = {
        row.get("SCHEMA_COLUMN")
        for row in component.rows("TRIMSELECT")
        if row.get("TRIM", "").lower() == "true"
    }
    return lambda column: column.name in ticked


def text_rules(component: Component) -> TextRules:
    """Trimming and separators of numbers."""
    if not component.flag("ADVANCED_SEPARATOR"):
        return TextRules(trimming(component))
    return TextRules(
        trimming(component), component.text("THOUSANDS_SEPARATOR"), component.text("DECIMAL_SEPARATOR")
    )


def text_of(column: Column, flow: str, rules: TextRules) -> str:
    """The Java that prepares a field's text: trimmed, a number with Java's own separators."""
    text = f"{flow}.{column.name}" + (".trim()" if rules.is_trimmed(column) else "")
    if java_type(column.type, nullable=column.nullable).kind in _NUMBERS and rules.decimal:
        return f'{text}.replace({rules.thousands or _EMPTY}, "").replace({rules.decimal}, ".")'
    return text


_EMPTY = '""'


def value_of(column: Column, flow: str) -> str:
    """The Java that makes a column's value of its prepared text.

    An empty text is the column's default; without one null, of a String the empty text, of a primitive an error.
    """
    kind = java_type(column.type, nullable=column.nullable)
    text, default = f"{flow}.{column.name}", (column.default or "").strip()
    parsed = PARSED[kind.kind].format(text, pattern=column.pattern or '"dd-MM-yyyy"')
    if default:
        return f"{text}.isEmpty() ? {default} : {parsed}"
    return f"{text}.isEmpty() ? null : {parsed}" if kind.is_boxed and parsed != text else parsed


@dataclass(frozen=True, slots=True)
class TextInput:
    """A text file's fields on their way to flows. `raw` is each field's text in SQL, `split` the same in Python."""

    component: Component
    around: Around
    source: str
    """The source's view, and the name by which expressions call its texts."""
    columns: Sequence[Column]
    prepared: Mapping[str, str]
    """Java that prepares a field's text, by column."""
    raw: Mapping[str, Sql]
    split: Callable[[Mapping[str, object]], Mapping[str, str]]
    value: Callable[[Column, str], str] = value_of
    """The Java of a column's value, of its prepared text."""

    def convert(self, draft: Draft, spec: Mapping[str, object]) -> Converted:
        """Steps for the rows and the rejects, above a source of this spec."""
        texts = self._texts(draft)
        values = [self._value(draft, column) for column in self.columns]
        for link in self.around.outputs:
            if link.connector == REJECT:
                self._add_rejects(draft, link, texts, values)
            else:
                self._add_rows(draft, link, texts, values)
        files = ", ".join(f"{step.view}.hql" for step in draft.steps)
        made = draft.done("source", f"{self.source} of table.yaml, {files}")
        return replace(made, sources=(SourceInput(self.source, spec, self.component.unique_name),))

    def _texts(self, draft: Draft) -> Relation:
        """The fields' texts, never NULL and prepared, under the source's name."""
        scope = draft.scope({self.source: {name: _text(sql) for name, sql in self.raw.items()}})
        made = tuple(
            Output(s.name, draft.typed(self.prepared[c.name], scope, _STRING, c.name).sql)
            for c, s in zip(self.columns, sql_columns(self.columns), strict=True)
        )
        return Relation(Select(made, Relation(self.source, self.source)), self.source)

    def _known(self) -> dict[str, Typed]:
        pairs = zip(self.columns, sql_columns(self.columns), strict=True)
        return {c.name: _text(Ref(s.name, self.source)) for c, s in pairs}

    def _value(self, draft: Draft, column: Column) -> Typed:
        scope = draft.scope({self.source: self._known()})
        return draft.value(self.value(column, self.source), scope, sql_columns((column,))[0], column.name)

    @property
    def _dies(self) -> bool:
        return self.component.flag("DIE_ON_ERROR")

    def _made(self, values: Sequence[Typed]) -> tuple[SqlColumn, ...]:
        pairs = zip(sql_columns(self.columns), values, strict=True)
        return tuple(replace(c, spark_type=v.spark_type) for c, v in pairs)

    def _add_rows(self, draft: Draft, link: Link, texts: Relation, values: Sequence[Typed]) -> None:
        columns = self._made(values)
        outputs = [
            Output(c.name, draft.guarded(v, c.name) if self._dies else v.sql)
            for c, v in zip(columns, values, strict=True)
        ]
        failing = FALSE if self._dies else either(*(v.fails for v in values))
        if failing != FALSE:
            draft.note("rows with a field that cannot be read are left out, as Talend does (it prints them)")
        is_ordered = asks_for_order(self.around.job, self.component.unique_name)
        if is_ordered:
            outputs.append(Output(LINE, Call("monotonically_increasing_id")))
        view = View(
            output_view(self.around, self.component, link),
            columns,
            ((Ref(LINE), False),) if is_ordered else None,
        )
        where = None if failing == FALSE else negated(failing)
        draft.add(view, Select(tuple(outputs), texts, where=where), link)

    def _add_rejects(self, draft: Draft, link: Link, texts: Relation, values: Sequence[Typed]) -> None:
        """Columns up to the one that cannot be read, and which it was."""
        broken = tuple((v.fails, Number(n)) for n, v in enumerate(values) if v.fails != FALSE)
        bad = Case(broken, NULL) if broken and not self._dies else Cast(NULL, "int")
        kept = tuple(Output(s.name, Ref(s.name, self.source)) for s in sql_columns(self.columns))
        judged = Relation(Select((*kept, Output(_BAD, bad)), texts), self.source)
        columns = self._reject_columns(link, self._made(values))
        outputs = tuple(Output(c.name, self._rejected(c, values)) for c in columns)
        draft.note("the words of errorMessage differ from Talend's")
        view = View(output_view(self.around, self.component, link), columns)
        draft.add(view, Select(outputs, judged, where=IsNull(_BAD_REF, is_negated=True)), link)

    def _rejected(self, column: SqlColumn, values: Sequence[Typed]) -> Sql:
        known = {c.name: n for n, c in enumerate(self.columns)}
        n = known.get(called(column))
        if n is not None:
            may_break = any(v.fails != FALSE for v in values[: n + 1])
            is_broken = Infix("<=", _BAD_REF, Number(n))
            return Case(((is_broken, default_value(column)),), values[n].sql) if may_break else values[n].sql
        if column.name != _MESSAGE:
            return default_value(column)
        said = tuple(
            (Infix("=", _BAD_REF, Number(n)), Call("concat", (Text(_message(c)), self._known()[c.name].sql)))
            for n, (c, v) in enumerate(zip(self.columns, values, strict=True))
            if v.fails != FALSE
        )
        return Case(said, NULL) if said else Cast(NULL, "string")

    def _reject_columns(self, link: Link, made: Sequence[SqlColumn]) -> tuple[SqlColumn, ...]:
        """The schema's, with the values' own types; the messages, which every reject has."""
        schema = list(schema_of(self.component, link))
        known = {c.name for c in schema}
        schema += [Column(n, "id_String", nullable=True) for n in (_CODE, _MESSAGE) if n not in known]
        types = {called(c): c for c in made}
        return tuple(
            replace(c, talend_type=t.talend_type, spark_type=t.spark_type, nullable=t.nullable)
            if (t := types.get(called(c)))
            else c
            for c in sql_columns(schema)
        )

    def simulate(self, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
        """Rows of each flow, of the source's rows."""
        java = Java(self.around, further={self.source: self._known()})
        read = [self._read(row, java) for row in rows[self.source]]
        return {
            output_view(self.around, self.component, link): (
                [self._reject_row(link, *found) for found in read if found[1]]
                if link.connector == REJECT
                else [values for values, broken in read if not broken]
            )
            for link in self.around.outputs
        }

    def _read(self, row: Mapping[str, object], java: Java) -> tuple[dict[str, object], str]:
        """The values, and what is wrong with the row."""
        raw = {self.source: self.split(row)}
        texts = {c.name: java.value(self.prepared[c.name], raw, _AS_TEXT) for c in self.columns}
        values: dict[str, object] = {}
        for column, made in zip(self.columns, sql_columns(self.columns), strict=True):
            try:
                values[made.name] = java.value(self.value(column, self.source), {self.source: texts}, made)
            except JavaError:
                if self._dies:
                    raise
                return values, f"{_message(column)}{texts[column.name]}"
        return values, ""

    def _reject_row(self, link: Link, values: Mapping[str, object], broken: str) -> Mapping[str, object]:
        columns = self._reject_columns(link, sql_columns(self.columns))
        return {c.name: broken if c.name == _MESSAGE else values.get(c.name, default_of(c)) for c in columns}


def _text(sql: Sql) -> Typed:
    """A field's text, never null."""
    return Typed(_STRING, sql, "string")


def _message(column: Column) -> str:
    return f"{column.name}: cannot be read: "
