from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.orphan import (
    Adopted,
    SparkProcess,
    end_orphan,
    first_of,
    processes_of,
    write_down,
    written_down,
)
from fdm_platform.engines.owner import VARIABLE, Owner, has_locks, is_owned
from fdm_platform.engines.process_group import GONE
from fdm_platform.processes import this_host

pytestmark = pytest.mark.skipif(not has_locks(), reason="only Linux has locks of open files")

OWNS = """
import sys
from pathlib import Path
from fdm_platform.engines.owner import Owner
owner = Owner(Path(sys.argv[1]))
print("mine", flush=True)
sys.stdin.read()
"""
WATCHES = """
import signal, subprocess, sys, time
from fdm_platform.engines.owner import watch
if {is_deaf}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"])
assert watch(orphan_s=1, grace_s=1) and not watch()
if {is_deaf}:
    time.sleep(600)
child.wait()
"""


def owner_of(folder: Path) -> subprocess.Popen[str]:
    """A process that owns the load of a folder, and has said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "mine\n"
    return process


def wait_until_gone(folder: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while left := processes_of(LoadFolder(folder)):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def test_a_load_has_one_owner_at_a_time(tmp_path: Path) -> None:
    assert is_owned(tmp_path) is None
    first = Owner(tmp_path)
    assert is_owned(tmp_path)
    with pytest.raises(BlockingIOError):
        Owner(tmp_path)
    assert is_owned(tmp_path), "a second that was refused has freed the first's"
    first.let_go()
    first.let_go()
    assert is_owned(tmp_path) is False
    Owner(tmp_path).let_go()


def test_what_an_owner_starts_does_not_own_the_load(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    owner.let_go()
    assert is_owned(tmp_path) is False
    child.kill()
    child.wait()


def test_a_killed_owner_owns_nothing(tmp_path: Path) -> None:
    process = owner_of(tmp_path)
    assert is_owned(tmp_path)
    process.kill()
    process.wait()
    assert is_owned(tmp_path) is False


def test_a_stopped_owner_is_still_the_owner(tmp_path: Path) -> None:
    process = owner_of(tmp_path)
    process.send_signal(signal.SIGSTOP)
    assert is_owned(tmp_path)
    process.kill()
    process.wait()


@pytest.mark.parametrize("is_deaf", [False, True])
def test_an_orphan_ends_with_all_of_its_group(tmp_path: Path, is_deaf: bool) -> None:
    owner = owner_of(tmp_path)
    orphan = subprocess.Popen(
        [sys.executable, "-c", WATCHES.format(is_deaf=is_deaf)],
        env={**os.environ, VARIABLE: str(tmp_path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert orphan.stdout
    assert orphan.stdout.readline() == b"here\n"
    assert len(processes_of(LoadFolder(tmp_path))) == 2
    owner.kill()
    owner.wait()
    assert b"the process that started this load is gone" in orphan.communicate(timeout=180)[1]
    wait_until_gone(tmp_path)


def test_an_orphan_that_is_adopted_in_time_goes_on_and_one_that_ends_is_adopted_by_nobody(
    tmp_path: Path,
) -> None:
    owner = owner_of(tmp_path)
    orphan = subprocess.Popen(
        [sys.executable, "-c", WATCHES.format(is_deaf=True)],
        env={**os.environ, VARIABLE: str(tmp_path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert orphan.stdout
    assert orphan.stdout.readline() == b"here\n"
    orphan.send_signal(signal.SIGSTOP)  # until another owns the load, whatever the time
    owner.kill()
    owner.wait()
    adopter = Owner(tmp_path)
    orphan.send_signal(signal.SIGCONT)
    with pytest.raises(subprocess.TimeoutExpired):
        orphan.wait(3)  # longer than it waits for an owner
    adopter.let_go()
    assert orphan.stderr
    assert b"the process that started this load is gone" in orphan.stderr.readline()
    assert is_owned(tmp_path) or not processes_of(LoadFolder(tmp_path)), "somebody may adopt it while it ends"
    wait_until_gone(tmp_path)
    orphan.communicate(timeout=180)  # a process lets go of its files last of all
    assert is_owned(tmp_path) is False


def test_the_first_process_of_a_load_is_found_also_where_nobody_wrote_it_down(tmp_path: Path) -> None:
    folder = LoadFolder(tmp_path)
    assert first_of(folder) is None
    assert Adopted(folder).poll() == GONE
    code = "import subprocess, sys; print('here', flush=True); subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, VARIABLE: str(tmp_path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"here\n"
    adopted = Adopted(folder)
    assert (adopted.pid, adopted.poll(), adopted.is_running) == (process.pid, None, True)
    assert 0 <= adopted.age_s < 60
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    assert not adopted.is_running
    assert not adopted.wait(0.1)
    adopted.end(grace_s=0.5)
    process.wait(180)
    assert (adopted.poll(), adopted.is_alive(), adopted.wait(1)) == (GONE, False, True)


def test_what_is_left_of_a_load_is_ended_and_nothing_else(tmp_path: Path) -> None:
    mine, other = tmp_path / "load-1", tmp_path / "load-10"
    deaf = (
        "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print('x', flush=True); time.sleep(600)"
    )
    started = []
    for folder in (mine, mine, other):
        folder.mkdir(exist_ok=True)
        env = {**os.environ, VARIABLE: str(folder)}
        started.append(subprocess.Popen([sys.executable, "-c", deaf], env=env, stdout=subprocess.PIPE))
        assert started[-1].stdout
        assert started[-1].stdout.readline() == b"x\n"
    assert processes_of(LoadFolder(mine)) == {started[0].pid, started[1].pid}
    assert end_orphan(LoadFolder(mine), grace_s=0.2) == 2
    assert [p.wait(180) for p in started[:2]] == [-signal.SIGKILL, -signal.SIGKILL]
    assert started[2].poll() is None
    assert end_orphan(LoadFolder(mine)) == 0
    started[2].kill()
    started[2].wait()


def test_a_process_that_was_written_down_is_known_by_its_start(tmp_path: Path) -> None:
    folder = LoadFolder(tmp_path)
    assert written_down(folder) is None
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    write_down(folder, process.pid)
    told = written_down(folder)
    assert told
    assert (told.pid, told.host) == (process.pid, this_host())
    assert processes_of(folder) == {process.pid}
    assert not SparkProcess(told.pid, told.start + 1, told.host).is_alive
    assert not SparkProcess(told.pid, told.start, "elsewhere").is_alive
    process.kill()
    process.wait()
    assert processes_of(folder) == set()
    folder.process.write_text('{"pid": 1')
    assert written_down(folder) is None
