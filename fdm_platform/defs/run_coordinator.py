"""Dagster's run queue, with tags on every run that say where it works and how long it can wait.

Whoever asks for a run, be it the UI, a sensor, a schedule or a backfill, asks this queue. dagster.yaml names
it, and limits runs by the tags: `concurrency: {runs: {tag_concurrency_limits: ...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dagster._config import Field
from dagster._config.config_schema import UserConfigSchema
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._core.storage.tags import AUTOMATION_CONDITION_TAG, BACKFILL_ID_TAG, PRIORITY_TAG

OWN = "fdm/"
"""The tags of an asset's step that begin with it become its runs' tags."""
BACKFILL_PRIORITY = "-10"
"""Behind what is due today (10) and what catches up (0)."""

_RETRIES = {
    "limit": Field(int, is_required=False),
    "delay_s": Field(float, is_required=False),
    "longest_s": Field(float, is_required=False),
}
_BREAKER = {
    "failures": Field(int, is_required=False),
    "cooldown_s": Field(float, is_required=False),
    "longest_s": Field(float, is_required=False),
}
_LIMITS = {
    "retries": Field(_RETRIES, is_required=False),
    "breaker": Field(_BREAKER, is_required=False),
}


class TaggingRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue; its configuration is Dagster's, and `fdm` with the platform's own limits.

    Dagster checks that the keys of `fdm` are known, planning/limits.py reads them: also where no instance is open.

    A run gets the tags of its step, such as `fdm/source_system` and `fdm/cluster`, and a run of a backfill
    waits behind others unless its tags give it a priority.
    """

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Dagster's own, and `fdm`."""
        return {**cast("dict[str, Any]", super().config_type()), "fdm": Field(_LIMITS, is_required=False)}

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Tag the run, then queue it."""
        run = context.dagster_run
        missing = {k: v for k, v in self._tags_for(run).items() if k not in run.tags}
        if missing and run.status == DagsterRunStatus.NOT_STARTED:
            self._instance.add_run_tags(run.run_id, missing)
        return super().submit_run(context)

    def _tags_for(self, run: DagsterRun) -> Mapping[str, str]:
        is_backfill = BACKFILL_ID_TAG in run.tags and AUTOMATION_CONDITION_TAG not in run.tags
        return {**self._step_tags(run), **({PRIORITY_TAG: BACKFILL_PRIORITY} if is_backfill else {})}

    def _step_tags(self, run: DagsterRun) -> dict[str, str]:
        if run.execution_plan_snapshot_id is None:
            return {}
        plan = self._instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
        chosen = set(plan.step_keys_to_execute)
        steps = [step for step in plan.steps if step.key in chosen]
        return {k: v for step in steps for k, v in (step.tags or {}).items() if k.startswith(OWN)}
