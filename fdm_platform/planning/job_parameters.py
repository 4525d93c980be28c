"""JobParameters: a job's parameters and Spark settings together, with where each came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from fdm_platform.model.control import JobMasterRow, ProcessControlRow, SysParamRow
from fdm_platform.model.parameters import JobParameters
from fdm_platform.model.plan import SECRET_MARK, LaunchProfile, Parameter
from fdm_platform.model.table import JobSpec
from fdm_platform.planning.launch import KEYS, resolve_launch
from fdm_platform.planning.parameters import resolve_parameters
from fdm_platform.planning.secrets import Secrets


@dataclass(frozen=True, slots=True)
class UndeclaredJob:
    """A job that has a row in job_master and no landing table: parameters alone. A JobSpec."""

    entity: str
    source_system: str
    job_name: str
    file: str = ""
    business_keys: tuple[str, ...] = ()
    compare_cols: tuple[str, ...] = ()
    launch: Mapping[str, object] = field(default_factory=dict)


def job_parameters(
    *,
    spec: JobSpec,
    biz_dt: date | None,
    row: ProcessControlRow | None,
    job: JobMasterRow | None,
    sys_params: Sequence[SysParamRow],
    environment: str,
    secrets: Secrets,
    read_at: datetime,
) -> JobParameters:
    """Resolve them; the precedence is that of parameters.py and launch.py. ParameterError names the row."""
    parameters = resolve_parameters(
        spec=spec, row=row, job=job, sys_params=sys_params, environment=environment, secrets=secrets
    )
    launch = resolve_launch(spec=spec, job=job, sys_params=sys_params, environment=environment)
    return JobParameters(
        job_name=spec.job_name,
        job_id=job.job_id if job else spec.job_name,
        entity=spec.entity,
        source_system=spec.source_system,
        environment=environment,
        biz_dt=biz_dt,
        parameters=secrets.conceal_parameters(parameters),
        settings=_settings(secrets.conceal_launch(launch)),
        rows=_rows(job, row, sys_params),
        read_at=read_at,
    )


def _settings(launch: LaunchProfile) -> tuple[Parameter, ...]:
    named = {key: getattr(launch, key) for key in KEYS if key not in ("py_files", "additional_conf")}
    every = [*named.items(), *(("py_files", file) for file in launch.py_files), *launch.conf.items()]
    return tuple(
        Parameter(name, s.value, "string", s.origin, is_secret=s.value == SECRET_MARK + name)
        for name, s in every
        if s
    )


def _rows(
    job: JobMasterRow | None, row: ProcessControlRow | None, sys_params: Sequence[SysParamRow]
) -> dict[str, str]:
    read = {"sys_params": f"{len(sys_params)} rows of the environment for this job or for all"}
    if job:
        read["job_master"] = f"job_id={job.job_id}"
    if row:
        read["process_control"] = (
            f"entity={row.entity}, source_system={row.source_system}, biz_dt={row.biz_dt}"
        )
    return read
