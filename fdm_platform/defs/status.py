"""The state of landing tables' dates, read from the control tables. No Dagster here.

A source's process_control is read once and without the columns that do not matter, a table's ledger and
attempts once, job_master and sys_params once for all tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from graphlib import TopologicalSorter

from fdm_platform.control.attempts import newest_attempts, read_attempts
from fdm_platform.control.control_states import control_states
from fdm_platform.control.job_settings import JobSettings, read_job_settings
from fdm_platform.control.parents import control_dates, read_parents
from fdm_platform.control.rows import RowProblem
from fdm_platform.defs.platform import Platform
from fdm_platform.errors import FdmError
from fdm_platform.model.calendar import EPOCH, Calendar
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.dependency import Dependency, ParentState
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.secrets import Secrets
from fdm_platform.planning.status import Basis, Expectations, TableStatus, table_status
from fdm_platform.planning.versions import settings_version

RECENT = timedelta(days=4 * 365 + 1)
"""How far back a load looks to tell how its table stands."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """A table's status, or why there is none."""

    spec: TableSpec
    status: TableStatus | None
    errors: tuple[FdmError, ...] = ()
    """What could not be read. With a status, it leaves out what depends on that."""

    @property
    def summary(self) -> TableReport:
        """The same without its dates."""
        return replace(self, status=self.status and self.status.summary)


def read_status(platform: Platform, spec: TableSpec) -> TableStatus:
    """The state of all dates of one table, as of now. Raises what is wrong with its control tables."""
    return Statuses(platform, [spec]).of(spec)


def read_recent_status(platform: Platform, spec: TableSpec, loaded: Collection[date]) -> TableStatus:
    """The state of the table's dates of the last four years: what it costs does not grow with history.

    Of a source that has had no date since, those of four years on either side of the newest date `loaded`.
    """
    return Statuses(platform, [spec]).recent(spec, max(loaded))


@dataclass
class Statuses:
    """Reads the status of some tables, as of one time."""

    platform: Platform
    specs: Sequence[TableSpec]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _control: dict[str, tuple[list[ProcessControlRow], list[RowProblem]]] = field(default_factory=dict)
    _versions: dict[str, dict[date, int]] = field(default_factory=dict)

    def reports(self) -> Iterator[TableReport]:
        """One for each table, parents first; one that is broken does not take down the others."""
        for spec in _parents_first(self.specs, self.platform.dependencies.of):
            try:
                yield self._report(spec)
            except FdmError as error:
                yield TableReport(spec, None, (error,))

    def of(self, spec: TableSpec) -> TableStatus:
        """All dates of a table."""
        return self._status(spec, self.settings_of(spec))

    def recent(self, spec: TableSpec, loaded: date) -> TableStatus:
        """The dates of the last four years, with what is expected of them; see `read_recent_status`."""
        calendar = self.platform.catalog.calendars.of(spec)
        first, last = self.now.astimezone(calendar.zone).date() - RECENT, date.max
        dates = self._dates_between(spec, first, last)
        if loaded < first and not dates:
            first, last = loaded - RECENT, loaded + RECENT
            dates = self._dates_between(spec, first, last)
        # A start that nobody declared stays so: dates are expected from the first known one on.
        start = max(calendar.start, first) if calendar.start > EPOCH else calendar.start
        ending = replace(calendar, start=start, end=min(calendar.end, last))
        return self.of_dates(spec, dates or [loaded], ending)

    def _dates_between(self, spec: TableSpec, first: date, last: date) -> list[date]:
        """Of process_control; of a source without control rows, the calendar's until now."""
        calendar = self.platform.catalog.calendars.of(spec)
        if not calendar.control_rows:
            return list(calendar.expected(first, min(last, self.now.astimezone(calendar.zone).date())))
        return control_dates(self.platform.store, spec, last, first)

    def of_dates(
        self, spec: TableSpec, dates: Collection[date], calendar: Calendar | None = None
    ) -> TableStatus:
        """Some dates of a table: of process_control, ledger and attempts, only those are read.

        What is merely expected is among them where a calendar that ends with them is given.
        """
        store, ledger = self.platform.store, self.platform.ledger
        dependencies = self._dependencies(spec)
        states = read_parents(store, self.platform.catalog.tables, dependencies, dates)
        parents = {d: states[d.parent] for d in dependencies if d.parent in states}
        rows, problems = control_states(store, spec.entity, spec.source_system, dates)
        published = ledger.published(spec.name, dates)
        if calendar is None:
            expectations = replace(self.expectations(spec, ()), absent=())
        else:
            known = dates if calendar.control_rows else published.keys()
            expectations = Expectations.by(calendar, known, self.now)
        return table_status(
            spec.name,
            rows=rows,
            published=published,
            attempts=newest_attempts(read_attempts(store, spec.name, dates)),
            basis=Basis(spec.code_version, self.settings_of(spec), parents),
            expectations=expectations,
            broken=_broken(problems),
            parked=self._parked.get(spec.name),
        )

    def settings_of(self, spec: TableSpec) -> str:
        """The settings version that a load would have now."""
        return settings_version(
            spec=spec,
            job=self._settings.job(spec.job_name),
            sys_params=self._settings.params(spec.job_name),
            environment=self.platform.settings.environment,
            secrets=Secrets(self.platform.settings.secret_names),
        )

    def expectations(self, spec: TableSpec, known: Collection[date]) -> Expectations:
        """What the table's calendar says, and expects besides the `known` dates."""
        return Expectations.by(self.platform.catalog.calendars.of(spec), known, self.now)

    def _report(self, spec: TableSpec) -> TableReport:
        errors: list[FdmError] = [problem.error for problem in self._rows(spec)[1]]
        try:
            settings = self.settings_of(spec)
        except FdmError as error:
            settings = ""
            errors.append(error)
        return TableReport(spec, self._status(spec, settings), tuple(errors))

    def _status(self, spec: TableSpec, settings: str) -> TableStatus:
        (rows, problems), dependencies = self._rows(spec), self._dependencies(spec)
        published = self._published(spec)
        has_rows = self.platform.catalog.calendars.of(spec).control_rows
        known = {row.biz_dt for row in rows} if has_rows else published.keys()
        return table_status(
            spec.name,
            rows=rows,
            published=published,
            attempts=newest_attempts(read_attempts(self.platform.store, spec.name)),
            basis=Basis(spec.code_version, settings, {d: self._parent(d) for d in dependencies}),
            expectations=self.expectations(spec, known),
            broken=_broken(problems),
            parked=self._parked.get(spec.name),
        )

    @cached_property
    def _settings(self) -> JobSettings:
        names = [spec.job_name for spec in self.specs]
        return read_job_settings(self.platform.store, self.platform.settings.environment, names)

    @cached_property
    def _parked(self) -> Mapping[str, Mapping[date, DeadLetter]]:
        return self.platform.dead_letters.all()

    @cached_property
    def _read_by_others(self) -> frozenset[str]:
        return frozenset(d.parent for spec in self.specs for d in self._dependencies(spec))

    def _dependencies(self, spec: TableSpec) -> Sequence[Dependency]:
        return self.platform.dependencies.of.get(spec.name, ())

    def _rows(self, spec: TableSpec) -> tuple[list[ProcessControlRow], list[RowProblem]]:
        if spec.partition_set not in self._control:
            found = control_states(self.platform.store, spec.entity, spec.source_system)
            self._control[spec.partition_set] = found
        return self._control[spec.partition_set]

    def _published(self, spec: TableSpec) -> Mapping[date, Published]:
        """What is published; of a table that others read, the versions are kept."""
        published = self.platform.ledger.published(spec.name)
        if spec.name in self._read_by_others:
            self._versions[spec.name] = {d: p.version for d, p in published.items()}
        return published

    def _parent(self, dependency: Dependency) -> ParentState:
        parent = self.platform.catalog.tables[dependency.parent]
        if parent.name not in self._versions:
            self._published(parent)
        needs_known = dependency.dates.needs_known_dates
        known = [row.biz_dt for row in self._rows(parent)[0]] if needs_known else None
        return ParentState(self._versions[parent.name], known)


def _broken(problems: Sequence[RowProblem]) -> dict[date, str]:
    """Those of a date that can be read."""
    return {problem.biz_dt: problem.error.message for problem in problems if problem.biz_dt}


def _parents_first(
    specs: Sequence[TableSpec], dependencies: Mapping[str, Sequence[Dependency]]
) -> list[TableSpec]:
    """There is no cycle among them."""
    by_name = {spec.name: spec for spec in specs}
    order = TopologicalSorter(
        {name: {d.parent for d in dependencies.get(name, ())} for name in by_name}
    ).static_order()
    return [by_name[name] for name in order if name in by_name]
