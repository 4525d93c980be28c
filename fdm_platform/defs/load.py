"""A load under way: its attempts in execution_log, its plan, its Spark, and how each date ends. No Dagster here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.control.job_rows import JobRows
from fdm_platform.crash import reached
from fdm_platform.defs.adopting import AdoptedLoad, orphans
from fdm_platform.defs.platform import Platform, refused
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.registering import Registration, Tell, log, register
from fdm_platform.engines.folders import open_folders
from fdm_platform.engines.load_folder import LoadFolder, folder_of
from fdm_platform.engines.owner import ADOPTABLE_S, ORPHAN_S
from fdm_platform.engines.plain_writes import listing
from fdm_platform.engines.process_group import held_signals
from fdm_platform.engines.spark_submit import Submission, start
from fdm_platform.engines.swapping import drop, require_writable
from fdm_platform.errors import CancelledError, FdmError, LoadError, UnknownOutcomeError
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.manifest import DateOutcome, LoadReport
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.recovered import Recovered
from fdm_platform.model.settings import is_uri
from fdm_platform.model.table import TableSpec


@dataclass(slots=True)
class Load:
    """One attempt at some dates of one table.

    `begin` makes it; every date then ends by `close`, or all that are open by `abandon` or `fail_open`:
    that is one final line of execution_log each, whatever happens.
    """

    platform: Platform
    load_id: str
    dates: tuple[date, ...]
    report: LoadReport
    plan: LoadPlan | None = None
    """None when no date could be planned."""
    submission: Submission | None = None
    open: dict[date, str] = field(default_factory=dict)
    """Dates without a final line, and their execution_log ids."""
    failed: dict[date, FdmError] = field(default_factory=dict)
    is_followed: bool = False
    """Spark has ended and the report is whole."""
    error: BaseException | None = None
    """Why all of it was abandoned."""
    parts: list[Load] = field(default_factory=list)
    """What was split off."""
    place: Registration | None = None
    """Its claims; None where it could not be registered."""
    may_go_on: bool = False
    """The cluster did not say that its application has ended."""
    is_adopted: bool = False
    """Another process began it, and is gone."""
    recovered: list[Recovered] = field(default_factory=list)
    """What dead loads of the table had left when it began."""

    @property
    def all_failed(self) -> dict[date, FdmError]:
        """Failed dates, those of its parts included."""
        return {d: e for load in (self, *self.parts) for d, e in load.failed.items()}

    @property
    def outcomes(self) -> tuple[DateOutcome, ...]:
        """What came of each date in Spark, or before; in order of date."""
        return tuple(sorted(self.report.outcomes, key=lambda o: o.biz_dt))

    def planned(self, biz_dt: date) -> DatePlan | None:
        """The plan of one date, if it could be planned."""
        return next((d for d in self.plan.dates if d.biz_dt == biz_dt), None) if self.plan else None

    def note_application(self, application_id: str) -> None:
        """Write Spark's application id to the open rows, as soon as it is known."""
        for attempt in self.open.values():
            self.platform.execution_log.note_application(attempt, application_id)

    def close(self, biz_dt: date, error: FdmError | None = None) -> None:
        """Write a date's final line: Completed, or Failed with the error."""
        attempt = self.open.pop(biz_dt, None)
        if attempt is None:
            return
        if error:
            self.failed[biz_dt] = error
        self.platform.execution_log.finish(
            attempt,
            status="Failed" if error else "Completed",
            error=str(error).partition("\n")[0] if error else None,
            spark_app_id=self.submission.application_id if self.submission else None,
        )
        if self.place and self.may_go_on:
            self.place.leave(biz_dt)
        elif self.place:
            self.place.release(biz_dt, is_told=error is not None)
        self._let_go()

    def note_told(self, dates: Collection[date]) -> None:
        """Dagster knows that these dates are published."""
        if self.place:
            self.place.note_told(dates)

    def _let_go(self) -> None:
        """A load that is over and has left something to recovery is not this process's any more."""
        if self.submission and self.place and self.place.is_left and not self.place.claims:
            self.submission.let_go()

    def leave(self, biz_dt: date, error: UnknownOutcomeError) -> None:
        """Nobody knows whether the date is published: it fails here, and recovery settles it."""
        self.failed[biz_dt] = error
        if attempt := self.open.pop(biz_dt, None):
            self.platform.execution_log.leave(attempt)
        if self.place:
            self.place.leave(biz_dt)
        self._let_go()

    def split_off(self, dates: Collection[date]) -> Load:
        """Some of the dates as a load of their own, for a run that publishes them alone; they leave this one."""
        part = replace(
            self,
            dates=tuple(d for d in self.dates if d in dates),
            report=_some(self.report, dates),
            plan=self._some_plan(dates),
            open={d: self.open.pop(d) for d in dates if d in self.open},
            failed={d: self.failed.pop(d) for d in dates if d in self.failed},
            parts=[],
        )
        self.parts.append(part)
        rest = [d for d in self.dates if d not in dates]
        self.dates, self.report, self.plan = tuple(rest), _some(self.report, rest), self._some_plan(rest)
        return part

    def _some_plan(self, dates: Collection[date]) -> LoadPlan | None:
        chosen = tuple(d for d in self.plan.dates if d.biz_dt in dates) if self.plan else ()
        return replace(self.plan, dates=chosen) if self.plan and chosen else None

    def abandon(self, error: BaseException) -> None:
        """Before publishing: end Spark, remove what is staged, and fail every date, all for one reason.

        A further signal waits until that is done.
        """
        with held_signals():
            self._abandon(error)

    def _abandon(self, error: BaseException) -> None:
        self.error = error
        self._end_spark()
        for planned in self.plan.dates if self.plan and not self.may_go_on else ():
            if planned.biz_dt in self.open:  # a closed one may be committed
                drop(planned.staging)
        self.fail_open(error)
        for part in self.parts:
            part.abandon(error)

    def _end_spark(self) -> None:
        try:
            if self.submission:
                self.submission.terminate()
        except FdmError as unknown:  # its dates stay claimed until somebody has ended it
            log.warning("load %s is left to recovery: %s", self.load_id, unknown)
            self.may_go_on = True

    def fail_open(self, error: BaseException, dates: Collection[date] | None = None) -> None:
        """Fail the dates, or these of them, that have no final line yet. Staging stays: one may be committed."""
        for biz_dt in list(self.open):
            if dates is None or biz_dt in dates:
                self.close(biz_dt, reason(error))
        for part in self.parts:
            part.fail_open(error, dates)

    def note_retried(self, dates: Collection[date]) -> None:
        """Dates that failed here are published by a retry."""
        for load in (self, *self.parts):
            for biz_dt in dates:
                load.failed.pop(biz_dt, None)


def begin(
    platform: Platform,
    spec: TableSpec,
    dates: Sequence[date],
    load_id: str,
    asked_by: str = "hand",
    *,
    tell: Tell = log.warning,
    loaded_by: Callable[[Sequence[date]], Collection[date]] = lambda _: (),
) -> Load:
    """Claim the dates, write the start rows, plan, and start Spark on the dates that can be planned.

    The others have their outcome in the report already: also those that another load has, after the wait that
    the table says, of which `tell` hears. `asked_by` is for the attempts' rows. Dates that waited for another load
    are named to `loaded_by`: those that it answers are loaded, and left out here.

    Where a load of these dates has lost its process, it is that load, with its id, that goes on.
    """
    if adopted := _adopt(platform, spec, dates, tell):
        return adopted
    load = Load(platform, load_id, tuple(dates), LoadReport(load_id, ()))
    try:
        rows = _register(load, spec, asked_by, tell)
        if load.place and load.place.waited_for:
            _leave_out(load, loaded_by(sorted(load.place.waited_for & load.place.claims.keys())))
        _write_start_rows(load, spec, rows, asked_by)
        reached("begin.logged")
        if rows is None or load.place is None:
            return load
        claimed = load.place.versions
        own = [biz_dt for biz_dt in dates if biz_dt in claimed]
        load.plan, outcomes = platform.plan_each(spec, own, load_id, rows, claimed)
        others = tuple(refused(biz_dt, error) for biz_dt, error in load.place.refused.items())
        load.report = LoadReport(load_id, (*outcomes, *others))
        reached("begin.planned")
        is_far = is_uri(platform.settings.landing)  # the client of its file system takes a second to start,
        if not is_far:
            _put_in_order(load, spec)
        if load.plan:
            _submit(load, load.place, load.plan, platform.job_params(load.plan, rows))
        if is_far:  # which Spark does meanwhile, too
            _put_in_order(load, spec)
    except BaseException as error:
        with held_signals():
            load.abandon(error)
            _leave(load)
        raise
    return load


def _adopt(platform: Platform, spec: TableSpec, dates: Sequence[date], tell: Tell) -> Load | None:
    """A load that this process takes over; None where there is none, or where that cannot be told."""
    load: Load | None = None
    try:
        for orphan in orphans(platform, spec, dates, tell):
            with held_signals():  # what is taken over is known here, so that whatever comes can end it
                found = orphan.adopt()
                load = _of(found, dates) if found else None
            if load:
                return load
    except FdmError as error:  # what is wrong is told of the new load
        log.info("whether there is a load to adopt is not known: %s", error)
    except BaseException as error:
        if load:
            load.abandon(error)
        raise
    return None


def _of(found: AdoptedLoad, dates: Sequence[date]) -> Load:
    return Load(
        found.place.platform,
        found.place.load_id,
        tuple(dates),
        LoadReport(found.place.load_id, found.refused),
        found.plan,
        found.submission,
        found.attempts,
        place=found.place,
        is_adopted=True,
    )


def _put_in_order(load: Load, spec: TableSpec) -> None:
    """What dead loads of the table left, which may fill the disk; then its folder must be there to be written to."""
    try:
        load.recovered += recover(load.platform, [spec.name], is_patient=True)
    except FdmError as error:
        log.warning("what dead loads of %s left is for others to put in order: %s", spec.name, error)
    if load.plan and not _is_made_by_script(load.plan):
        require_writable(load.plan.output.root, load.load_id)


def _is_made_by_script(plan: LoadPlan) -> bool:
    """A legacy script may ask Spark to write where there is nothing yet: then nothing must be made there for it."""
    return plan.legacy is not None and not open_folders(plan.output.root).exists(plan.output.root)


def _submit(load: Load, place: Registration, plan: LoadPlan, params: Mapping[str, object]) -> None:
    settings = load.platform.settings
    place.note_plan(identity=plan.identity(), master=plan.launch.master.value)
    if plan.legacy:
        _note_output(plan, plan.legacy, folder_of(settings.work, plan.load_id))
    patience_s = ADOPTABLE_S if settings.on_restart == "adopt" else ORPHAN_S
    with held_signals():
        load.submission = start(
            plan, work=settings.work, cache=settings.cache, job_params=params, orphan_s=patience_s
        )


def _note_output(plan: LoadPlan, job: LegacyPlan, folder: LoadFolder) -> None:
    """What the script's output holds before it runs, for whoever publishes, which may be another process."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        listing(job.main_output).save(folder.listing)
    except OSError as error:
        log.warning("what %s writes past the framework will not be seen: %s", plan.job_name, error)


def _leave_out(load: Load, dates: Collection[date]) -> None:
    """Dates that need not be loaded any more."""
    load.dates = tuple(d for d in load.dates if d not in dates)
    for biz_dt in dates:
        load.place.release(biz_dt)  # type: ignore[union-attr]


def _register(load: Load, spec: TableSpec, asked_by: str, tell: Tell) -> JobRows | None:
    """Claim the dates and read their control rows; None, and every date refused, where the tables cannot be read."""
    try:
        load.place = register(
            load.platform,
            spec.name,
            load.dates,
            load.load_id,
            asked_by=asked_by,
            is_waiting=spec.on_conflict == "wait",
            tell=tell,
        )
        load.recovered += load.place.recovered
        return load.platform.job_rows(spec, load.dates)
    except FdmError as error:
        load.report = LoadReport(load.load_id, tuple(refused(biz_dt, error) for biz_dt in load.dates))
        return None


def _leave(load: Load) -> None:
    """Dates of which no attempt was begun are free at once."""
    for biz_dt in list(load.place.claims) if load.place else ():
        load.place.release(biz_dt)  # type: ignore[union-attr]


def _some(report: LoadReport, dates: Collection[date]) -> LoadReport:
    return replace(report, outcomes=tuple(o for o in report.outcomes if o.biz_dt in dates))


def reason(error: BaseException) -> FdmError:
    """The error as one of ours; an interrupt is a cancellation."""
    if isinstance(error, FdmError):
        return error
    if not isinstance(error, Exception) or type(error).__name__.endswith("InterruptedError"):
        return CancelledError("cancelled before it was published", remedy="load the date again")
    return FdmError(
        f"{type(error).__name__}: {error}", remedy="see the run's log; this is a fault of the platform"
    )


def error_of(outcome: DateOutcome) -> FdmError:
    """Why a date may not be published: its failure, its failed checks, or the silence of Spark."""
    failure = outcome.failure
    if failure is None:
        failed = [f"check {c.name} failed: {c.description}" for c in outcome.checks if c.is_blocking]
        return LoadError("; ".join(failed) or "Spark ended without a word about this date")
    return failure.to_error(failure.headline)


def _write_start_rows(load: Load, spec: TableSpec, rows: JobRows | None, asked_by: str) -> None:
    """Written even where the control tables cannot be read: the attempt is one."""
    log, job_id = load.platform.execution_log, rows.job.job_id if rows and rows.job else spec.job_name
    control = {row.biz_dt: row for row in rows.control} if rows else {}
    for biz_dt in load.dates:
        row = control.get(biz_dt)
        of = DateAttempt(spec.name, biz_dt, load.load_id, row.version if row else None, asked_by)
        with held_signals():  # a row that was begun is known here, so that whatever comes can end it
            load.open[biz_dt] = log.start(
                job_id=job_id, job_name=spec.job_name, run_id=row.run_id if row else None, of=of
            )
