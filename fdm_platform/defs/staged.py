"""What an asset's body hands to the IO manager: a load that is staged, with its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from fdm_platform.model.manifest import DateOutcome, LoadReport
from fdm_platform.model.plan import LoadPlan


@dataclass(frozen=True, slots=True)
class StagedLoad:
    """A load after Spark: what was planned, what came of it, and each date's open execution_log row."""

    plan: LoadPlan | None
    """None when no date could be planned."""
    report: LoadReport
    attempts: Mapping[date, str]

    @property
    def outcomes(self) -> tuple[DateOutcome, ...]:
        """One for each date asked for, in order."""
        return tuple(sorted(self.report.outcomes, key=lambda o: o.biz_dt))

    @property
    def is_retryable(self) -> bool:
        """Every failure of the load is one that a retry can help."""
        return all(o.failure.is_retryable for o in self.outcomes if o.failure)
