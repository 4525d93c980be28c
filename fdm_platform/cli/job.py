"""`fdm job`: legacy jobs of job_master: which are tables, what they are made of, and what will bite in them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fdm_platform.cli.run import Asked, find_job, refreshed
from fdm_platform.cli.tables import as_json
from fdm_platform.control.job_rows import JobRows
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.engines.job_folder import require_job_folder
from fdm_platform.errors import DeclarationError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.plan import Parameter
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.job_lint import LintFinding, lint_hql
from fdm_platform.planning.places import output_root
from fdm_platform.planning.sample_parameters import bound_hql, is_about_sample
from fdm_platform.planning.script_lint import given_to_hql, lint_script

_WIDTH = 120
_DOORS = {
    "run_kudu.py": "main",
    "init_params_kudu.py": "init_params_main",
    "kudu_view.py": "kudu_view_main",
}
_MACHINE = ("JAVA_HOME", "SPARK_HOME", "SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR")


@click.group()
def job() -> None:
    """Legacy jobs: rows of job_master whose folder is there.

    \b
    Examples:
      fdm job list
      fdm job check etl_lnd_gels_fpms_t_contract_legacy
    """  # noqa: D301 - click wants the backspace itself


@job.command("list")
@as_json
def list_jobs(is_json: bool) -> None:
    """List the jobs of job_master that are tables, and say why the others are none.

    Looks at job_master and at the jobs' folders now; what the UI shows follows.

    \b
    Examples:
      fdm job list
      fdm job list --json | jq -r '.findings[].message'
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        catalog = refreshed(platform).catalog
        specs = [s for s in catalog.tables.values() if s.legacy]
        rows = [_row(platform, s) for s in specs]
    if is_json:
        findings = [to_plain(f) for f in catalog.job_findings]
        click.echo(json.dumps({"jobs": rows, "findings": findings}, indent=2))
        return
    grid = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("job", "id", "table", "output"):
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(row["job_name"], row["job_id"], row["table"], row["output"])
    if rows:
        Console(width=max(Console().width, _WIDTH), markup=False, highlight=False).print(grid)
    for finding in catalog.job_findings:
        click.secho(f"{finding.job_name} ({finding.job_id}) is no table: {finding.message}", fg="yellow")
        click.echo(f"  remedy: {finding.remedy}")


@job.command()
@click.argument("name")
@as_json
def show(name: str, is_json: bool) -> None:
    """Show a job: its folder, script, HQL, output, and what refines it. NAME is its name or id.

    \b
    Examples:
      fdm job show JOB_2001
      fdm job show etl_lnd_gels_fpms_t_contract_legacy --json
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        spec = find_job(platform, Asked(name))
        facts = _row(platform, spec)
    if is_json:
        click.echo(json.dumps({**facts, **to_plain(spec)}, indent=2))
        return
    for key, value in facts.items():
        click.echo(f"{key:<14} {', '.join(value) if isinstance(value, list) else value or ''}")


@job.command()
@click.argument("name")
@click.option("--no-parse", is_flag=True, help="Leave out Spark's own parser, which needs a JDK.")
@as_json
@click.pass_context
def check(context: click.Context, name: str, no_parse: bool, is_json: bool) -> None:
    """Check a job's folder, HQL and script: what is missing, what cannot run, and what will bite. Runs nothing.

    NAME is the job's name or id. Exit code 2 where there is an error; warnings alone are 0. Nothing found here
    keeps the job from being run, but for a folder or script that is missing.

    \b
    Examples:
      fdm job check etl_lnd_gels_fpms_t_contract_legacy
      fdm job check JOB_2001 --json
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        spec = find_job(platform, Asked(name))
        findings = check_job(platform, spec, parse=not no_parse)
    errors = sum(f.severity == "error" for f in findings)
    if is_json:
        click.echo(json.dumps({"job": spec.job_name, "findings": [to_plain(f) for f in findings]}, indent=2))
    else:
        _print(spec, findings, errors)
    context.exit(DeclarationError.exit_code if errors else 0)


@job.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def doors(folder: Path) -> None:
    """Write run_kudu.py, init_params_kudu.py and kudu_view.py into FOLDER, for crontabs that call them by path.

    They run by the Python that fdm has, whichever they are called with: `python run_kudu.py …` will do, from any
    folder. They know this project and the settings that are in the environment now; FDM_ variables of their caller's
    count before. Overwrites nothing. On the PATH they are already, beside fdm.

    \b
    Examples:
      fdm job doors /opt/framework
    """  # noqa: D301 - click wants the backspace itself
    there = [name for name in _DOORS if (folder / name).exists()]
    if there:
        raise DeclarationError(
            f"{', '.join(there)} is there already",
            file=str(folder),
            remedy="move it aside, or name another folder",
        )
    settings = _settings_here()
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in _DOORS.items():
        (folder / name).write_text(_door(entry, settings), encoding="utf-8")
        (folder / name).chmod(0o755)
        click.echo(f"wrote {folder / name}")


def _door(entry: str, settings: Mapping[str, str]) -> str:
    """A program for any Python, which becomes fdm's own; what lies beside it, the old framework, is not on its path."""
    run = f"from fdm_platform.cli.run_kudu import {entry}; {entry}()"
    return "\n".join(
        [
            f"#!{sys.executable}",
            "# Written by `fdm job doors`. What its caller's environment says counts before SETTINGS.",
            "import os",
            "import sys",
            "",
            f"SETTINGS = {json.dumps(settings, indent=4)}",
            f"COMMAND = {json.dumps([sys.executable, '-P', '-c', run])}",
            "os.execve(COMMAND[0], COMMAND + sys.argv[1:], dict(SETTINGS, **os.environ))",
            "",
        ]
    )


def _settings_here() -> dict[str, str]:
    """Where this deployment is, as far as the environment says it, for a crontab whose environment says nothing."""
    known = Settings.from_environ().child_environ
    given = {name: os.environ[name] for name in (*known, *_MACHINE) if os.environ.get(name)}
    return {**given, "FDM_PROJECT": known["FDM_PROJECT"]}


def check_job(platform: Platform, spec: TableSpec, *, parse: bool) -> list[LintFinding]:
    """All that is found in a job's folder, in order of file and line."""
    if spec.legacy is None:
        raise DeclarationError(
            f"{spec.job_name} is the job of a declared table",
            file=spec.file,
            remedy=f"`fdm validate {spec.name}` checks it",
        )
    rows = platform.job_rows(spec, [])
    scripts = {str(p): p.read_bytes() for p in sorted(Path(spec.legacy.script).parent.rglob("*.py"))}
    by_script = reduce(or_, map(given_to_hql, scripts.values()))
    parameters = _parameters(platform, spec)
    hql, findings = _read_hql(Path(spec.legacy.base_dir))
    findings += [f for file, text in hql.items() for f in lint_hql(text, file, parameters, by_script)]
    findings += [f for file, text in scripts.items() for f in lint_script(text, file)]
    findings += _folder(spec, rows)
    if parse:
        findings += _parsed(platform, hql, {f.file for f in findings if f.severity == "error"})
    return sorted(findings, key=lambda f: (f.file, f.line, f.rule))


def _read_hql(base: Path) -> tuple[dict[str, str], list[LintFinding]]:
    """Text by file, as exec_hql reads it, and what is no text."""
    hql, findings = {}, []
    for file in sorted((base / "sql").glob("*.hql")):
        try:
            hql[str(file)] = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            line = file.read_bytes()[: error.start].count(b"\n") + 1
            remedy = "save it as UTF-8"
            findings.append(LintFinding(str(file), line, "syntax", "error", "is no text in UTF-8", remedy))
    return hql, findings


def _parameters(platform: Platform, spec: TableSpec) -> dict[str, Parameter]:
    """What a run of the newest date would bind."""
    days = [row.biz_dt for row in platform.control_rows(spec)]
    found = platform.job_parameters(spec, max(days) if days else None)
    return {p.name: p for p in found.parameters}


def _folder(spec: TableSpec, rows: JobRows) -> list[LintFinding]:
    """What a job may lack, and what stands in its way."""
    if spec.legacy is None:
        return []
    base, script = spec.legacy.base_dir, spec.legacy.script
    found = [
        LintFinding(base, 1, "folder", "warn", text, "the contract lets a job be without it")
        for text in require_job_folder(Path(base), spec.job_name).warnings
    ]
    for own in (Path(script).with_name(name) for name in ("framework", "framework.py")):
        if not own.exists():
            continue
        what = "Python imports this instead of the platform's framework: its writes are not published"
        found.append(LintFinding(str(own), 1, "own-framework", "error", what, "rename it"))
    mode = (rows.job.spark_config or {}).get("deploy_mode") if rows.job else None
    if mode == "cluster":
        what = (
            "deploy_mode cluster: the driver's messages do not come back, so that nothing would be published"
        )
        remedy = "set deploy_mode to client in spark_config"
        found.append(LintFinding(base, 1, "deploy-mode", "error", what, remedy))
    return found


def _parsed(platform: Platform, hql: dict[str, str], broken: set[str]) -> list[LintFinding]:
    """What Spark's own parser finds in the files that are sound otherwise."""
    from fdm_platform.engines.hql_parser import parse_all  # noqa: PLC0415 - imports JPype

    sound = {file: bound_hql(text, file) for file, text in hql.items() if file not in broken}
    return [
        LintFinding(e.file or "", e.line or 1, "syntax", "error", e.message, e.remedy or "mend it")
        for e in parse_all(sound, platform.settings.cache)
        if not is_about_sample(e)
    ]


def _row(platform: Platform, spec: TableSpec) -> dict[str, Any]:
    job = spec.legacy
    if job is None:
        return {"job_name": spec.job_name, "table": spec.name, "declared": spec.file}
    return {
        "job_name": spec.job_name,
        "job_id": job.job_id,
        "table": spec.name,
        "entity": spec.entity,
        "source_system": spec.source_system,
        "folder": job.base_dir,
        "script": job.script,
        "hql": [p.name for p in sorted(Path(job.base_dir, "sql").glob("*.hql"))],
        "output": output_root(platform.settings, spec),
        "refined_by": spec.file if spec.file != job.script else None,
    }


def _print(spec: TableSpec, findings: Sequence[LintFinding], errors: int) -> None:
    for f in findings:
        place = f"{f.file.replace(f'{Path.cwd()}/', '')}:{f.line}"
        click.secho(f"{place}: {f.rule}: {f.message}", fg="red" if f.severity == "error" else "yellow")
        click.echo(f"  remedy: {f.remedy}")
    verdict = f"{errors} errors, {len(findings) - errors} warnings"
    click.secho(f"{spec.job_name}: {verdict}", fg="red" if errors else "green")
