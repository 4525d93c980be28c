"""One module a family of components: each turns a Component into a Converted."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components import (
    constants,
    databases,
    kudu,
    leaving,
    noting,
    outputs,
    passing,
    taggregaterow,
    tconverttype,
    tdenormalize,
    tdie,
    textractdelimitedfields,
    tfileinputdelimited,
    tfileinputpositional,
    tfilterrow,
    thash,
    tjoin,
    tmap,
    tnormalize,
    treplace,
    trunjob,
    tschemacompliancecheck,
    tsortrow,
    tuniqrow,
    tunite,
    variables,
)
from fdm_platform.talend.components.handler import Handler

HANDLERS: Mapping[str, Handler] = {
    **constants.HANDLERS,
    **databases.HANDLERS,
    **kudu.HANDLERS,
    **leaving.HANDLERS,
    **noting.HANDLERS,
    **outputs.HANDLERS,
    **passing.HANDLERS,
    **taggregaterow.HANDLERS,
    **tconverttype.HANDLERS,
    **tdenormalize.HANDLERS,
    **tdie.HANDLERS,
    **textractdelimitedfields.HANDLERS,
    **tfileinputdelimited.HANDLERS,
    **tfileinputpositional.HANDLERS,
    **tfilterrow.HANDLERS,
    **thash.HANDLERS,
    **tnormalize.HANDLERS,
    **treplace.HANDLERS,
    **tjoin.HANDLERS,
    **tmap.HANDLERS,
    **trunjob.HANDLERS,
    **tschemacompliancecheck.HANDLERS,
    **tsortrow.HANDLERS,
    **tuniqrow.HANDLERS,
    **tunite.HANDLERS,
    **variables.HANDLERS,
}
"""Handlers by componentName. A kind that is not among them is left to a person."""
