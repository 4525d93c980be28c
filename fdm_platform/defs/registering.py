"""A load's place among others: it is registered as under way, and has its dates to itself until each is over.

No Dagster here. What a claim is, and why it needs no clock, is in docs/adr/0016-a-claim-is-a-version.md.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from fdm_platform.control.loads import Beat
from fdm_platform.crash import reached
from fdm_platform.defs.giving_up import OTHERS_WAIT_S, give_up
from fdm_platform.defs.liveness import CLOCK, Clock, Watch, is_alive, note_begun, note_over
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.load_folder import folder_of
from fdm_platform.engines.patience import pause_s
from fdm_platform.errors import ControlError, FdmError, LockedError, UnknownOutcomeError
from fdm_platform.model.claim import Claim, LoadRow
from fdm_platform.model.recovered import Recovered
from fdm_platform.processes import start_of, this_host

log = logging.getLogger(__name__)

Tell = Callable[[str], object]
"""Whom a load that waits tells why."""
GivesWay = Callable[[LoadRow], bool]
"""Whether a load does not wait for that one, which waits for it or will."""


def _never(_: LoadRow) -> bool:
    return False


@dataclass(slots=True)
class Registration:
    """A load under way: its row in fdm_loads, and its claims."""

    platform: Platform
    table: str
    load_id: str
    asked_by: str
    claims: dict[date, Claim] = field(default_factory=dict)
    """Dates that it has to itself, until they are released."""
    refused: dict[date, FdmError] = field(default_factory=dict)
    """Dates that another load kept to itself."""
    waited_for: set[date] = field(default_factory=set)
    """Dates that another load had to itself first."""
    recovered: list[Recovered] = field(default_factory=list)
    """What dead loads had left that held one of its dates."""
    _row: LoadRow | None = None
    """Its own of fdm_loads, while it is under way."""
    _beat: Beat | None = None
    is_left: bool = False
    """Something of it is left to recovery."""
    untold: set[date] = field(default_factory=set)
    """Dates that are live and of which nobody has been told: its row stays, by which recovery would find them."""

    @property
    def versions(self) -> dict[date, int]:
        """Of each claimed date the number that may be published."""
        return {day: claim.version for day, claim in self.claims.items()}

    def release(self, biz_dt: date, *, is_told: bool = True) -> None:
        """A date is over: others may have it. With the last one the load is over, too, once all is told (`note_told`).

        A store that is away keeps neither from being over: recovery does what is left.
        """
        claim = self.claims.pop(biz_dt, None)
        try:
            if claim:
                self.platform.claims.release([claim])
        except ControlError as error:
            log.warning("%s %s is not released yet: %s", self.table, biz_dt, error)
            self.is_left = True
        if not is_told:
            self.untold.add(biz_dt)
        self.end_with_last()

    def note_told(self, dates: Collection[date]) -> None:
        """Whoever follows these dates knows that they are live."""
        self.untold.difference_update(dates)
        self.end_with_last()

    def leave(self, biz_dt: date) -> None:
        """This process is done with a date of which nobody knows whether it is published: recovery settles it."""
        self.claims.pop(biz_dt, None)
        self.is_left = True
        self.end_with_last()

    def end(self) -> None:
        """The load has no date any more. One that left a date keeps its row, by which recovery finds it."""
        if self._beat is None:
            return
        self._beat.stop()
        self._beat = None
        note_over(self.load_id)
        if not self.is_left:
            self.platform.loads.end(self.load_id)

    def end_with_last(self) -> None:
        """End the load if no date is left, nor one to be told. A store that is away leaves that to recovery."""
        try:
            if not self.claims and not self.untold:
                self.end()
        except ControlError as error:
            log.warning("load %s is not ended yet: %s", self.load_id, error)

    def open(self) -> None:
        """Write the load's row; from now on a thread says that it lives."""
        now = datetime.now(UTC)
        row = LoadRow(
            load_id=self.load_id,
            table_name=self.table,
            host=this_host(),
            pid=os.getpid(),
            process_start=start_of(os.getpid()) or 0,
            started_at=now,
            beat_at=now,
            folder=str(folder_of(self.platform.settings.work, self.load_id).path),
            asked_by=self.asked_by,
        )
        self._begin(row)

    def take_over(self, row: LoadRow, claims: Iterable[Claim]) -> None:
        """Stand in the row of a load whose process is gone, with what that one had claimed."""
        now = datetime.now(UTC)
        self._begin(replace(row, pid=os.getpid(), process_start=start_of(os.getpid()) or 0, beat_at=now))
        self.claims = {c.biz_dt: c for c in claims}

    def _begin(self, row: LoadRow) -> None:
        loads = self.platform.loads
        loads.open(row)
        note_begun(self.load_id)
        self._row, self._beat = row, Beat(loads, row, self.platform.settings.lease_s)
        self._beat.start()

    def note_plan(self, *, identity: str, master: str) -> None:
        """Before Spark is submitted, so that whoever finds the load knows what to look for, and where."""
        if self._row:
            self.platform.loads.note_plan(self._row, identity=identity, master=master)

    @contextmanager
    def another(
        self, table: str, biz_dt: date, wait_s: float, tell: Tell, gives_way: GivesWay = _never
    ) -> Iterator[int]:
        """A date of another table for the same load, to itself while the block runs: the version it may publish.

        LockedError if another load keeps it, at once where `gives_way` says so of that load. One whose outcome nobody
        knows stays claimed, and this load's row stays.
        """
        beside = Registration(
            self.platform, table, self.load_id, self.asked_by
        )  # never opened: this row is for both
        beside.claim([biz_dt], wait_s, tell, gives_way=gives_way)
        self.recovered += beside.recovered
        if biz_dt in beside.refused:
            raise beside.refused[biz_dt]
        try:
            yield beside.claims[biz_dt].version
        except UnknownOutcomeError:
            self.is_left = True
            raise
        except BaseException:
            beside.release(biz_dt)
            raise
        beside.release(biz_dt)

    def claim(
        self,
        dates: Collection[date],
        wait_s: float,
        tell: Tell,
        clock: Clock = CLOCK,
        gives_way: GivesWay = _never,
    ) -> None:
        """Claim the dates in their order. What another living load keeps for longer than `wait_s` is refused.

        A load that waits holds earlier dates only, so no two wait for each other.
        """
        rest, claims = sorted(set(dates)), self.platform.claims
        waiting, watch = _Waiting(wait_s, tell, clock), Watch(self.platform.settings.lease_s, clock)
        while rest:
            standing = claims.claim_dates(self.table, rest, self.load_id)
            self.claims |= {c.biz_dt: c for c in standing if c.load_id == self.load_id}
            rest = [d for d in rest if d not in self.claims]
            if not rest:
                return
            holder = standing[-1]
            self.waited_for.add(holder.biz_dt)
            row = self.platform.loads.find(holder.load_id)
            if (row is None or not is_alive(row, watch)) and self._has_freed(holder, row, tell):
                continue
            is_given_up = row is not None and gives_way(row)
            if is_given_up or not waiting.goes_on(holder, row):
                self.refused[rest[0]] = _locked(holder, row, 0.0 if is_given_up else wait_s)
                rest = rest[1:]

    def _has_freed(self, holder: Claim, row: LoadRow | None, tell: Tell) -> bool:
        """The claim of a load that is gone is not there any more, or is nobody's: another look will tell."""
        if self.platform.claims.holder(self.table, holder.biz_dt) != holder:  # it has just ended by itself
            return True
        tell(f"{holder.biz_dt} was held by load {holder.load_id}, whose process is gone")
        try:
            # One without a row has ended, or was given up by somebody else: there is nobody to wait for.
            done = give_up(self.platform, holder.load_id, row, wait_s=OTHERS_WAIT_S if row else 0.0)
        except OSError as error:
            log.warning("load %s is not given up: %s", holder.load_id, error)
            return False
        self.recovered += done
        return bool(done) or self.platform.claims.holder(self.table, holder.biz_dt) != holder


@dataclass(slots=True)
class _Waiting:
    """The waits of a load for others, the longest of which is that for one date."""

    wait_s: float
    tell: Tell
    clock: Clock
    for_date: date | None = None
    until: float = 0.0
    waited: int = 0

    def goes_on(self, holder: Claim, row: LoadRow | None) -> bool:
        """Wait a little; False where the wait for this date is over."""
        if holder.biz_dt != self.for_date:
            self.for_date, self.waited = holder.biz_dt, 0
            self.until = self.clock.now() + self.wait_s
            if self.wait_s:
                self.tell(f"{_held(holder, row)}; waiting for it, at most {self.wait_s:.0f} s")
        left = self.until - self.clock.now()
        if left <= 0:
            return False
        self.clock.sleep(min(pause_s(self.waited), left))
        self.waited += 1
        return True


def register(
    platform: Platform,
    table: str,
    dates: Collection[date],
    load_id: str,
    *,
    asked_by: str,
    is_waiting: bool = True,
    tell: Tell = log.warning,
    clock: Clock = CLOCK,
) -> Registration:
    """Register a load and claim its dates, waiting for others unless it is told not to; `tell` hears for whom.

    Another machine's load is found dead only by one who waits, for longer than a lease (liveness.Watch).
    What cannot be had is in `refused`. ControlError, or whatever interrupts the wait, leaves nothing registered.
    """
    place = Registration(platform, table, load_id, asked_by)
    try:
        place.open()
        reached("begin.registered")
        place.claim(dates, platform.settings.lock_wait_s if is_waiting else 0.0, tell, clock)
        reached("begin.claimed")
    except BaseException:
        for biz_dt in list(place.claims):
            place.release(biz_dt)
        place.end_with_last()  # whatever came is told, not that the store is away now
        raise
    place.end_with_last()
    return place


@contextmanager
def registered(
    platform: Platform, table: str, biz_dt: date, load_id: str, *, asked_by: str, tell: Tell = log.warning
) -> Iterator[int]:
    """One date to oneself while the block runs: the version that it may publish. LockedError if another keeps it.

    A date whose outcome nobody knows is left to recovery.
    """
    place = register(platform, table, [biz_dt], load_id, asked_by=asked_by, tell=tell)
    if biz_dt in place.refused:
        raise place.refused[biz_dt]
    try:
        yield place.claims[biz_dt].version
    except UnknownOutcomeError:
        place.leave(biz_dt)
        raise
    except BaseException:
        place.release(biz_dt)
        raise
    place.release(biz_dt)


def _held(holder: Claim, row: LoadRow | None) -> str:
    of = f" (process {row.pid} on {row.host.partition('/')[0]}, asked by {row.asked_by})" if row else ""
    by = f"load {holder.load_id}{of}"
    return f"{holder.table_name} {holder.biz_dt} is being loaded by {by} since {holder.claimed_at:%Y-%m-%d %H:%M:%S} UTC"


def _locked(holder: Claim, row: LoadRow | None, wait_s: float) -> LockedError:
    waited = f"; waited {wait_s:.0f} s for it" if wait_s else ""
    return LockedError(
        f"{_held(holder, row)}{waited}",
        remedy="load the date again when that load has ended; `on_conflict: wait` in table.yaml waits for it",
    )
