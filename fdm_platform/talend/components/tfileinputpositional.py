"""tFileInputPositional: a source of whole lines, and a step that cuts them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import REJECT, main_outputs, schema_of, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.settings import NEVER, Setting, constant_text, line_end, template, unmet
from fdm_platform.talend.components.text_fields import PARSED, TextInput, TextRules, text_of, text_rules
from fdm_platform.talend.expression import Call, Number, Ref, Sql, Text
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted

_LINE = "line"
_UNMET = (
    Setting("HEADER", ("0", "1"), "a header of several lines"),
    Setting("FOOTER", ("0",), "a footer"),
    Setting("LIMIT", ("-1",), "a limit of rows"),
    Setting("RANDOM", ("false",), "rows taken at random"),
    Setting("USE_BYTE", ("false",), "widths in bytes"),
    Setting("PATTERN_UNITS", ("symbols", "rare_symbols"), "widths in bytes"),
    Setting("UNCOMPRESS", ("false",), "a zip to unpack"),
)


_DIGITS = re.compile(r"[0-9,*].*")
"""Widths that are no Java, but written as they are."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A field's place in the line; without a width, up to its end. `stripped` is Java that takes padding off."""

    column: Column
    begin: int
    width: int | None
    stripped: str = ""

    def sql(self, line: Sql) -> Sql:
        width = () if self.width is None else (Number(self.width),)
        return Call("substring", (line, Number(self.begin + 1), *width))

    def of(self, line: str) -> str:
        return line[self.begin :] if self.width is None else line[self.begin : self.begin + self.width]


def _cuts(component: Component, schema: Sequence[Column], widths: Sequence[int | None]) -> Iterator[_Cut]:
    """Nothing is left for a field after one without a width."""
    begin, is_over = 0, False
    formats = {row.get("SCHEMA_COLUMN"): row for row in component.rows("FORMATS")}
    is_padded = component.flag("ADVANCED_OPTION")
    for column, width in zip(schema, widths, strict=True):
        stripped = _stripped(formats.get(column.name, {})) if is_padded else ""
        yield _Cut(column, begin, 0 if is_over else width, stripped)
        is_over = is_over or width is None
        begin += width or 0


def _widths(component: Component, around: Around, schema: Sequence[Column]) -> list[int | None] | None:
    """Of each column; None where they are made at run time. A column beyond the pattern has none of the line."""
    if component.kind == "tFileInputFullRow":
        return [None, *[0] * (len(schema) - 1)]
    if component.flag("ADVANCED_OPTION"):
        formats = {row.get("SCHEMA_COLUMN"): row for row in component.rows("FORMATS")}
        given = [formats.get(c.name, {}).get("SIZE", "").strip() or "*" for c in schema]
    else:
        java = component.text("PATTERN").strip()
        pattern = java if _DIGITS.fullmatch(java) else constant(java, around.context)
        if pattern is None:
            return None
        given = [x.strip() or "0" for x in str(pattern).split(",")][: len(schema)]
    if not all(x == "*" or x.isdigit() for x in given):
        return None
    return [None if x == "*" else int(x) for x in [*given, *["0"] * (len(schema) - len(given))]]


def _stripped(row: Mapping[str, str]) -> str:
    """At the end of what is aligned left, before what is aligned right, which is what Talend takes others for."""
    padding = constant(row.get("PADDING_CHAR", "")) or " "
    align = row.get("ALIGN", "").strip("'\"")
    one = "[" + ("\\\\" if str(padding) in "\\]^-" else "") + str(padding) + "]+"
    pattern = {"L": f"{one}$", "C": f"^{one}|{one}$"}.get(align, f"^{one}")
    return f'.replaceAll("{pattern}", "")'


def _value(component: Component) -> Callable[[Column, str], str]:
    """An empty text is null, 0 or false, whatever the column's default; by the pattern, numbers may have blanks about them."""
    is_trimmed = not component.flag("ADVANCED_OPTION") and not component.flag("ADVANCED_SEPARATOR")

    def value(column: Column, flow: str) -> str:
        kind, text = java_type(column.type, nullable=column.nullable), f"{flow}.{column.name}"
        if kind.kind in ("string", "object"):
            return text
        given = f"{text}.trim()" if is_trimmed and kind.kind not in ("date", "bytes") else text
        parsed = PARSED[kind.kind].format(given, pattern=column.pattern or '"dd-MM-yyyy"')
        return f"{text}.isEmpty() ? {_default(kind)} : {parsed}"

    return value


def _default(kind: JavaType) -> str:
    if kind.is_boxed:
        return "null"
    return {"boolean": "false", "char": "' '"}.get(kind.kind, f"({kind.kind}) 0")


def _schema(component: Component, around: Around) -> tuple[Column, ...]:
    outputs = main_outputs(around) or around.outputs
    return schema_of(component, outputs[0] if outputs and outputs[0].connector != REJECT else None)


def _input(component: Component, around: Around, widths: Sequence[int | None]) -> TextInput:
    outputs, schema = main_outputs(around) or around.outputs, _schema(component, around)
    source = view_name(around.job, outputs[0].name if outputs else component.unique_name)
    cuts = tuple(_cuts(component, schema, widths))
    line = Call("coalesce", (Ref(_LINE, source), Text("")))
    return TextInput(
        component,
        around,
        source,
        schema,
        {c.column.name: _prepared(c, source, text_rules(component)) for c in cuts},
        {c.column.name: c.sql(line) for c in cuts},
        lambda row: {c.column.name: c.of(str(row.get(_LINE) or "")) for c in cuts},
        _value(component),
    )


def _prepared(cut: _Cut, flow: str, rules: TextRules) -> str:
    field = f"{flow}.{cut.column.name}"
    return text_of(cut.column, flow, rules).replace(field, field + cut.stripped, 1)


def _convert(component: Component, around: Around) -> Converted:
    draft = Draft(component, around)
    for what in unmet(component, _UNMET):
        draft.residue(
            "", "", f"the platform reads no file with {what}", "Have the file prepared, or read it in a step."
        )
    path = template(draft, "FILENAME", todo="Write the path into table.yaml.")
    if path is None:
        java = component.text("FILENAME")
        return left_to_a_person(component, around, "the file's name is made at run time", java=java)
    widths = _widths(component, around, _schema(component, around))
    if widths is None:
        java, todo = component.text("PATTERN"), "Write the widths into the step."
        return left_to_a_person(
            component, around, "its widths are made at run time", todo=todo, place="PATTERN", java=java
        )
    if "context." in component.text("PATTERN"):
        draft.note("PATTERN is a context variable: what the imported context says is written into the step")
    if component.text("REMOVE_EMPTY_ROW", "true") == "false":
        draft.note("empty lines are skipped")
    has_header = component.text("HEADER").strip() not in {"", "0"}
    spec: dict[str, object] = {
        "path": path,
        "format": "csv",
        "options": {
            "header": has_header,
            "sep": NEVER,
            "quote": "",
            "encoding": constant_text(draft, "ENCODING", "ISO-8859-15"),
            **line_end(draft, "ROWSEPARATOR"),
        },
        **({"match": "position"} if has_header else {}),
        "columns": {_LINE: "string"},
        "allow_empty": True,
    }
    return _input(component, around, widths).convert(draft, spec)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    widths = _widths(component, around, _schema(component, around))
    return {} if widths is None else _input(component, around, widths).simulate(rows)


HANDLERS: Mapping[str, Handler] = {
    "tFileInputPositional": Handler(_convert, _simulate),
    # Whole lines: one field without a width.
    "tFileInputFullRow": Handler(_convert, _simulate),
}
