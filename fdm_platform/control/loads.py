"""The loads under way: a row each, which its process writes again and again to say that it lives.

A row is written before a load claims or stages anything, and goes when the load ends. So what is claimed or staged
by a load that has no row belongs to nobody. Which loads live is told by defs/liveness.py.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from fdm_platform.control.schema import find_table
from fdm_platform.control.side_table import SideTable
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.errors import ControlUnavailableError
from fdm_platform.model.claim import LoadRow

TABLE = "fdm_loads"
_OF_PLAN = ("plan_identity", "master")
"""Columns that are written when the load is planned; a beat leaves them alone."""
_OF_PROCESS = tuple(c.name for c in find_table(TABLE).columns if c.name not in _OF_PLAN)
BEATS_PER_LEASE = 4
"""How often a load is heard of before others take it for dead."""

LAST_BEAT_S = 5.0
"""How long the end of a load waits for a beat that is on its way."""

log = logging.getLogger(__name__)


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

    def beat(self, load: LoadRow) -> bool:
        """Say that a load lives, and in which process; False where its row is gone: somebody has declared it dead."""
        return self._change(load)

    def note_plan(self, load: LoadRow, *, identity: str, master: str) -> bool:
        """Write what the load is about to submit, and where to; False where the load's row is gone."""
        return self._change(load, plan_identity=identity, master=master)

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

    def _change(self, load: LoadRow, **values: str) -> bool:
        """A beat, with these values. What is not given keeps its value, whoever writes it at the same time.

        The process stands in it as the caller knows it: a row may still name a dead one, whose last beat came late.
        """
        if self.find(load.load_id) is None:
            return False
        process = {name: getattr(load, name) for name in _OF_PROCESS}
        self._table.upsert([{**process, "beat_at": self._now(), **values}])
        return True


class Beat:
    """A thread that says every quarter of a lease that a load lives, from `start` to `stop`.

    A store that is away never ends a load: the next beat tries again.
    """

    def __init__(self, loads: Loads, load: LoadRow, lease_s: float) -> None:
        self._loads = loads
        self._load = load
        self._every_s = lease_s / BEATS_PER_LEASE
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"beat of {load.load_id}", daemon=True)

    def start(self) -> None:
        """The load's row has just been written: the first beat comes a quarter of a lease later."""
        self._thread.start()

    def stop(self) -> None:
        """No beat begins any more. One that is on its way would write the row again after it was removed."""
        self._is_over.set()
        self._thread.join(LAST_BEAT_S)

    def _beat(self) -> None:
        while not self._is_over.wait(self._every_s):
            try:
                if not self._loads.beat(self._load):
                    log.warning("load %s was declared dead by another process", self._load.load_id)
                    return
            except ControlUnavailableError as error:
                log.info("no beat of load %s: %s", self._load.load_id, error)
            except Exception as error:  # noqa: BLE001 - without this thread others take the load for dead
                log.warning("no beat of load %s: %s", self._load.load_id, error)
