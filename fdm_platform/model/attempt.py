"""One attempt to load a business date of a landing table, as fdm_attempts has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of fdm_attempts."""

    biz_dt: date
    load_id: str
    status: str
    """`Started`, `Completed`, or `Failed: ` and why."""
    start_time: datetime
    end_time: datetime | None = None
    asked_by: str | None = None
    """`sensor`, `backfill`, `automation`, `schedule` or `hand`."""
    control_version: str | None = None
    spark_app_id: str | None = None

    @property
    def is_open(self) -> bool:
        """It has no final line: it runs, or its process died."""
        return self.status == "Started"

    @property
    def is_completed(self) -> bool:
        """It ended, and its date was published."""
        return self.status == "Completed"

    @property
    def is_failed(self) -> bool:
        """It ended without publishing."""
        return self.status.startswith("Failed")

    @property
    def error(self) -> str:
        """Why it failed; empty where it did not."""
        return (self.status.partition(": ")[2] or "without a word") if self.is_failed else ""
