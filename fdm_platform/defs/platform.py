"""The platform opened on its settings: catalog, control store and planner together. No Dagster here.

The command line plans with it in milliseconds, and starts Spark with it before Dagster is imported.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from fdm_platform.control.breakers import Breakers
from fdm_platform.control.claims import Claims
from fdm_platform.control.dead_letters import DeadLetters
from fdm_platform.control.dependencies import read_dependency_rows
from fdm_platform.control.execution_log.log import ExecutionLog
from fdm_platform.control.job_rows import JobRows, read_job_rows
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.legacy_jobs import jobs_file
from fdm_platform.control.loads import Loads
from fdm_platform.control.rows import process_control_rows, readable_rows_of, stored_process_control
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.control.values import Row
from fdm_platform.defs.legacy_jobs import read_catalog, refresh_jobs
from fdm_platform.defs.limits import limits_of
from fdm_platform.defs.parents import Parents, ParentTables
from fdm_platform.engines.filesystem import list_files
from fdm_platform.engines.job_folder import code_of
from fdm_platform.engines.published import list_published
from fdm_platform.errors import ControlError, DeclarationError, FdmError, UnknownTableError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.manifest import DateOutcome, LoadFailure
from fdm_platform.model.parameters import JobParameters
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import JobSpec, TableSpec
from fdm_platform.planning.catalog import Catalog
from fdm_platform.planning.dependencies import reads_of
from fdm_platform.planning.job_dependency import Dependencies, dependencies
from fdm_platform.planning.job_parameters import job_parameters
from fdm_platform.planning.parameters import job_params_document
from fdm_platform.planning.planner import due, require_one_date
from fdm_platform.planning.planner import plan as plan_load
from fdm_platform.planning.secrets import Secrets, masked
from fdm_platform.planning.versions import legacy_code_version

log = logging.getLogger(__name__)
_NEIGHBOURS = 3
"""Rows on either side of a missing date that its message chooses the nearest from."""


_of_definitions: dict[Path, Catalog] = {}


def use_catalog(catalog: Catalog) -> None:
    """Every Platform of this process has this catalog from now on: a run, or a tick, need not read it again."""
    _of_definitions[catalog.root] = catalog


@dataclass(frozen=True)
class Platform:
    """Settings, catalog and an open control store."""

    settings: Settings
    store: ControlStore

    @cached_property
    def catalog(self) -> Catalog:
        """The declared tables and legacy jobs, read once: in a process that has definitions, theirs."""
        if known := _of_definitions.get(self.settings.sql_root):
            return known
        if not jobs_file(self.settings.home).exists():  # nobody has looked at job_master here
            self.look_for_jobs()
        return read_catalog(self.settings)

    def find(self, name: str) -> TableSpec:
        """The table of this name, or of the job with this job_name or job_id.

        job_master is looked at once more where there is none, for it may be new. UnknownTableError, or the first
        error of a table that is broken.
        """
        try:
            return self.catalog.get(name)
        except UnknownTableError:
            if not self.look_for_jobs():
                raise
        return self.catalog.get(name)

    def look_for_jobs(self) -> bool:
        """Look at job_master and its jobs' folders; False where all is as it was.

        What keeps it from being seen is told by the sensor and by `fdm job list`.
        """
        try:
            is_new = refresh_jobs(self)
        except (ControlError, DeclarationError) as error:
            log.info("job_master was not looked at: %s", error)
            return False
        if is_new:
            for of_before in ("catalog", "dependencies"):
                self.__dict__.pop(of_before, None)
        return is_new

    @cached_property
    def execution_log(self) -> ExecutionLog:
        """The audit trail; one writer for all attempts of this process."""
        return ExecutionLog(self.store, self.settings.journal)

    @cached_property
    def ledger(self) -> Ledger:
        """The published versions of every date."""
        return Ledger(self.store)

    @cached_property
    def claims(self) -> Claims:
        """Which load has which date to itself."""
        return Claims(self.store)

    @cached_property
    def loads(self) -> Loads:
        """The loads under way."""
        return Loads(self.store)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """The parked dates of every table."""
        return DeadLetters(self.store)

    @cached_property
    def breakers(self) -> Breakers:
        """The circuit breakers, with the deployment's limits as they are when it is asked."""
        return Breakers(self.store, lambda: limits_of(self.settings).breaker)

    def close(self) -> None:
        """Deliver what the log has left, within seconds, and let go of the control store.

        The platform must not be used afterwards.
        """
        if "execution_log" in self.__dict__:
            self.execution_log.close()
        self.store.close()

    def control_rows(self, spec: TableSpec, dates: Sequence[date] | None = None) -> list[ProcessControlRow]:
        """process_control rows of the table's source system, for some dates or all.

        A source whose calendar says that it has none has a row for each of its business dates.
        """
        rows = process_control_rows(self.store, spec.entity, spec.source_system, dates)
        return self._with_calendar_rows(spec, rows, dates)

    def usable_control_rows(self, spec: TableSpec, dates: Collection[date]) -> list[ProcessControlRow]:
        """The same of some dates, without those that cannot be used: one broken row stops no other date."""
        rows, _ = readable_rows_of(self.store, spec.entity, spec.source_system, dates)
        return self._with_calendar_rows(spec, rows, dates)

    def job_rows(self, spec: JobSpec, dates: Collection[date], environment: str | None = None) -> JobRows:
        """What the control tables say of a job and these dates, in one state of them."""
        rows = read_job_rows(
            self.store,
            entity=spec.entity,
            source_system=spec.source_system,
            job_name=spec.job_name,
            environment=environment or self.settings.environment,
            dates=dates,
        )
        return replace(rows, control=tuple(self._with_calendar_rows(spec, rows.control, dates)))

    def _with_calendar_rows(
        self, spec: JobSpec, rows: Iterable[ProcessControlRow], dates: Collection[date] | None
    ) -> list[ProcessControlRow]:
        """The rows; of a source without control rows, one for each business date that has none."""
        known = {row.biz_dt: row for row in rows}
        if dates is not None and known.keys() >= set(dates):
            return list(known.values())
        calendar = self.catalog.calendars.of_source(spec.entity, spec.source_system)
        if not calendar.control_rows:
            today = datetime.now(calendar.zone).date()
            for day in calendar.expected(calendar.start, today) if dates is None else dates:
                if day not in known and calendar.is_business_day(day):
                    known[day] = ProcessControlRow(spec.entity, spec.source_system, day)
        return [known[day] for day in sorted(known)]

    def plan(
        self,
        spec: TableSpec,
        dates: Sequence[date],
        load_id: str,
        rows: JobRows | None = None,
        parents: Parents | None = None,
        *,
        claimed: Mapping[date, int] | None = None,
    ) -> LoadPlan:
        """What a load of these dates would do. The first thing that is wrong is raised.

        `rows` are those of the job and of these dates, and `parents` what it waits for, where they were
        read before; `claimed` are the versions that the load may publish.
        """
        spec = _as_it_is(spec)
        rows = self._with_neighbours(spec, dates, rows or self.job_rows(spec, dates))
        parents = parents or self.parents_of(spec, dates, rows)
        return plan_load(
            spec=spec,
            catalog_tables=self.catalog.tables,
            dates=dates,
            rows=rows.control,
            job=rows.job,
            sys_params=rows.sys_params,
            settings=self.settings,
            load_id=load_id,
            list_files=list_files,
            list_published=list_published,
            published=self.ledger.current_versions(spec.name, dates),
            claimed=claimed,
            waits_for=parents.waits_for,
            parents=parents.states,
        )

    def plan_each(
        self,
        spec: TableSpec,
        dates: Sequence[date],
        load_id: str,
        rows: JobRows,
        claimed: Mapping[date, int] | None = None,
    ) -> tuple[LoadPlan | None, tuple[DateOutcome, ...]]:
        """The plan of the dates that can be loaded, and an outcome for each that cannot."""
        if not dates:
            return None, ()
        parents: Parents | None = None
        try:
            require_one_date(spec, dates)
        except FdmError as error:
            return None, tuple(refused(day, error) for day in dates)
        try:
            rows = self._with_neighbours(spec, dates, rows)
            parents = self.parents_of(spec, dates, rows)
            return self.plan(spec, dates, load_id, rows, parents, claimed=claimed), ()
        except FdmError as error:
            if len(dates) == 1:
                return None, (refused(dates[0], error),)
        plans: list[LoadPlan] = []
        failed: list[DateOutcome] = []
        control = sorted(rows.control, key=lambda row: row.biz_dt)
        for biz_dt in dates:
            # Its row, or its neighbours for the message: all rows for each date would be their square.
            at = bisect_left(control, biz_dt, key=lambda row: row.biz_dt)
            near = replace(rows, control=tuple(control[max(at - _NEIGHBOURS, 0) : at + _NEIGHBOURS]))
            try:
                plans.append(self.plan(spec, [biz_dt], load_id, near, parents, claimed=claimed))
            except FdmError as error:
                failed.append(refused(biz_dt, error))
        return _merge(plans), tuple(failed)

    @cached_property
    def dependencies(self) -> Dependencies:
        """What each table waits for, by its sources and by job_dependency; two scans, once."""
        return dependencies(self.catalog.tables, read_dependency_rows(self.store))

    def parents_of(self, spec: TableSpec, dates: Sequence[date], rows: JobRows) -> Parents:
        """The parents of these dates as they stand now. A table without any costs no look-up."""
        waits_for = self.dependencies.not_read_by(spec.name) if rows.stored_dependencies else ()
        of = ParentTables(self.store, self.catalog.tables, self.settings)
        return of.look_up(reads_of(spec), waits_for, dates)

    def _with_neighbours(self, spec: TableSpec, dates: Sequence[date], rows: JobRows) -> JobRows:
        """The rows; with those of all dates where one is missing, so that the message can name the nearest."""
        if rows.is_whole or {row.biz_dt for row in rows.control} >= set(dates):
            return rows
        return replace(rows, control=tuple(self.control_rows(spec)), is_whole=True)

    def job_parameters(
        self, spec: JobSpec, biz_dt: date | None = None, environment: str | None = None
    ) -> JobParameters:
        """A job's parameters and settings with where each came from; NoControlRowError for a date without a row."""
        rows = self.job_rows(spec, [biz_dt] if biz_dt else [], environment)
        if biz_dt and not rows.control:
            known = process_control_rows(self.store, spec.entity, spec.source_system)
            due(known, [biz_dt], entity=spec.entity, source_system=spec.source_system)
        return job_parameters(
            spec=spec,
            biz_dt=biz_dt,
            row=rows.control[0] if rows.control else None,
            job=rows.job,
            sys_params=rows.sys_params,
            environment=environment or self.settings.environment,
            secrets=Secrets(self.settings.secret_names),
            read_at=rows.read_at,
        )

    def job_params(self, plan: LoadPlan, rows: JobRows) -> dict[str, object]:
        """The legacy parameters file of a load, of the rows that it was planned with.

        Secrets are masked; a legacy script is given them, in a file of its own that its load takes with it, and
        its date's process_control row as the newest, before those of older dates.
        """
        secrets, dates = Secrets(self.settings.secret_names), {d.biz_dt for d in plan.dates}
        own = [row for row in rows.stored_control if row["biz_dt"] in dates]

        def shown(row: Row) -> Row:
            return dict(row) if plan.legacy else masked(row, secrets)

        return job_params_document(
            environment=plan.environment,
            entity=plan.entity,
            source_system=plan.source_system,
            job_name=plan.job_name,
            job_master=shown(rows.stored_job) if rows.stored_job else None,
            job_dependency=rows.stored_dependencies,
            process_control=self._until(plan, rows, own) if plan.legacy else own,
            sys_params=[shown(to_plain(row)) for row in rows.sys_params],
        )

    def _until(self, plan: LoadPlan, rows: JobRows, own: Sequence[Row]) -> list[Row]:
        """The rows of the load's date and of all before it. A date without a row has what its calendar makes of it."""
        day = plan.dates[0].biz_dt
        made = [to_plain(row) | {"biz_dt": day} for row in rows.control if row.biz_dt == day]
        older = stored_process_control(self.store, plan.entity, plan.source_system)
        return [*(own or made), *(row for row in older if row["biz_dt"] < day)]


def _as_it_is(spec: TableSpec) -> TableSpec:
    """A legacy job's table with the hash of its script and HQL now. JobFolderError where they are gone."""
    if spec.legacy is None:
        return spec
    code = code_of(Path(spec.legacy.base_dir), spec.job_name)
    return replace(spec, code_version=legacy_code_version(code, spec.legacy.declared))


def _merge(plans: Sequence[LoadPlan]) -> LoadPlan | None:
    if not plans:
        return None
    secrets = {name: kept for p in plans for name, kept in p.secrets.items()}
    return replace(plans[0], dates=tuple(d for p in plans for d in p.dates), secrets=secrets)


def refused(biz_dt: date, error: FdmError) -> DateOutcome:
    """The outcome of a date that failed before Spark saw it."""
    fields = error.to_json()
    failure = LoadFailure(
        headline=fields.pop("message"),
        detail=str(error),
        error=type(error).__name__,
        **fields,
    )
    return DateOutcome(biz_dt, failure=failure)


@contextmanager
def open_platform(settings: Settings | None = None) -> Iterator[Platform]:
    """The platform on the given settings, or on the environment's; closes the store."""
    settings = settings or Settings.from_environ()
    platform = Platform(settings, open_store(settings.control_url))
    try:
        yield platform
    finally:
        platform.close()
