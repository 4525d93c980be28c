"""landing_asset(spec): the one factory. Its body is the same for every table."""

# Annotations stay real here: Dagster reads those of an asset's function, and takes no strings.

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import dagster as dg

from fdm_platform.defs.breaking import await_turn, note_spark
from fdm_platform.defs.dependencies import asset_deps, dependency_metadata
from fdm_platform.defs.io_manager import publish_load
from fdm_platform.defs.load import Load
from fdm_platform.defs.metadata import asset_metadata, description
from fdm_platform.defs.parity_check import not_compared, parity_specs
from fdm_platform.defs.partitions import dates_of_run, partitions_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.resuming import (
    checks_before,
    loaded_since,
    not_requested,
    note_load,
    parked_before,
    published_before,
    show_published,
)
from fdm_platform.defs.retrying import end_step, fail_parked
from fdm_platform.defs.run_requests import asked_by
from fdm_platform.defs.step_launcher import SparkSubmitStepLauncher
from fdm_platform.defs.telling import tell
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import FdmError
from fdm_platform.model.control import Published
from fdm_platform.model.dependency import Dependency
from fdm_platform.model.manifest import CheckResult, DateOutcome
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import CheckSpec, TableSpec
from fdm_platform.planning.breaker import cluster_of


def landing_asset(
    spec: TableSpec,
    tables: Mapping[str, TableSpec],
    settings: Settings,
    waits_for: Sequence[Dependency] = (),
    follows: dg.AutomationCondition[Any] | None = None,
    *,
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetsDefinition:
    """The asset of a table, declared or a legacy job's: plan, launch, yield check results, hand over to the IO manager.

    `tables` are all declared tables by name, to find the parents' keys; `waits_for` are its parents,
    `follows` is when it is loaded after them, and `freshness` is by when something must have been loaded.
    """

    @dg.asset(
        key=dg.AssetKey(spec.key),
        deps=asset_deps(spec, tables, waits_for),
        partitions_def=partitions_of(spec.partition_set),
        backfill_policy=dg.BackfillPolicy.multi_run(spec.dates_per_run),
        io_manager_key="orc_io_manager",
        group_name=spec.partition_set,
        kinds={"spark", "orc", *(["python"] if spec.legacy else [])},
        owners=[spec.owner] if spec.owner else None,
        tags={**spec.tags, "entity": spec.key[0], "source_system": spec.key[1]},
        op_tags={"fdm/source_system": spec.partition_set, "fdm/cluster": cluster_of(spec)},
        pool=spec.partition_set,
        code_version=spec.code_version,
        description=description(spec),
        metadata={**asset_metadata(spec, settings), **dependency_metadata(waits_for)},
        check_specs=[*(_check_spec(spec, c) for c in spec.checks), *parity_specs(spec)],
        automation_condition=follows,
        freshness_policy=freshness,
        output_required=False,
    )
    def load(
        context: dg.AssetExecutionContext,
        platform: PlatformResource,
        step_launcher: SparkSubmitStepLauncher,
    ) -> Iterator[Any]:
        ledger, wait_s = platform.platform.ledger, platform.platform.settings.commit_wait_s
        work = patiently(lambda: _work(context, platform.platform, spec), "see what is to be loaded", wait_s)
        others, before, parked, rest = work
        this_load = load_id(context.run.run_id, spec.name, context.retry_number)
        show_published(context, ledger, spec.name, before)
        if not rest:
            yield from checks_before(context, _checks_of(spec))
            if parked:
                fail_parked(parked)
            return
        asked, begun, meanwhile = asked_by(context.run.tags), list[Load](), dict[date, Published]()

        def loaded_by(waited: Sequence[date]) -> Collection[date]:
            meanwhile.update(loaded_since(context, platform.platform, spec, waited))
            return meanwhile

        await_turn(context.log, platform.platform, spec, this_load, asked)
        try:
            done = step_launcher.launch(
                context.log,
                platform.platform,
                spec,
                rest,
                this_load,
                asked_by=asked,
                begun=begun.append,
                loaded_by=loaded_by,
            )
            note_load(context, done.load_id, this_load)
            tell(context.instance, platform.platform, done.recovered)
        except FdmError as error:  # of Spark as a whole: its attempts are closed, its staging is gone
            note_spark(context.log, platform.platform, spec, this_load, error)
            rest = [d for d in rest if d not in meanwhile]
            failed, of = dict.fromkeys(rest, error), begun[0] if begun else None
            end_step(context, platform.platform, spec, failed, asked=len(rest), load=of)
        except BaseException:
            note_spark(context.log, platform.platform, spec, this_load, None)
            raise
        show_published(context, ledger, spec.name, meanwhile)
        if done.dates:
            yield from _check_results(spec, done.outcomes)
            yield from not_compared(spec, done.dates)
        else:
            yield from checks_before(context, _checks_of(spec))
        if before or others or parked or meanwhile:  # an output would materialize those, too
            publish_load(context, done, is_partial=True)
            if parked:
                fail_parked(parked)
        else:
            yield dg.Output(done)

    return load


class _Work(NamedTuple):
    """What a run's dates are to it."""

    others: Collection[date]
    """Not its own any more."""
    before: Mapping[date, Published]
    """Published by an earlier try, or by somebody else since they were requested."""
    parked: Collection[date]
    """Failed for good in an earlier try."""
    rest: Sequence[date]
    """To be loaded."""


def _work(context: dg.AssetExecutionContext, platform: Platform, spec: TableSpec) -> _Work:
    dates = dates_of_run(context)
    others = not_requested(context, platform, spec, dates)
    own = [d for d in dates if d not in others]
    before = published_before(context, platform.ledger, spec.name, own)
    before |= loaded_since(context, platform, spec, own)
    rest = [d for d in own if d not in before]
    parked = parked_before(context, platform, spec.name, rest)
    return _Work(others, before, parked, [d for d in rest if d not in parked])


def load_id(run_id: str, table: str, retry: int = 0) -> str:
    """The correlation key of one attempt: Dagster's run and the step, and the retry if it is one."""
    return f"{run_id}-{table}" + (f"-r{retry}" if retry else "")


def _checks_of(spec: TableSpec) -> list[str]:
    return [*(c.name for c in spec.checks), *(c.name for c in parity_specs(spec))]


def _check_spec(spec: TableSpec, check: CheckSpec) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=check.name,
        asset=dg.AssetKey(spec.key),
        description=check.description or check.expect,
        blocking=check.severity == "error",
    )


def _check_results(spec: TableSpec, outcomes: Iterable[DateOutcome]) -> Iterator[dg.AssetCheckResult]:
    """One result a check: passed when every date passed, with what each date says."""
    declared = {c.name for c in spec.checks}
    by_name: dict[str, list[CheckResult]] = {}
    for outcome in outcomes:
        for result in (c for c in outcome.checks if c.name in declared):
            by_name.setdefault(result.name, []).append(result)
    for name, results in by_name.items():
        failed = [r for r in results if not r.is_passed]
        severity = (failed or results)[0].severity
        yield dg.AssetCheckResult(
            asset_key=dg.AssetKey(spec.key),
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity.WARN if severity == "warn" else dg.AssetCheckSeverity.ERROR,
            description="; ".join(f"{r.biz_dt}: {r.description}" for r in failed) or results[0].description,
            metadata=_check_metadata(results),
        )


def _check_metadata(results: Sequence[CheckResult]) -> dict[str, Any]:
    """A single date's numbers as they are, to be plotted over time; several dates' in one entry."""
    if len(results) == 1:
        return dict(results[0].metadata)
    return {"dates": dg.MetadataValue.json({str(r.biz_dt): dict(r.metadata) for r in results})}
