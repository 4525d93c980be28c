"""Rejected rows of a date, from its staging folder to `<table>/_rejected/biz_dt=…/load_id=<load>/`.

They are moved before the date is published, whether it will be or not: that a date failed because too many rows
were bad is when somebody wants to see them. One rename to a name that no other load has replaces nothing, and may
be done again.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from fdm_platform.engines.folders import Folders, Where, open_folders, parent_of, refusal, text_of
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.rejected import REJECTED

log = logging.getLogger(__name__)


def rejected_folder(folder: str, load_id: str) -> str:
    """Where a load's rejected rows of a date lie, below its staging folder and below the table alike."""
    return f"{REJECTED}/{folder}/load_id={load_id}"


def keep_rejected_rows(plan: LoadPlan, date: DatePlan) -> str | None:
    """What `keep_rejected` says, of a date of a load: one load more than the versions that are kept."""
    most = plan.output.keep_versions + 1
    return keep_rejected(plan.output.root, date.staging, date.folder, plan.load_id, most)


def keep_rejected(root: Where, staging: Where, folder: str, load_id: str, most: int) -> str | None:
    """Move the rows that a load rejected beside its table; where they lie now, or None if it rejected none.

    `root` is the table's folder, `staging` the date's staging folder, `folder` the name of its live folder, `most`
    how many loads' rejected rows of the date are kept, this one's among them. PublishError: the disk refuses.
    """
    folders, below = open_folders(root), rejected_folder(folder, load_id)
    staged, kept = (f"{text_of(place)}/{below}" for place in (staging, root))
    try:
        if folders.exists(staged) and not folders.exists(kept):
            folders.make(parent_of(kept))
            with suppress(FileNotFoundError, FileExistsError):  # another has just moved them
                folders.rename(staged, kept)
            for emptied in (parent_of(staged), parent_of(parent_of(staged))):
                folders.remove_if_empty(emptied)
            _prune(folders, parent_of(kept), most)
        return kept if folders.exists(kept) else None
    except OSError as error:
        what = f"cannot keep the rejected rows of load {load_id}"
        raise refusal(what, error, kept, ", then run the date again") from error


def _prune(folders: Folders, loads: str, most: int) -> None:
    """Remove all but the newest; litter that stays is no reason to fail a publish."""
    places = [f"{loads}/{name}" for name in folders.children(loads)]
    newest_first = sorted(places, key=lambda p: (folders.changed_at(p), p), reverse=True)
    for old in newest_first[most:]:
        try:
            folders.remove(old)
        except OSError as error:
            log.warning("kept rejected rows that could not be removed: %s", error)
