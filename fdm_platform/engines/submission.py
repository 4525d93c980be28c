"""A load that was started: followed, ended, and what it answered."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fdm_platform.engines.command import conf_dirs, is_yarn, yarn_tag
from fdm_platform.engines.follow import describe_end, diagnose, follow, headline, tail
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.owner import Owner
from fdm_platform.engines.process_group import Processes
from fdm_platform.engines.secrets import secret_files
from fdm_platform.errors import FdmError
from fdm_platform.model.manifest import DateOutcome, LoadFailure, LoadReport
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone, Message
from fdm_platform.planning.secrets import MASK

STOP_S = 10.0
"""From the word to stop to the end of all of a load's Spark; with what execution_log may take then, within 15 s."""
GRACE_S = 6.0
"""Of these, from the polite end to the forced one."""
YARN_WAIT_S = 2.0
"""Of these, what YARN has at least; who finds the load afterwards waits longer."""


class Submission:
    """A load that was started: its messages, its report, its end."""

    def __init__(
        self,
        plan: LoadPlan,
        folder: LoadFolder,
        process: Processes,
        owner: Owner,
        *,
        after: Callable[[], object] | None = None,
        age_s: float = 0.0,
        environ: Mapping[str, str] | None = None,
        hidden: Sequence[str] = (),
    ) -> None:
        """Follow a load whose folder this process owns. `hidden` are secrets, which its log may quote."""
        self.plan = plan
        self.files = folder
        self.pid = process.pid
        self._process = process
        self._owner = owner  # let go when nobody here knows the submission any more
        self._after = after
        self._environ = os.environ if environ is None else environ
        self._hidden = tuple(filter(None, hidden))
        self._unknown: FdmError | None = None
        self._started = time.monotonic() - age_s
        self._seconds: dict[str, float] = {}
        self._outcomes: dict[Any, DateOutcome] = {}
        self._application: ApplicationStarted | None = None
        self._done: DriverDone | None = None
        self._stream: Iterator[Message] | None = None

    @property
    def folder(self) -> Path:
        """The load's folder: plan, messages, logs."""
        return self.files.path

    @property
    def application_id(self) -> str | None:
        """Spark's id of the application, once a message has told it."""
        return self._application.application_id if self._application else None

    @property
    def outcomes(self) -> tuple[DateOutcome, ...]:
        """Of the dates that were dealt with so far."""
        return tuple(self._outcomes.values())

    @property
    def age_s(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started

    @property
    def is_over(self) -> bool:
        """The driver has had its last word, or its process has ended."""
        return self._done is not None or self._process.poll() is not None

    def messages(self, stop: Callable[[], bool] | None = None) -> Iterator[Message]:
        """Messages as they appear. Ends with the driver's last word, when its process has ended, or by `stop`.

        Spark's JVM may live a moment longer than the last message: `wait` or `terminate` see to it.
        """
        if self._stream is None:
            self._stream = follow(self.files.messages, lambda: self._process.poll() is not None, stop)
        for message in self._stream:
            self._take(message)
            yield message
            if self._done:
                return

    def _take(self, message: Message) -> None:
        elapsed = round(time.monotonic() - self._started, 3)
        self._seconds.setdefault("start", elapsed)
        match message:
            case ApplicationStarted():
                self._application = message
            case DateDone():
                self._outcomes[message.outcome.biz_dt] = message.outcome
            case DriverDone():
                self._done = message
                self._seconds["total"] = elapsed

    def report(self) -> LoadReport:
        """All that the load answered; reads the messages that nobody has read yet.

        LoadError, or the driver's own error, when the load failed as a whole.
        """
        for _ in self.messages() if self._done is None else ():
            pass
        if self._done is None:
            raise self._died()
        if self._done.failure:
            raise self._failed(self._done.failure)
        return LoadReport(
            load_id=self.plan.load_id,
            outcomes=tuple(self._outcomes[d] for d in sorted(self._outcomes)),
            application_id=self.application_id,
            ui_url=self._application.ui_url if self._application else None,
            seconds={**self._seconds, **self._done.seconds},
            metrics=self._done.metrics,
        )

    def _died(self) -> FdmError:
        """The driver ended without its last word."""
        log = self._tail(self.files.stderr) or self._tail(self.files.stdout)
        how = describe_end(self._process.poll())
        first = headline(log) or f"spark-submit {how}"
        error, remedy = diagnose(first, how)
        return error(f"{first}\n{self._evidence(log, how)}", remedy=remedy)

    def _failed(self, failure: LoadFailure) -> FdmError:
        """The driver said why it failed: its error, with the log's end."""
        said = [failure.headline, failure.detail, self._evidence(self._tail(self.files.stderr))]
        return failure.to_error("\n".join(filter(None, said)))

    def _evidence(self, log: list[str], how: str | None = None) -> str:
        ended = [f"  spark-submit {how}"] if how else []
        shown = [f"  end of {self.files.stderr}:", *(f"    {line}" for line in log)] if log else []
        return "\n".join([*ended, *(shown or [f"  its log is empty: {self.files.stderr}"])])

    def _tail(self, log: Path) -> list[str]:
        """The last lines of a log, without secrets."""
        lines = tail(log)
        for secret in self._hidden:
            lines = [line.replace(secret, MASK) for line in lines]
        return lines

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until every process of the load has ended: the first one's exit code, None after the timeout."""
        if not self._process.wait(timeout_s):
            return None
        self._tidy()
        self._build_archive()
        return self._process.poll()

    def terminate(self, grace_s: float = GRACE_S) -> None:
        """End every process of the load: SIGTERM to its group, SIGKILL after the grace; on YARN its application, too.

        After the driver's last word there is nothing to interrupt: it is then left to end by itself, watched
        by a thread which this process waits for when it exits. ConnectionLostError where YARN does not say that the
        application has ended.
        """
        if self._done and self._process.is_alive():
            name = f"end of {self.plan.load_id}"
            threading.Thread(target=self._see_off, args=(grace_s,), name=name).start()
            return
        until = time.monotonic() + STOP_S
        self._process.end(grace_s)
        self._tidy()
        self._build_archive()
        # Without a configuration spark-submit has refused to submit anything.
        if self._done is None and is_yarn(self.plan.launch.master.value) and conf_dirs(self._environ):
            self._end_application(max(until - time.monotonic(), YARN_WAIT_S))

    def _end_application(self, wait_s: float) -> None:
        """One that did not answer is not asked again: whoever ends the load once more is told the same."""
        if self._unknown is None:
            from fdm_platform.engines.yarn import end_applications  # noqa: PLC0415 - imports JPype

            try:
                end_applications(yarn_tag(self.plan.load_id), wait_s, self._environ)
            except FdmError as error:
                self._unknown = error
        if self._unknown:
            raise self._unknown

    def let_go(self) -> None:
        """This process is done with the load, whose Spark has ended: recovery may have it."""
        self._owner.let_go()

    def _tidy(self) -> None:
        """Once all has ended: the secrets go that the driver did not come to."""
        for file in secret_files(self.files):
            file.unlink(missing_ok=True)

    def _see_off(self, grace_s: float) -> None:
        if self.wait(grace_s) is None:
            self._process.end(grace_s)

    def _build_archive(self) -> None:
        after, self._after = self._after, None
        if after and self._done and self._done.failure is None:
            after()
