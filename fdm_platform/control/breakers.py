"""Circuit breakers: what happened to the loads of a source system or a cluster, in a control store.

A row is inserted with the number after the newest: of two processes that write at once one alone succeeds, the
other looks again. So exactly one is the probe, and nothing is counted twice or lost by a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from fdm_platform.control.side_table import SideTable
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.crash import reached
from fdm_platform.errors import RowExistsError
from fdm_platform.model.breaker import Breaker, BreakerEvent, EventKind, Scope
from fdm_platform.model.limits import BreakerLimits
from fdm_platform.planning.breaker import fold

TABLE = "fdm_breakers"
MOST_CHARACTERS = 1_000
"""Of an error's first line."""


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class Breakers:
    """The breakers of a deployment. Where the table was never made, all are closed."""

    def __init__(
        self, store: ControlStore, limits: Callable[[], BreakerLimits], now: Callable[[], datetime] = utc_now
    ) -> None:
        """`limits` is asked at each look: they may change while a process lives."""
        self._table = SideTable(store, TABLE)
        self._limits = limits
        self._now = now

    def of(self, scope: Scope, name: str) -> Breaker:
        """How one stands now."""
        return fold(scope, name, self._events(scope, name), self._limits(), self._now())

    def not_closed(self) -> list[Breaker]:
        """Those that keep somebody waiting, by scope and name; one scan."""
        events: dict[tuple[Scope, str], list[BreakerEvent]] = {}
        for row in self._table.rows():
            event = BreakerEvent(**row)
            events.setdefault((event.scope, event.name), []).append(event)
        limits, now = self._limits(), self._now()
        found = [fold(scope, name, of, limits, now) for (scope, name), of in sorted(events.items())]
        return [b for b in found if b.state != "closed"]

    def note_success(self, scope: Scope, name: str, load_id: str) -> None:
        """A load was served: the breaker closes. Of one that had nothing against it, nothing is written."""
        while (breaker := self.of(scope, name)).failures:
            if self._insert(breaker, "success", load_id):
                self._forget(scope, name, breaker.seq)
                return

    def note_failure(self, scope: Scope, name: str, load_id: str, error: str) -> None:
        """Something was away. Of a load that began before the breaker opened, nothing is written."""
        while (breaker := self.of(scope, name)).state == "closed" or breaker.probe == load_id:
            if self._insert(breaker, "failure", load_id, error=error[:MOST_CHARACTERS]):
                if self.of(scope, name).must_wait:
                    reached("breaker.opened")
                return

    def note_gone(self, scope: Scope, name: str, load_id: str) -> None:
        """A load ended for reasons of its own: where it was the probe, another may be."""
        while (breaker := self.of(scope, name)).probe == load_id:
            if self._insert(breaker, "gone", load_id):
                return

    def take_probe(self, breaker: Breaker, load_id: str) -> bool:
        """True for the one load that may try now, of all that saw the breaker as it is given."""
        until = self._now() + timedelta(seconds=self._limits().longest_s)
        return breaker.may_probe and self._insert(breaker, "probe", load_id, until=until)

    def _insert(
        self,
        seen: Breaker,
        kind: EventKind,
        load_id: str,
        *,
        error: str | None = None,
        until: datetime | None = None,
    ) -> bool:
        """False where somebody else wrote since."""
        event = BreakerEvent(seen.scope, seen.name, seen.seq + 1, kind, self._now(), until, load_id, error)
        try:
            self._table.insert(asdict(event))
        except RowExistsError:
            return False
        return True

    def _forget(self, scope: Scope, name: str, newest: int) -> None:
        """Events before a success. The success stays: the next number is counted from it."""
        rows = self._table.rows(_of(scope, name), ("seq",))
        self._table.delete(
            [{"scope": scope, "name": name, "seq": r["seq"]} for r in rows if r["seq"] <= newest]
        )

    def _events(self, scope: Scope, name: str) -> list[BreakerEvent]:
        return [BreakerEvent(**row) for row in self._table.rows(_of(scope, name))]


def _of(scope: Scope, name: str) -> list[Predicate]:
    return [Predicate("scope", "=", scope), Predicate("name", "=", name)]
