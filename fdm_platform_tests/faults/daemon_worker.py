"""Beats of Dagster's sensor daemon on a deployment, each in a process that dies at a step of a tick if told to.

It reads lines `SECONDS [STEP]` and answers each with the exit code of a process that was forked for it, which
saves the imports. SECONDS is what Dagster takes for the time, since 1970: sensors have a least interval. STEP
is one of the places where Dagster's daemon lets a test kill it, or one of the platform's own crash points.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from datetime import UTC, datetime

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration

SENSORS = ("process_control_gels_fpms", "process_control_gels_cnt")


def beat(now: float, step: str | None) -> None:
    """Evaluate every sensor that runs: once where it is to die, else twice, a minute apart."""
    is_ours = step is not None and "." in step
    if step and is_ours:
        # Read when the platform is imported, which nobody here has done yet.
        os.environ["FDM_CRASH_AT"] = step
    flags = {name: {step: signal.SIGKILL} for name in SENSORS} if step and not is_ours else None
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=sys.executable, module_name="fdm_platform.definitions")
    )
    target = InProcessWorkspaceLoadTarget(origin)
    with (
        dg.DagsterInstance.get() as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        for beat in (now, now + 60):
            with freeze_time(datetime.fromtimestamp(beat, UTC)):
                log = logging.getLogger("daemon")
                for error in execute_sensor_iteration(workspace, log, None, None, debug_crash_flags=flags):
                    if error:
                        raise RuntimeError(str(error))


def main() -> None:
    """One beat of SECONDS and STEP from the command line; without them, until there are no more lines."""
    if sys.argv[1:]:
        beat(float(sys.argv[1]), sys.argv[2] if sys.argv[2:] else None)
        return
    for line in sys.stdin:
        seconds, *step = line.split()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                beat(float(seconds), *(step or [None]))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
