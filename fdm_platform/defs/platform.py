"""The platform opened on its settings: catalog, control store and planner together. No Dagster here.

The command line plans with it in milliseconds, and starts Spark with it before Dagster is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from fdm_platform.control.execution_log import ExecutionLog
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.rows import (
    job_master_row,
    process_control_rows,
    sys_params_rows,
)
from fdm_platform.control.store import ControlStore, Predicate, open_store
from fdm_platform.control.values import Row
from fdm_platform.engines.filesystem import list_files
from fdm_platform.errors import FdmError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.manifest import DateOutcome, LoadFailure
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog, load_catalog
from fdm_platform.planning.parameters import job_params_document
from fdm_platform.planning.planner import plan as plan_load


@dataclass(frozen=True)
class Platform:
    """Settings, catalog and an open control store."""

    settings: Settings
    store: ControlStore

    @cached_property
    def catalog(self) -> Catalog:
        """The declared tables, read once."""
        return load_catalog(self.settings.sql_root)

    @cached_property
    def execution_log(self) -> ExecutionLog:
        """The audit trail; one writer for all attempts of this process."""
        return ExecutionLog(self.store, self.settings.journal)

    @property
    def ledger(self) -> Ledger:
        """The published versions of every date."""
        return Ledger(self.store)

    def close(self) -> None:
        """Deliver what the log has left, within seconds, and let go of the control store.

        The platform must not be used afterwards.
        """
        if "execution_log" in self.__dict__:
            self.execution_log.close()
        self.store.close()

    def control_rows(self, spec: TableSpec, dates: Sequence[date] | None = None) -> list[ProcessControlRow]:
        """process_control rows of the table's source system, for some dates or all."""
        return process_control_rows(self.store, spec.entity, spec.source_system, dates)

    def plan(self, spec: TableSpec, dates: Sequence[date], load_id: str) -> LoadPlan:
        """What a load of these dates would do. The first thing that is wrong is raised."""
        return plan_load(
            spec=spec,
            catalog_tables=self.catalog.tables,
            dates=dates,
            rows=self.control_rows(spec),
            job=job_master_row(self.store, spec.job_name),
            sys_params=sys_params_rows(self.store, self.settings.environment, spec.job_name),
            settings=self.settings,
            load_id=load_id,
            list_files=list_files,
            published=self.ledger.current_versions(spec.name, dates),
        )

    def plan_each(
        self, spec: TableSpec, dates: Sequence[date], load_id: str
    ) -> tuple[LoadPlan | None, tuple[DateOutcome, ...]]:
        """The plan of the dates that can be loaded, and an outcome for each that cannot."""
        try:
            return self.plan(spec, dates, load_id), ()
        except FdmError as error:
            if len(dates) == 1:
                return None, (refused(dates[0], error),)
        plans: list[LoadPlan] = []
        failed: list[DateOutcome] = []
        for biz_dt in dates:
            one, outcomes = self.plan_each(spec, [biz_dt], load_id)
            plans += [one] if one else []
            failed += outcomes
        return _merge(plans), tuple(failed)

    def job_id(self, spec: TableSpec) -> str:
        """The table's job_id in job_master; its job name where it has no row."""
        job = job_master_row(self.store, spec.job_name)
        return job.job_id if job else spec.job_name

    def job_params(self, plan: LoadPlan) -> dict[str, object]:
        """The legacy parameters file of a load: its job's rows, and process_control's of its dates."""
        spec = self.catalog.tables[plan.table]
        dated = self.control_rows(spec, [d.biz_dt for d in plan.dates])
        return job_params_document(
            environment=plan.environment,
            entity=plan.entity,
            source_system=plan.source_system,
            job_name=plan.job_name,
            job_master=next(iter(self._stored("job_master", job_name=plan.job_name)), None),
            job_dependency=self._stored("job_dependency", dependent_job_name=plan.job_name),
            process_control=[
                row
                for r in dated
                for row in self._stored(
                    "process_control", entity=r.entity, source_system=r.source_system, biz_dt=r.biz_dt
                )
            ],
            sys_params=to_plain(sys_params_rows(self.store, plan.environment, plan.job_name)),
        )

    def _stored(self, table: str, **key: Any) -> list[Row]:
        """Rows as they are stored, every column."""
        return list(self.store.scan(table, [Predicate(c, "=", v) for c, v in key.items()]))


def _merge(plans: Sequence[LoadPlan]) -> LoadPlan | None:
    if not plans:
        return None
    return replace(plans[0], dates=tuple(d for p in plans for d in p.dates))


def refused(biz_dt: date, error: FdmError) -> DateOutcome:
    """The outcome of a date that failed before Spark saw it."""
    fields = error.to_json()
    failure = LoadFailure(
        headline=fields.pop("message"),
        detail=str(error),
        error=type(error).__name__,
        is_retryable=error.retryable,
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
