"""Adopting a load whose process is gone: its Spark goes on, and its dates are published by whoever asks for them next.

Which of several takes it is decided by the lock of the load's folder; what may be published, as ever, by the version
that the load has claimed. The load keeps its id, its claims and its attempts. No Dagster here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fdm_platform.control.execution_log.journal import Journal
from fdm_platform.control.execution_log.orphans import deliver_orphans
from fdm_platform.control.execution_log.rows import STARTED
from fdm_platform.defs.closing import attempts_of_load
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.registering import Registration, Tell
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.owner import Owner, is_owned
from fdm_platform.engines.spark_submit import Submission, adopt
from fdm_platform.model.claim import Claim, LoadRow
from fdm_platform.model.manifest import DateOutcome
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.table import TableSpec
from fdm_platform.processes import this_host


@dataclass(frozen=True, slots=True)
class AdoptedLoad:
    """What there is of a load that this process has taken over."""

    place: Registration
    plan: LoadPlan
    refused: tuple[DateOutcome, ...]
    """Dates that could not be planned."""
    submission: Submission
    attempts: dict[date, str]
    """Ids of execution_log's open rows."""


def orphans(platform: Platform, spec: TableSpec, dates: Sequence[date], tell: Tell) -> list[Orphan]:
    """Loads of the table on this machine whose process is gone, where the settings say that they are adopted."""
    if platform.settings.on_restart != "adopt":
        return []
    return [
        Orphan(platform, spec, tuple(dates), row.load_id, Path(row.folder), tell)
        for row in platform.loads.open_ones(spec.name)
        if row.host == this_host() and row.folder and row.plan_identity and is_owned(row.folder) is False
    ]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A load whose process is gone, as seen by one that is asked to load these dates."""

    platform: Platform
    spec: TableSpec
    dates: tuple[date, ...]
    load_id: str
    folder: Path
    tell: Tell

    def adopt(self) -> AdoptedLoad | None:
        """Take it over if it is of just these dates and was planned as it would be now, and its Spark goes on or is done.

        Else None, and it is left as it is.
        """
        try:
            owner = Owner(self.folder)
        except OSError:  # another process was first
            return None
        found = None
        try:
            found = self._adopt(LoadFolder(self.folder), owner)
        finally:
            if found is None:
                owner.let_go()
        return found

    def _adopt(self, folder: LoadFolder, owner: Owner) -> AdoptedLoad | None:
        """As the owner: what was read before may have changed."""
        row, claims = self.platform.loads.find(self.load_id), self.platform.claims.of_load(self.load_id)
        if row is None or {c.biz_dt for c in claims} != set(self.dates):
            return None
        planned = self._plan(row, claims)
        submission = adopt(planned[0], folder, owner) if planned else None
        attempts = self._attempts() if submission else None
        if planned is None or submission is None or attempts is None:
            return None
        place = Registration(self.platform, self.spec.name, self.load_id, row.asked_by or "hand")
        place.take_over(row, claims)
        self.tell(
            f"load {self.load_id}, whose process {row.pid} is gone, is adopted: its Spark is not started again"
        )
        return AdoptedLoad(place, *planned, submission, attempts)

    def _plan(self, row: LoadRow, claims: Sequence[Claim]) -> tuple[LoadPlan, tuple[DateOutcome, ...]] | None:
        """The load as it would be planned now; None where that differs from what it was."""
        rows = self.platform.job_rows(self.spec, self.dates)
        versions = {c.biz_dt: c.version for c in claims}
        plan, refused = self.platform.plan_each(self.spec, self.dates, self.load_id, rows, versions)
        if plan and plan.identity() == row.plan_identity:
            return plan, refused
        self.tell(
            f"load {self.load_id}, whose process is gone, is not adopted: what it would load has changed"
        )
        return None

    def _attempts(self) -> dict[date, str] | None:
        """The open attempt of each date, taken over; None where one has its final line."""
        journal = Journal(self.platform.settings.journal)
        deliver_orphans(
            self.platform.store, journal.folder
        )  # the store may not know that there was an attempt
        rows = attempts_of_load(self.platform, self.spec.name, self.load_id)
        found = {row["biz_dt"]: row["id"] for row in rows if row["status"] == STARTED}
        if found.keys() != set(self.dates) or any(map(journal.is_owned, found.values())):
            return None
        return found if self.platform.execution_log.take_over(found.values()) else None
