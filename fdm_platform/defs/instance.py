"""The Dagster instance of a deployment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from fdm_platform.model.settings import Settings


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance that dagster.yaml describes; this process and its children get the settings it names."""
    os.environ.update(settings.child_environ)
    with dg.DagsterInstance.get() as instance:
        yield instance
