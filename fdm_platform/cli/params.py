"""`fdm params`: what a job is given, and where each value came from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdm_platform.control.rows import find_job
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import ControlError, UnknownTableError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.parameters import JobParameters
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.plan import Parameter
from fdm_platform.model.settings import ENVIRONMENTS, Settings
from fdm_platform.model.table import JobSpec
from fdm_platform.planning.job_parameters import UndeclaredJob
from fdm_platform.planning.secrets import MASK

_WIDTH = 120


@click.group()
def params() -> None:
    """Parameters and Spark settings of a job.

    \b
    Examples:
      fdm params show t_contract_master --biz-dt 2024-05-15
      fdm params show JOB_1001 --biz-dt 2024-05-15 --env PROD --json
    """  # noqa: D301 - click wants the character, not its name


@params.command()
@click.argument("job")
@click.option("--biz-dt", metavar="DATE", help="With the values of this date's process_control row.")
@click.option(
    "--env", "environment", type=click.Choice(ENVIRONMENTS, case_sensitive=False), help="Default: FDM_ENV."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(job: str, biz_dt: str | None, environment: str | None, as_json: bool) -> None:
    """Print what JOB is given and where each value came from: a job's name or id, or a declared table.

    A later place wins: sys_params for all jobs, sys_params for this job, job_master.spark_config,
    job_master.context_params, the date's process_control row. Secrets are shown as ******.

    \b
    Examples:
      fdm params show t_contract_master --biz-dt 2024-05-15
      fdm params show etl_lnd_gels_fpms_t_contract_master --env PROD
    """  # noqa: D301 - click wants the character, not its name
    day = parse_biz_dt(biz_dt) if biz_dt else None
    with open_platform(Settings.from_environ()) as platform:
        found = platform.job_parameters(
            _job(platform, job), day, environment.upper() if environment else None
        )
    shown = replace(found, parameters=_masked(found.parameters), settings=_masked(found.settings))
    click.echo(json.dumps(to_plain(shown), indent=2, ensure_ascii=False)) if as_json else _print(shown)


def _job(platform: Platform, name: str) -> JobSpec:
    """The declared table of this name or job name; else the job of job_master, by its name or its id."""
    for spec in platform.catalog.tables.values():
        if name == spec.job_name:
            return spec
    row = find_job(platform.store, name)
    if row is None:
        try:
            return platform.catalog.get(name)
        except UnknownTableError as error:
            raise ControlError(
                f"no job is called {name!r}: job_master has no such job_name or job_id, and no table is declared so",
                field="job_master.job_name",
                remedy=error.remedy or "`fdm control show job_master` and `fdm list` show what there is",
            ) from error
    declared = (s for s in platform.catalog.tables.values() if s.job_name == row.job_name)
    return next(declared, None) or UndeclaredJob(row.entity or "", row.source_system or "", row.job_name)


def _masked(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    return tuple(replace(p, value=MASK) if p.is_secret else p for p in parameters)


def _print(found: JobParameters) -> None:
    date_text = f", {found.biz_dt}" if found.biz_dt else ""
    click.echo(
        f"{found.job_name} ({found.job_id}), {found.entity}/{found.source_system}, {found.environment}{date_text}"
    )
    for table, key in sorted(found.rows.items()):
        click.echo(f"  {table}: {key}")
    click.echo(f"  read at {found.read_at.isoformat()}, in one state of the tables")
    for title, parameters in (("Parameters", found.parameters), ("Spark settings", found.settings)):
        grid = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in ("name", "value", "type", "from"):
            grid.add_column(column, overflow="fold")
        for p in parameters:
            grid.add_row(p.name, Text("NULL" if p.value is None else str(p.value)), p.type, Text(p.origin))
        Console(width=max(Console().width, _WIDTH)).print(grid)
