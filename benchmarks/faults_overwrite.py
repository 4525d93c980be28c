"""What faults.py finds at plain Spark: dynamic overwrite of many dates, killed while it commits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fdm_platform_tests.faults.reading import KINDS, Reader, read_arrow, reading, versions_in

MANY = 40
JOB = Path(__file__).with_name("counted_dates_job.py")
_POLL_S = 0.001


def overwrite_trials(
    home: Path, numbers: range, stack: ExitStack, made: list[Reader], *, seed: int, readers: int
) -> Iterator[tuple[int, dict[str, list[str]]]]:
    """Trial by trial what readers, which are added to `made`, saw meanwhile, and what was there when the job was dead."""
    root, told = home / "fdm_landing" / "counted", 0
    root.parent.mkdir(parents=True)
    _run(root, 1, None)
    for kind in KINDS[:readers]:
        made.append(stack.enter_context(reading(kind, str(root.parent), home / "readers" / kind)))
        made[-1].look()
    for number in numbers:
        _run(root, number + 1, random.Random(f"{seed}-{number}"))  # noqa: S311 - not for secrets
        for reader in made:
            reader.look()
        seen = [f"{r.kind}: {p['problem']} {p['what']} at {p['at']}" for r in made for p in r.problems()]
        yield number, {"reader": seen[told:], "live": [f"trial {number}: {what}" for what in _at_rest(root)]}
        told = len(seen)


def _run(root: Path, load_no: int, killed_by: random.Random | None) -> None:
    """The job to its end; or, to be killed, until some of the folders that were there have changed."""
    command = [sys.executable, str(JOB), str(root), str(load_no), str(MANY)]
    before = {folder: _stamp(folder) for folder in root.glob("biz_dt=*/biz_status=*")}
    enough = killed_by.randint(1, max(len(before) // 2, 1)) if killed_by else len(before) + 1
    with (root.parent.parent / "job.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while process.poll() is None:
            if before and sum(_stamp(folder) != stamp for folder, stamp in before.items()) >= enough:
                os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(_POLL_S)
    code = process.wait()
    if code not in (0, -signal.SIGKILL):
        sys.exit(f"the job ended with {code}: {(root.parent.parent / 'job.log').read_text()[-2000:]}")


def _stamp(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _at_rest(root: Path) -> list[str]:
    """Dates that hold no whole version, and those that are gone, when nobody writes any more."""
    whole, broken = versions_in(read_arrow(str(root)))
    gone = MANY - len(whole) - len(broken)
    return [
        *(f"{day}: {what}" for day, what in broken.items()),
        *([f"{gone} dates are gone"] if gone else []),
    ]
