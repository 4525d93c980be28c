"""All that the control tables say of one job, in one state of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from fdm_platform.control.rows import (
    parsed_job,
    process_control_row,
    refuse_two_spellings,
    stored_job,
    stored_process_control,
    sys_params_rows,
)
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.model.control import JobMasterRow, ProcessControlRow, SysParamRow


@dataclass(frozen=True, slots=True)
class JobRows:
    """Rows of the four tables that agree with each other; `stored_` ones are as they are stored."""

    job: JobMasterRow | None
    control: tuple[ProcessControlRow, ...]
    """Of the dates that were asked for and are there, in order."""
    sys_params: tuple[SysParamRow, ...]
    stored_job: Row | None
    stored_control: tuple[Row, ...]
    stored_dependencies: tuple[Row, ...]
    read_at: datetime
    is_whole: bool = False
    """`control` has every date of the source system."""


def read_job_rows(
    store: ControlStore,
    *,
    entity: str,
    source_system: str,
    job_name: str,
    environment: str,
    dates: Collection[date],
) -> JobRows:
    """Read job_master, process_control, sys_params and job_dependency at one timestamp, each once.

    Of process_control these dates alone. ControlError where a JSON column holds something else, where two
    jobs have the name, or where a date has two rows.
    """
    with store.snapshot() as snapshot:
        read_at = datetime.now(UTC)
        control = stored_process_control(store, entity, source_system, dates, snapshot=snapshot)
        job = stored_job(store, job_name, snapshot=snapshot)
        spellings = sorted({job_name, job_name.lower(), job_name.upper()})
        waits_for = [Predicate("dependent_job_name", "in", spellings)]
        dependencies = tuple(store.scan("job_dependency", waits_for, snapshot=snapshot))
        settings = tuple(sys_params_rows(store, environment, job_name, snapshot=snapshot))
    rows = tuple(process_control_row(row) for row in control)
    refuse_two_spellings(rows)
    return JobRows(
        parsed_job(job) if job else None, rows, settings, job, tuple(control), dependencies, read_at
    )
