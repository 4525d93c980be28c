"""Business dates as Dagster partitions: one dynamic set per source system, in date order."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import date

import dagster as dg
from dagster._core.errors import DagsterInvalidInvocationError
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from sqlalchemy.exc import IntegrityError

from fdm_platform.errors import ParameterError
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.table import TableSpec

log = logging.getLogger(__name__)
_UNDER_WAY = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]


def partitions_of(partition_set: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of a source system. Keys are ISO dates."""
    return dg.DynamicPartitionsDefinition(name=partition_set)


def dates_of(instance: dg.DagsterInstance, partition_set: str) -> list[date]:
    """The dates of a set, in order. A key that is no date, which only a person can have added, is left out."""
    dates = []
    for key in instance.get_dynamic_partitions(partition_set):
        with suppress(ValueError):
            dates.append(date.fromisoformat(key))
    return sorted(dates)


def add_dates(instance: dg.DagsterInstance, partition_set: str, dates: Iterable[date]) -> list[str]:
    """Add the dates that the set lacks, and return them in order. Several processes may do so at once.

    The storage keeps the set in date order (`defs.storage`); one that does not, and gets a late date, is
    told in the log.
    """
    known = set(instance.get_dynamic_partitions(partition_set))
    new = sorted({d.isoformat() for d in dates} - known)
    if not new:
        return []
    try:
        instance.add_dynamic_partitions(partition_set, new)
    except IntegrityError:  # another process added one of them between Dagster's look and its insert
        return add_dates(instance, partition_set, map(date.fromisoformat, new))
    if known and new[0] < max(known):
        _require_date_order(instance, partition_set)
    return new


def _require_date_order(instance: dg.DagsterInstance, partition_set: str) -> None:
    keys = list(instance.get_dynamic_partitions(partition_set))
    if keys != sorted(keys):
        log.warning(
            "partition set %s is not in date order, so backfills of ranges over its late dates go wrong; "
            "remedy: dagster.yaml says `storage: {custom: {module: fdm_platform.defs.storage, class: "
            "SortedSqliteStorage, config: {base_dir: {env: FDM_DAGSTER_STORAGE}}}}`; the files stay the same",
            partition_set,
        )


def dates_of_run(context: dg.AssetExecutionContext) -> list[date]:
    """The business dates of a run. ParameterError where one was removed from the set while the run waited.

    A date removed from between the ends of a run's range is left out by Dagster, and the others run.
    """
    try:
        return [parse_biz_dt(key) for key in context.partition_keys]
    except DagsterInvalidInvocationError as error:
        raise ParameterError(
            f"a business date of this run is not in its partition set any more: {' '.join(str(error).split())}",
            remedy="`fdm partitions sync` brings back what process_control has; then request the run again",
        ) from error


def asset_keys(specs: Iterable[TableSpec]) -> set[dg.AssetKey]:
    """Of tables that share a set."""
    return {dg.AssetKey(spec.key) for spec in specs}


def remove_date(instance: dg.DagsterInstance, partition_set: str, biz_dt: date) -> None:
    """Take a date out of the set. What is published, and Dagster's history of it, stay."""
    instance.delete_dynamic_partition(partition_set, biz_dt.isoformat())


def users_of(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], biz_dt: date) -> list[str]:
    """Runs and backfills of these assets that have not ended and hold the date, for people."""
    wanted, key = set(keys), biz_dt.isoformat()
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    held = [run for run in runs if _of_assets(run, wanted) and _holds(run.tags, key)]
    backfills = instance.get_backfills(BulkActionsFilter(statuses=_UNDER_WAY))
    return [
        *(f"run {run.run_id}, {run.status.value.lower()}" for run in held),
        *(f"backfill {b.backfill_id}" for b in backfills if _targets(b, wanted, key)),
    ]


def _of_assets(run: dg.DagsterRun, keys: Collection[dg.AssetKey]) -> bool:
    """A run that names no assets may be of any."""
    return run.asset_selection is None or not run.asset_selection.isdisjoint(keys)


def _holds(tags: Mapping[str, str], key: str) -> bool:
    if (one := tags.get(PARTITION_NAME_TAG)) is not None:
        return one == key
    first, last = tags.get(ASSET_PARTITION_RANGE_START_TAG), tags.get(ASSET_PARTITION_RANGE_END_TAG)
    return first is not None and last is not None and first <= key <= last


def _targets(backfill: PartitionBackfill, keys: Collection[dg.AssetKey], key: str) -> bool:
    """A backfill that has not been looked at by the daemon yet has its dates all the same."""
    if backfill.asset_backfill_data is None:
        return False
    subsets = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
    return any(asset in keys and key in subset for asset, subset in subsets.items())
