"""Whether a load that is registered goes on: one answer for all who ask. No Dagster here.

On its own machine its process tells. Of another machine's load there is only the beat in its row, and the clocks of
two machines are never compared: it is dead for whoever has seen the same beat for a whole lease by his own clock. A
wrong answer costs a load its work and nobody any data: what may be published is decided by the ledger (Ledger.void).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.owner import is_owned
from fdm_platform.model.claim import LoadRow
from fdm_platform.processes import start_of, this_host

_MOST_UNSEEN = 0.5
"""Time between two looks counts for at most this part of a lease."""
_EVERY_PART = 8
"""Who does nothing but wait for a beat looks so often in a lease."""

Seen = Sequence[Any]
"""A sighting as JSON keeps it."""

_under_way: set[str] = set()
"""Loads of this process: one of its own that is not here has ended, whatever the control store still says."""


class Clock:
    """Seconds since some moment of this machine's boot. Unlike the time of day, nobody sets it."""

    def now(self) -> float:
        """How late it is, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class _Sighting:
    mark: str
    at: float
    """When it was last looked at."""
    stood_s: float = 0.0
    """For how long it has stood so, as far as that counts."""
    longest_s: float = 0.0
    """The longest of that between two looks."""


class Watch:
    """What stands still while somebody looks at it again and again: the beat of a load of another machine.

    It has stood still when it was seen the same for a whole lease. Nobody knows what was between two looks: a control
    store that was away let nobody write. So the longest time between two looks does not count, and of no other more
    than half a lease: whoever one outage kept from writing, however long it was, had a whole lease besides.
    """

    def __init__(self, lease_s: float, clock: Clock = CLOCK, seen: Mapping[str, Seen] | None = None) -> None:
        """`seen` is that of an earlier watch by the same clock: of the same boot of the same machine."""
        self.lease_s = lease_s
        self.clock = clock
        self._before = {name: _Sighting(*of) for name, of in (seen or {}).items()}
        self._seen: dict[str, _Sighting] = {}

    def has_stood(self, name: str, mark: object) -> bool:
        """Look at it; true where it has been the same for a whole lease. Never at the first look."""
        before, now = self._seen.get(name) or self._before.get(name), self.clock.now()
        if before is None or before.mark != str(mark):
            self._seen[name] = _Sighting(str(mark), now)
            return False
        unseen_s = min(now - before.at, self.lease_s * _MOST_UNSEEN)
        stood_s, longest_s = before.stood_s + unseen_s, max(before.longest_s, unseen_s)
        self._seen[name] = _Sighting(before.mark, now, stood_s, longest_s)
        return stood_s - longest_s >= self.lease_s

    @property
    def seen(self) -> dict[str, Seen]:
        """What was looked at, for the next watch; as JSON has it."""
        return {name: astuple(of) for name, of in self._seen.items()}


def note_begun(load_id: str) -> None:
    """A load of this process is under way."""
    _under_way.add(load_id)


def note_over(load_id: str) -> None:
    """This process is done with a load."""
    _under_way.discard(load_id)


def is_alive(row: LoadRow, watch: Watch | None = None) -> bool:
    """The load goes on, as far as can be seen from here.

    On its own machine by the process, and by the lock of the load's folder, where there is one: a process that
    lives and has let go of it is done with the load, and who holds it after the process's death only puts the
    load in order. A load of another machine lives until the watch has seen its beat stand still; at a single look
    nobody can tell.
    """
    if row.host != this_host():
        return watch is None or not watch.has_stood(row.load_id, row.beat_at)
    if (row.pid, row.process_start) == (os.getpid(), start_of(os.getpid())):
        return row.load_id in _under_way
    is_let_go = row.folder is not None and is_owned(row.folder) is False
    return start_of(row.pid) == row.process_start and not is_let_go


def watch_others(
    platform: Platform, watch: Watch, tell: Callable[[str], object], tables: Collection[str] | None = None
) -> None:
    """Look at the loads of other machines until each has been heard of, has ended, or was silent for a lease.

    Of these tables, or of all; `tell` hears for which it waits. A living one is heard of after a quarter of a lease.
    """
    rows = _of_others(platform, tables)
    first = {row.load_id: row.beat_at for row in rows}
    told = set[str]()
    while rows := [r for r in rows if first.get(r.load_id) == r.beat_at and is_alive(r, watch)]:
        for row in rows:
            if row.load_id not in told:
                tell(_waits_for(row, watch.lease_s))
                told.add(row.load_id)
        watch.clock.sleep(watch.lease_s / _EVERY_PART)
        rows = _of_others(platform, tables)


def _of_others(platform: Platform, tables: Collection[str] | None) -> list[LoadRow]:
    rows = platform.loads.open_ones()
    return [r for r in rows if r.host != this_host() and (tables is None or r.table_name in tables)]


def _waits_for(row: LoadRow, lease_s: float) -> str:
    of = f"load {row.load_id} of {row.table_name}, process {row.pid} on {row.host.partition('/')[0]}"
    return f"waiting for a sign of {of}: if there is none for {lease_s:.0f} s, it is dead"
