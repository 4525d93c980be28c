"""The final line of attempts whose process died: execution_log never keeps one open. No Dagster here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from fdm_platform.control.execution_log.journal import Journal
from fdm_platform.control.execution_log.orphans import deliver_orphans
from fdm_platform.control.execution_log.rows import BY_DATE, STARTED, AttemptRows
from fdm_platform.control.side_table import SideTable
from fdm_platform.control.store import Predicate
from fdm_platform.control.values import Row
from fdm_platform.defs.platform import Platform
from fdm_platform.model.recovered import Recovered


def attempts_of_load(platform: Platform, table: str, load_id: str) -> list[Row]:
    """A load's attempts at dates of a table, as fdm_attempts has them."""
    where = [Predicate("table_name", "=", table), Predicate("load_id", "=", load_id)]
    return SideTable(platform.store, BY_DATE).rows(where)


GONE = "its process is gone"
"""How the reason of an attempt begins whose process could not write its end."""


def close_attempts(
    platform: Platform, find: Callable[[], Iterable[Row]], why: str, *, is_dry_run: bool = False
) -> list[Recovered]:
    """Write the final line of those attempts that have none and that no living process of this machine writes.

    One whose date the load had published is Completed, the others Failed for the reason given. May be repeated, and
    done by two at once: the first final line stands.
    """
    journal = Journal(platform.settings.journal)
    if not is_dry_run:
        deliver_orphans(platform.store, journal.folder)  # the store may not know that there was an attempt
    is_open = [row for row in find() if row["status"] == STARTED]
    return [_close(platform, row, why, is_dry_run) for row in is_open if not journal.is_owned(row["id"])]


def close_orphans(platform: Platform, *, is_dry_run: bool = False) -> list[Recovered]:
    """Close the attempts that processes of this machine left, of loads that are not under way; by the journal.

    What of the journal is of no use any more goes.
    """
    journal, closed = Journal(platform.settings.journal), list[Recovered]()
    if not is_dry_run:
        deliver_orphans(platform.store, journal.folder)
    rows, loads = AttemptRows(platform.store), platform.loads
    for entry in journal.unfinished():
        row = entry.last()
        standing = rows.find(row["id"]) if row else None
        is_ended = standing is not None and standing["status"] != STARTED
        if is_ended and not is_dry_run:
            entry.remove()
        else:
            entry.release()
        if row and not is_ended and row.get("load_id") and loads.find(row["load_id"]) is None:
            closed.append(_close(platform, row, GONE, is_dry_run))
    return closed


def _close(platform: Platform, attempt: Row, why: str, is_dry_run: bool) -> Recovered:
    published = platform.ledger.versions(attempt["table_name"], attempt["biz_dt"])
    is_live = any(p.load_id == attempt["load_id"] for p in published)
    status: Literal["Completed", "Failed"] = "Completed" if is_live else "Failed"
    if not is_dry_run:
        platform.execution_log.finish(attempt["id"], status=status, error=None if is_live else why)
        _repeat_by_date(platform, attempt)
    detail = status if is_live else f"{status}: {why}"
    return Recovered("attempt closed", attempt["load_id"], attempt["table_name"], attempt["biz_dt"], detail)


def _repeat_by_date(platform: Platform, attempt: Row) -> None:
    """The end in fdm_attempts, too: the log knows no date where others deliver the dead process's journal just now."""
    rows = AttemptRows(platform.store)
    final = rows.find(attempt["id"])
    if final and final["status"] != STARTED:
        rows.write({**attempt, "status": final["status"]})
