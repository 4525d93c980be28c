"""What a run leaves alone: dates that an earlier try of it has published, and dates that are not its own any more.

A try is a step's retry, a run that Dagster started again because its process died, or "Re-execute from
failure" in the UI. "Re-execute all" loads all dates again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
)
from dagster._core.storage.tags import (
    ASSET_RESUME_RETRY_TAG,
    RESUME_RETRY_TAG,
    RETRY_NUMBER_TAG,
    ROOT_RUN_ID_TAG,
    RUN_KEY_TAG,
    SENSOR_NAME_TAG,
)

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.requests import Requests
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.telling import untold
from fdm_platform.model.control import Published
from fdm_platform.model.table import TableSpec

LOAD = "fdm/load"
"""Tag of a run: the load that it publishes dates of, where that is not its own."""


def published_before(
    context: dg.AssetExecutionContext, ledger: Ledger, table: str, dates: Sequence[date]
) -> dict[date, Published]:
    """The dates whose newest version is of an earlier try; none in a run that is no retry."""
    runs = _earlier_runs(context)
    if not runs:
        return {}
    loads = {run.tags[LOAD] for run in runs if LOAD in run.tags}
    own = tuple(f"{run.run_id}-" for run in runs)
    found = ledger.published(table, dates)
    return {d: p for d, p in found.items() if p.load_id in loads or p.load_id.startswith(own)}


def loaded_since(
    context: dg.AssetExecutionContext, platform: Platform, spec: TableSpec, dates: Sequence[date]
) -> dict[date, Published]:
    """Dates of a sensor's request that another run has published from the control row as it is now."""
    if SENSOR_NAME_TAG not in context.run.tags:
        return {}
    versions = {row.biz_dt: row.version for row in platform.control_rows(spec, dates)}
    published = platform.ledger.published(spec.name, dates)
    return {d: p for d, p in published.items() if p.control_version == versions.get(d)}


def not_requested(
    context: dg.AssetExecutionContext, platform: Platform, spec: TableSpec, dates: Sequence[date]
) -> set[date]:
    """Dates that came into the range of a sensor's run while it waited: they have requests of their own."""
    key = context.run.tags.get(RUN_KEY_TAG)
    if SENSOR_NAME_TAG not in context.run.tags or key is None:
        return set()
    requests = Requests(platform.store).of_dates(spec.partition_set, dates)
    asked = {r.biz_dt for r in requests if r.run_key == key and r.table_name == spec.name}
    return set(dates) - asked if asked else set()


def parked_before(
    context: dg.AssetExecutionContext, platform: Platform, table: str, dates: Sequence[date]
) -> set[date]:
    """Dates that an earlier try has parked: of this step, or of a run that Dagster itself has started again.

    Whoever re-executes a run in the UI has seen to what was parked.
    """
    runs = _earlier_runs(context) if context.retry_number or RETRY_NUMBER_TAG in context.run.tags else []
    if not runs:
        return set()
    found = platform.dead_letters.of_table(table, dates)
    loads = {run.tags[LOAD] for run in runs if LOAD in run.tags}
    own = tuple(f"{run.run_id}-" for run in runs)
    return {d for d, x in found.items() if x.load_id in loads or x.load_id.startswith(own)}


def note_load(context: dg.AssetExecutionContext, load_id: str, expected: str) -> None:
    """Tag the run with its load, where that is not the one that its id names: it was adopted."""
    if load_id != expected and context.run.tags.get(LOAD) != load_id:
        context.instance.add_run_tags(context.run_id, {LOAD: load_id})


def show_published(
    context: dg.AssetExecutionContext, ledger: Ledger, table: str, done: Mapping[date, Published]
) -> None:
    """Materialize in Dagster what an earlier try published and did not live to tell."""
    for event in untold(context.instance, context.asset_key, ledger, table, done):
        context.log_event(event)


def checks_before(context: dg.AssetExecutionContext, names: Sequence[str]) -> Iterator[dg.AssetCheckResult]:
    """What the checks said when the dates were published: Dagster wants each to say something in every run."""
    storage = context.instance.event_log_storage
    for name in names:
        key = dg.AssetCheckKey(context.asset_key, name)
        records = storage.get_asset_check_execution_history(
            key, limit=1, status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
        )
        last = records[0].evaluation if records else None
        yield dg.AssetCheckResult(
            asset_key=context.asset_key,
            check_name=name,
            passed=last.passed if last else True,
            severity=last.severity if last else dg.AssetCheckSeverity.WARN,
            description=last.description if last else "passed by the try that published the dates",
            metadata=last.metadata if last else None,
        )


def _earlier_runs(context: dg.AssetExecutionContext) -> list[dg.DagsterRun]:
    """This run, where its step is tried again, and those that it resumes."""
    run = context.run
    runs = [run] if context.retry_number else []
    root_id = run.tags.get(ROOT_RUN_ID_TAG)
    if root_id and "true" in (run.tags.get(RESUME_RETRY_TAG), run.tags.get(ASSET_RESUME_RETRY_TAG)):
        tried = context.instance.get_runs(dg.RunsFilter(tags={ROOT_RUN_ID_TAG: root_id}))
        root = context.instance.get_run_by_id(root_id)
        runs += [other for other in (root, *tried) if other and other.run_id != run.run_id]
    return runs
