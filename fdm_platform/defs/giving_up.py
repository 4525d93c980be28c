"""Giving a load up whose process is gone: its Spark ended, its numbers void, its dates free. No Dagster here.

The order is what makes it safe. First the numbers are made void in the ledger: from then on the load could publish
nothing if it came back. Only then is anything of it removed, and its row goes last: who dies in between is
followed by another who does all of it again, and two may do it at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fdm_platform.control.claims import Claims
from fdm_platform.control.execution_log.journal import Journal
from fdm_platform.control.execution_log.orphans import deliver_orphans
from fdm_platform.control.execution_log.rows import BY_DATE, STARTED, AttemptRows
from fdm_platform.control.loads import Loads
from fdm_platform.control.store import Predicate
from fdm_platform.control.values import Row
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.command import LoadFolder
from fdm_platform.engines.orphan import end_orphan
from fdm_platform.engines.publishing import settle
from fdm_platform.engines.swapping import discard
from fdm_platform.model.claim import Claim, LoadRow
from fdm_platform.processes import this_host

log = logging.getLogger(__name__)


def give_up(platform: Platform, load_id: str, row: LoadRow | None) -> None:
    """Declare a load dead, and put in order what it left; `row` is its own of fdm_loads, if it has one.

    A date whose number it had committed stays published, and its swap is finished. ControlError where the store
    cannot be reached, or is of a release that knows no void numbers: then nothing was removed.
    """
    why = f"its process is gone: {_process(row)}"
    if row and row.host == this_host() and row.folder:
        folder = LoadFolder(Path(row.folder))
        if ended := end_orphan(folder):
            log.warning("load %s: ended %d processes of Spark that its worker had left", load_id, ended)
        for file in (folder.secrets, folder.secret_properties):
            file.unlink(missing_ok=True)
    claims = Claims(platform.store)
    held = claims.of_load(load_id)
    for claim in held:
        _settle(platform, claim, why)
    close_attempts(platform, held, why)
    claims.release(held)
    Loads(platform.store).end(load_id)


def _settle(platform: Platform, claim: Claim, why: str) -> None:
    """The claimed number is void now, or was published: what is staged is removed, or brought live."""
    root = platform.settings.landing_root / claim.table_name
    if platform.ledger.void(claim.table_name, claim.biz_dt, claim.version, claim.load_id, why):
        try:
            discard(root / ".staging" / claim.load_id / claim.biz_dt.isoformat())
        except OSError as error:  # it may be tried again; the number is void whatever is left
            log.warning("what load %s staged is not removed: %s", claim.load_id, error)
        return
    current = platform.ledger.current(claim.table_name, claim.biz_dt)
    if current and current.load_id == claim.load_id:
        settle(root, current)


def close_attempts(platform: Platform, claims: Sequence[Claim], why: str) -> None:
    """Write the final line of the attempts at claimed dates that have none, and that no living process writes."""
    if not claims:
        return
    journal = Journal(platform.settings.journal)
    deliver_orphans(platform.store, journal.folder)  # the store may not know that there was an attempt
    for claim in claims:
        for attempt in _open_attempts(platform, claim):
            if not journal.is_owned(attempt["id"]):
                _close(platform, attempt, why)


def _open_attempts(platform: Platform, claim: Claim) -> list[Row]:
    where = [Predicate("table_name", "=", claim.table_name), Predicate("biz_dt", "=", claim.biz_dt)]
    rows = platform.store.scan(BY_DATE, where)
    return [row for row in rows if row["load_id"] == claim.load_id and row["status"] == STARTED]


def _close(platform: Platform, attempt: Row, why: str) -> None:
    published = platform.ledger.versions(attempt["table_name"], attempt["biz_dt"])
    is_live = any(p.load_id == attempt["load_id"] for p in published)
    status: Literal["Completed", "Failed"] = "Completed" if is_live else "Failed"
    platform.execution_log.finish(attempt["id"], status=status, error=None if is_live else why)
    rows = AttemptRows(platform.store)
    final = rows.find(attempt["id"])
    if (
        final and final["status"] != STARTED
    ):  # the log knows no date where others deliver the journal just now
        rows.write({**attempt, "status": final["status"]})


def _process(row: LoadRow | None) -> str:
    if row is None:
        return "it is not registered any more"
    host = row.host.partition("/")[0]
    return f"process {row.pid} on {host}, last heard of at {row.beat_at:%Y-%m-%d %H:%M:%S} UTC"
