"""`fdm run`: a job by its name, for people, crontabs and other schedulers; what run_kudu.py calls, too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import click

from fdm_platform.cli.console import print_published
from fdm_platform.cli.load import LoadedDates, load_dates
from fdm_platform.defs.legacy_jobs import refresh_jobs
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import JobFolderError, MachineError, NoControlRowError, ParameterError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.settings import ENVIRONMENTS, Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.names import suggest
from fdm_platform.planning.parameters import job_params_document
from fdm_platform.planning.secrets import Secrets, masked


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that is to be run, in the words of the one who asks. Empty texts were not given."""

    job_name: str
    entity: str = ""
    source_system: str = ""
    environment: str = ""
    dates: Sequence[date] = ()
    """None: the newest date of process_control that is not held."""
    params_out: Path | None = None
    """Where a copy of the parameters' file goes, with secrets masked."""
    is_pretty: bool = False


@click.command()
@click.option("--job-name", required=True, metavar="NAME", help="As job_master has it; its job_id will do.")
@click.option("--entity", metavar="E", default="", help="Must be the job's, where job_master has one.")
@click.option("--source-system", metavar="S", default="", help="Must be the job's, where job_master has one.")
@click.option(
    "--env",
    "environment",
    type=click.Choice(ENVIRONMENTS, case_sensitive=False),
    show_default="FDM_ENV",
    help="Environment of sys_params.",
)
@click.option(
    "--biz-dt",
    "dates",
    metavar="DATE",
    multiple=True,
    help="A business date; may be repeated. Default: the newest.",
)
@click.option("--pretty", is_flag=True, help="Indent what --params-out and --json write.")
@click.option(
    "--params-out", type=click.Path(path_type=Path, dir_okay=False), help="Write the job's parameters here."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was published as JSON.")
def run(
    *,
    job_name: str,
    entity: str,
    source_system: str,
    environment: str | None,
    dates: tuple[str, ...],
    pretty: bool,
    params_out: Path | None,
    as_json: bool,
) -> None:
    """Run a job of job_master, or a declared table's, for a business date, and publish what it wrote.

    Exit codes: 0 published, 2 the job, its folder or a parameter is wrong, 3 the control tables are, 4 the control
    store, the JDK or the disk failed or a database or host was away, 5 the job failed, 6 it could not be published,
    130 and 143 it was stopped.

    \b
    Examples:
      fdm run --job-name etl_lnd_gels_fpms_t_contract_legacy --entity GELS --source-system FPMS --env DEV
      fdm run --job-name JOB_2001 --biz-dt 2024-05-15 --params-out params.json --pretty
    """  # noqa: D301 - click wants the backspace itself
    chosen = [parse_biz_dt(d) for d in dates]
    asked = Asked(job_name, entity, source_system, environment or "", chosen, params_out, pretty)
    loaded = run_job(asked, Settings.from_environ())
    if as_json:
        click.echo(json.dumps(loaded.to_json(), indent=2 if pretty else None))
    elif loaded.published:
        print_published(loaded.published)
    loaded.require_all()


def run_job(asked: Asked, settings: Settings) -> LoadedDates:
    """Run the job as it is asked for. Errors are what the exit codes tell apart; failed dates are in the answer."""
    settings = in_environment(settings, asked.environment)
    with open_platform(settings) as platform:
        spec = find_job(platform, asked)
        dates = sorted(set(asked.dates)) or [_newest(platform, spec)]
        if asked.params_out:
            write_params(platform, spec, dates[-1], asked.params_out, is_pretty=asked.is_pretty)
        return load_dates(platform, spec, dates)


def in_environment(settings: Settings, environment: str) -> Settings:
    """The settings for another environment; ParameterError where this deployment is not for it.

    Its runs, its ledger and its tables are those of one environment: another's would stand among them.
    """
    wanted = environment.upper() or settings.environment
    if wanted in (settings.environment, *settings.envs_allowed):
        return replace(settings, environment=wanted)
    raise ParameterError(
        f"this deployment is for {settings.environment}, and {wanted} was asked for",
        field="--env",
        remedy=f"set FDM_ENV={wanted} where it is, or name {wanted} in FDM_ENVS_ALLOWED",
    )


def find_job(platform: Platform, asked: Asked) -> TableSpec:
    """The table of the job, with job_master and its folder looked at now.

    ParameterError: there is no such job, or it is of another entity or source system. JobFolderError: it lacks what a
    job must have.
    """
    spec = _declared(platform, asked.job_name) or _looked_up(platform, asked)
    for option, said, there in (
        ("--entity", asked.entity, spec.entity),
        ("--source-system", asked.source_system, spec.source_system),
    ):
        if said and said.strip().lower() != there.lower():
            raise ParameterError(
                f"{asked.job_name} is of {there}, not of {said}",
                field=option,
                remedy=f"write {option} {there}, or leave it out",
            )
    return spec


def _declared(platform: Platform, name: str) -> TableSpec | None:
    specs = (s for s in platform.catalog.tables.values() if s.legacy is None)
    return next((s for s in specs if name.lower() in (s.job_name.lower(), s.name)), None)


def _looked_up(platform: Platform, asked: Asked) -> TableSpec:
    """The job as it is now: a daemon that would have seen it need not run here.

    Where job_master has neither entity nor source system, they are the caller's, from then on.
    """
    name, wanted = asked.job_name, asked.job_name.lower()
    source = (asked.entity, asked.source_system)
    catalog = refreshed(platform, {wanted: source} if all(source) else {}).catalog
    for spec in catalog.tables.values():
        if spec.legacy and wanted in (spec.job_name.lower(), spec.legacy.job_id.lower(), spec.name):
            return spec
    for key, errors in catalog.broken.items():
        if wanted in ("_".join(key), key[2]):
            raise errors[0]
    for finding in catalog.job_findings:
        if wanted in (finding.job_name.lower(), finding.job_id.lower()):
            raise JobFolderError(finding.message, field=finding.job_name, remedy=finding.remedy)
    known = [s.job_name for s in catalog.tables.values()]
    raise ParameterError(
        f"no job is called {name!r}",
        field="--job-name",
        remedy=f"{suggest(name, known)}; `fdm job list` lists all",
    )


def params_of(platform: Platform, spec: TableSpec, until: date | None = None) -> dict[str, object]:
    """The parameters' file of a job, of all dates or of one and those before it; secrets are masked."""
    secrets = Secrets(platform.settings.secret_names)
    days = [row.biz_dt for row in platform.control_rows(spec) if until is None or row.biz_dt <= until]
    rows = platform.job_rows(spec, days)
    return job_params_document(
        environment=platform.settings.environment,
        entity=spec.entity,
        source_system=spec.source_system,
        job_name=spec.job_name,
        job_master=masked(rows.stored_job, secrets) if rows.stored_job else None,
        job_dependency=rows.stored_dependencies,
        process_control=rows.stored_control,
        sys_params=[masked(to_plain(row), secrets) for row in rows.sys_params],
    )


def refreshed(platform: Platform, said: Mapping[str, tuple[str, str]] = MappingProxyType({})) -> Platform:
    """The platform with job_master and its jobs' folders as they are now. DeclarationError: legacy.yaml is wrong.

    `said` is what a caller says of a job's entity and source system.
    """
    refresh_jobs(platform, said)
    return Platform(platform.settings, platform.store)


def _newest(platform: Platform, spec: TableSpec) -> date:
    rows = [r.biz_dt for r in platform.control_rows(spec) if not r.is_held]
    if not rows:
        raise NoControlRowError(
            f"process_control has no date of {spec.entity}/{spec.source_system} that is not held",
            field="process_control.biz_dt",
            remedy="add a row to a seed file and run `fdm control seed FILE`",
        )
    return max(rows)


def write_params(platform: Platform, spec: TableSpec, biz_dt: date, file: Path, *, is_pretty: bool) -> None:
    """A copy of the parameters' file of one date, whole or not at all."""
    text = json.dumps(params_of(platform, spec, biz_dt), indent=2 if is_pretty else None, default=str)
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise MachineError(
            f"cannot be written: {error.strerror}",
            file=str(file),
            field="--params-out",
            remedy="name another file",
        ) from error
