"""What happened to the loads of a source system or a cluster, and what follows for the next ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Scope = Literal["source", "cluster"]
"""A source system, by its partition set; a Spark master, by the name that table.yaml gives it."""
EventKind = Literal["failure", "success", "probe", "gone"]
"""`gone`: a probe ended without an answer, because somebody stopped it or its own date was at fault."""
BreakerState = Literal["closed", "open", "half-open"]
"""`half-open`: one load may try, or tries; the others wait."""


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    """A row of fdm_breakers. Rows are only inserted, each with the next number: of two at once one alone succeeds."""

    scope: Scope
    name: str
    seq: int
    kind: EventKind
    at: datetime
    until: datetime | None = None
    """Of a probe: when it is given up, should nothing be heard of it."""
    load_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a breaker stands at some time: what its events come to."""

    scope: Scope
    name: str
    state: BreakerState = "closed"
    failures: int = 0
    """Consecutive ones."""
    since: datetime | None = None
    """When it opened first."""
    until: datetime | None = None
    """Until when everybody waits: for the next probe, or for the one that is under way."""
    error: str = ""
    """The newest failure's."""
    probe: str | None = None
    """The load that tries."""
    seq: int = 0
    """The newest event's."""

    @property
    def may_probe(self) -> bool:
        """Whoever asks first may try."""
        return self.state == "half-open" and self.probe is None

    @property
    def must_wait(self) -> bool:
        """Nobody may try now."""
        return self.state == "open" or (self.state == "half-open" and self.probe is not None)

    @property
    def reason(self) -> str:
        """Why a date waits, for people."""
        of = f"the breaker of {self.scope} {self.name}"
        if self.state == "closed":
            return f"{of} is closed"
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        text = f"{of} is {self.state}{since}, after {self.failures} failures in a row: {self.error}"
        if self.probe:
            return f"{text}; load {self.probe} tries"
        until = f" at {self.until:%H:%M:%S} UTC" if self.until else ""
        return f"{text}; one load may try " + ("now" if self.state == "half-open" else f"again{until}")
