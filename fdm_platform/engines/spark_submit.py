"""Starts a load with spark-submit, follows it, and ends it.

submission = start(plan, work=settings.work, cache=settings.cache)
for message in submission.messages(): ...
report = submission.report()
submission.terminate()
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fdm_platform.crash import reached
from fdm_platform.engines import class_archive, process_group
from fdm_platform.engines.bundle import bundle
from fdm_platform.engines.command import (
    DRIVER,
    Machine,
    argv,
    environment,
    is_in_one_jvm,
    is_lean,
    is_yarn,
    yarn_tag,
)
from fdm_platform.engines.follow import describe_end, diagnose, follow, headline, tail
from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.engines.load_folder import LoadFolder, folder_of
from fdm_platform.engines.orphan import Adopted, write_down
from fdm_platform.engines.owner import ORPHAN_S, Owner
from fdm_platform.engines.process_group import OwnGroup, Processes, own_group
from fdm_platform.engines.secrets import values_of, write_files
from fdm_platform.errors import FdmError, LockedError, MachineError
from fdm_platform.model.manifest import DateOutcome, LoadFailure, LoadReport
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone, Message

STOP_S = 10.0
"""From the word to stop to the end of all of a load's Spark; with what execution_log may take then, within 15 s."""
GRACE_S = 6.0
"""Of these, from the polite end to the forced one."""
YARN_WAIT_S = 2.0
"""Of these, what YARN has at least; who finds the load afterwards waits longer."""


def start(
    plan: LoadPlan,
    *,
    work: Path,
    cache: Path,
    environ: Mapping[str, str] | None = None,
    job_params: Mapping[str, Any] | None = None,
    driver: Path = DRIVER,
    build_archive: bool = True,
    orphan_s: float = ORPHAN_S,
) -> Submission:
    """Start the load; returns in milliseconds, while its JVM is starting.

    `orphan_s` is how long its driver goes on when this process is gone: owner.ADOPTABLE_S where another may adopt it.
    `job_params` is the content of the legacy contract's parameters file. With `build_archive`, the
    class-data archive is made in the background after the load, if it is missing.
    MachineError when there is no fitting JDK, no Spark, or no room for the load's folder.
    """
    inherited = os.environ if environ is None else environ
    machine = find_machine(plan, cache, inherited)
    folder = folder_of(work, plan.load_id)
    command = argv(plan, folder, machine, driver=driver)
    env = environment(plan, folder, machine, inherited, has_params=job_params is not None, orphan_s=orphan_s)
    secrets = values_of(plan, inherited)
    owner = _write_folder(folder, plan, job_params)
    _write_secrets(folder, plan, secrets, machine, inherited)
    reached("launch.prepared")
    process = _spawn(command, env, folder)
    reached("launch.spawned")
    _write_process(folder, process)
    after = (
        (lambda: class_archive.build_in_background(cache, machine.jdk, machine.spark))
        if build_archive
        else None
    )
    after = after if is_lean(plan, machine) else None
    return Submission(plan, folder, OwnGroup(process), owner, after=after, environ=inherited)


def adopt(plan: LoadPlan, folder: LoadFolder, owner: Owner) -> Submission | None:
    """What another process had started for this plan, as if it were one's own; None where it cannot be had.

    It can while the first process lives and does something, and where the driver's last word says that all is done.
    The messages are followed from the first one on. For who has become the owner of the load's folder.
    """
    left, said = Adopted(folder), _last_word(folder)
    is_there = said.failure is None if said else left.is_running
    is_seen_here = plan.launch.deploy_mode is None or plan.launch.deploy_mode.value != "cluster"
    return Submission(plan, folder, left, owner, age_s=left.age_s) if is_there and is_seen_here else None


def _last_word(folder: LoadFolder) -> DriverDone | None:
    try:
        last = [m for m in follow(folder.messages, lambda: True) if isinstance(m, DriverDone)]
    except OSError:
        return None
    return last[-1] if last else None


def find_machine(plan: LoadPlan, cache: Path, environ: Mapping[str, str]) -> Machine:
    """What this machine offers to the plan's launch."""
    jdk, spark = find_jdk(environ), find_spark(environ)
    is_local = is_in_one_jvm(plan.launch)
    return Machine(
        jdk,
        spark,
        sys.executable,
        archive=class_archive.ready(cache, jdk, spark) if is_local else None,
        bundle=None if is_local else bundle(cache),
        conf_dirs=_conf_dirs(environ),
        is_windows=sys.platform == "win32",
    )


def _conf_dirs(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(environ[n] for n in ("HADOOP_CONF_DIR", "YARN_CONF_DIR") if environ.get(n))


def _write_folder(folder: LoadFolder, plan: LoadPlan, job_params: Mapping[str, Any] | None) -> Owner:
    """The folder is this process's own from its first file on."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        owner = Owner(folder.path)
        _write_whole(folder.plan, plan.to_json())
        if job_params is not None:
            _write_whole(folder.params, json.dumps(job_params, default=str))
        folder.messages.write_bytes(b"")
    except BlockingIOError as error:
        raise LockedError(
            f"another process of this machine is at work on load {plan.load_id}",
            file=str(folder.path),
            remedy="wait for it, or end it",
        ) from error
    except OSError as error:
        raise _disk_error(error, folder.path) from error
    return owner


def _write_secrets(
    folder: LoadFolder,
    plan: LoadPlan,
    secrets: Mapping[str, str],
    machine: Machine,
    environ: Mapping[str, str],
) -> None:
    site = Path(environ.get("SPARK_CONF_DIR") or machine.spark.home / "conf") / "spark-defaults.conf"
    try:
        write_files(plan, secrets, folder.secrets, folder.secret_properties, site)
    except OSError as error:
        raise _disk_error(error, folder.path) from error


def _write_whole(path: Path, text: str) -> None:
    """Write the file so that a reader sees all of it or nothing."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _disk_error(error: OSError, folder: Path) -> MachineError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            "no space left on the disk of the loads' folder",
            file=str(folder),
            remedy="free space there, or set FDM_HOME to a folder on another disk",
        )
    return MachineError(
        f"cannot write the load's folder: {error.strerror}",
        file=str(folder),
        remedy="make it writable, or set FDM_HOME to another folder",
    )


def _spawn(command: list[str], env: Mapping[str, str], folder: LoadFolder) -> subprocess.Popen[bytes]:
    """The process, in a process group of its own so that all of it can be ended."""
    try:
        with folder.stdout.open("wb") as out, folder.stderr.open("wb") as err:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, **own_group()
            )
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise _disk_error(error, folder.path) from error
        raise MachineError(
            f"cannot run {command[0]}: {error.strerror}",
            remedy="check launch.python_executable and SPARK_HOME",
        ) from error


def _write_process(folder: LoadFolder, process: subprocess.Popen[bytes]) -> None:
    """A process that cannot be written down is ended: nobody would find it."""
    try:
        write_down(folder, process.pid)
    except OSError as error:
        process_group.end(process, 0)
        raise _disk_error(error, folder.path) from error


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
    ) -> None:
        self.plan = plan
        self.files = folder
        self.pid = process.pid
        self._process = process
        self._owner = owner  # let go when nobody here knows the submission any more
        self._after = after
        self._environ = os.environ if environ is None else environ
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
        log = tail(self.files.stderr) or tail(self.files.stdout)
        how = describe_end(self._process.poll())
        first = headline(log) or f"spark-submit {how}"
        error, remedy = diagnose(first, how)
        return error(f"{first}\n{self._evidence(log, how)}", remedy=remedy)

    def _failed(self, failure: LoadFailure) -> FdmError:
        """The driver said why it failed: its error, with the log's end."""
        said = [failure.headline, failure.detail, self._evidence(tail(self.files.stderr))]
        return failure.to_error("\n".join(filter(None, said)))

    def _evidence(self, log: list[str], how: str | None = None) -> str:
        ended = [f"  spark-submit {how}"] if how else []
        shown = [f"  end of {self.files.stderr}:", *(f"    {line}" for line in log)] if log else []
        return "\n".join([*ended, *(shown or [f"  its log is empty: {self.files.stderr}"])])

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until every process of the load has ended: the first one's exit code, None after the timeout."""
        if not self._process.wait(timeout_s):
            return None
        self._forget_secrets()
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
        self._forget_secrets()
        self._build_archive()
        # Without a configuration spark-submit has refused to submit anything.
        if self._done is None and is_yarn(self.plan.launch.master.value) and _conf_dirs(self._environ):
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

    def _forget_secrets(self) -> None:
        """Of a driver that did not come to it."""
        for file in (self.files.secrets, self.files.secret_properties):
            file.unlink(missing_ok=True)

    def _see_off(self, grace_s: float) -> None:
        if self.wait(grace_s) is None:
            self._process.end(grace_s)

    def _build_archive(self) -> None:
        after, self._after = self._after, None
        if after and self._done and self._done.failure is None:
            after()
