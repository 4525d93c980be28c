"""The job's parameters file: read, written, and made one flat mapping."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .json_utils import dump_json_atomic

_IDENTITY = ("env", "entity", "source_system", "job_name", "job_id")
_OF_JOB = ("script_path", "comments")
_CONTROL = ("biz_dt", "process_from_date", "process_to_date", "run_indicator", "run_id", "change_indicator")
_OTHER_GENERATION = {"process_from_date": "start_dt", "process_to_date": "end_dt"}
_CONTEXT = "context_params"
_VARIABLES = ("JOB_PARAMS_FILE", "KUDU_JOB_PARAMS_FILE")
_HIDDEN = re.compile(r"password|passwd|pwd|secret|token|access_?key|credential", re.IGNORECASE)


def load_job_params_from_json(path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The content of a parameters file, by default the job's own. ValueError: it holds no JSON object."""
    file = Path(path if path is not None else get_job_params_path())
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no JSON object")  # noqa: TRY004 - the file's fault, not a caller's
    return content


def save_job_params_to_json(
    params: Mapping[str, Any], path: str | os.PathLike[str], pretty: bool = False
) -> str:
    """Write a parameters file, whole or not at all; its path."""
    return dump_json_atomic(params, path, pretty)


def get_job_params_path(job_name: str | None = None, base_dir: str | os.PathLike[str] | None = None) -> str:
    """Where a job's parameters file is: what JOB_PARAMS_FILE says, if it is this job's, else `params/{job_name}.json`.

    That is below `base_dir`, or the current folder. Without a name it is the job that this process runs. ValueError: no name,
    and no such variable.
    """
    given = next((os.environ[v] for v in _VARIABLES if os.environ.get(v)), None)
    if given and job_name in (None, Path(given).stem):
        return given
    if not job_name:
        raise ValueError("JOB_PARAMS_FILE is not set: name the job whose parameters are asked for")
    return str(Path(base_dir or Path.cwd()) / "params" / f"{job_name}.json")


def flatten_job_params(all_params: Mapping[str, Any]) -> dict[str, Any]:
    """One flat mapping: identity, job_master's script_path and comments, the newest process_control row's columns.

    The variables of context_params are below them: of one name the control tables' value stands. As
    `context_params` they are there together, too. ValueError: it holds something else than a JSON object.
    """
    metadata, job = all_params.get("metadata") or {}, all_params.get("job_master") or {}
    rows = all_params.get("process_control") or [{}]
    flat: dict[str, Any] = _context_of(job)
    own = {n: metadata.get(n, job.get(n)) for n in _IDENTITY} | {n: job.get(n) for n in _OF_JOB}
    own |= {n: rows[0].get(n, rows[0].get(_OTHER_GENERATION.get(n, n))) for n in _CONTROL}
    own |= {_CONTEXT: dict(flat)}
    by_case = {n.lower() for n, v in own.items() if v is not None}
    return {n: v for n, v in flat.items() if n.lower() not in by_case} | {
        n: v for n, v in own.items() if v is not None or n not in flat
    }


def load_and_merge_params(
    params_path: str | os.PathLike[str] | None = None,
    context_path: str | os.PathLike[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The flat parameters over the job's own context file: of one name, the control tables' value stands.

    `params_path` is by default the job's own (`job_name=` and `base_dir=` as in get_job_params_path); `context_path` a
    JSON file of the job's, by default `context.json` beside its scripts, if there is one.
    """
    named = {n: more[n] for n in ("job_name", "base_dir") if n in more}
    flat = flatten_job_params(load_job_params_from_json(params_path or get_job_params_path(**named)))
    base = Path(os.environ.get("JOB_BASE_DIR") or Path.cwd())
    file = Path(context_path) if context_path else base / "context.json"
    context = load_job_params_from_json(file) if context_path or file.is_file() else {}
    known = {n.lower() for n, v in flat.items() if v is not None}
    return {n: v for n, v in context.items() if n.lower() not in known} | {
        n: v for n, v in flat.items() if v is not None or n not in context
    }


def print_params_summary(params: Mapping[str, Any]) -> None:
    """Print the parameters, a line each; of what looks like a secret its name alone."""
    flat = flatten_job_params(params) if "metadata" in params else params
    width = max(map(len, flat), default=0)
    for name, value in flat.items():
        if name == _CONTEXT:  # each of them has a line of its own
            continue
        sys.stdout.write(f"{name:<{width}} = {'******' if _HIDDEN.search(name) and value else value}\n")


def _context_of(job: Mapping[str, Any]) -> dict[str, Any]:
    context = job.get("context_params") or {}
    try:
        parsed = json.loads(context) if isinstance(context, str) and context.strip() else context or {}
    except ValueError as error:
        raise ValueError(f"job_master.context_params is no JSON: {error}") from error
    if not isinstance(parsed, Mapping):
        raise ValueError("job_master.context_params holds no JSON object")  # noqa: TRY004 - the row's fault
    return dict(parsed)
