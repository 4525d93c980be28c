"""tDie and tWarn: where rows flow in, a check that there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.components.flows import main_input
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.java import constant
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Check, Converted, View
from fdm_platform.talend.sql import name

_ON_ERROR = frozenset({"COMPONENT_ERROR", "SUBJOB_ERROR"})


def no_rows(component: Component, view: View, severity: str, description: str) -> Check:
    """A check that a view has no rows; it is counted once, beside the table's."""
    spec = {
        "name": component.unique_name,
        "severity": severity,
        "expect": f"(SELECT count(*) FROM {name(view.name)}) = 0",  # noqa: S608 - a view's name, quoted
        "description": description,
    }
    return Check(spec, component.unique_name, reads=(view.name,))


def _convert(component: Component, around: Around) -> Converted:
    draft, incoming = Draft(component, around), main_input(around)
    is_end = component.kind == "tDie"
    if incoming:
        flow, view = incoming
        draft.views.update({link.name: view for link in around.outputs})
        check = no_rows(component, view, "error" if is_end else "warn", _message(component))
        if is_end:
            draft.note(
                f"a row of {flow} keeps the date from being published; Talend ends the job at the first one"
            )
        return replace(draft.done("check", f"check {component.unique_name}"), checks=(check,))
    triggers = {k.connector for k in around.job.links if k.target == component.unique_name and k.is_active}
    if not is_end:
        return draft.done("note", "prints a warning")
    if triggers <= _ON_ERROR:
        return draft.done("note", "a load that fails is told as failed by itself")
    reason = "it ends the job by what else the job has seen, not by its rows"
    todo = "Write what it asks as a check of table.yaml; leave it out if a failed load says the same."
    if "RUN_IF" not in triggers:  # the condition is told of the link
        draft.residue("", component.text("MESSAGE"), reason, todo)
    return draft.done("residue", reason)


def _message(component: Component) -> str:
    """Its text, or the Java that makes it."""
    java = component.text("MESSAGE").strip()
    found = constant(java) if java else None
    return java if found is None else str(found)


HANDLERS: Mapping[str, Handler] = {"tDie": Handler(_convert), "tWarn": Handler(_convert)}
