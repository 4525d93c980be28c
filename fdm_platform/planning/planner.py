"""Decides what a load does: which dates, from which files, with which SQL and settings. Reads and runs nothing.

All that is asked of the outside is which files there are: behind a path, and of a published date.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import PurePath

from fdm_platform.errors import (
    ControlError,
    NoControlRowError,
    ParameterError,
    SourceError,
    UnknownTableError,
)
from fdm_platform.model.control import JobMasterRow, ProcessControlRow, SysParamRow
from fdm_platform.model.dependency import UNPUBLISHED, Dependency, ParentState
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.partition import folder_name
from fdm_platform.model.plan import (
    DatePlan,
    LoadPlan,
    OutputPlan,
    Parameter,
    SourceFile,
    SourcePlan,
    StepPlan,
)
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import PASSED_THROUGH, SourceSpec, StepSpec, TableSpec
from fdm_platform.planning import sql
from fdm_platform.planning.dependencies import reads_of, versions_read
from fdm_platform.planning.launch import resolve_launch
from fdm_platform.planning.names import suggest
from fdm_platform.planning.parameters import resolve_parameters
from fdm_platform.planning.parents import ParentSource, require_parent
from fdm_platform.planning.places import output_root
from fdm_platform.planning.secrets import Secrets, refuse_in_sql
from fdm_platform.planning.sources import resolve_options, resolve_path
from fdm_platform.planning.versions import settings_version

ListFiles = Callable[[str], tuple[SourceFile, ...]]

_LOAD_ID = re.compile(r"\w[\w.-]*")
_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:")
_NEAREST_DATES = 3


@dataclass(frozen=True, slots=True)
class DueDate:
    """A business date to load, its control row, and the reason for people to read."""

    biz_dt: date
    row: ProcessControlRow
    reason: str


def due(
    rows: Iterable[ProcessControlRow],
    dates: Iterable[date],
    *,
    entity: str,
    source_system: str,
    force: bool = False,
) -> tuple[DueDate, ...]:
    """The dates asked for, in order and once each, with their control rows.

    NoControlRowError: a date that process_control does not have. ControlError: a date that is held
    (run_indicator N), unless `force`.
    """
    by_date = {r.biz_dt: r for r in rows if _is_of(r, entity, source_system)}
    found = []
    for biz_dt in sorted(set(dates)):
        row = by_date.get(biz_dt)
        if row is None:
            raise _no_control_row(entity, source_system, biz_dt, by_date)
        if row.is_held and not force:
            raise ControlError(
                f"{biz_dt} of {entity}/{source_system} is held: run_indicator is N",
                field="process_control.run_indicator",
                remedy="set run_indicator to Y in that row",
            )
        found.append(DueDate(biz_dt, row, _reason(row)))
    return tuple(found)


def plan(
    *,
    spec: TableSpec,
    catalog_tables: Mapping[str, TableSpec],
    dates: Iterable[date],
    rows: Iterable[ProcessControlRow],
    job: JobMasterRow | None,
    sys_params: Sequence[SysParamRow],
    settings: Settings,
    load_id: str,
    list_files: ListFiles,
    list_published: ListFiles,
    published: Mapping[date, int],
    claimed: Mapping[date, int] | None = None,
    waits_for: Sequence[Dependency] = (),
    parents: Mapping[str, ParentState] | None = None,
    force: bool = False,
) -> LoadPlan:
    """One load of the dates of a table, fully resolved; the first thing that is wrong is raised.

    `catalog_tables` is by TableSpec.name and holds the parents; `published` has each date's current
    version where there is one, `claimed` the one that the load may publish. `waits_for` are the tables that
    it runs after without reading them, `parents` the state of all its parents, looked up before files are
    listed: so what is read is never older than what the plan says.
    `list_files` answers with the visible files of a file, a folder
    (recursively) or a glob pattern, sizes in bytes, or nothing; `list_published` with those of a published date's
    folder, all of one version.
    """
    secrets = Secrets(settings.secret_names)
    planner = _Planner(
        spec,
        catalog_tables,
        settings,
        _checked_load_id(load_id),
        cache(list_files),
        cache(list_published),
        secrets,
        (*reads_of(spec), *waits_for),
        parents or {},
    )
    chosen = due(rows, dates, entity=spec.entity, source_system=spec.source_system, force=force)
    require_one_date(spec, [day.biz_dt for day in chosen])
    return LoadPlan(
        load_id=load_id,
        table=spec.name,
        file=spec.file,
        entity=spec.entity,
        source_system=spec.source_system,
        environment=settings.environment,
        job_id=job.job_id if job else spec.job_name,
        job_name=spec.job_name,
        dates=tuple(
            planner.date_plan(
                day,
                secrets.conceal_parameters(
                    resolve_parameters(
                        spec=spec,
                        row=day.row,
                        job=job,
                        sys_params=sys_params,
                        environment=settings.environment,
                        secrets=secrets,
                    )
                ),
                published.get(day.biz_dt, 0),
                (claimed or {}).get(day.biz_dt),
            )
            for day in chosen
        ),
        transform=spec.transform,
        python_path=(str(_code_folder(spec, settings)), str(settings.project)),
        output=planner.output_plan(),
        launch=secrets.conceal_launch(
            resolve_launch(spec=spec, job=job, sys_params=sys_params, environment=settings.environment)
        ),
        code_version=spec.code_version,
        settings_version=settings_version(
            spec=spec, job=job, sys_params=sys_params, environment=settings.environment, secrets=secrets
        ),
        secrets=secrets.found,
        legacy=planner.legacy_plan(),
    )


def require_one_date(spec: TableSpec, dates: Sequence[date]) -> None:
    """ParameterError: a legacy job's script is given one parameters file, which is one date's."""
    if spec.legacy and len(dates) > 1:
        raise ParameterError(
            f"{spec.job_name} is a legacy job, whose script runs for one business date; {len(dates)} were asked for",
            file=spec.file,
            remedy="load its dates one by one; a backfill does",
        )


@dataclass(frozen=True, slots=True)
class _Planner:
    spec: TableSpec
    tables: Mapping[str, TableSpec]
    settings: Settings
    load_id: str
    list_files: ListFiles
    list_published: ListFiles
    secrets: Secrets
    dependencies: Sequence[Dependency]
    parents: Mapping[str, ParentState]

    def output_plan(self) -> OutputPlan:
        spec = self.spec
        return OutputPlan(
            root=output_root(self.settings, spec),
            columns=spec.columns,
            partition_by=spec.partition_by,
            folder_date_format=spec.folder_date_format,
            compression=spec.compression,
            target_file_bytes=spec.target_file_mb * 1024 * 1024,
            checks=spec.checks,
            allow_empty=spec.allow_empty,
            keep_versions=spec.keep_versions,
            max_rejected=spec.max_rejected,
        )

    def legacy_plan(self) -> LegacyPlan | None:
        """How the job's script is run; None for a declared table."""
        job = self.spec.legacy
        if job is None:
            return None
        return LegacyPlan(
            script=job.script,
            base_dir=job.base_dir,
            sql_dir=job.sql_dir,
            main_output=output_root(self.settings, self.spec),
            landing=self.settings.landing,
            prefixes=job.prefixes,
            append=job.append,
        )

    def date_plan(
        self, day: DueDate, parameters: tuple[Parameter, ...], base_version: int, claimed: int | None
    ) -> DatePlan:
        by_name = {p.name: p for p in parameters}
        root = output_root(self.settings, self.spec)
        for dependency in self.dependencies:
            if not dependency.is_read:
                require_parent(dependency, self.spec, day.biz_dt, self.parents)
        return DatePlan(
            biz_dt=day.biz_dt,
            reason=day.reason,
            control_version=day.row.version,
            run_id=day.row.run_id,
            base_version=base_version,
            folder=folder_name(day.biz_dt, self.spec.folder_date_format),
            sources=tuple(self.source_plan(s, day.biz_dt, by_name) for s in self.spec.sources),
            steps=tuple(_step_plan(s, by_name) for s in self.spec.steps),
            parameters=parameters,
            staging=posixpath.join(root, ".staging", self.load_id, day.biz_dt.isoformat()),
            parents=versions_read(self.dependencies, day.biz_dt, self.parents),
            claimed=claimed,
        )

    def source_plan(self, source: SourceSpec, biz_dt: date, by_name: Mapping[str, Parameter]) -> SourcePlan:
        if source.table:
            return self.parent_plan(source, source.table, biz_dt)
        path: str | None = None
        files: tuple[SourceFile, ...] = ()
        if source.path is not None:
            path = resolve_path(source, by_name, str(self.settings.source_root), file=self.spec.file)
            files = self.files_of(source, path, biz_dt)
        return SourcePlan(
            view=source.view,
            format=source.format,
            path=path,
            files=files,
            options=self.options_of(source, by_name),
            columns=source.columns,
            allow_empty=source.allow_empty,
            match=source.match,
        )

    def options_of(self, source: SourceSpec, by_name: Mapping[str, Parameter]) -> dict[str, str]:
        """The source's options, a database's with their parameters, without what is secret."""
        options = dict(source.options)
        if source.format in PASSED_THROUGH:
            options = resolve_options(source, by_name, file=self.spec.file)
        place = f"sources.{source.view}"
        return {
            k: self.secrets.conceal(f"{place}.{k}", v) if isinstance(v, str) else v
            for k, v in options.items()
        }

    def parent_plan(self, source: SourceSpec, table: str, biz_dt: date) -> SourcePlan:
        """Another landing table's files, of the dates that the source says; their schema is in them."""
        parent = self.tables.get(table)
        if parent is None:
            raise UnknownTableError(
                f"no table is called {table!r}",
                file=self.spec.file,
                field=f"sources.{source.view}.table",
                remedy=suggest(table, self.tables),
            )
        state = self.parents.get(table, UNPUBLISHED)
        of = ParentSource(self.spec, source, parent, output_root(self.settings, parent), state)
        return of.plan(biz_dt, self.list_published)

    def files_of(self, source: SourceSpec, path: str, biz_dt: date) -> tuple[SourceFile, ...]:
        files = self.list_files(path)
        what = f"{source.view} of {self.spec.name} for {biz_dt}"
        if not files:
            raise SourceError(
                f"the source {what} is missing: {path}",
                file=self.spec.file,
                field=f"sources.{source.view}.path",
                remedy="deliver the file, or correct the path or FDM_SOURCE_ROOT",
            )
        # The size of a file on a remote file system is not known here.
        is_empty = not any(f.bytes or _REMOTE.match(f.path) for f in files)
        if is_empty and not source.allow_empty:
            raise SourceError(
                f"the source {what} is empty (0 bytes): {path}",
                file=self.spec.file,
                field=f"sources.{source.view}.path",
                remedy="deliver it again, or set allow_empty: true on this source",
            )
        return files


def _is_of(row: ProcessControlRow, entity: str, source_system: str) -> bool:
    """Deployments differ in the letter case of these names."""
    return (row.entity.lower(), row.source_system.lower()) == (entity.lower(), source_system.lower())


def _reason(row: ProcessControlRow) -> str:
    said = [f"run_indicator={row.run_indicator or 'NULL'}"]
    said += [f"change_indicator={row.change_indicator}"] if row.change_indicator else []
    said += [f"reprocess_dt={row.reprocess_dt}"] if row.reprocess_dt else []
    said += [f"run_id={row.run_id}"] if row.run_id else []
    asked = "asked for by force although held" if row.is_held else "asked for"
    return f"{asked}; control row says {', '.join(said)}"


def _no_control_row(
    entity: str, source_system: str, biz_dt: date, known: Iterable[date]
) -> NoControlRowError:
    near = sorted(sorted(known, key=lambda d: abs(d - biz_dt))[:_NEAREST_DATES])
    there = f"the nearest dates there are {', '.join(map(str, near))}" if near else "it has no date at all"
    return NoControlRowError(
        f"process_control has no row for {entity}/{source_system} on {biz_dt}; {there}",
        field="process_control.biz_dt",
        remedy="add the row to a seed file and run `fdm control seed FILE`, or choose another date",
    )


def _code_folder(spec: TableSpec, settings: Settings) -> PurePath:
    """Where modules stand that the table imports: beside its table.yaml, or beside its script."""
    return settings.project / PurePath(spec.legacy.script if spec.legacy else spec.file).parent


def _step_plan(step: StepSpec, by_name: Mapping[str, Parameter]) -> StepPlan:
    refuse_in_sql(step.sql, by_name.values(), step.file)
    view = Parameter("VIEW_NAME", step.view, "string", f"step {step.view}")
    others = {name: p for name, p in by_name.items() if name.lower() != "view_name"}
    return StepPlan(step.view, step.file, sql.bind(step.sql, {**others, "VIEW_NAME": view}, file=step.file))


def _checked_load_id(load_id: str) -> str:
    if not _LOAD_ID.fullmatch(load_id) or ".." in load_id:
        raise ParameterError(
            f"{load_id!r} is not a load id: it names a staging folder",
            field="load_id",
            remedy="use letters, digits, _, . and -",
        )
    return load_id
