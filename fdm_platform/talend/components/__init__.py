"""One module a family of components: each turns a Component into a Converted."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components import (
    leaving,
    noting,
    outputs,
    passing,
    taggregaterow,
    tdie,
    tfilterrow,
    thash,
    tmap,
    trunjob,
    tsortrow,
    tuniqrow,
    variables,
)
from fdm_platform.talend.components.handler import Handler

HANDLERS: Mapping[str, Handler] = {
    **leaving.HANDLERS,
    **noting.HANDLERS,
    **outputs.HANDLERS,
    **passing.HANDLERS,
    **taggregaterow.HANDLERS,
    **tdie.HANDLERS,
    **tfilterrow.HANDLERS,
    **thash.HANDLERS,
    **tmap.HANDLERS,
    **trunjob.HANDLERS,
    **tsortrow.HANDLERS,
    **tuniqrow.HANDLERS,
    **variables.HANDLERS,
}
"""Handlers by componentName. A kind that is not among them is left to a person."""
