"""tFileInputDelimited: a CSV source of text columns, and a step that makes their values."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import main_outputs, schema_of, sql_columns, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.settings import NEVER, Setting, constant_text, line_end, template, unmet
from fdm_platform.talend.components.text_fields import TextInput, text_of, text_rules
from fdm_platform.talend.expression import Call, Ref, Text
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted

_UNMET = (
    Setting("HEADER", ("0", "1"), "a header of several lines"),
    Setting("FOOTER", ("0",), "a footer"),
    Setting("LIMIT", ("-1",), "a limit of rows"),
    Setting("RANDOM", ("false",), "rows taken at random"),
    Setting("UNCOMPRESS", ("false",), "a zip to unpack"),
    Setting("SPLITRECORD", ("false",), "rows that a separator of their own ends within a line"),
    Setting("ENABLE_DECODE", ("false",), "numbers written in hexadecimal or octal"),
)


def _input(component: Component, around: Around) -> TextInput:
    outputs = main_outputs(around) or around.outputs
    schema = schema_of(component, outputs[0] if outputs and outputs[0].connector != "REJECT" else None)
    source = view_name(around.job, outputs[0].name if outputs else component.unique_name)
    columns = sql_columns(schema)
    rules = text_rules(component)
    pairs = tuple(zip(schema, columns, strict=True))
    return TextInput(
        component,
        around,
        source,
        schema,
        {c.name: text_of(c, source, rules) for c in schema},
        {c.name: Call("coalesce", (Ref(s.name, source), Text(""))) for c, s in pairs},
        lambda row: {c.name: str(row.get(s.name) or "") for c, s in pairs},
    )


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
    read = _input(component, around)
    _tell(draft, component)
    spec = {
        "path": path,
        "format": "csv",
        "options": _options(draft, component),
        **({"match": "position"} if _has_header(component) else {}),
        "columns": dict.fromkeys((c.name for c in sql_columns(read.columns)), "string"),
        "allow_empty": True,
    }
    return read.convert(draft, spec)


def _has_header(component: Component) -> bool:
    return component.text("HEADER").strip() not in {"", "0"}


def _tell(draft: Draft, component: Component) -> None:
    if not component.flag("CHECK_FIELDS_NUM"):
        draft.note("a row with too few or too many fields is bad here; Talend takes missing ones as empty")
    if component.flag("CSV_OPTION"):
        draft.note("a field that holds the end of a line needs multiLine: true below the source's options")
    if component.text("REMOVE_EMPTY_ROW", "true") == "false":
        draft.note("empty lines are skipped")


def _options(draft: Draft, component: Component) -> dict[str, object]:
    """Of Spark's reader, in the words of the component's settings."""
    is_csv = component.flag("CSV_OPTION")
    options: dict[str, object] = {"header": _has_header(component)}
    separator = constant_text(draft, "FIELDSEPARATOR", ";")
    # Talend's reader of CSV takes the first character alone.
    options["sep"] = (separator[:1] if is_csv else separator) or NEVER
    quote = _quote(draft) if is_csv else ""
    options["quote"] = quote
    if quote:
        options["escape"] = _escape(draft, quote)
    options["encoding"] = constant_text(draft, "ENCODING", "ISO-8859-15")
    return options | line_end(draft, "CSVROWSEPARATOR" if is_csv else "ROWSEPARATOR")


def _quote(draft: Draft) -> str:
    """What encloses a text: nothing where the setting was emptied."""
    is_emptied = draft.component.params.get("TEXT_ENCLOSURE") == ""
    return "" if is_emptied else constant_text(draft, "TEXT_ENCLOSURE", '"')[:1]


def _escape(draft: Draft, quote: str) -> str:
    """Talend knows the backslash; with any other character a quote is escaped by another quote."""
    return "\\" if constant_text(draft, "ESCAPE_CHAR", quote) == "\\" else quote


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    return _input(component, around).simulate(rows)


HANDLERS: Mapping[str, Handler] = {"tFileInputDelimited": Handler(_convert, _simulate)}
