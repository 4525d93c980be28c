"""How spark-submit is to be called for a table: each setting with the place that decided it.

A later one wins:

1. defaults: master `local[*]`, driver_memory `2g`, and off local masters executor_memory `2g`
2. sys_params of the environment whose key begins with `spark.`: for all jobs, then for this job
3. job_master.spark_config
4. job_master.context_params whose key begins with `spark.`
5. `launch` in table.yaml

Within one place a key of its own (`driver_memory`) wins over the same setting in `additional_conf`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fdm_platform.errors import ParameterError
from fdm_platform.model.control import JobMasterRow, SysParamRow
from fdm_platform.model.plan import LaunchProfile, Setting
from fdm_platform.model.table import JobSpec
from fdm_platform.planning.names import suggest
from fdm_platform.planning.parameters import applying, sys_param_origin

KEYS = (
    *("master", "deploy_mode", "driver_memory", "executor_memory", "num_executors", "executor_cores"),
    *("python_executable", "queue", "archives", "py_files", "additional_conf"),
)
"""Keys of job_master.spark_config and of a table's `launch`."""

FIELDS_OF_CONF = {
    "spark.master": "master",
    "spark.submit.deployMode": "deploy_mode",
    "spark.driver.memory": "driver_memory",
    "spark.executor.memory": "executor_memory",
    "spark.executor.instances": "num_executors",
    "spark.executor.cores": "executor_cores",
    "spark.pyspark.python": "python_executable",
    "spark.yarn.queue": "queue",
    "spark.archives": "archives",
    "spark.submit.pyFiles": "py_files",
}
"""Spark settings that have a field of their own in a LaunchProfile."""

_DEFAULTS = {"master": "local[*]", "driver_memory": "2g"}
_CLUSTER_DEFAULTS = {"executor_memory": "2g"}
_MEMORY = re.compile(r"0*[1-9]\d*(b|[kmgtp]b?)?", re.IGNORECASE)
_COUNT = re.compile(r"0*[1-9]\d*")
_CONF_KEY = re.compile(r"spark\.[^\s=]+")
_CONTROL = re.compile(r"[\n\r\0]")
_LISTS = ("py_files", "archives")

_Options = dict[str, Setting]


def resolve_launch(
    *, spec: JobSpec, job: JobMasterRow | None, sys_params: Sequence[SysParamRow], environment: str
) -> LaunchProfile:
    """The table's launch profile; see the module for the precedence.

    ParameterError names the place of an unknown key, an amount of memory or a number that is none, a
    setting that does not begin with `spark.`, a value with a line break, and a driver on a cluster's node
    that nobody could end (`deploy_mode: cluster` off YARN).
    """
    options: _Options = {}
    options |= _defaults(_DEFAULTS)
    options |= _of_sys_params(applying(sys_params, environment=environment, job_name=spec.job_name))
    options |= _of_job(job) if job else {}
    options |= _of_config(spec.launch, "launch", file=spec.file)
    _check_deploy_mode(options, spec)
    if not options["master"].value.startswith("local"):
        options = _defaults(_CLUSTER_DEFAULTS) | options
    py_files = options.pop("py_files", None)
    conf = {key: options.pop(key) for key in sorted(options) if key.startswith("spark.")}
    return LaunchProfile(
        **options,
        py_files=tuple(Setting(f, py_files.origin) for f in py_files.value.split(",")) if py_files else (),
        conf=conf,
    )


def _check_deploy_mode(options: _Options, spec: JobSpec) -> None:
    """Off YARN a driver on a cluster's node is out of reach: neither found again by its load's id, nor ended."""
    mode, master = options.get("deploy_mode"), options["master"].value
    if mode is None or mode.value != "cluster" or master.startswith("yarn"):
        return
    place = mode.origin.removeprefix("table.yaml ")
    raise ParameterError(
        f"deploy_mode is cluster, and master {master}: a load there could not be ended, nor found again, from here",
        field=place,
        file=spec.file if place != mode.origin else None,
        remedy="leave deploy_mode out, or give client; cluster is for master yarn",
    )


def _defaults(values: Mapping[str, str]) -> _Options:
    return {key: Setting(value, "default") for key, value in values.items()}


def _of_sys_params(rows: Sequence[SysParamRow]) -> _Options:
    options: _Options = {}
    for row in rows:
        if row.param_key.startswith("spark.") and row.param_value is not None:
            options |= _of_conf({row.param_key: row.param_value}, sys_param_origin(row), None, is_row=True)
    return options


def _of_job(job: JobMasterRow) -> _Options:
    """spark_config, then context_params; an error names the row."""
    try:
        of_config = _of_config(job.spark_config or {}, "job_master.spark_config", file=None)
        return of_config | _of_context(job.context_params or {})
    except ParameterError as error:
        message = f"{error.message}, in the row job_id={job.job_id}"
        raise ParameterError(message, field=error.field, remedy=error.remedy) from None


def _of_context(context: Mapping[str, Any]) -> _Options:
    settings = {k: v for k, v in context.items() if k.startswith("spark.")}
    return _of_conf(settings, "job_master.context_params", file=None)


def _of_config(config: Mapping[str, Any], place: str, file: str | None) -> _Options:
    """One place's options. A null says nothing."""
    for key in config:
        if key not in KEYS:
            raise ParameterError(
                f"{key!r} is no key of {place}", field=f"{place}.{key}", file=file, remedy=suggest(key, KEYS)
            )
    conf = config.get("additional_conf") or {}
    if not isinstance(conf, Mapping):
        raise _wrong("additional_conf", conf, "an object of Spark settings", f"{place}.additional_conf", file)
    own = {k: v for k, v in config.items() if k != "additional_conf" and v is not None}
    return _of_conf(conf, f"{place}.additional_conf", file) | {
        key: _option(key, value, f"{place}.{key}", file) for key, value in own.items()
    }


def _of_conf(conf: Mapping[str, Any], place: str, file: str | None, *, is_row: bool = False) -> _Options:
    options: _Options = {}
    for key, value in conf.items():
        where = place if is_row else f"{place}.{key}"
        if not _CONF_KEY.fullmatch(key):
            raise ParameterError(
                f"{key!r} is not a Spark setting",
                field=where,
                file=file,
                remedy="its name begins with `spark.`",
            )
        if value is not None:
            field = FIELDS_OF_CONF.get(key, key)
            options[field] = _option(field, value, where, file)
    return options


def _option(key: str, value: Any, place: str, file: str | None) -> Setting:
    """The value as spark-submit is given it, checked."""
    text = _text(key, value, place, file)
    if _CONTROL.search(text):
        raise _wrong(key, value, "a text of one line", place, file)
    if key.endswith("_memory") and not _MEMORY.fullmatch(text):
        raise _wrong(key, value, "an amount of memory such as 2g or 512m", place, file)
    if key in ("num_executors", "executor_cores") and not _COUNT.fullmatch(text):
        raise _wrong(key, value, "a whole number above 0", place, file)
    if key == "deploy_mode" and text not in ("client", "cluster"):
        raise _wrong(key, value, "`client` or `cluster`", place, file)
    if key in KEYS and not text:
        raise _wrong(key, value, "a value", place, file)
    return Setting(text, f"table.yaml {place}" if file else place)


def _text(key: str, value: Any, place: str, file: str | None) -> str:
    if isinstance(value, bool):  # Spark's own spelling
        return str(value).lower()
    if key in _LISTS and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return ",".join(v.strip() for v in value)
    if isinstance(value, (int, float, str)):
        text = str(value).strip()
        return re.sub(r"\s*,\s*", ",", text) if key in _LISTS else text
    raise _wrong(
        key, value, "a list of texts, or one text" if key in _LISTS else "a single value", place, file
    )


def _wrong(key: str, value: Any, wanted: str, place: str, file: str | None) -> ParameterError:
    """Spark settings are not quoted: a secret may be among them."""
    shown = repr(value) if key in FIELDS_OF_CONF.values() else f"the value of {key}"
    return ParameterError(f"{shown} is not {wanted}", field=place, file=file, remedy=f"give {wanted}")
