"""Rows that dead processes left in the journal of execution_log: delivered by whoever comes next."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from fdm_platform.control.execution_log.journal import Journal, JournalEntry
from fdm_platform.control.execution_log.rows import STARTED, AttemptRows
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import ControlError, ControlUnavailableError

log = logging.getLogger(__name__)


def deliver_orphans(store: ControlStore, folder: Path) -> int:
    """Deliver what dead processes left in a journal's folder; how many rows. Processes may do this at once.

    A row that is in the store already stays one row. An attempt whose process died before its end keeps
    its file, marked: its start row is delivered once. ControlUnavailableError leaves the rest for the
    next time; OSError says that the folder cannot be read or written.
    """
    rows, delivered = AttemptRows(store), 0
    for entry in Journal(folder).undelivered():
        try:
            delivered += _deliver(rows, entry)
        except ControlUnavailableError:
            raise
        except ControlError as error:
            log.warning("execution_log: %s is not delivered: %s", entry.path, error)
        finally:
            entry.release()
    return delivered


@dataclass(frozen=True, slots=True)
class Orphans:
    """All that dead processes left in one journal. A Parcel."""

    store: ControlStore
    folder: Path

    def are_there(self) -> bool:
        """There may be any: one look at the folder, which counts the attempts of the living."""
        try:
            return Journal(self.folder).has_undelivered()
        except OSError as error:
            self.warn(error)
            return False

    def deliver(self) -> None:
        """Deliver them."""
        delivered = deliver_orphans(self.store, self.folder)
        if delivered:
            log.info("execution_log: delivered %d rows of earlier processes from %s", delivered, self.folder)

    def warn(self, error: Exception) -> None:
        """Say that they are there still."""
        log.warning("execution_log: rows of earlier processes are still in %s: %s", self.folder, error)


def _deliver(rows: AttemptRows, entry: JournalEntry) -> bool:
    row = entry.last()
    if row is None:  # the process died before it had written anything, here or in the store
        entry.remove()
        return False
    standing = rows.write(row)
    if standing["status"] == STARTED:
        standing = rows.find(row["id"]) or standing
    if standing["status"] == STARTED:
        entry.mark_delivered()
    else:
        entry.remove()
    return True
