"""Telling Dagster of dates that are live and that it does not know of, so that the tables which follow them do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import dagster as dg

from fdm_platform.control.ledger import Ledger
from fdm_platform.defs.platform import Platform
from fdm_platform.model.control import Published
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.recovered import Recovered
from fdm_platform.model.table import TableSpec


def tell(instance: dg.DagsterInstance, platform: Platform, done: Iterable[Recovered]) -> None:
    """Materialize what dead loads published and did not live to tell: tables that follow wait for that."""
    told = {(r.table, r.biz_dt) for r in done if r.is_published}
    for table, biz_dt in sorted(told, key=str):
        spec = platform.catalog.tables.get(table or "")
        if spec and biz_dt:
            materialize(instance, platform, spec, biz_dt)


def materialize(instance: dg.DagsterInstance, platform: Platform, spec: TableSpec, biz_dt: date) -> None:
    """Tell Dagster of a date's newest version, so that the tables that follow it do."""
    done = platform.ledger.published(spec.name, [biz_dt])
    for event in untold(instance, dg.AssetKey(spec.key), platform.ledger, spec.name, done):
        instance.report_runless_asset_event(event)


def untold(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    ledger: Ledger,
    table: str,
    done: Mapping[date, Published],
) -> Iterator[dg.AssetMaterialization]:
    """Materializations of published dates of which Dagster does not know."""
    for biz_dt, published in done.items():
        event = instance.get_latest_data_version_record(key, partition_key=str(biz_dt))
        told = event.asset_materialization if event else None
        if told and "version" in told.metadata and told.metadata["version"].value == published.version:
            continue
        metadata: dict[str, int | str] = {"version": published.version, "load_id": published.load_id}
        if record := ledger.current(table, biz_dt):
            metadata["dagster/row_count"] = Manifest.from_json(record.manifest).rows
        yield dg.AssetMaterialization(key, metadata=metadata, partition=str(biz_dt))
