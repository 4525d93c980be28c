"""The control store and the platform as Dagster resources."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.defs.platform import Platform
from fdm_platform.model.settings import Settings


class ControlStoreResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The control tables, for assets, sensors and schedules of your own.

    The store is opened when it is first asked for and closed when the run or tick ends. Threads may share
    it; every process opens its own.
    """

    url: str = Field(default="", description="Control store; empty means the FDM_CONTROL_URL setting.")

    _store: ControlStore | None = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[ControlStoreResource]:
        """For one run or tick."""
        try:
            yield self
        finally:
            self.close()

    @property
    def store(self) -> ControlStore:
        """The open store. ControlError for a URL that fits none."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.settings.control_url)
            return self._store

    @property
    def settings(self) -> Settings:
        """The process's settings, with this resource's store."""
        settings = Settings.from_environ()
        return replace(settings, control_url=self.url) if self.url else settings

    def close(self) -> None:
        """Close the store, if it was opened."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()


class PlatformResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The platform on this process's settings and a control store: catalog, planner, ledger."""

    control: ControlStoreResource = Field(
        default_factory=ControlStoreResource, description="Its control tables."
    )

    _platform: Platform | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[PlatformResource]:
        """For one run or tick."""
        try:
            yield self
        finally:
            platform, self._platform = self._platform, None
            if platform is not None:
                platform.close()
            self.control.close()

    @property
    def platform(self) -> Platform:
        """The platform, opened when it is first asked for."""
        if self._platform is None:
            self._platform = Platform(self.control.settings, self.control.store)
        return self._platform
