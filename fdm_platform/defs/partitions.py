"""Business dates as Dagster partitions: one dynamic set per source system, in date order."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import date

import dagster as dg
from sqlalchemy.exc import IntegrityError

log = logging.getLogger(__name__)


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
