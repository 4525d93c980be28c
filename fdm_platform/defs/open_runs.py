"""Dates that Dagster has under way: queued, being started, or running."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from fdm_platform.defs.partitions import dates_of
from fdm_platform.defs.resuming import LOAD
from fdm_platform.model.table import TableSpec

OPEN = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_RUN_ID_LENGTH = 36


def dates_of_open_runs(instance: dg.DagsterInstance, tables: Iterable[TableSpec]) -> dict[str, set[date]]:
    """Of each table, by name. One look-up of runs, whatever the number of tables."""
    specs = {spec.name: spec for spec in tables}
    found: dict[str, set[date]] = {name: set() for name in specs}
    known: dict[str, list[date]] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=list(OPEN))):
        ends = span_of(run)
        for name in tables_of(run) if ends else ():
            if ends and name in specs:
                key = specs[name].partition_set
                known.setdefault(key, dates_of(instance, key))
                found[name] |= {d for d in known[key] if ends[0] <= d <= ends[1]}
    return found


def tables_of(run: dg.DagsterRun) -> list[str]:
    """Names of the tables that the run loads. A command's run selects none by key: its tag has the load's id."""
    if run.asset_selection:
        return sorted("_".join(key.path) for key in run.asset_selection)
    load = run.tags.get(LOAD, "")
    # Of an adopted load it may be a retry's, which ends in -r1.
    return [re.sub(r"-r[0-9]+$", "", load[_RUN_ID_LENGTH + 1 :])] if len(load) > _RUN_ID_LENGTH else []


def span_of(run: dg.DagsterRun) -> tuple[date, date] | None:
    """First and last business date of the run; None where it has none."""
    one = run.tags.get(PARTITION_NAME_TAG)
    first, last = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    if one:
        first = last = one
    try:
        return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None
    except ValueError:  # a run of somebody else's assets, whose partitions are no dates
        return None
