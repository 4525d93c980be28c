"""The result of a date held against its table's declaration: columns, types, order, business date."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from fdm_platform.engines.casting import fits, parse_schema
from fdm_platform.engines.raised import name, quote, raising
from fdm_platform.errors import ContractError
from fdm_platform.model.partition import BIZ_DT
from fdm_platform.model.plan import DatePlan, LoadPlan


def shape(result: DataFrame, plan: LoadPlan, date: DatePlan) -> DataFrame:
    """The result with the declared columns, types and order, and biz_dt as its folder spells it.

    ContractError: columns are missing, surplus, twice, untyped or of another type, or a partition
    column is not there. A row of another business date raises ContractError when it is written.
    """
    present = _unique_fields(result, plan)
    _require_partitions(present, plan)
    columns = []
    for target in _target_fields(result, present, plan):
        found = present[target.name.lower()]
        is_date = target.name.lower() == BIZ_DT
        columns.append(_biz_dt(found, target.name, plan, date) if is_date else _cast(found, target, plan))
    if len(columns) == len(plan.output.partition_by):
        raise ContractError(
            "the result has no column but its partition columns",
            file=plan.file,
            remedy="SELECT at least one more column",
        )
    return result.select(*columns)


def _unique_fields(result: DataFrame, plan: LoadPlan) -> dict[str, t.StructField]:
    counts = Counter(c.lower() for c in result.columns)
    twice = [n for n, count in counts.items() if count > 1]
    if twice:
        raise ContractError(
            f"the result has duplicate column names: {', '.join(twice)}",
            file=_where(plan, plan.dates[0]),
            remedy="give each column of the last SELECT its own alias",
        )
    return {x.name.lower(): x for x in result.schema.fields}


def _require_partitions(present: dict[str, t.StructField], plan: LoadPlan) -> None:
    missing = [c for c in plan.output.partition_by if c.lower() not in present]
    if missing:
        raise ContractError(
            f"the result does not produce the partition column{'s' * (len(missing) > 1)} "
            f"{_with_nearest(missing, present)}; it has {', '.join(x.name for x in present.values())}",
            file=_where(plan, plan.dates[0]),
            field="partition_by",
            remedy=f"add `… AS {missing[0]}` to the last SELECT, or take it out of partition_by",
        )


def _target_fields(
    result: DataFrame, present: dict[str, t.StructField], plan: LoadPlan
) -> list[t.StructField]:
    """Declared columns, then partition columns that are not declared; else the result's own."""
    if not plan.output.columns:
        _require_types(present.values(), plan)
        return list(result.schema.fields)
    declared = list(parse_schema(plan.output.columns, file=plan.file, field="columns").fields)
    names = {x.name.lower() for x in declared}
    declared += [present[c.lower()] for c in plan.output.partition_by if c.lower() not in names]
    _require_declared(present, declared, plan)
    return declared


def _require_declared(
    present: dict[str, t.StructField], declared: list[t.StructField], plan: LoadPlan
) -> None:
    names = {x.name.lower() for x in declared}
    missing = [x.name for x in declared if x.name.lower() not in present]
    surplus = [x.name for n, x in present.items() if n not in names]
    told = [f"lacks the declared columns {_with_nearest(missing, surplus)}"] if missing else []
    told += [f"has columns that are not declared: {', '.join(surplus)}"] if surplus else []
    if told:
        raise ContractError(
            f"the result {' and '.join(told)}",
            file=plan.file,
            field="columns",
            remedy="make the last SELECT and `columns` the same",
        )


def _require_types(fields: Iterable[t.StructField], plan: LoadPlan) -> None:
    untyped = [x.name for x in fields if isinstance(x.dataType, t.NullType)]
    if untyped:
        raise ContractError(
            f"column {untyped[0]} is NULL without a type, which ORC cannot hold",
            file=_where(plan, plan.dates[0]),
            field=f"columns.{untyped[0]}",
            remedy=f"write CAST(NULL AS string) AS {untyped[0]} with the type that you mean",
        )


def _cast(found: t.StructField, target: t.StructField, plan: LoadPlan) -> Column:
    have, want = found.dataType, target.dataType
    if not fits(have, want):
        raise ContractError(
            f"column {target.name} is {have.simpleString()} in the result, declared {want.simpleString()}",
            file=_where(plan, plan.dates[0]),
            field=f"columns.{target.name}",
            remedy=f"write CAST({found.name} AS {want.simpleString()}) AS {target.name} in the last SELECT, "
            f"or declare it {have.simpleString()}",
        )
    column = f.col(name(found.name))
    return (column if have == want else column.cast(want)).alias(target.name)


def _biz_dt(found: t.StructField, alias: str, plan: LoadPlan, date: DatePlan) -> Column:
    """The folder's spelling where the row is of the plan's date, by whatever type; else an error."""
    value, day = name(found.name), date.biz_dt
    if isinstance(found.dataType, (t.DateType, t.TimestampType, t.TimestampNTZType)):
        is_day = f"cast({value} as date) = date'{day.isoformat()}'"
    else:
        is_day = f"cast({value} as string) in ('{day.isoformat()}', '{day:%Y%m%d}')"
    error = ContractError(
        f"a row's {alias} is {{value}}, and this load is of {day.isoformat()}",
        file=_where(plan, date),
        field=alias,
        remedy=f"select the load's own date, '${{biz_dt}}' AS {alias}, or filter the rows by it",
    )
    folder = quote(date.folder.partition("=")[2])
    return f.expr(f"case when {is_day} then {folder} else {raising(error, value)} end").alias(alias)


def _with_nearest(missing: Iterable[str], known: Iterable[str]) -> str:
    names = list(known)
    near = {m: difflib.get_close_matches(m, names, n=1) for m in missing}
    return ", ".join(f"{m} (is it {n[0]}?)" if n else m for m, n in near.items())


def _where(plan: LoadPlan, date: DatePlan) -> str:
    """The HQL that makes the result; table.yaml for a transform."""
    return date.steps[-1].file if date.steps and not plan.transform else plan.file
