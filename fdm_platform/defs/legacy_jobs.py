"""The declared tables together with legacy jobs, as job_master and their folders were seen last. No Dagster here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from fdm_platform.control.legacy_jobs import job_master_rows, save, saved
from fdm_platform.control.store import ControlStore
from fdm_platform.engines.job_folder import look_at_all
from fdm_platform.errors import ControlError, DeclarationError
from fdm_platform.model.legacy import LegacyJobs
from fdm_platform.model.settings import Settings
from fdm_platform.planning.catalog import Catalog, load_catalog
from fdm_platform.planning.legacy_tables import with_jobs
from fdm_platform.planning.places import Places, read_places

log = logging.getLogger(__name__)


def read_catalog(settings: Settings) -> Catalog:
    """The declared tables, and those of legacy jobs that `refresh_jobs` has found. Raises nothing."""
    declared, jobs = load_catalog(settings.sql_root), _seen_last(settings)
    try:
        return with_jobs(declared, jobs, places_of(settings), settings)
    except DeclarationError as error:  # where jobs' folders are is known; what needs it is told for itself
        nowhere = Places(str(settings.project), str(settings.legacy_file))
        catalog = with_jobs(declared, jobs, nowhere, settings)
        return replace(catalog, errors=(*catalog.errors, error))


class Opened(Protocol):
    """What is asked of a Platform."""

    @property
    def store(self) -> ControlStore:
        """The control tables."""
        ...

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        ...


def refresh_jobs(platform: Opened, said: Mapping[str, tuple[str, str]] = MappingProxyType({})) -> bool:
    """Look at job_master and the folders of its jobs; False where all is as it was.

    `said`: entity and source system that a caller names with a job, for a row that has none. DeclarationError where
    legacy.yaml is wrong: then nobody knows where the folders are, and all stays as it is.
    """
    places = places_of(platform.settings)
    rows, unreadable = job_master_rows(platform.store)
    seen = look_at_all(rows, places, _seen_last(platform.settings), said)
    return save(platform.settings.home, replace(seen, findings=(*seen.findings, *unreadable)))


def places_of(settings: Settings) -> Places:
    """Where paths of other machines are in this deployment. DeclarationError where legacy.yaml is wrong."""
    own = {"FDM_SOURCE_ROOT": str(settings.source_root), "FDM_LANDING_ROOT": settings.landing}
    return read_places(settings.legacy_file, settings.project, own)


def _seen_last(settings: Settings) -> LegacyJobs | None:
    try:
        return saved(settings.home)
    except ControlError as error:
        log.warning("legacy jobs are left out until job_master is looked at again: %s", error)
        return None
