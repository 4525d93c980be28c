"""A table's checks of one staged date: from ORC's footers, and counted in the pass that writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as f

from fdm_platform.engines.failure import causes
from fdm_platform.errors import ContractError, DeclarationError
from fdm_platform.model.manifest import CheckResult, Manifest
from fdm_platform.model.table import CheckSpec, ColumnSpec


def observe(
    shaped: DataFrame, checks: Sequence[CheckSpec], file: str
) -> tuple[DataFrame, Observation | None]:
    """Count, while the rows are written, those that break an `expect`; NULL breaks it too.

    No `expect`, no observation and no cost. DeclarationError: a condition is no SQL condition over
    the result's columns; `file` is the table.yaml.
    """
    expected = [c for c in checks if c.expect is not None]
    if not expected:
        return shaped, None
    try:
        counts = [
            f.expr(f"count(case when coalesce(({c.expect}), false) then null else 1 end)").alias(c.name)
            for c in expected
        ]
        observation = Observation()
        return shaped.observe(observation, *counts), observation
    except (AnalysisException, ParseException):
        for check in expected:  # one by one only now: a good load of many dates does not pay for it
            _require_condition(shaped, check, file)
        raise


def evaluate(
    biz_dt: date, manifest: Manifest, checks: Sequence[CheckSpec], broken: Mapping[str, int]
) -> tuple[CheckResult, ...]:
    """Every check's outcome. `broken`: rows that broke each `expect`, by the check's name."""
    return tuple(_evaluate(biz_dt, manifest, c, broken) for c in checks)


def require_not_null(manifest: Manifest, columns: Sequence[ColumnSpec], file: str) -> None:
    """ContractError if a column that is declared NOT NULL holds NULLs, by the footers."""
    nulls = {n.lower(): count for n, count in manifest.nulls.items()}
    broken = {c.name: n for c in columns if not c.nullable and (n := nulls.get(c.name.lower(), 0))}
    if broken:
        first = next(iter(broken))
        told = ", ".join(f"{n} in {count} of {manifest.rows} rows" for n, count in broken.items())
        raise ContractError(
            f"NULL in columns declared NOT NULL: {told}",
            file=file,
            field=f"columns.{first}",
            remedy="mend the source or the SELECT, or declare the column nullable",
        )


def _evaluate(biz_dt: date, manifest: Manifest, check: CheckSpec, broken: Mapping[str, int]) -> CheckResult:
    passed, said, metadata = _outcome(manifest, check, broken)
    description = f"{check.description.rstrip('.')}: {said}" if check.description else said
    return CheckResult(check.name, biz_dt, passed, check.severity, description, metadata)


def _outcome(
    manifest: Manifest, check: CheckSpec, broken: Mapping[str, int]
) -> tuple[bool, str, dict[str, int | float | str | bool]]:
    rows = manifest.rows
    if check.expect is not None:
        count = broken.get(check.name, 0)
        metadata: dict[str, int | float | str | bool] = {
            "broken": count,
            "rows": rows,
            "expect": check.expect,
        }
        return count == 0, f"{count} of {rows} rows break {check.expect}", metadata
    if check.not_null:
        nulls = _nulls(manifest, check.not_null)
        told = ", ".join(f"{n}: {count}" for n, count in nulls.items())
        return not any(nulls.values()), f"NULLs in {told}", {**nulls, "rows": rows}
    low, high = check.min_rows or 0, check.max_rows
    limit = f"at least {low}" if high is None else f"{low} to {high}"
    return low <= rows and (high is None or rows <= high), f"{rows} rows, expected {limit}", {"rows": rows}


def _nulls(manifest: Manifest, columns: Sequence[str]) -> dict[str, int]:
    """NULLs of the columns; a partition column has none once the date is staged."""
    known = {n.lower(): count for n, count in manifest.nulls.items()}
    return {c: known.get(c.lower(), 0) for c in columns}


def _require_condition(shaped: DataFrame, check: CheckSpec, file: str) -> None:
    try:
        kind = shaped.select(f.expr(f"({check.expect})")).schema.fields[0].dataType.simpleString()
    except (AnalysisException, ParseException) as error:
        problem = causes(error)[0].message.strip().split("\n")[0]
    else:
        if kind == "boolean":
            return
        problem = f"it is {kind}, not a condition"
    raise DeclarationError(
        f"expect {check.expect!r}: {problem}",
        file=file,
        field=f"checks.{check.name}.expect",
        remedy="write a SQL condition over the result's columns, for example amount >= 0",
    )
