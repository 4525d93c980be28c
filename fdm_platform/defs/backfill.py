"""What a backfill would do: the dates it chooses and why, what they cost, what stands in their way. No Dagster here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from statistics import fmean
from typing import Any

from fdm_platform.control.attempts import read_attempts
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.status import read_status
from fdm_platform.model.attempt import Attempt
from fdm_platform.model.control import Published
from fdm_platform.model.manifest import DateOutcome, Manifest
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.backfill import Choice, Estimate, Reasons, chunks, estimate, per_submit
from fdm_platform.planning.places import output_root

NEWEST_DATES = 5
"""Published dates whose sizes an estimate is made from."""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What a backfill would do."""

    table: str
    target: str
    reasons: Reasons
    known: tuple[date, ...]
    """All dates of the source system, which ranges are told by."""
    refused: tuple[DateOutcome, ...]
    """Dates that cannot be loaded as things are."""
    submits: tuple[tuple[date, ...], ...]
    input_bytes: int | None
    """None where nobody knows: a legacy job's script says by itself what it reads."""
    estimate: Estimate | None
    output_bytes: float | None
    running: tuple[Attempt, ...]
    """Attempts at the table's dates that have no end."""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "table": self.table,
            "target": self.target,
            "dates": [{"biz_dt": str(d), "reason": r} for d, r in sorted(self.reasons.items())],
            "refused": [
                {"biz_dt": str(o.biz_dt), "error": o.failure.error, "message": o.failure.detail}
                for o in self.refused
                if o.failure
            ],
            "submits": [[str(d) for d in dates] for dates in self.submits],
            "input_bytes": self.input_bytes,
            "estimated_output_bytes": self.output_bytes,
            "estimated_seconds": self.estimate and round(self.estimate.seconds, 1),
            "past_loads": self.estimate.loads if self.estimate else 0,
            "running": [
                {"biz_dt": str(a.biz_dt), "load_id": a.load_id, "since": a.start_time.isoformat()}
                for a in self.running
            ],
        }


def plan_backfill(platform: Platform, spec: TableSpec, choice: Choice, per_run: int | None) -> BackfillPlan:
    """Choose the dates and plan each of them, without a trace: nothing is written."""
    status, published = read_status(platform, spec), platform.ledger.published(spec.name)
    attempts = read_attempts(platform.store, spec.name)
    held = {row.biz_dt for row in platform.control_rows(spec) if row.is_held}
    reasons = choice.reasons(status, published, held)
    dates = sorted(reasons)
    rows = platform.job_rows(spec, dates)
    per_plan = 1 if spec.legacy else len(dates)
    plans = [platform.plan_each(spec, some, "not-started", rows) for some in chunks(dates, max(per_plan, 1))]
    refused = tuple(outcome for _, outcomes in plans for outcome in outcomes)
    loaded = set(dates) - {outcome.biz_dt for outcome in refused}
    submits = tuple(tuple(chunk) for chunk in chunks(dates, per_submit(spec, per_run)))
    mean = _mean_bytes(platform, spec, published)
    running = {d for d, found in status.dates.items() if found.state == "running"}
    return BackfillPlan(
        table=spec.name,
        target=output_root(platform.settings, spec),
        reasons=reasons,
        known=tuple(status.dates),
        refused=refused,
        submits=submits,
        input_bytes=None if spec.legacy else sum(plan.input_bytes for plan, _ in plans if plan),
        estimate=estimate(attempts, [len(loaded & set(s)) for s in submits]),
        output_bytes=None if mean is None else mean * len(loaded),
        running=tuple(a for a in attempts if a.is_open and a.biz_dt in running),
    )


def _mean_bytes(platform: Platform, spec: TableSpec, published: Mapping[date, Published]) -> float | None:
    """Bytes of a published date, from those that were published last; None without any."""
    newest = sorted(published.values(), key=lambda p: p.published_at)[-NEWEST_DATES:]
    records = [r for p in newest if (r := platform.ledger.current(spec.name, p.biz_dt))]
    return fmean(Manifest.from_json(r.manifest).bytes for r in records) if records else None
