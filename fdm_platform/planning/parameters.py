"""Parameters of a load: which row decides, and where each value came from.

A later one wins, names in any letter case; a NULL or absent column has no say where an earlier one has a value:

1. sys_params of the environment for all jobs (key_name `*`, `DEFAULT`, `GLOBAL`, `COMMON`, `ALL`, in this order)
2. sys_params of the environment for this job (key_name is its name)
3. job_master.context_params; spark_config, before them, gives Spark settings alone (launch.py)
4. identity: env, entity, source_system, job_name, job_id, script_path, comments
5. the table's own business_keys and compare_cols, where it declares them
6. the date's process_control row, with start_dt and end_dt as second names of its window

sys_params whose key has a dot (`spark.executor.memory`, `kudu.master.address`) are settings, not parameters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from fdm_platform.errors import ParameterError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import JobMasterRow, ProcessControlRow, SysParamRow
from fdm_platform.model.plan import Parameter, ParameterType
from fdm_platform.model.table import JobSpec, TableSpec
from fdm_platform.planning.names import suggest
from fdm_platform.planning.secrets import Secrets

ALL_JOBS = ("*", "DEFAULT", "GLOBAL", "COMMON", "ALL")
"""Values of sys_params.key_name that stand for every job, in any letter case."""

_CONTROL: Mapping[str, tuple[str, ParameterType]] = {
    "biz_dt": ("biz_dt", "date"),
    "process_from_date": ("process_from_date", "date"),
    "process_to_date": ("process_to_date", "date"),
    "start_dt": ("process_from_date", "date"),
    "end_dt": ("process_to_date", "date"),
    "process_dt": ("process_dt", "date"),
    "reprocess_dt": ("reprocess_dt", "date"),
    "run_indicator": ("run_indicator", "string"),
    "change_indicator": ("change_indicator", "string"),
    "run_id": ("run_id", "string"),
}
_TYPES: Mapping[str, ParameterType] = {
    **dict.fromkeys(("string", "str", "varchar", "text"), "string"),
    **dict.fromkeys(("int", "integer", "long", "bigint"), "integer"),
    **dict.fromkeys(("decimal", "double", "float", "number"), "decimal"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    "date": "date",
    "timestamp": "timestamp",
}
_BOOLEANS = {
    "true": True,
    "y": True,
    "yes": True,
    "1": True,
    "false": False,
    "n": False,
    "no": False,
    "0": False,
}


def resolve_parameters(
    *,
    spec: JobSpec,
    row: ProcessControlRow | None,
    job: JobMasterRow | None,
    sys_params: Sequence[SysParamRow],
    environment: str,
    secrets: Secrets | None = None,
) -> tuple[Parameter, ...]:
    """The parameters of one job and business date, by name; see the module for the precedence.

    Without a control row, those that do not come from it. ParameterError: a sys_params value that is not of
    its own param_type. A secret is text whatever its param_type, and no message quotes it.
    """
    resolved: dict[str, Parameter] = {}
    for parameter in (
        *_of_sys_params(
            applying(sys_params, environment=environment, job_name=spec.job_name), secrets or Secrets(())
        ),
        *_of_context(job),
        *_of_identity(spec, job, environment),
        *_of_lists(spec, row),
        *(_of_control(row) if row else ()),
    ):
        key = parameter.name.lower()
        if parameter.value is not None or key not in resolved:
            resolved[key] = parameter
    return tuple(resolved[key] for key in sorted(resolved))


def applying(sys_params: Iterable[SysParamRow], *, environment: str, job_name: str) -> list[SysParamRow]:
    """The rows that apply to a job in an environment, weakest first: for all jobs, then for this one."""
    ranks = {name: rank for rank, name in enumerate((*ALL_JOBS, job_name.upper()))}
    mine = [
        r
        for r in sys_params
        if r.environment.strip().upper() == environment.upper() and r.key_name.strip().upper() in ranks
    ]
    return sorted(mine, key=lambda r: (ranks[r.key_name.strip().upper()], r.param_key))


def sys_param_origin(row: SysParamRow) -> str:
    """Where a setting came from, e.g. `sys_params[DEV, ALL].spark.executor.memory`."""
    return f"sys_params[{row.environment}, {row.key_name}].{row.param_key}"


def job_params_document(
    *,
    environment: str,
    entity: str,
    source_system: str,
    job_name: str,
    job_master: Mapping[str, Any] | None,
    job_dependency: Sequence[Mapping[str, Any]],
    process_control: Sequence[Mapping[str, Any]],
    sys_params: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The legacy parameters file of a job as plain JSON: rows as they are, process_control newest first."""
    master = dict(job_master or {})
    newest = sorted(to_plain(process_control), key=_newness, reverse=True)
    return {
        "metadata": {
            "env": environment,
            "entity": entity,
            "source_system": source_system,
            "job_name": job_name,
            "job_id": master.get("job_id"),
        },
        "job_master": to_plain(master),
        "job_dependency": to_plain(job_dependency),
        "process_control": newest,
        "sys_params": to_plain(sys_params),
    }


def _newness(row: Mapping[str, Any]) -> tuple[str, str]:
    """ISO texts sort as their dates do; the second generation calls the timestamp updated_at."""
    return str(row.get("biz_dt") or ""), str(row.get("last_update_ts") or row.get("updated_at") or "")


def _of_sys_params(rows: Iterable[SysParamRow], secrets: Secrets) -> list[Parameter]:
    return [_typed(row, secrets) for row in rows if "." not in row.param_key]


def _typed(row: SysParamRow, secrets: Secrets) -> Parameter:
    origin = sys_param_origin(row)
    declared = (row.param_type or "string").strip().lower()
    kind = _TYPES.get(declared)
    if kind is None:
        raise ParameterError(
            f"{row.param_type!r} is not a type of parameter",
            field=f"{origin}: param_type",
            remedy=suggest(declared, _TYPES),
        )
    if secrets.is_secret(row.param_key, row.param_value):
        return Parameter(row.param_key, row.param_value, "string", origin)
    try:
        value = None if row.param_value is None else _PARSE[kind](row.param_value)
    except (ValueError, KeyError, InvalidOperation):
        raise ParameterError(
            f"{row.param_value!r} is not of type {declared}, which its param_type asks for",
            field=f"{origin}: param_value",
            remedy="mend param_value or param_type of this row in sys_params",
        ) from None
    return Parameter(row.param_key, value, kind, origin)


def _finite(text: str) -> str:
    number = Decimal(text.strip())
    if not number.is_finite():
        raise ValueError(text)
    return format(number, "f")


_PARSE: Mapping[ParameterType, Callable[[str], str | int | bool]] = {
    "string": str,
    "integer": int,
    "decimal": _finite,
    "boolean": lambda t: _BOOLEANS[t.strip().lower()],
    "date": lambda t: date.fromisoformat(t.strip()).isoformat(),
    "timestamp": lambda t: datetime.fromisoformat(t.strip()).isoformat(),
}


def _of_context(job: JobMasterRow | None) -> list[Parameter]:
    context = (job.context_params or {}) if job else {}
    return [
        _from_json(name, value, f"job_master.context_params.{name}")
        for name, value in context.items()
        if not name.startswith("spark.")
    ]


def _from_json(name: str, value: Any, origin: str) -> Parameter:
    """JSON's own type; an object or a list is given as its JSON text."""
    if isinstance(value, bool):  # a bool is an int
        return Parameter(name, value, "boolean", origin)
    if isinstance(value, int):
        return Parameter(name, value, "integer", origin)
    if isinstance(value, float):
        return Parameter(name, repr(value), "decimal", origin)
    text = value if value is None or isinstance(value, str) else json.dumps(value)
    return Parameter(name, text, "string", origin)


def _of_identity(spec: JobSpec, job: JobMasterRow | None, environment: str) -> list[Parameter]:
    declared = {"entity": spec.entity, "source_system": spec.source_system, "job_name": spec.job_name}
    is_of_job = (
        isinstance(spec, TableSpec) and spec.legacy is not None
    )  # which a table.yaml may refine, no more
    is_declared = spec.file.endswith(".yaml") and not is_of_job
    of_job = {"job_id": job.job_id, "script_path": job.script_path, "comments": job.comments} if job else {}
    return [
        Parameter("env", environment, "string", "settings.environment"),
        *(
            Parameter(n, v, "string", f"table.yaml {n}" if is_declared else f"job_master.{n}")
            for n, v in declared.items()
        ),
        *(Parameter(n, v, "string", f"job_master.{n}") for n, v in of_job.items()),
        *([] if job else [Parameter("job_id", spec.job_name, "string", "table.yaml job_name")]),
    ]


def _of_control(row: ProcessControlRow) -> list[Parameter]:
    return [
        Parameter(name, to_plain(getattr(row, column)), kind, f"process_control.{column}")
        for name, (column, kind) in _CONTROL.items()
    ]


def _of_lists(spec: JobSpec, row: ProcessControlRow | None) -> list[Parameter]:
    """The table's own lists, else the control row's."""
    lists = (
        ("business_keys", spec.business_keys, row.business_keys if row else ()),
        ("compare_cols", spec.compare_cols, row.compare_cols if row else ()),
    )
    return [
        Parameter(
            name, json.dumps(own or theirs), "string", f"{'table.yaml ' if own else 'process_control.'}{name}"
        )
        for name, own, theirs in lists
        if own or row
    ]
