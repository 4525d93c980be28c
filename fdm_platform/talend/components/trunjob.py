"""tRunJob: the job that it runs comes first. A row of job_dependency says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.java import constant
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted


@dataclass(frozen=True, slots=True)
class Child:
    """The job that a tRunJob runs, as its parameters name it."""

    label: str
    id: str
    """Of its `.properties`; empty if the file has none."""
    version: str
    """`Latest`, or e.g. `0.1`."""
    context: str
    """The context group's name."""
    parameters: Mapping[str, str]
    """Context variables that it is given, with the Java expression of each."""


def child_of(component: Component) -> Child | None:
    """The job that a tRunJob runs; None where it is only known when it runs."""
    label = component.text("PROCESS")
    if component.flag("USE_DYNAMIC_JOB") or not label:
        return None
    return Child(
        label,
        component.text("PROCESS:PROCESS_TYPE_PROCESS"),
        component.text("PROCESS:PROCESS_TYPE_VERSION") or "Latest",
        component.text("PROCESS:PROCESS_TYPE_CONTEXT") or component.text("CONTEXT_NAME"),
        {
            r.get("PARAM_NAME_COLUMN", ""): r.get("PARAM_VALUE_COLUMN", "")
            for r in component.rows("CONTEXTPARAMS")
        },
    )


def _convert(component: Component, around: Around) -> Converted:
    child = child_of(component)
    if child is None:
        java = component.text("CONTEXT_JOB") or component.text("PROCESS")
        reason = "which job it runs is known only when it runs"
        return left_to_a_person(
            component, around, reason, java=java, todo="Say which jobs this one waits for."
        )
    if around.inputs:
        todo = "Read all rows at once in a table, or start a run for each from outside."
        return left_to_a_person(component, around, f"it runs {child.label} once for each row", todo=todo)
    if around.outputs:
        todo = f"Read the table of {child.label} in its place."
        return left_to_a_person(
            component, around, f"its rows are those that {child.label} hands back", todo=todo
        )
    draft = Draft(component, around)
    for name, java in child.parameters.items():
        _given(draft, child, name, java)
    if not component.flag("DIE_ON_CHILD_ERROR"):
        draft.note(f"Talend goes on when {child.label} fails; here this job waits until it has succeeded")
    if child.label == around.job.label:
        draft.residue("PROCESS", child.label, "the job runs itself", "Write what it repeats as one load.")
    return draft.done("dependency", f"waits for {child.label}")


def _given(draft: Draft, child: Child, name: str, java: str) -> None:
    """A variable that the child is given: its own context variable by the same name needs nothing."""
    if java.strip() == f"context.{name}":
        return
    found = constant(java)
    if found is None:
        reason = f"{child.label} is given a value that is made at run time"
        draft.residue(name, java, reason, f"Set {name} of {child.label} in its context_params or sys_params.")
    else:
        draft.note(f"{child.label} is given {name} = {java}: set it in its context_params or sys_params")


HANDLERS: Mapping[str, Handler] = {"tRunJob": Handler(_convert)}
