"""tReplace: substitutions in columns of text, one after the other, each on what those before it have left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    called,
    fields,
    main_input,
    ordered_by,
    passed,
    relation,
    view_name,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.simulating import Java
from fdm_platform.talend.expression import Ref, Todo
from fdm_platform.talend.java import constant
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Select, SqlColumn, View

_TEXT = JavaType("string")
_SCOPE = "_"
"""The flow under which a substitution sees its own column, as `_.v`."""
_GLOB = {"*": ".*", "?": "."}


@dataclass(frozen=True, slots=True)
class _Substitution:
    """A substitution in Java over `_.v`, which is not null: where it is, it stays null unless `of_null` is given."""

    place: str
    column: str
    java: str
    reason: str = ""
    """Why it cannot be said; empty where it can."""
    of_null: str = ""


def _substitutions(component: Component) -> Iterator[_Substitution]:
    if component.flag("SIMPLE_MODE"):
        for n, row in enumerate(component.rows("SUBSTITUTIONS"), 1):
            if row.get("REPLACE_STRING"):
                yield _simple(f"substitution {n}", row, is_strict=component.flag("STRICT_MATCH"))
    if component.flag("ADVANCED_MODE"):
        for n, row in enumerate(component.rows("ADVANCED_SUBST"), 1):
            if row.get("REPLACE_COLUMN"):
                search, by = row.get("SEARCH_COLUMN", ""), row["REPLACE_COLUMN"]
                yield _by_pattern(f"advanced {n}", row.get("INPUT_COLUMN", ""), search, by)


def _simple(place: str, row: Mapping[str, str], *, is_strict: bool) -> _Substitution:
    column, search, by = (row.get(key, "") for key in ("INPUT_COLUMN", "SEARCH_PATTERN", "REPLACE_STRING"))
    is_whole, is_exact = row.get("WHOLE_WORD") == "true", row.get("CASE_SENSITIVE") == "true"
    if row.get("USE_GLOB") == "true":
        pattern = _from_glob(constant(search))
        if pattern is None:
            return _Substitution(place, column, search, "a glob whose meaning is not known")
        search = _literal(pattern)
    if is_strict:
        return _literally(place, column, search, by, is_whole=is_whole, is_exact=is_exact)
    whole = f'"^" + ({search}) + "$"' if is_whole else f"({search})"
    return _by_pattern(
        place, column, whole if is_exact else f'"(?i)" + {whole}', by, is_null=_is_null(search)
    )


def _is_null(java: str) -> bool:
    return java.strip().lower() == "null"


def _by_pattern(place: str, column: str, search: str, by: str, *, is_null: bool = False) -> _Substitution:
    """Java's replaceAll. Searching null puts the replacement where there is none; replacing by null asks for all of it."""
    if is_null or _is_null(search):
        return _Substitution(place, column, "_.v", of_null=by)
    if _is_null(by):
        return _Substitution(place, column, f"_.v.matches({search}) ? null : _.v")
    return _Substitution(place, column, f'_.v.replaceAll({search}, "" + ({by}))')


def _literally(
    place: str, column: str, search: str, by: str, *, is_whole: bool, is_exact: bool
) -> _Substitution:
    if _is_null(search):
        return _Substitution(place, column, "_.v", of_null=by)
    if is_whole or _is_null(by):
        equals = "equals" if is_exact else "equalsIgnoreCase"
        return _Substitution(place, column, f"_.v.{equals}({search}) ? {by} : _.v")
    if is_exact:
        return _Substitution(place, column, f"_.v.replace({search}, {by})")
    pattern, replacement = constant(search), constant(by)
    if pattern is None or replacement is None:
        return _Substitution(
            place, column, search, "a text that is made at run time, in whatever letter case"
        )
    quoted = re.sub(r"[\\$]", r"\\\g<0>", str(replacement))
    java = f"_.v.replaceAll({_literal('(?i)' + re.sub(r'[^A-Za-z0-9 ]', _escaped, str(pattern)))}, {_literal(quoted)})"
    return _Substitution(place, column, java)


def _escaped(found: re.Match[str]) -> str:
    """A character that stands for itself in a Java regex; a letter with a backslash would be something else."""
    return found[0] if found[0].isalpha() else "\\" + found[0]


def _from_glob(glob: object) -> str | None:
    if not isinstance(glob, str) or any(c in glob for c in "[]\\{}"):
        return None
    return "".join(_GLOB.get(c) or (c if c.isalnum() else "\\" + c) for c in glob)


def _literal(text: str) -> str:
    """A Java string literal."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if " " <= c <= "~" else f"\\u{ord(c):04x}" for c in plain) + '"'


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    draft, values = Draft(component, around), dict(fields(view, flow))
    for substitution in _substitutions(component):
        _substitute(draft, flow, view, values, substitution)
    changed = {c.name for c in view.columns if values[called(c)].sql != Ref(c.name, flow)}
    order = None if changed & set(ordered_by(view)) else view.order
    made = replace(
        view,
        name=draft.name(),
        order=order,
        unique=frozenset(keys for keys in view.unique if not keys & changed),
    )
    named = {c.name: values[called(c)].sql for c in view.columns}
    outputs = tuple(Output(o.name, named.get(o.name, o.value)) for o in passed(view, flow))
    draft.add(made, Select(outputs, relation(flow, view)), *around.outputs)
    return draft.done()


def _substitute(draft: Draft, flow: str, view: View, values: dict[str, Typed], found: _Substitution) -> None:
    """Put what the substitution leaves in the place of the column's value."""
    column = _text_column(view, found.column)
    reason = found.reason or ("" if column else f"{found.column} is no text that comes in")
    if reason or column is None:
        draft.residue(found.place, found.java, reason)
        if column:
            values[found.column] = replace(values[found.column], sql=Todo("string", found.java, reason))
        return
    before = values[found.column]
    scope = draft.scope({flow: values, _SCOPE: {"v": replace(before, is_nullable=False)}})
    java = f"{flow}.{found.column} == null ? {found.of_null} : _.v" if found.of_null else found.java
    after = draft.typed(java, scope, _TEXT, found.place, "string")
    values[found.column] = replace(before, sql=draft.guarded(after, found.place))


def _text_column(view: View, name: str) -> SqlColumn | None:
    found = next((c for c in view.columns if called(c) == name), None)
    return found if found and java_type(found.talend_type, nullable=True).kind == "string" else None


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    flow, view = incoming
    java = Java(around, {flow: view}, {_SCOPE: {"v": Typed(_TEXT, Ref("v", _SCOPE), "string")}})
    found = tuple(_substitutions(component))
    return {
        view_name(around.job, component.unique_name): [
            _replaced(found, flow, view, r, java) for r in rows[flow]
        ]
    }


def _replaced(
    substitutions: tuple[_Substitution, ...], flow: str, view: View, row: Mapping[str, object], java: Java
) -> Mapping[str, object]:
    want = Column("v", "id_String", nullable=True)
    for found in substitutions:
        column = _text_column(view, found.column)
        if column is None:
            continue
        value = row.get(column.name)
        if found.reason:
            after = None
        elif value is None:
            after = java.value(found.of_null, {flow: row}, want) if found.of_null else None
        else:
            after = java.value(found.java, {flow: row, _SCOPE: {"v": value}}, want)
        row = {**row, column.name: after}
    return row


HANDLERS: Mapping[str, Handler] = {"tReplace": Handler(_convert, _simulate)}
