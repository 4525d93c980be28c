"""tFileInputPositional: a source of whole lines, and a step that cuts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import REJECT, main_outputs, schema_of, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.settings import NEVER, Setting, constant_text, template, unmet
from fdm_platform.talend.components.text_fields import TextInput, TextRules, text_of, text_rules
from fdm_platform.talend.expression import Call, Number, Ref, Sql, Text
from fdm_platform.talend.java import constant
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted

_LINE = "line"
_UNMET = (
    Setting("HEADER", ("0", "1"), "a header of several lines"),
    Setting("FOOTER", ("0",), "a footer"),
    Setting("LIMIT", ("0", "-1"), "a limit of rows"),
    Setting("USE_BYTE", ("false",), "widths in bytes"),
    Setting("PATTERN_UNITS", ("symbols",), "widths in bytes"),
    Setting("UNCOMPRESS", ("false",), "a zip to unpack"),
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A field's place in the line; without a width, up to its end. `padding` is a Java expression that strips it."""

    column: Column
    begin: int
    width: int | None
    stripped: str = ""

    def sql(self, line: Sql) -> Sql:
        width = () if self.width is None else (Number(self.width),)
        return Call("substring", (line, Number(self.begin + 1), *width))

    def of(self, line: str) -> str:
        return line[self.begin :] if self.width is None else line[self.begin : self.begin + self.width]


def _cuts(component: Component, schema: Sequence[Column]) -> Iterator[_Cut]:
    begin = 0
    for column, (width, stripped) in zip(schema, _widths(component, schema), strict=False):
        yield _Cut(column, begin, width, stripped)
        begin += width or 0


def _widths(component: Component, schema: Sequence[Column]) -> Iterator[tuple[int | None, str]]:
    if component.flag("ADVANCED_OPTION"):
        formats = {row.get("SCHEMA_COLUMN"): row for row in component.rows("FORMATS")}
        for column in schema:
            row = formats.get(column.name, {})
            yield _width(row.get("SIZE", "*")), _stripped(row)
        return
    pattern = str(constant(component.text("PATTERN")) or "")
    for _, width in zip_longest(schema, (x.strip() for x in pattern.split(",")), fillvalue="*"):
        yield _width(str(width)), ""


def _width(text: str) -> int | None:
    cleaned = text.strip().strip('"')
    return int(cleaned) if cleaned.isdigit() else None


def _stripped(row: Mapping[str, str]) -> str:
    """Java that takes the padding off: at the end of what is aligned left, before what is aligned right."""
    padding = constant(row.get("PADDING_CHAR", "")) or " "
    align = row.get("ALIGN", "").strip("'\"")
    one = "[" + ("\\\\" if str(padding) in "\\]^-" else "") + str(padding) + "]+"
    pattern = {"L": f"{one}$", "R": f"^{one}", "C": f"^{one}|{one}$"}.get(align)
    return f'.replaceAll("{pattern}", "")' if pattern else ""


def _input(component: Component, around: Around) -> TextInput:
    outputs = main_outputs(around) or around.outputs
    schema = schema_of(component, outputs[0] if outputs and outputs[0].connector != REJECT else None)
    source = view_name(around.job, outputs[0].name if outputs else component.unique_name)
    cuts = tuple(_cuts(component, schema))
    line = Call("coalesce", (Ref(_LINE, source), Text("")))
    return TextInput(
        component,
        around,
        source,
        [c.column for c in cuts],
        {c.column.name: _prepared(c, source, text_rules(component)) for c in cuts},
        {c.column.name: c.sql(line) for c in cuts},
        lambda row: {c.column.name: c.of(str(row.get(_LINE) or "")) for c in cuts},
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
    has_header = component.text("HEADER").strip() not in {"", "0"}
    spec: dict[str, object] = {
        "path": path,
        "format": "csv",
        "options": {
            "header": has_header,
            "sep": NEVER,
            "quote": "",
            "encoding": constant_text(draft, "ENCODING", "ISO-8859-15"),
        },
        **({"match": "position"} if has_header else {}),
        "columns": {_LINE: "string"},
        "allow_empty": True,
    }
    return _input(component, around).convert(draft, spec)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    return _input(component, around).simulate(rows)


HANDLERS: Mapping[str, Handler] = {
    "tFileInputPositional": Handler(_convert, _simulate),
    # Whole lines: one field without a width.
    "tFileInputFullRow": Handler(_convert, _simulate),
}
