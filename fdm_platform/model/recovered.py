"""What recovery did, or would do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

What = Literal[
    "process killed",
    "Spark ended",
    "version voided",
    "found published",
    "swap finished",
    "staging removed",
    "attempt closed",
    "claim freed",
    "probe ended",
    "secrets removed",
    "load ended",
    "left",
]
"""`found published`: the load had committed the date before it died. `left`: nothing was done, and why."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """One thing that a dead load had left, and that was put in order."""

    what: What
    load_id: str
    table: str | None = None
    biz_dt: date | None = None
    detail: str = ""

    @property
    def is_published(self) -> bool:
        """The load published the date, and may not have lived to tell."""
        return self.what in ("found published", "swap finished")
