"""The control store as a Dagster resource."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg
from pydantic import Field, PrivateAttr

from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.model.settings import Settings


class PlatformResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The platform on this process's settings: control store, catalog and planner.

    The store is opened when a run first needs it and closed when the run ends.
    """

    control_url: str = Field(
        default="", description="Control store; empty means the FDM_CONTROL_URL setting."
    )

    _platform: Platform | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[PlatformResource]:
        """Open for one run."""
        with open_platform(self._settings()) as platform:
            self._platform = platform
            yield self

    @property
    def platform(self) -> Platform:
        """The opened platform."""
        if self._platform is None:
            raise RuntimeError("PlatformResource is open only during a run")
        return self._platform

    def _settings(self) -> Settings:
        settings = Settings.from_environ()
        return replace(settings, control_url=self.control_url) if self.control_url else settings
