"""What a job is given: its parameters and Spark settings, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from fdm_platform.model.plan import Parameter


@dataclass(frozen=True, slots=True)
class JobParameters:
    """All parameters of one job, resolved. Secrets are told as `secret:<name>`.

    The legacy framework calls this `fetch_all_job_params`.
    """

    job_name: str
    job_id: str
    entity: str
    source_system: str
    environment: str
    biz_dt: date | None
    """None for the parameters that do not depend on the date."""
    parameters: tuple[Parameter, ...]
    settings: tuple[Parameter, ...]
    """Spark settings and launch options, by name."""
    rows: Mapping[str, str]
    """The rows that were read: table to key."""
    read_at: datetime
    """When they were read, all in one state of the control store."""
