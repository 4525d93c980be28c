"""Settings of input components as the platform's sources have them: constants, paths, what no reader here does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.java import constant, file_template
from fdm_platform.talend.java.typed import Scope, Untranslated
from fdm_platform.talend.model import Component

NEVER = "\u0001"
"""A separator that no text file has: a line is one column."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter whose values other than `harmless` ask for `what`, which no reader here does."""

    name: str
    harmless: Sequence[str]
    what: str


def unmet(component: Component, settings: Sequence[Setting]) -> Iterator[str]:
    """What the component's settings ask for in vain."""
    for setting in settings:
        value = component.text(setting.name).strip().strip('"').lower()
        if value and value not in setting.harmless:
            yield f"{setting.what} ({setting.name}: {component.text(setting.name).strip()})"


_ODD = {'"""': '"', '"\\"': "\\", "ESCAPE_MODE_DOUBLED": '"', "ESCAPE_MODE_BACKSLASH": "\\"}
"""Settings that Studio saves though they are no Java: its generator knows them."""


def constant_text(draft: Draft, name: str, default: str) -> str:
    """A setting's text, `";"`; the default where it is empty, and with a residue where it is made at run time."""
    java = draft.component.text(name).strip()
    if not java:
        return default
    found = _ODD.get(java) or constant(java, draft.around.context)
    if found is None:
        draft.residue(
            name, java, "it is made at run time", f"Set it in table.yaml; {default!r} stands there now."
        )
    elif "context." in java:
        draft.note(f"{name} is {java}: what the imported context says is written into table.yaml")
    return default if found is None else str(found)


_LINE_ENDS = ("\n", "\r\n", "\r")


def line_end(draft: Draft, name: str) -> dict[str, str]:
    """Spark's option for what ends a line, where it is none of the usual; a residue where nothing does."""
    if draft.component.text(name).strip() == '""':
        reason = "rows follow one another without a line's end"
        draft.residue(name, '""', reason, "Have the file prepared, each row in a line of its own.")
        return {}
    found = constant_text(draft, name, "\n")
    return {} if found in _LINE_ENDS else {"lineSep": found}


def template(draft: Draft, name: str, *, todo: str) -> str | None:
    """A setting as a template of table.yaml, `{in_dir}/a_{biz_dt:%Y%m%d}.csv`; None, and a residue, if it cannot be one."""
    java = draft.component.text(name).strip()
    found = file_template(java, Scope(context=draft.around.context))
    if isinstance(found, Untranslated):
        draft.residue(name, java, found.reason, todo)
        return None
    if not found.strip():
        draft.residue(name, java, "it is empty", todo)
        return None
    return found
