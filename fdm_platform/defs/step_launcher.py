"""A load's way to spark-submit and back, inside a Dagster step."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from fdm_platform.defs.attempts import error_of
from fdm_platform.engines.spark_submit import Submission, start
from fdm_platform.model.manifest import LoadReport
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone, LogLine, Message, Progress

_started_early: dict[str, Submission] = {}
"""Loads that this process started before their run, by load id. Not in the resource: Dagster makes a new
resource object for every run."""


def hand_over(submission: Submission) -> None:
    """Let the run of this load take over what was started before Dagster was imported."""
    _started_early[submission.plan.load_id] = submission


class SparkSubmitStepLauncher(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs a LoadPlan with spark-submit and follows it: log lines, progress, application, outcomes.

    The step that ends, however it ends, leaves no Spark process behind.
    """

    work: str = Field(description="Folder for plans, messages and Spark's logs, one folder a load.")
    cache: str = Field(description="Folder for what can be rebuilt, such as the class-data archive.")
    grace_s: float = Field(default=10.0, description="Seconds between the polite and the forced stop.")

    def launch(
        self, log: logging.Logger | Any, plan: LoadPlan, job_params: Mapping[str, Any] | None = None
    ) -> LoadReport:
        """Run the plan to its end. LoadError when Spark failed as a whole; failed dates are in the report."""
        submission = self._adopted(plan) or start(
            plan, work=Path(self.work), cache=Path(self.cache), job_params=job_params
        )
        log.info("spark-submit is process %s; its logs are in %s", submission.pid, submission.folder)
        try:
            narrator = Narrator(log)
            for message in submission.messages():
                narrator.tell(message)
            return submission.report()
        finally:
            submission.terminate(self.grace_s)

    def _adopted(self, plan: LoadPlan) -> Submission | None:
        """The load that was started early, if it is still what would be started now."""
        submission = _started_early.pop(plan.load_id, None)
        if submission is None:
            return None
        if submission.plan.fingerprint == plan.fingerprint:
            return submission
        submission.terminate(self.grace_s)
        return None


class Narrator:
    """Tells a load's messages in the run's log; progress at most once a second, less often on long loads."""

    def __init__(self, log: logging.Logger | Any) -> None:
        self._log = log
        self._begun = self._last = time.monotonic()

    def tell(self, message: Message) -> None:
        """Log one message at its level."""
        match message:
            case LogLine():
                self._log.log(
                    logging.getLevelNamesMapping().get(message.level, logging.INFO), message.message
                )
            case ApplicationStarted():
                ui = f", UI at {message.ui_url}" if message.ui_url else ""
                self._log.info("Spark application %s%s", message.application_id, ui)
            case Progress():
                self._tell_progress(message)
            case DateDone():
                self._tell_outcome(message)
            case DriverDone():
                phases = ", ".join(f"{k} {v:.1f} s" for k, v in message.seconds.items())
                self._log.info("Spark is done after %.1f s (%s)", sum(message.seconds.values()), phases)

    def _tell_progress(self, message: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= max(1.0, (now - self._begun) / 60):
            self._last = now
            text = f"{message.tasks_done} of {message.tasks_total} {message.text}".rstrip()
            self._log.info("Spark tasks done: %s", text)

    def _tell_outcome(self, message: DateDone) -> None:
        outcome = message.outcome
        if outcome.failure:
            self._log.error("%s failed: %s", outcome.biz_dt, error_of(outcome))
        elif outcome.manifest:
            m = outcome.manifest
            self._log.info(
                "%s staged: %d rows, %d bytes, %d files", outcome.biz_dt, m.rows, m.bytes, len(m.files)
            )
