"""A load's way to spark-submit and back, inside a Dagster step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from fdm_platform.crash import reached
from fdm_platform.defs.load import Load, begin, error_of
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.preloading import preload
from fdm_platform.engines.spark_submit import GRACE_S, Submission
from fdm_platform.errors import TimedOutError
from fdm_platform.model.manifest import OutputStaged
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone, LogLine, Message, Progress
from fdm_platform.model.table import TableSpec

_begun_early: dict[str, Load] = {}
"""Loads that this process began before their run, by load id. Not in the resource: Dagster makes a new
resource object for every run."""


def hand_over(load: Load, load_id: str) -> None:
    """Let the run that makes this load id take over what was begun before Dagster was imported.

    One load may be handed to several runs in turn: the first follows Spark to its end, and each publishes
    its own dates.
    """
    _begun_early[load_id] = load


def take_back(load_id: str) -> bool:
    """True if no run has taken the load over; it is then the caller's to end."""
    return _begun_early.pop(load_id, None) is not None


class SparkSubmitStepLauncher(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs a load with spark-submit and follows it: log lines, progress, application, outcomes.

    The step that ends, however it ends, leaves no Spark process behind.
    """

    grace_s: float = Field(
        default=GRACE_S,
        ge=0,
        le=GRACE_S,
        description="Seconds between the polite and the forced stop; more would not leave all of it within 15 s.",
    )

    def launch(
        self,
        log: logging.Logger | Any,
        platform: Platform,
        spec: TableSpec,
        dates: Sequence[date],
        load_id: str,
        *,
        asked_by: str = "hand",
        begun: Callable[[Load], object] = lambda _: None,
        loaded_by: Callable[[Sequence[date]], Collection[date]] = lambda _: (),
    ) -> Load:
        """Run the dates to their end. LoadError when Spark failed as a whole; failed dates are in the report.

        `begun` is told the load once there is one: whoever is told an error knows of which load. The load may be
        one that was adopted, of another id, and lack dates that others have loaded meanwhile (`load.begin`).
        """
        load = _begun_early.pop(load_id, None) or begin(
            platform, spec, dates, load_id, asked_by, tell=log.warning, loaded_by=loaded_by
        )
        begun(load)
        if load.error:
            raise load.error
        try:
            if not load.is_followed:
                self._follow(log, load, spec.timeout_s)
        except BaseException as error:  # also an interrupt: the attempt is over, and its log row must say so
            load.abandon(error)
            raise
        return load if set(load.dates) <= set(dates) else load.split_off(dates)

    def _follow(self, log: logging.Logger | Any, load: Load, timeout_s: float | None) -> None:
        if load.submission:
            self._follow_spark(log, load, load.submission, timeout_s)
        load.report = load.report.with_outcomes(load.dates, ())
        load.is_followed = True

    def _follow_spark(
        self, log: logging.Logger | Any, load: Load, submission: Submission, timeout_s: float | None
    ) -> None:
        log.info("spark-submit is process %s; its logs are in %s", submission.pid, submission.folder)
        narrator = Narrator(log)
        try:
            for message in submission.messages(
                lambda: timeout_s is not None and submission.age_s > timeout_s
            ):
                if isinstance(message, ApplicationStarted):
                    load.note_application(message.application_id)
                    preload()  # Spark is up: this process waits, and publishes next
                    reached("launch.told")
                narrator.tell(message)
            if timeout_s is not None and not submission.is_over:
                raise _timed_out(load, timeout_s)
            load.report = submission.report().with_outcomes(load.dates, load.report.outcomes)
        finally:
            submission.terminate(self.grace_s)


def _timed_out(load: Load, timeout_s: float) -> TimedOutError:
    done = len(load.submission.outcomes) if load.submission else 0
    return TimedOutError(
        f"Spark took longer than timeout_s, which is {timeout_s:g} s, and was ended; it had dealt with {done} of "
        f"{len(load.dates)} dates",
        remedy="see what it did in the run's log; give it more time in table.yaml, or fewer dates in a submit",
    )


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
            case OutputStaged():
                self._tell_staged(message)
            case DriverDone():
                if tasks := message.metrics.get("tasks"):  # a short load ends before anyone has looked
                    self._log.info("Spark tasks done: %d of %d", tasks, tasks)
                phases = ", ".join(f"{k} {v:.1f} s" for k, v in message.seconds.items())
                self._log.info("Spark is done after %.1f s (%s)", sum(message.seconds.values()), phases)

    def _tell_progress(self, message: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= max(1.0, (now - self._begun) / 60):
            self._last = now
            text = f"{message.tasks_done} of {message.tasks_total} {message.text}".rstrip()
            self._log.info("Spark tasks done: %s", text)

    def _tell_staged(self, message: OutputStaged) -> None:
        """A write of a legacy script: where to, and what of each date."""
        for m in message.manifests:
            of = (m.biz_dt, message.root, m.rows, m.bytes, len(m.files))
            self._log.info("%s of %s staged: %d rows, %d bytes, %d files", *of)

    def _tell_outcome(self, message: DateDone) -> None:
        outcome = message.outcome
        if outcome.failure:
            self._log.error("%s failed: %s", outcome.biz_dt, error_of(outcome))
        elif outcome.manifest:
            m = outcome.manifest
            self._log.info(
                "%s staged: %d rows, %d bytes, %d files", outcome.biz_dt, m.rows, m.bytes, len(m.files)
            )
