"""How often what was away is tried again, and when it is left alone for a while."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class DeclaredRetries:
    """What a table.yaml says of its retries; None where it leaves that to dagster.yaml."""

    limit: int | None = None
    delay_s: float | None = None
    longest_s: float | None = None


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often a load is tried again, and how long each wait before it is."""

    limit: int = 0
    """Tries after the first."""
    delay_s: float = 10.0
    """Seconds before the first of them; each further wait is twice as long."""
    longest_s: float = 600.0
    """Seconds that no wait exceeds, but for its random part."""

    def of(self, declared: DeclaredRetries) -> RetryLimits:
        """These, except for what a table declares itself."""
        own = {name: getattr(declared, name) for name in ("limit", "delay_s", "longest_s")}
        return replace(self, **{name: value for name, value in own.items() if value is not None})


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When a source system or a cluster is left alone, and for how long."""

    failures: int = 5
    """Infrastructure failures in a row that open its breaker."""
    cooldown_s: float = 60.0
    """Seconds until one load may try; twice as long after each that fails, too."""
    longest_s: float = 1800.0
    """Seconds that no such wait exceeds. A probe of which nothing is heard so long is given up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What `fdm:` in dagster.yaml says, with every default filled in."""

    retries: RetryLimits = field(default_factory=RetryLimits)
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
