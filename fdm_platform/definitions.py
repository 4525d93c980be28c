"""The one Definitions object, named in workspace.yaml."""

from __future__ import annotations

import dagster as dg

from fdm_platform.defs.location import build_definitions
from fdm_platform.model.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """Every declared table below the settings' SQL root."""
    return build_definitions(Settings.from_environ())
