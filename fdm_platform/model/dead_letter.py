"""A business date that is not loaded again by itself: it used up its retries, or none can help."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fdm_platform.errors import Kind
from fdm_platform.model.control import Published


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What failed, from which control row, and what there was to see."""

    table_name: str
    biz_dt: date
    load_id: str
    """The last load that tried."""
    control_version: str
    """Of the control row that it was loaded from: of another one, nothing is known."""
    attempts: int
    """Tries of the run that gave up."""
    kind: Kind
    error: str
    """The error as JSON: its class as `error`, and its fields."""
    parked_at: datetime
    parameters: str | None = None
    """The date's parameters as JSON, secrets concealed; None where it could not be planned."""
    log_tail: str | None = None
    """The last lines of what the driver said of the date, or else of its log; secrets concealed."""

    @property
    def headline(self) -> str:
        """The first line of the error."""
        fields: dict[str, Any] = json.loads(self.error)
        return str(fields.get("message", "")).partition("\n")[0]

    @property
    def reason(self) -> str:
        """Why nothing loads the date, for people."""
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"parked after {tries}: {self.headline}"

    def holds(self, control_version: str | None, published: Published | None) -> bool:
        """The control row is still the one that failed, and nothing was published since."""
        is_before = published is None or published.published_at < self.parked_at
        return self.control_version == control_version and is_before
