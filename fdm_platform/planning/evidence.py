"""What is known of one business date of a table: what `fdm why` explains it by. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from fdm_platform.model.attempt import Attempt
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.request import DateRequest
from fdm_platform.planning.due import Verdict
from fdm_platform.planning.status import DateStatus

Watcher = Literal["sensor", "automation", "schedule"]
"""What requests a table's dates: its source's sensor, its parents' publishing, or its calendar's schedule."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """What the calendar says of the date."""

    is_declared: bool
    """False: the default, which expects nothing."""
    is_business_day: bool
    why: str
    due_at: datetime | None
    """Of a business day."""
    is_overdue: bool
    today: date
    start: date
    timezone: str
    has_control_rows: bool = True
    file: str | None = None


@dataclass(frozen=True, slots=True)
class ParentDate:
    """A date of a parent that this date reads, or runs after."""

    table: str
    biz_dt: date | None
    """None where the rule finds none."""
    rule: str
    origin: str
    status: DateStatus | None
    """None where the parent has no control row of the date either."""
    version: int | None = None
    version_read: int | None = None
    """What the date's newest version was made from."""
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunOfDate:
    """A run of Dagster that is to load the date, or does, or did."""

    run_id: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    priority: int = 0
    position: int | None = None
    """In the queue, from 1; of a queued run."""
    queue_length: int = 0

    @property
    def is_queued(self) -> bool:
        """It waits in the queue."""
        return self.status == "QUEUED"

    @property
    def is_ended(self) -> bool:
        """It is over, one way or the other."""
        return self.status in ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True, slots=True)
class SensorFacts:
    """The sensor or schedule that requests the table's dates, as Dagster knows it."""

    name: str
    is_running: bool | None
    """None: Dagster has never seen it."""
    last_tick_at: datetime | None = None
    last_tick: str = ""
    """How the last tick ended: SUCCESS, SKIPPED, FAILURE, STARTED."""
    words: str = ""
    """Why it skipped, or failed."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool of the table's source system: how many runs of it go at once."""

    name: str
    slots: int | None
    """None: no limit."""
    in_use: int


@dataclass(frozen=True, slots=True)
class DagsterFacts:
    """What Dagster knows of the date."""

    runs: Sequence[RunOfDate]
    """Open ones, and the one of the newest attempt; newest first."""
    sensor: SensorFacts
    pool: Pool
    daemon_seen_at: datetime | None
    """The sensor daemon's last sign of life."""
    is_daemon_alive: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a date."""

    table: str
    biz_dt: date
    at: datetime
    """When it was read."""
    watcher: Watcher
    retries: int
    """That the table has, by its table.yaml or dagster.yaml."""
    status: DateStatus | None
    """None for a date that the table does not have."""
    row: ProcessControlRow | None
    nearest: Sequence[date]
    """Dates with a row before and after one without."""
    calendar: CalendarDay
    parents: Sequence[ParentDate]
    verdict: Verdict | None
    """What the automation says of a date with a row."""
    requests: Sequence[DateRequest]
    """Oldest first."""
    attempts: Sequence[Attempt]
    """Newest first."""
    versions: Sequence[Published]
    """Newest first."""
    dead_letter: DeadLetter | None = None
    """Of the date, while it holds."""
    dagster: DagsterFacts | None = None

    @property
    def newest_attempt(self) -> Attempt | None:
        """The newest one."""
        return self.attempts[0] if self.attempts else None

    @property
    def request(self) -> DateRequest | None:
        """The request of the control row as it is now."""
        version = self.row.version if self.row else None
        return next((r for r in reversed(self.requests) if r.control_version == version), None)

    @property
    def open_run(self) -> RunOfDate | None:
        """A run that is queued or goes on."""
        return next((r for r in self.dagster.runs if not r.is_ended), None) if self.dagster else None
