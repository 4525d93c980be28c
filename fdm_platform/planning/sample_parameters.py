"""Parameters that stand for a load's where there is no control row: in checks of SQL and in fixture tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from fdm_platform.errors import SqlError
from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.plan import Parameter, ParameterType
from fdm_platform.model.table import StepSpec, TableSpec
from fdm_platform.planning.parameters import resolve_parameters
from fdm_platform.planning.sql import bind, placeholders

_SAMPLE = "sample"
_ANY_DATE = date(2024, 5, 15)
_TYPES: Mapping[type, ParameterType] = {
    bool: "boolean",
    int: "integer",
    float: "decimal",
    Decimal: "decimal",
    datetime: "timestamp",
    date: "date",
    str: "string",
}


def sample_parameters(
    spec: TableSpec, biz_dt: date, given: Mapping[str, Any], origin: str
) -> dict[str, Parameter]:
    """What a load of the date would resolve from a control row of that one day, and what is given on top."""
    row = ProcessControlRow(
        entity=spec.entity,
        source_system=spec.source_system,
        biz_dt=biz_dt,
        process_from_date=biz_dt,
        process_to_date=biz_dt,
        process_dt=biz_dt,
        run_indicator="Y",
        change_indicator="Y",
        run_id=biz_dt.strftime("%Y%m%d"),
    )
    known = resolve_parameters(spec=spec, row=row, job=None, sys_params=(), environment="DEV")
    return {p.name.lower(): p for p in known} | {
        n.lower(): _parameter(n, v, f"{origin} parameters.{n}") for n, v in given.items()
    }


def bound_step(spec: TableSpec, step: StepSpec) -> str:
    """The step's SQL with sample values; a name that no load is known to resolve is a text of its own."""
    return bound_with(sample_parameters(spec, _ANY_DATE, {}, step.file), step.sql, step.view, step.file)


def bound_hql(text: str, file: str) -> str:
    """A legacy job's HQL with sample values: every name is a text, but for that of its own view."""
    return bound_with({}, text, PurePath(file).stem, file)


def bound_with(known: Mapping[str, Parameter], text: str, view: str, file: str) -> str:
    """HQL with these values; for every other name a text."""
    given = {**known, "view_name": Parameter("VIEW_NAME", view, "string", f"step {view}")}
    try:
        unknown = {p.name.lower() for p in placeholders(text)} - given.keys()
    except SqlError as error:
        raise SqlError(**{**error.to_json(), "file": file}) from None
    return bind(text, {**given, **{n: sample(n) for n in unknown}}, file=file)


def sample(name: str) -> Parameter:
    """A text that stands for a value which only a run knows."""
    return Parameter(name, _SAMPLE, "string", "a sample")


def is_about_sample(error: SqlError) -> bool:
    """Spark's parser minds a sample's value, `DATE'sample'`, and not the text around it, which it read before."""
    return _SAMPLE in error.message and not error.message.startswith("[PARSE_SYNTAX_ERROR]")


def _parameter(name: str, value: Any, origin: str) -> Parameter:
    kind = _TYPES.get(type(value), "string")
    if isinstance(value, (float, Decimal)):
        return Parameter(name, str(value), kind, origin)
    if isinstance(value, date):
        return Parameter(name, value.isoformat(), kind, origin)
    plain = json.dumps(value) if isinstance(value, (dict, list)) else value
    return Parameter(name, plain, kind, origin)
