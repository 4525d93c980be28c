"""Business dates as Dagster partitions: one dynamic set per source system, kept in date order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import dagster as dg


def partitions_of(partition_set: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of a source system. Keys are ISO dates."""
    return dg.DynamicPartitionsDefinition(name=partition_set)


def add_dates(instance: dg.DagsterInstance, partition_set: str, dates: Iterable[date]) -> list[str]:
    """Add the dates that the set lacks, and return them.

    Dagster keeps a set in the order of insertion and ranges follow it, so the keys behind the
    earliest new one are deleted and added again; their materializations are kept
    (https://github.com/dagster-io/dagster/issues/28693). A process that dies in between leaves keys
    out; the next call, with all of process_control's dates, brings them back.
    """
    known = list(instance.get_dynamic_partitions(partition_set))
    new = sorted({d.isoformat() for d in dates} - set(known))
    if not new:
        return []
    tail = sorted(k for k in known if k > new[0])
    for key in tail:
        instance.delete_dynamic_partition(partition_set, key)
    instance.add_dynamic_partitions(partition_set, sorted([*new, *tail]))
    return new
