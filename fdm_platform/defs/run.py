"""A load as a Dagster run in this process: what `fdm materialize` calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster._core.utils import make_new_run_id

from fdm_platform.defs.load import Load, error_of
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates, dates_of
from fdm_platform.defs.resuming import LOAD
from fdm_platform.defs.step_launcher import hand_over, take_back
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import LoadError
from fdm_platform.model.partition import contiguous_runs
from fdm_platform.model.table import TableSpec


def run_load(
    instance: dg.DagsterInstance,
    load: Load,
    spec: TableSpec,
    handler: logging.Handler,
    *,
    raise_if_stopped: Callable[[], None] = lambda: None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Record a load that was begun as runs of Dagster, and publish it in them. What failed is in the load.

    A run holds dates that are neighbours in the partition set, because that is what Dagster can say of a
    run: dates with gaps between them become several runs in turn, on the one Spark of the load. The first
    has the load's id in its own. `raise_if_stopped` raises where a signal came: Dagster may have made a
    failed run of it. One that Dagster itself caught is a KeyboardInterrupt: nothing that was asked for goes on.
    """
    platform, name = load.platform, spec.partition_set
    wait_s = platform.settings.commit_wait_s  # Spark works on meanwhile
    rows = patiently(lambda: platform.control_rows(spec), "see which dates there are", wait_s)
    add_dates(instance, name, [row.biz_dt for row in rows])
    definitions = build_definitions(
        platform.settings, catalog=platform.catalog, only=[spec], loggers={"console": _logger(handler)}
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    known = dates_of(instance, name)
    runs = contiguous_runs(set(load.dates) & set(known), known)
    # A load that was adopted has a run of its own already.
    run_id = make_new_run_id() if load.is_adopted else load.load_id.removesuffix(f"-{spec.name}")
    for dates in runs:
        with _handed_over(load, f"{run_id}-{spec.name}", raise_if_stopped):
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                run_config={"loggers": {"console": {}}},
                raise_on_error=False,
                **_selection(dates, {**(tags or {}), LOAD: load.load_id}),
            )
            raise_if_stopped()
            if _was_interrupted(result):
                raise KeyboardInterrupt
        _settle(load, spec, dates, result)
        run_id = make_new_run_id()
    for outcome in load.outcomes:  # dates that process_control does not know have no partition to run
        if outcome.biz_dt in load.open:
            load.close(outcome.biz_dt, error_of(outcome))


@contextmanager
def _handed_over(load: Load, load_id: str, raise_if_stopped: Callable[[], None]) -> Iterator[None]:
    """The load is for the run that asks for this id; one that never did ends the whole load.

    A signal is raised as such, whatever Dagster made of it: whoever began the load ends it with that.
    """
    hand_over(load, load_id)
    try:
        yield
    finally:
        if is_left := take_back(load_id):
            raise_if_stopped()
    if is_left:
        load.abandon(LoadError("the run ended before its step began; see it in the UI"))


def _settle(load: Load, spec: TableSpec, dates: Sequence[date], result: dg.ExecuteInProcessResult) -> None:
    """Each of the dates has ended: what failed and was then retried has the retry's outcome."""
    text = "the run ended without publishing this date" if result.success else _error(result)
    load.fail_open(LoadError(text), dates)
    if again := [d for d in dates if d in load.all_failed] if spec.retries else []:
        published = load.platform.ledger.published(spec.name, again)
        load.note_retried([d for d, p in published.items() if p.load_id.startswith(result.run_id)])


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """A signal ended the run: Dagster's own handlers stand in for ours while a step runs."""
    ends = [e.event_specific_data for e in result.all_events if e.is_job_failure]
    return any(
        isinstance(end, JobFailureData) and end.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION
        for end in ends
    )


def _selection(dates: Sequence[date], tags: Mapping[str, str]) -> dict[str, Any]:
    """One date is a partition of its own; several are a range, which must be neighbours in the set."""
    if len(dates) == 1:
        return {"partition_key": dates[0].isoformat(), "tags": dict(tags)}
    first, last = min(dates).isoformat(), max(dates).isoformat()
    ends = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    return {"tags": {**tags, **ends}}


def _logger(handler: logging.Handler) -> dg.LoggerDefinition:
    def console(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.getLogger("fdm.run")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = [handler]
        return logger

    return dg.LoggerDefinition(console, description="Lines of the run for the terminal.")


def _error(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step said, without Dagster's own frames."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error
            while error and error.cause:
                error = error.cause
            if error is None:
                return "the step failed"
            return error.message.partition(f"{error.cls_name}: ")[2].strip() or error.message.strip()
    return "the run failed before its step began; see it in the UI"
