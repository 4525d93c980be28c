"""Claims: a load has a business date of a table to itself before it begins to work on it.

A claim is an insert of (table, date, next version), and its number is the version that the load may publish. So
one number is lock, fence and version (docs/adr/0016-a-claim-is-a-version.md): of two loads one alone inserts it,
and a load that was declared dead finds its number void in the ledger, whatever became of its claim. That a claim
is held says who is at work; what may be published is decided by the ledger alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.side_table import SideTable
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.errors import RowExistsError
from fdm_platform.model.claim import Claim

TABLE = "fdm_claims"


class Claims:
    """The claims of all loads, in a control store. Every method may be repeated: a lost answer does no harm."""

    def __init__(self, store: ControlStore) -> None:
        self._table = SideTable(store, TABLE)
        self._ledger = Ledger(store)

    def claim(self, table_name: str, biz_dt: date, load_id: str) -> Claim:
        """Claim a date. The claim that stands: this load's own, or that of the load which has the date."""
        return self.claim_dates(table_name, [biz_dt], load_id)[0]

    def claim_dates(self, table_name: str, dates: Collection[date], load_id: str) -> list[Claim]:
        """Claim dates in their order, up to the first that another load has: that one's claim is the last.

        Later dates are then not claimed: who waits holds earlier dates only, so that no two loads wait for
        each other.
        """
        standing: list[Claim] = []
        rest = sorted(set(dates))
        while rest:
            settled = self._claim_some(table_name, rest, load_id)
            standing += settled
            rest = rest[len(settled) :]
            if settled and settled[-1].load_id != load_id:
                break
        return standing

    def holder(self, table_name: str, biz_dt: date) -> Claim | None:
        """The claim of whoever works on a date."""
        return self._lowest(table_name, [biz_dt]).get(biz_dt)

    def of_load(self, load_id: str) -> list[Claim]:
        """What a load has claimed, in order of date."""
        found = [Claim(**row) for row in self._table.rows([Predicate("load_id", "=", load_id)])]
        return sorted(found, key=lambda c: (c.table_name, c.biz_dt))

    def all(self) -> list[Claim]:
        """Every claim, in order of table and date."""
        found = [Claim(**row) for row in self._table.rows()]
        return sorted(found, key=lambda c: (c.table_name, c.biz_dt, c.version))

    def release(self, claims: Iterable[Claim]) -> None:
        """Give dates free. A number that was published or is void is never claimed again, so no other's claim goes."""
        keys = [{"table_name": c.table_name, "biz_dt": c.biz_dt, "version": c.version} for c in claims]
        if keys:
            self._table.delete(keys)

    def _claim_some(self, table_name: str, dates: list[date], load_id: str) -> list[Claim]:
        """Claims of the first of the dates; none where the ledger went on meanwhile: then ask again.

        What is claimed behind the first date that is not this load's is released.
        """
        mine, blocking = self._insert(table_name, dates, load_id)
        numbers = self._ledger.next_versions(table_name, [c.biz_dt for c in mine])
        others = self._lowest(table_name, [c.biz_dt for c in mine], but=load_id)
        for n, claim in enumerate(mine):
            other = others.get(claim.biz_dt)
            # Published but not released yet: its swap may not have come to its end.
            is_behind = other is not None and other.version < claim.version
            if numbers[claim.biz_dt] != claim.version or is_behind:
                self.release(mine[n:])
                return [*mine[:n], other] if other and is_behind else mine[:n]
        return [*mine, blocking] if blocking else mine

    def _insert(self, table_name: str, dates: list[date], load_id: str) -> tuple[list[Claim], Claim | None]:
        """A claim for each of the dates up to the first whose number another load has claimed, and that one's."""
        numbers, now = self._ledger.next_versions(table_name, dates), datetime.now(UTC)
        mine: list[Claim] = []
        for biz_dt in dates:
            claim = Claim(table_name, biz_dt, numbers[biz_dt], load_id, now)
            try:
                self._table.insert(asdict(claim))
            except RowExistsError:
                standing = self._find(claim)
                if standing is None or standing.load_id != load_id:
                    return mine, standing
                claim = standing  # an earlier try of this load, whose answer was lost
            mine.append(claim)
        return mine, None

    def _find(self, like: Claim) -> Claim | None:
        of_date = self._of_dates(like.table_name, [like.biz_dt])
        return next((c for c in of_date if c.version == like.version), None)

    def _lowest(self, table_name: str, dates: Collection[date], but: str | None = None) -> dict[date, Claim]:
        """Of each date the claim that was there first, leaving out those of the load `but`."""
        found = [c for c in self._of_dates(table_name, dates) if c.load_id != but]
        return {c.biz_dt: c for c in sorted(found, key=lambda c: c.version, reverse=True)}

    def _of_dates(self, table_name: str, dates: Collection[date]) -> list[Claim]:
        if not dates:
            return []
        where = [
            Predicate("table_name", "=", table_name),
            Predicate("biz_dt", ">=", min(dates)),
            Predicate("biz_dt", "<=", max(dates)),
        ]
        wanted = set(dates)
        return [Claim(**row) for row in self._table.rows(where) if row["biz_dt"] in wanted]
