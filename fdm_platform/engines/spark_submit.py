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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fdm_platform.crash import reached
from fdm_platform.engines import class_archive, process_group
from fdm_platform.engines.bundle import bundle
from fdm_platform.engines.command import (
    DRIVER,
    Machine,
    argv,
    conf_dirs,
    environment,
    is_in_one_jvm,
    is_lean,
    params_file,
)
from fdm_platform.engines.follow import follow
from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.engines.load_folder import LoadFolder, folder_of
from fdm_platform.engines.orphan import Adopted, write_down
from fdm_platform.engines.owner import ORPHAN_S, Owner
from fdm_platform.engines.process_group import OwnGroup, own_group
from fdm_platform.engines.script_submission import ScriptSubmission
from fdm_platform.engines.secrets import revealed, values_of, write_files, write_private
from fdm_platform.engines.submission import GRACE_S, Submission
from fdm_platform.errors import LockedError, MachineError
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import DriverDone

__all__ = ["GRACE_S", "Submission", "adopt", "find_machine", "start"]


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
    `job_params` is the content of the legacy contract's parameters file; for a script, what it says of where secrets
    are is replaced by them. With `build_archive`, the class-data archive is made in the background after the load, if it is missing.
    MachineError when there is no fitting JDK, no Spark, or no room for the load's folder.
    """
    inherited = os.environ if environ is None else environ
    orphan_s = min(orphan_s, ORPHAN_S) if plan.legacy else orphan_s  # nobody adopts a script
    machine = find_machine(plan, cache, inherited)
    folder = folder_of(work, plan.load_id)
    command = argv(plan, folder, machine, driver=driver)
    env = environment(plan, folder, machine, inherited, has_params=job_params is not None, orphan_s=orphan_s)
    secrets = values_of(plan, inherited)
    owner = _write_folder(folder, plan, _params_text(plan, job_params, secrets))
    _write_secrets(folder, plan, secrets, machine, inherited)
    reached("launch.prepared")
    process = _spawn(command, env, folder, cwd=plan.legacy.base_dir if plan.legacy else None)
    reached("launch.spawned")
    _write_process(folder, process)
    after = (
        (lambda: class_archive.build_in_background(cache, machine.jdk, machine.spark))
        if build_archive
        else None
    )
    after = after if is_lean(plan, machine) else None
    kind = ScriptSubmission if plan.legacy else Submission
    hidden = tuple(secrets.values())
    return kind(plan, folder, OwnGroup(process), owner, after=after, environ=inherited, hidden=hidden)


def adopt(plan: LoadPlan, folder: LoadFolder, owner: Owner) -> Submission | None:
    """What another process had started for this plan, as if it were one's own; None where it cannot be had.

    It can while the first process lives and does something, and where the driver's last word says that all is done.
    The messages are followed from the first one on. For who has become the owner of the load's folder. A script's
    outcome is its exit code, which its own parent alone learns: it cannot be had.
    """
    if plan.legacy:
        return None
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
        conf_dirs=conf_dirs(environ),
        is_windows=sys.platform == "win32",
    )


def _params_text(
    plan: LoadPlan, job_params: Mapping[str, Any] | None, secrets: Mapping[str, str]
) -> str | None:
    if job_params is None:
        return None
    content = (
        revealed(job_params, {plan.secrets[n]: v for n, v in secrets.items()}) if plan.legacy else job_params
    )
    return json.dumps(content, default=str)


def _write_folder(folder: LoadFolder, plan: LoadPlan, params: str | None) -> Owner:
    """The folder is this process's own from its first file on."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        owner = Owner(folder.path)
        _write_whole(folder.plan, plan.to_json())
        if params is not None:
            _write_params(params_file(plan, folder), params)
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


def _write_params(path: Path, text: str) -> None:
    """For this user's eyes: a script's has secrets."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    write_private(part, text)
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


def _spawn(
    command: list[str], env: Mapping[str, str], folder: LoadFolder, cwd: str | None
) -> subprocess.Popen[bytes]:
    """The process, in a process group of its own so that all of it can be ended."""
    try:
        with folder.stdout.open("wb") as out, folder.stderr.open("wb") as err:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd, **own_group()
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
