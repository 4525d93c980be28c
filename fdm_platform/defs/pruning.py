"""What loads leave on purpose goes when it is old: their folders, and letters of tables that went. No Dagster here."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.owner import is_owned
from fdm_platform.errors import FdmError

KEPT_FOR = timedelta(days=90)

log = logging.getLogger(__name__)


def prune(platform: Platform, under_way: Collection[str]) -> None:
    """Remove what is older than KEPT_FOR; `under_way` are the ids of all registered loads. What refuses stays."""
    before = datetime.now(UTC) - KEPT_FOR
    folders = _folders(platform, under_way, before)
    letters = _letters(platform, before)
    if folders or letters:
        log.info("of more than %d days ago, removed: %s", KEPT_FOR.days, ", ".join(folders + letters))


def _folders(platform: Platform, under_way: Collection[str], before: datetime) -> list[str]:
    """Plans, messages and logs of loads that are over."""
    gone = []
    for folder in platform.settings.work.glob("*/"):
        with suppress(OSError):  # another process was first
            is_old = folder.stat().st_mtime < before.timestamp()
            if is_old and folder.name not in under_way and not is_owned(folder):
                shutil.rmtree(folder)
                gone.append(str(folder))
    return gone


def _letters(platform: Platform, before: datetime) -> list[str]:
    """Dead letters of tables that are declared no more: those of the others hold until they are published."""
    gone = []
    for table, letters in platform.dead_letters.all().items():
        old = [d for d, letter in letters.items() if letter.parked_at < before]
        with suppress(FdmError):  # where one declaration is wrong nobody knows which tables there are
            if old and table not in platform.catalog.tables:
                platform.dead_letters.clear(table, old)
                gone += [f"dead letter of {table} {d}" for d in old]
    return gone
