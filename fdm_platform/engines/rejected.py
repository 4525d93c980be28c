"""Rejected rows of a date, from its staging folder to `<table>/_rejected/biz_dt=…/load_id=<load>/`.

They are moved before the date is published, whether it will be or not: that a date failed because too many rows
were bad is when somebody wants to see them. One rename to a name that no other load has replaces nothing, and may
be done again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from fdm_platform.engines.filesystem import remove_if_empty, remove_tree
from fdm_platform.errors import PublishError
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.rejected import REJECTED

log = logging.getLogger(__name__)


def rejected_folder(folder: str, load_id: str) -> str:
    """Where a load's rejected rows of a date lie, below its staging folder and below the table alike."""
    return f"{REJECTED}/{folder}/load_id={load_id}"


def keep_rejected_rows(plan: LoadPlan, date: DatePlan) -> Path | None:
    """What `keep_rejected` says, of a date of a load: one load more than the versions that are kept."""
    most = plan.output.keep_versions + 1
    return keep_rejected(Path(plan.output.root), Path(date.staging), date.folder, plan.load_id, most)


def keep_rejected(root: Path, staging: Path, folder: str, load_id: str, most: int) -> Path | None:
    """Move the rows that a load rejected beside its table; where they lie now, or None if it rejected none.

    `root` is the table's folder, `staging` the date's staging folder, `folder` the name of its live folder, `most`
    how many loads' rejected rows of the date are kept, this one's among them. PublishError: the disk refuses.
    """
    staged, kept = (place / rejected_folder(folder, load_id) for place in (staging, root))
    if staged.is_dir() and not kept.exists():
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # another has just moved them
                staged.rename(kept)
        except OSError as error:
            raise PublishError(
                f"cannot keep the rejected rows of load {load_id}: {error.strerror or error}",
                file=str(kept),
                remedy="free disk space or mend the permissions, then run the date again",
            ) from error
        for emptied in (staged.parent, staged.parent.parent):
            remove_if_empty(emptied)
        _prune(kept.parent, most)
    return kept if kept.exists() else None


def _prune(loads: Path, most: int) -> None:
    """Remove all but the newest; litter that stays is no reason to fail a publish."""
    newest_first = sorted(loads.iterdir(), key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
    for old in newest_first[most:]:
        try:
            remove_tree(old)
        except OSError as error:
            log.warning("kept rejected rows that could not be removed: %s", error)
