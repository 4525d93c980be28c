"""A table's parents as Dagster knows them: edges of the asset graph, and which dates they mean.

What a load reads, and when a table follows its parents, the platform decides itself (planning.dependencies):
Dagster refuses partition mappings of others. Its own are for the graph and for backfills of several tables.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from fdm_platform.control.dependencies import saved
from fdm_platform.errors import ControlError
from fdm_platform.model.dependency import Dependency, DependencyRows
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog
from fdm_platform.planning.job_dependency import Dependencies, dependencies

log = logging.getLogger(__name__)
_MOST_TOLD = 20
"""Findings that every process which loads definitions logs."""


def saved_dependencies(settings: Settings, catalog: Catalog) -> Dependencies:
    """The graph by the file that `control.dependencies.refresh` writes. What is wrong in it is logged and left out."""
    try:
        rows = saved(settings.home)
    except ControlError as error:
        log.warning("job_dependency is left out of the definitions: %s", error)
        rows = DependencyRows()
    found = dependencies(catalog.tables, rows)
    for finding in found.findings[:_MOST_TOLD]:
        log.warning("%s", finding)
    if len(found.findings) > _MOST_TOLD:
        more = len(found.findings) - _MOST_TOLD
        log.warning("%d more findings on job_dependency: see `fdm dependencies`", more)
    return found


def asset_deps(
    spec: TableSpec, tables: Mapping[str, TableSpec], waits_for: Iterable[Dependency]
) -> list[dg.AssetDep]:
    """One edge for each parent."""
    by_parent: dict[str, list[Dependency]] = {}
    for dependency in waits_for:
        by_parent.setdefault(dependency.parent, []).append(dependency)
    return [
        dg.AssetDep(dg.AssetKey(tables[name].key), partition_mapping=_mapping(spec, tables[name], of))
        for name, of in by_parent.items()
    ]


def dependency_metadata(waits_for: Iterable[Dependency]) -> dict[str, Any]:
    """Which dates of which parents are read, for the UI; nothing for a table without parents."""
    records = [dg.TableRecord({"table": d.parent, "biz_dt": str(d.dates), "by": d.origin}) for d in waits_for]
    return {"parents": dg.MetadataValue.table(records)} if records else {}


def _mapping(spec: TableSpec, parent: TableSpec, of: Iterable[Dependency]) -> dg.PartitionMapping:
    """The same date, or an edge without dates where the parent's source system may not have the same date.

    A backfill fails as a whole for one date that the parent's set does not have, whatever is in it; and
    with AllPartitionMapping a backfill of parent and child for one date loads every date of the child.
    See docs/adr/0011-dependencies-by-business-date.md.
    """
    reads_same = any(d.is_read and d.dates.rule == "same" for d in of)
    if parent.partition_set == spec.partition_set or reads_same:
        return dg.IdentityPartitionMapping()
    return dg.SpecificPartitionsPartitionMapping([])
