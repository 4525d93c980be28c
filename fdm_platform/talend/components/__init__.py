"""One module a family of components: each turns a Component into a Converted."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.components import passing, tfilterrow, tsortrow, tuniqrow
from fdm_platform.talend.components.handler import Handler

HANDLERS: Mapping[str, Handler] = {
    **passing.HANDLERS,
    **tfilterrow.HANDLERS,
    **tsortrow.HANDLERS,
    **tuniqrow.HANDLERS,
}
"""Handlers by componentName. A kind that is not among them is left to a person."""
