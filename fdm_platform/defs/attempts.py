"""execution_log around a load: a start row for each date, and exactly one final line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from fdm_platform.defs.platform import Platform
from fdm_platform.errors import FdmError, LoadError
from fdm_platform.model.manifest import DateOutcome
from fdm_platform.model.table import TableSpec


def open_attempts(platform: Platform, spec: TableSpec, dates: Sequence[date]) -> dict[date, str]:
    """Write a `Started` row for each date and return their ids."""
    log, job_id = platform.execution_log, platform.job_id(spec)
    run_ids = {r.biz_dt: r.run_id for r in platform.control_rows(spec, dates)}
    return {d: log.start(job_id=job_id, job_name=spec.job_name, run_id=run_ids.get(d)) for d in dates}


def close_attempts(
    platform: Platform,
    attempts: Iterable[str],
    error: BaseException | None,
    application_id: str | None = None,
) -> None:
    """Write the final line of attempts: Completed, or Failed with the error."""
    status: Literal["Completed", "Failed"] = "Failed" if error else "Completed"
    text = headline(error) if error else None
    for attempt in attempts:
        platform.execution_log.finish(attempt, status=status, error=text, spark_app_id=application_id)


def headline(error: BaseException) -> str:
    """The first line of what an error says; its class where it says nothing."""
    text = error.message if isinstance(error, FdmError) else str(error)
    return next(iter(text.strip().splitlines()), type(error).__name__)


def error_of(outcome: DateOutcome) -> FdmError:
    """Why a date may not be published: its failure, its failed checks, or the silence of Spark."""
    failure = outcome.failure
    if failure:
        place = {n: getattr(failure, n) for n in ("file", "line", "column", "field", "remedy")}
        return LoadError(failure.headline, **place)
    failed = [f"check {c.name} failed: {c.description}" for c in outcome.checks if c.is_blocking]
    return LoadError("; ".join(failed) or "Spark ended without a word about this date")
