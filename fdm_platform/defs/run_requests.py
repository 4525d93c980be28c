"""What sensors and schedules have in common: their run requests, their beat, whether they run by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
)

from fdm_platform.model.table import TableSpec

SECONDS_BETWEEN_TICKS = 30
PRIORITY = "dagster/priority"
_ASKED_BY = {
    AUTOMATION_CONDITION_TAG: "automation",
    SENSOR_NAME_TAG: "sensor",
    SCHEDULE_NAME_TAG: "schedule",
    BACKFILL_ID_TAG: "backfill",
}
NEWEST_FIRST = "10"
"""Of runs with the newest business date of their source: before catching up (0), and before backfills (-10)."""


def run_request(
    spec: TableSpec, dates: Sequence[date], *, run_key: str | None = None, is_newest: bool = False
) -> dg.RunRequest:
    """One run of these dates, which are neighbours in their partition set."""
    tags = {PRIORITY: NEWEST_FIRST} if is_newest else {}
    keys = [d.isoformat() for d in dates]
    if len(keys) > 1:
        tags |= {ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]}
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[dg.AssetKey(spec.key)],
        partition_key=keys[0] if len(keys) == 1 else None,
        tags=tags,
    )


def asked_by(tags: Mapping[str, str]) -> str:
    """Who asked for a run, by its tags, as fdm_attempts has it."""
    return next((word for tag, word in _ASKED_BY.items() if tag in tags), "hand")


def status(*, is_running: bool) -> dg.DefaultSensorStatus:
    """Of a sensor that nobody has switched on or off yet."""
    return dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED
