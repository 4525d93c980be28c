"""The loads under way, and whether each one's process still lives: one answer for all who ask.

A row is written before a load claims or stages anything, and goes when the load ends. So what is claimed or staged
by a load that has no row belongs to nobody. Whether a load lives decides when it may be declared dead; that it
publishes nothing afterwards is the ledger's business (Ledger.void), so a wrong answer costs work and never data.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from fdm_platform.control.schema import find_table
from fdm_platform.control.side_table import SideTable
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.errors import FdmError
from fdm_platform.model.claim import LoadRow
from fdm_platform.processes import start_of, this_host

TABLE = "fdm_loads"
_REQUIRED = tuple(c.name for c in find_table(TABLE).columns if not c.is_nullable)
"""An upsert has to give these, also of a row that is there."""
BEATS_PER_LEASE = 4
"""How often a load is heard of before others take it for dead."""

LAST_BEAT_S = 5.0
"""How long the end of a load waits for a beat that is on its way."""

log = logging.getLogger(__name__)

OwnerOf = Callable[[str], bool | None]
"""Whether a living process holds the lock of a load's folder; None where the folder has no lock."""


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class Loads:
    """The rows of fdm_loads in a control store."""

    def __init__(self, store: ControlStore, now: Callable[[], datetime] = utc_now) -> None:
        self._table = SideTable(store, TABLE)
        self._now = now

    def open(self, load: LoadRow) -> None:
        """Write a load's row; of a load that another process takes over, the new process stands in it."""
        self._table.upsert([asdict(load)])

    def beat(self, load_id: str) -> bool:
        """Say that a load lives; False where its row is gone: somebody has declared it dead."""
        return self._change(load_id)

    def note_application(self, load_id: str, application_id: str) -> bool:
        """Write Spark's id of the application; False where the load's row is gone."""
        return self._change(load_id, application_id=application_id)

    def note_plan(self, load_id: str, *, identity: str, master: str) -> bool:
        """Write what the load is about to submit, and where to; False where the load's row is gone."""
        return self._change(load_id, plan_identity=identity, master=master)

    def end(self, load_id: str) -> None:
        """The load is over, and nothing of it is claimed or staged any more: its row goes."""
        self._table.delete([{"load_id": load_id}])

    def find(self, load_id: str) -> LoadRow | None:
        """A load's row while it is open."""
        rows = self._table.rows([Predicate("load_id", "=", load_id)])
        return LoadRow(**rows[0]) if rows else None

    def open_ones(self, table_name: str | None = None) -> list[LoadRow]:
        """Loads that have not ended, of one table or of all, oldest first."""
        where = [Predicate("table_name", "=", table_name)] if table_name else []
        found = [LoadRow(**row) for row in self._table.rows(where)]
        return sorted(found, key=lambda row: (row.started_at, row.load_id))

    def _change(self, load_id: str, **values: str) -> bool:
        """A beat, with these values. What is not given keeps its value, whoever writes it at the same time."""
        row = self.find(load_id)
        if row is None:
            return False
        required = {name: getattr(row, name) for name in _REQUIRED}
        self._table.upsert([{**required, "beat_at": self._now(), **values}])
        return True

    def is_alive(self, load: LoadRow, lease_s: float, owner_of: OwnerOf) -> bool:
        """The load's process lives, as far as can be seen from here.

        On its own host by the process, and by the lock of the load's folder, where there is one: a process that
        lives and has let go of it is done with the load, and who holds it after the process's death only puts the
        load in order. From elsewhere by its beat, which is younger than the lease.
        """
        if load.host != this_host():
            return self._now() - load.beat_at < timedelta(seconds=lease_s)
        is_let_go = load.folder is not None and owner_of(load.folder) is False
        return start_of(load.pid) == load.process_start and not is_let_go


class Beat:
    """While the block runs, a thread says every quarter of a lease that the load lives.

    A store that is away never ends a load: the next beat tries again.
    """

    def __init__(self, loads: Loads, load_id: str, lease_s: float) -> None:
        self._loads = loads
        self._load_id = load_id
        self._every_s = lease_s / BEATS_PER_LEASE
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"beat of {load_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        # A beat that is on its way would write the row again after it was removed.
        self._thread.join(LAST_BEAT_S)

    def _beat(self) -> None:
        while not self._is_over.wait(self._every_s):
            try:
                if not self._loads.beat(self._load_id):
                    log.warning("load %s was declared dead by another process", self._load_id)
                    return
            except FdmError as error:
                log.info("no beat of load %s: %s", self._load_id, error)
