"""What the control tables say of landing tables, for verdicts on their dates. No Dagster here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from fdm_platform.control.parents import control_dates, read_parents
from fdm_platform.defs.breaking import waiting
from fdm_platform.defs.platform import Platform
from fdm_platform.model.breaker import Breaker
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.dependency import UNPUBLISHED, Dependency, ParentState


@dataclass(frozen=True)
class StoreFacts:
    """Facts, read from the control store when they are asked for."""

    platform: Platform
    now: datetime
    _rows: dict[str, dict[date, ProcessControlRow | None]] = field(default_factory=dict)

    def today(self, table: str) -> date:
        """The date in the zone of the table's calendar."""
        spec = self.platform.catalog.tables[table]
        return self.now.astimezone(self.platform.catalog.calendars.of(spec).zone).date()

    def start(self, table: str) -> date:
        """The first date of the table's calendar."""
        return self.platform.catalog.calendars.of(self.platform.catalog.tables[table]).start

    def dependencies(self, table: str) -> Sequence[Dependency]:
        """What the table waits for."""
        return self.platform.dependencies.of.get(table, ())

    def rows(self, table: str, dates: Collection[date]) -> Mapping[date, ProcessControlRow]:
        """Its control rows of these dates, those that there are and that can be used; a source's are read once."""
        spec = self.platform.catalog.tables.get(table)
        if spec is None:
            return {}
        known = self._rows.setdefault(spec.partition_set, {})
        if unknown := [d for d in dates if d not in known]:
            found = {r.biz_dt: r for r in self.platform.usable_control_rows(spec, unknown)}
            known |= {d: found.get(d) for d in unknown}
        return {d: row for d in dates if (row := known[d])}

    def published(self, table: str, dates: Collection[date]) -> Mapping[date, Published]:
        """What is published of these dates."""
        return self.platform.ledger.published(table, dates)

    def parked(self, table: str) -> Mapping[date, DeadLetter]:
        """Its dead letters."""
        return self._letters.get(table, {})

    def waiting(self, table: str) -> str:
        """Why its breakers let no load begin."""
        return waiting(self._breakers, self.platform.catalog.tables[table])

    @cached_property
    def _letters(self) -> Mapping[str, Mapping[date, DeadLetter]]:
        """Of all tables, in one scan."""
        return self.platform.dead_letters.all()

    @cached_property
    def _breakers(self) -> Sequence[Breaker]:
        """Those that are not closed, in one scan."""
        return self.platform.breakers.not_closed()

    def parent(self, dependency: Dependency, dates: Collection[date]) -> ParentState:
        """The parent's dates, as far as these dates of the child need them."""
        store, tables = self.platform.store, self.platform.catalog.tables
        states = read_parents(store, tables, [dependency], dates)
        state = states.get(dependency.parent, UNPUBLISHED)
        if dependency.dates.rule == "latest" and dates:  # a newer date may be due, which is not published yet
            return replace(state, known=control_dates(store, tables[dependency.parent], max(dates)))
        return state
