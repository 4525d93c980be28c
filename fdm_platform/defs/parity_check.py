"""The check `parity` of a table: what `fdm parity` found, as Dagster shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from fdm_platform.defs.parity import Certificate
from fdm_platform.model.table import TableSpec

PARITY = "parity"
"""The check's name."""


def parity_specs(spec: TableSpec) -> list[dg.AssetCheckSpec]:
    """The check, of a table that declares `parity:`."""
    said = "What fdm parity found when it last held a date against the old system's output."
    return [dg.AssetCheckSpec(PARITY, asset=dg.AssetKey(spec.key), description=said)] if spec.parity else []


def not_compared(spec: TableSpec, dates: Sequence[date]) -> Iterator[dg.AssetCheckResult]:
    """What the check says of dates that were loaded just now: nobody has compared these versions."""
    for check in parity_specs(spec):
        first = f"fdm parity {spec.name} --biz-dt {min(dates)}"
        yield dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"not compared since it was loaded: {first}",
        )


def report(instance: dg.DagsterInstance, spec: TableSpec, made: Certificate) -> None:
    """Tell Dagster of a comparison. Of the table: of a partition Dagster keeps one outcome alone that is of no run."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(spec.key),
            check_name=PARITY,
            passed=made.result.is_equal,
            severity=dg.AssetCheckSeverity.WARN,
            description=in_words(made),
            metadata=_metadata(made),
        )
    )


def in_words(made: Certificate) -> str:
    """The outcome in one line."""
    found = made.result
    parts = [f"{n} {kind}" for kind, n in found.counts.items() if n and kind not in ("rows_new", "rows_old")]
    lacking = f"; not here: {', '.join(found.only_old_columns)}" if found.only_old_columns else ""
    how = "equal" if found.is_equal else "differ"
    return f"{made.biz_dt} version {made.version} and {made.against} {how}: {', '.join(parts) or 'no rows'}{lacking}"


def _metadata(made: Certificate) -> dict[str, Any]:
    return {
        **made.result.counts,
        "biz_dt": made.biz_dt.isoformat(),
        "version": made.version,
        "against": made.against,
        "scope": made.scope,
        "differing columns": dg.MetadataValue.json(dict(made.result.by_column)),
        "certificate": dg.MetadataValue.path(made.path),
    }
