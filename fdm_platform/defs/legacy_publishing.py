"""What a legacy job's script staged is published, and what it wrote by itself is recorded and told.

The load's own date of the job's own output comes last: with it the load is over. What the script wrote besides, other
dates and other folders, is claimed and published before by the same protocol, one by one: there is no commit of
several at once, so where one of them fails the error says what is live already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from fdm_platform.defs.legacy_refusals import (
    SNAPSHOT,
    Place,
    require_base,
    require_checked,
    require_no_loss,
    require_one_way,
)
from fdm_platform.defs.load import Load, error_of
from fdm_platform.defs.partitions import dates_of
from fdm_platform.defs.plain_writes import PlainWritesFound, find_plain_writes, show
from fdm_platform.defs.roots import table_at
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.publishing import PublishReport, PublishRequest, publish, record_only
from fdm_platform.engines.script_submission import outputs_told
from fdm_platform.engines.swapping import drop
from fdm_platform.errors import FdmError, UnknownOutcomeError
from fdm_platform.model.claim import LoadRow
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.manifest import DateOutcome, Manifest
from fdm_platform.model.plan import DatePlan, LoadPlan
from fdm_platform.model.table import TableSpec

Context = dg.OutputContext | dg.AssetExecutionContext
Told = Callable[[Manifest, PublishReport, Mapping[str, Any]], object]
"""Called as soon as the load's own date is live, with metadata of what else the script wrote."""


@dataclass(frozen=True, slots=True)
class PublishedOutput:
    """A date of another table, or another date of the job's own, that is live."""

    root: str
    biz_dt: date
    rows: int
    report: PublishReport

    @property
    def name(self) -> str:
        """For people."""
        is_snapshot = self.biz_dt == SNAPSHOT
        return f"{self.report.path}, which has no dates" if is_snapshot else f"{self.root} {self.biz_dt}"


def publish_script(context: Context, load: Load, outcome: DateOutcome, told: Told) -> PublishReport:
    """Publish all that a script staged, or record what it wrote by itself. The first thing that fails is raised."""
    plan, planned = load.plan, load.planned(outcome.biz_dt)
    if plan is None or planned is None:
        raise error_of(outcome)
    work = _Work(context, load, plan, planned, outcome)
    try:
        work.require_publishable()
        require_no_loss(work.staged, plan)
        found = find_plain_writes(load, plan)
        show(context, plan, planned, found)
        found.require_whole(plan)
        require_one_way(work.staged, plan, found)
        if work.own is None:
            require_checked(context, load, planned, work.staged, found)
        others = publish_outputs(context, load, outcome)
    except UnknownOutcomeError:  # what is staged is recovery's to read
        raise
    except BaseException:
        work.drop_staged()
        raise
    manifest, metadata = work.own or work.unmanaged(found), _metadata(others, found)
    go_live = publish if work.own else record_only
    try:
        return go_live(
            work.request(manifest, planned.version),
            load.platform.ledger,
            lambda report: told(manifest, report, metadata),
        )
    except FdmError as error:
        raise _with_live(error, others) from error


def publish_outputs(context: Context, load: Load, outcome: DateOutcome) -> list[PublishedOutput]:
    """Publish what the script staged besides the load's own date of the job's own output, one by one."""
    plan, planned = load.plan, load.planned(outcome.biz_dt)
    if plan is None or planned is None:
        return []
    work = _Work(context, load, plan, planned, outcome)
    done: list[PublishedOutput] = []
    for (root, biz_dt, _), manifest in work.others.items():
        try:
            done.append(work.publish_other(root, biz_dt, manifest))
        except FdmError as error:
            raise _with_live(error, done) from error
    return done


@dataclass(slots=True)
class _Work:
    """One date of a legacy job's load."""

    context: Context
    load: Load
    plan: LoadPlan
    planned: DatePlan
    outcome: DateOutcome
    staged: dict[Place, Manifest] = field(init=False)
    """Of a date that was written twice, the last word, which has the files of both."""

    def __post_init__(self) -> None:
        self.staged = {
            (output.root, manifest.biz_dt, manifest.folder if manifest.biz_dt == SNAPSHOT else ""): manifest
            for output in self.load.report.extra
            for manifest in output.manifests
        }
        if self.outcome.manifest:
            self.staged[self.key] = self.outcome.manifest

    @property
    def legacy(self) -> LegacyPlan:
        """How the script was run; there is one, since it was."""
        assert self.plan.legacy  # noqa: S101 - publish_script is called of such plans alone
        return self.plan.legacy

    @property
    def key(self) -> Place:
        return self.legacy.main_output, self.planned.biz_dt, ""

    @property
    def own(self) -> Manifest | None:
        """What is staged of the load's own date of the job's own output."""
        found = self.staged.get(self.key)
        return replace(found, table=self.plan.table) if found else None

    def unmanaged(self, found: PlainWritesFound) -> Manifest:
        """What stands for the date where nothing of it is staged: files of the script's own, or an output without dates."""
        root, _, name = self.legacy.main_output.rpartition("/")
        seen, whole = found.manifest(self.plan, self.planned), self.staged.get((root, SNAPSHOT, name))
        return (
            replace(seen, row_count=whole.rows, schema=whole.schema, columns=whole.columns) if whole else seen
        )

    @property
    def others(self) -> dict[Place, Manifest]:
        return {key: manifest for key, manifest in self.staged.items() if key != self.key}

    def require_publishable(self) -> None:
        """The date's own error where the script failed with it, or where a check of anything that it staged says no."""
        every = (*self.outcome.checks, *(c for o in self.load.report.extra for c in o.checks))
        refused = {(c.name, c.biz_dt): c for c in every if c.is_blocking}
        if self.outcome.failure or refused:
            raise error_of(replace(self.outcome, checks=tuple(refused.values())))

    def drop_staged(self) -> None:
        """Nothing of it will be published."""
        for staging in {self.planned.staging, *(m.staging for m in self.staged.values())}:
            drop(staging)

    def request(self, manifest: Manifest, version: int) -> PublishRequest:
        """Of the load's own date."""
        return PublishRequest(
            root=self.legacy.main_output,
            manifest=manifest,
            version=version,
            control_version=self.planned.control_version,
            keep_versions=self.plan.output.keep_versions,
            commit_wait_s=self.load.platform.settings.commit_wait_s,
            code_version=self.plan.code_version,
            settings_version=self.plan.settings_version,
            parents=self.planned.parents,
        )

    def publish_other(self, root: str, biz_dt: date, staged: Manifest) -> PublishedOutput:
        """Claim and publish a date, or a snapshot, of another folder, or another date of the job's own."""
        place, platform = self.load.place, self.load.platform
        snapshot = staged.folder if biz_dt == SNAPSHOT else ""
        is_own = root == self.legacy.main_output and not snapshot
        table = self.plan.table if is_own else table_at(platform, root, snapshot)
        manifest = replace(staged, table=table)
        if place is None:
            raise FdmError(
                f"load {self.load.load_id} is not registered", remedy="this is a fault of the platform"
            )
        tell, wait_s = self.context.log.warning, self.wait_s
        gives_way = partial(self.gives_way, is_earlier=is_own and biz_dt < self.planned.biz_dt)
        with place.another(table, biz_dt, wait_s, tell, gives_way) as version:
            require_base(root, manifest)
            request = replace(self.request(manifest, version), root=root, **self.standing(table, biz_dt))
            report = publish(request, platform.ledger)
        self.context.log.info("%s %s published as version %d: %s", table, biz_dt, report.version, report.path)
        if owner := platform.catalog.tables.get(table):
            self.materialize(owner, manifest, report)
        return PublishedOutput(root, biz_dt, manifest.rows, report)

    def gives_way(self, holder: LoadRow, *, is_earlier: bool) -> bool:
        """Of two runs of this job that have each staged the other's date, the later one: else each waits for the other."""
        if not is_earlier or not holder.folder:
            return False
        theirs = (
            o for o in outputs_told(LoadFolder(Path(holder.folder))) if o.root == self.legacy.main_output
        )
        return any(m.biz_dt == self.planned.biz_dt for o in theirs for m in o.manifests)

    @property
    def wait_s(self) -> float:
        """How long to wait for another load that is at such a date."""
        spec = self.load.platform.catalog.tables.get(self.plan.table)
        is_waiting = spec is None or spec.on_conflict == "wait"
        return self.load.platform.settings.lock_wait_s if is_waiting else 0.0

    def standing(self, table: str, biz_dt: date) -> dict[str, Any]:
        """A date that was not asked for stands for what it stood for before, or for no control row."""
        current = self.load.platform.ledger.published(table, [biz_dt]).get(biz_dt)
        if current is None:
            return {"control_version": "", "parents": {}}
        kept: dict[str, Any] = {"control_version": current.control_version, "parents": current.parents}
        if table != self.plan.table:  # whose rows depend on code of its own
            kept |= {"code_version": current.code_version, "settings_version": current.settings_version}
        return kept

    def materialize(self, spec: TableSpec, manifest: Manifest, report: PublishReport) -> None:
        """Tell Dagster of another date of the asset, or of another's, where it has such a partition."""
        instance = (
            self.context.step_context.instance
            if isinstance(self.context, dg.OutputContext)
            else self.context.instance
        )
        if manifest.biz_dt not in dates_of(instance, spec.partition_set):
            self.context.log.warning("%s is no business date that process_control knows", manifest.biz_dt)
            return
        metadata: dict[str, Any] = {
            "dagster/row_count": manifest.rows,
            "rows": manifest.rows,
            "bytes": manifest.bytes,
            "version": report.version,
            "path": dg.MetadataValue.path(report.path),
            "load_id": self.load.load_id,
            "reason": f"written by the run of {self.plan.job_name} {self.planned.biz_dt}",
        }
        key = manifest.biz_dt.isoformat()
        self.context.log_event(
            dg.AssetMaterialization(dg.AssetKey(spec.key), metadata=metadata, partition=key)
        )


def _metadata(others: list[PublishedOutput], found: PlainWritesFound) -> dict[str, Any]:
    """What else the script wrote, for the date's materialization."""
    metadata: dict[str, Any] = {}
    if others:
        listed = {o.name: {"version": o.report.version, "rows": o.rows} for o in others}
        metadata["other_outputs"] = dg.MetadataValue.json(listed)
    if found.count:
        metadata["files_past_the_framework"] = found.count
    return metadata


def _with_live(error: FdmError, done: list[PublishedOutput]) -> FdmError:
    """The error, with what the script wrote and is live already."""
    if not done:
        return error
    live = ", ".join(f"{o.name} (version {o.report.version})" for o in done)
    fields = {**error.to_json(), "message": f"{error.message}; live already: {live}"}
    return type(error)(**fields)
