"""Variables of a job: tContextLoad fills its context, tSetGlobalVar puts values under a key."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.components.flows import main_input
from fdm_platform.talend.components.global_map import SET_GLOBAL, global_constants, puts
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted


def _set_global(component: Component, around: Around) -> Converted:
    known, draft = global_constants(around.job, around.context), Draft(component, around)
    incoming = main_input(around)
    for key, java in puts(component):
        if key not in known:
            reason = "it is set for each row, more than once, or by Java that has no translation"
            draft.residue(key, java, reason, "Write the value where globalMap.get asks for it.")
    draft.views.update({link.name: incoming[1] for link in around.outputs if incoming})
    if draft.residues:
        return draft.done("residue", draft.residues[0].reason)
    return draft.done("note", "its values stand where globalMap.get asks for them")


def _load_context(component: Component, around: Around) -> Converted:
    """Where its rows come from, a person has to look: what they hold becomes parameters of the job."""
    draft, incoming = Draft(component, around), main_input(around)
    read = around.links[0].source if around.links else "nothing"
    reason = f"the job's variables come from {read} when it runs"
    draft.residue(
        "", "", reason, "Put them into sys_params or context_params, which the load reads at its start."
    )
    draft.views.update({link.name: incoming[1] for link in around.outputs if incoming})
    return draft.done("seed", "its variables are parameters of the job")


HANDLERS: Mapping[str, Handler] = {"tContextLoad": Handler(_load_context), SET_GLOBAL: Handler(_set_global)}
