"""OrcIOManager: the one publisher of live tables, and the reader for downstream assets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.crash import reached
from fdm_platform.defs.attempting import attempted
from fdm_platform.defs.legacy_publishing import publish_script
from fdm_platform.defs.load import Load, error_of
from fdm_platform.defs.metadata import date_metadata, failure_metadata, status_metadata, table_schema
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.registering import registered
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.retrying import ended
from fdm_platform.defs.roots import root_of
from fdm_platform.defs.run_requests import asked_by
from fdm_platform.defs.status import read_recent_status
from fdm_platform.engines.landed import LandedDates, read_as
from fdm_platform.engines.publishing import PublishReport, PublishRequest, publish
from fdm_platform.engines.rejected import keep_rejected_rows
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING, drop
from fdm_platform.errors import FdmError, UnknownOutcomeError
from fdm_platform.model.codec import to_sparse
from fdm_platform.model.manifest import DateOutcome, Manifest
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.plan import DatePlan, LoadPlan

Metadata = Mapping[str, Any]


class OrcIOManager(dg.ConfigurableIOManager):
    """Publishes what an asset staged, date by date, and loads published tables.

    `handle_output` takes a Load (declared tables) or the pandas, pyarrow or Spark table of a plain
    Python asset, which it stages first. Each date is published by itself: when some fail, the others are
    live and materialized, and the step fails with the names of those that are not.

    `load_input` gives pandas, pyarrow or Spark, by the annotation of the input, and reads the folders of
    the asked-for dates alone.
    """

    platform: PlatformResource
    spark_config: dict[str, str] = Field(
        default_factory=dict, description="Settings of the session that loads inputs as Spark DataFrames."
    )

    _spark: Any = PrivateAttr(default=None)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Publish what may be published; fail for what may not."""
        if isinstance(obj, Load):
            publish_load(context, obj)
        elif obj is not None:
            self._publish_frame(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """The upstream table's dates, in the type that the input is annotated with."""
        name = "_".join(context.asset_key.path)
        declared = self.platform.platform.catalog.tables.get(name)
        keys = context.asset_partition_keys if context.has_asset_partitions else None
        landed = LandedDates(
            root=root_of(self.platform.platform, name),
            folder_date_format=declared.folder_date_format if declared else "yyyyMMdd",
            dates=None if keys is None else tuple(parse_biz_dt(k) for k in keys),
        )
        return read_as(landed, context.dagster_type.typing_type, self._spark_session)

    def _spark_session(self) -> Any:
        from dagster_pyspark import LazyPySparkResource  # noqa: PLC0415 - imports pyspark

        if self._spark is None:
            self._spark = LazyPySparkResource(spark_config=self.spark_config)
        return self._spark.spark_session

    def _publish_frame(self, context: dg.OutputContext, frame: Any) -> None:
        """One date of a plain Python asset: a load like those of declared tables, with the date to itself."""
        platform, biz_dt = self.platform.platform, parse_biz_dt(context.asset_partition_key)
        name = "_".join(context.asset_key.path)
        load_id, asked = f"{context.run_id}-{name}", asked_by(context.step_context.run_tags)
        area = StagingArea(
            load_id=load_id,
            table=name,
            biz_dt=biz_dt,
            staging=f"{platform.settings.table_root(name)}/{STAGING}/{load_id}/{biz_dt}",
            partition_by=tuple((context.definition_metadata or {}).get("partition_by", ("biz_dt",))),
        )
        of = DateAttempt(name, biz_dt, load_id, None, asked)
        with (
            registered(platform, name, biz_dt, load_id, asked_by=asked, tell=context.log.warning) as version,
            attempted(platform, of, job_id=name, job_name=name) as told,
        ):
            manifest = _staged(frame, area)
            published = publish(_request_of_frame(platform, manifest, version), platform.ledger, told)
        context.add_output_metadata(_frame_metadata(manifest, published))


def _staged(frame: Any, area: StagingArea) -> Manifest:
    """The rows as staged files; nothing is left of rows that cannot be."""
    try:
        return stage_frame(frame, area)
    except BaseException:
        drop(area.staging)
        raise


def _request_of_frame(platform: Platform, manifest: Manifest, version: int) -> PublishRequest:
    return PublishRequest(
        root=platform.settings.table_root(manifest.table),
        manifest=manifest,
        version=version,
        control_version="",
        keep_versions=1,
        commit_wait_s=platform.settings.commit_wait_s,
    )


def _frame_metadata(manifest: Manifest, published: PublishReport) -> dict[str, Any]:
    return {
        "dagster/row_count": manifest.rows,
        "dagster/column_schema": table_schema(manifest.schema),
        "bytes": manifest.bytes,
        "version": published.version,
        "path": dg.MetadataValue.path(published.path),
        "column_statistics": dg.MetadataValue.json(to_sparse(manifest.columns)),
    }


def publish_load(
    context: dg.OutputContext | dg.AssetExecutionContext, load: Load, *, is_partial: bool = False
) -> None:
    """Publish date by date; every attempt ends in one final line, whatever happens here.

    Where dates failed the step ends here, by a failure or another try.

    `is_partial` says that the run holds more dates than the load, and ends without an output.
    """
    published: dict[date, Metadata] = {}
    try:
        for outcome in load.outcomes:
            try:
                _publish_date(context, load, outcome, published)
            except UnknownOutcomeError as error:
                _leave_open(context, load, outcome.biz_dt, error)
            except FdmError as error:
                load.close(outcome.biz_dt, error)
                _show_failure(context, load, outcome.biz_dt, error)
    except BaseException as error:
        load.abandon(error)
        raise
    finally:
        _add_status(context, load, published)
        _record(context, load, published, is_partial=is_partial or len(published) < len(load.outcomes))
    ended(context, load, "_".join(context.asset_key.path))
    load.note_told(published)


def _add_status(
    context: dg.OutputContext | dg.AssetExecutionContext, load: Load, published: dict[date, Metadata]
) -> None:
    """To the newest date that was published: how the table's dates stand now, which the UI draws over time."""
    spec = load.platform.catalog.tables.get(load.plan.table) if load.plan else None
    if not published or spec is None:
        return
    newest = max(published)
    try:
        status = read_recent_status(load.platform, spec, published)
        published[newest] = {**published[newest], **status_metadata(status)}
    except FdmError as error:  # the date is live, whatever can be said of the others
        context.log.warning("how the table's dates stand is not known: %s", error)


def _publish_date(
    context: dg.OutputContext | dg.AssetExecutionContext,
    load: Load,
    outcome: DateOutcome,
    published: dict[date, Metadata],
) -> None:
    """Publish one date; its final line is written before a signal can come between."""
    plan, planned, manifest = load.plan, load.planned(outcome.biz_dt), outcome.manifest
    if plan is None or planned is None:
        raise error_of(outcome)

    def told(live: Manifest, report: PublishReport, more: Metadata) -> None:
        published[outcome.biz_dt] = {**date_metadata(plan, planned, live, report, load.report), **more}
        load.close(outcome.biz_dt)
        reached("publish.told")

    if plan.legacy:
        report = publish_script(context, load, outcome, told)
    else:
        keep_rejected_rows(plan, planned)
        if manifest is None or not outcome.is_publishable:
            drop(planned.staging)
            raise error_of(outcome)
        request = _request(load, plan, planned, manifest)
        report = publish(request, load.platform.ledger, lambda live: told(manifest, live, {}))
    context.log.info("%s published as version %d: %s", outcome.biz_dt, report.version, report.path)


def _request(load: Load, plan: LoadPlan, planned: DatePlan, manifest: Manifest) -> PublishRequest:
    return PublishRequest(
        root=plan.output.root,
        manifest=manifest,
        version=planned.version,
        control_version=planned.control_version,
        keep_versions=plan.output.keep_versions,
        commit_wait_s=load.platform.settings.commit_wait_s,
        code_version=plan.code_version,
        settings_version=plan.settings_version,
        parents=planned.parents,
    )


def _leave_open(
    context: dg.OutputContext | dg.AssetExecutionContext, load: Load, biz_dt: date, error: UnknownOutcomeError
) -> None:
    """The date fails here without a final line, which recovery writes as soon as the ledger can be read."""
    load.leave(biz_dt, error)
    if interrupt := _interrupt_behind(error):
        raise interrupt  # which is not of this date alone
    _show_failure(context, load, biz_dt, error)


def _interrupt_behind(error: BaseException) -> BaseException | None:
    """The signal that ended what the error then came of."""
    behind = error.__cause__ or error.__context__
    return behind if behind is None or not isinstance(behind, Exception) else _interrupt_behind(behind)


def _record(
    context: dg.OutputContext | dg.AssetExecutionContext,
    load: Load,
    published: Mapping[date, Metadata],
    *,
    is_partial: bool,
) -> None:
    """Tell Dagster of the published dates.

    When the step succeeds Dagster materializes every date of the run, with this metadata; when it is
    about to fail it would materialize none, so the published ones are logged here.
    """
    for biz_dt, metadata in published.items():
        key = biz_dt.isoformat()
        if is_partial or not isinstance(context, dg.OutputContext):
            context.log_event(dg.AssetMaterialization(context.asset_key, metadata=metadata, partition=key))
            load.note_told([biz_dt])
        else:
            context.step_context.add_asset_metadata(metadata, context.asset_key, key)


def _show_failure(
    context: dg.OutputContext | dg.AssetExecutionContext, load: Load, biz_dt: date, error: FdmError
) -> None:
    """The date's own error beside the date in the UI: a run that fails says so of all its dates alike."""
    context.log_event(
        dg.AssetObservation(
            context.asset_key,
            partition=biz_dt.isoformat(),
            description=str(error).partition("\n")[0],
            metadata=failure_metadata(error, load.load_id),
        )
    )
