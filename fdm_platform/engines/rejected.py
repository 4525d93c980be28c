"""Rejected rows of a date, from its staging folder to `<table>/_rejected/biz_dt=…/load_id=<load>/`.

One rename to a name that no other load has: nothing is replaced, and so nothing is lost if it is done twice
or not to its end. A date that was not published because too many rows were rejected is kept alike.
"""

from __future__ import annotations

import logging
from pathlib import Path

from fdm_platform.engines.filesystem import remove_if_empty, remove_tree
from fdm_platform.model.rejected import REJECTED

log = logging.getLogger(__name__)


def rejected_folder(folder: str, load_id: str) -> str:
    """Where a load's rejected rows of a date lie, below its staging folder and below the table alike."""
    return f"{REJECTED}/{folder}/load_id={load_id}"


def keep_rejected(root: Path, staging: Path, folder: str, load_id: str) -> Path | None:
    """Move the rows that a load rejected beside its table; the folder where they lie, or None if there are none.

    `staging` is the date's staging folder, `folder` the name of its live folder. Call it before the date is
    moved: what stands in staging has recovery come back. Idempotent.
    """
    staged, kept = (place / rejected_folder(folder, load_id) for place in (staging, root))
    if staged.is_dir() and not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(kept)
    return kept if kept.exists() else None


def prune_rejected(root: Path, folder: str, most: int) -> None:
    """Remove the rejected rows of all but the newest `most` loads of a date; litter is no reason to fail."""
    loads = root / REJECTED / folder
    if not loads.is_dir():
        return
    newest_first = sorted(loads.iterdir(), key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
    for old in newest_first[most:]:
        try:
            remove_tree(old)
        except OSError as error:
            log.warning("kept rejected rows that could not be removed: %s", error)
    remove_if_empty(loads)
