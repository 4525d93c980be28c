"""Disks that are full, out of inodes or read-only: each ends in an error that says what to mend, readers keep what they
had, and once it is mended the next load gives what an undisturbed one gives.

The disks are tmpfs mounts of a few hundred KiB. A user's or project's quota (EDQUOT) cannot be produced here: this
kernel has quotas of no format that a file system could be mounted with (neither CONFIG_QFMT_V2 nor CONFIG_TMPFS_QUOTA).
Its error goes the way of a full disk's, and its remedy stands in model/causes.py (test_errors.py); a quota of HDFS is
in test_hadoop.py.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fdm_platform.defs.recovery import recover
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import Deployment
from fdm_platform_tests.faults.comparing import attempts, leftovers, live_errors, log_errors, rows
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import FDM, Ended, Process, run, stopped, wait_for
from fdm_platform_tests.faults.publisher import load

pytestmark = pytest.mark.embedded

(DAY,) = days(1)
TABLE = table_name("t_a")
PUBLISH = [sys.executable, "-m", "fdm_platform_tests.faults.publisher", "exchange", "t_a", str(DAY), "load-2"]
MATERIALIZE = [FDM, "materialize", "t_a", "--biz-dt", str(DAY)]
INODES = 60
NO_SPACE, READ_ONLY = os.strerror(errno.ENOSPC), os.strerror(errno.EROFS)

Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Disk:
    """A small disk, and what can be wrong with it."""

    path: Path

    def fill(self) -> None:
        """To the last byte."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            for size in (4096, 1):
                with refused():
                    while filler.write(b"x" * size):
                        pass

    def use_up_inodes(self) -> None:
        """To the last one; there is room."""
        many = self.path / "many"
        many.mkdir()
        with refused():
            for n in range(INODES):
                (many / str(n)).touch()

    def leave_few_inodes(self) -> None:
        """Enough for the folder of a load, not for what Spark needs."""
        self.use_up_inodes()
        for n in range(3):
            (self.path / "many" / str(n)).unlink()

    def fill_wholly(self) -> None:
        self.use_up_inodes()
        with (self.path / "many" / "0").open("wb", buffering=0) as filler, refused():
            while filler.write(b"x" * 4096):
                pass

    def mount_read_only(self) -> None:
        mount("-o", "remount,ro", self.path)

    def mend(self) -> None:
        """Whatever it was."""
        mount("-o", "remount,rw", self.path)
        (self.path / "filler").unlink(missing_ok=True)
        shutil.rmtree(self.path / "many", ignore_errors=True)


@contextmanager
def refused() -> Iterator[None]:
    """What is done here ends because the disk has no room."""
    with pytest.raises(OSError, match=NO_SPACE):
        yield


def mount(*arguments: object) -> None:
    """Mount, or skip the test where nobody may."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a small disk needs root: {done.stderr.strip()}")


@contextmanager
def disk_at(place: Path, size: str) -> Iterator[Disk]:
    """A small disk in place of a folder that holds nothing."""
    place.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size},nr_inodes={INODES}", "tmpfs", place)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@dataclass
class Case:
    """A deployment with version 1 of a date live and version 2 asked for, and a disk of it."""

    counted: Counted
    disk: Disk
    undisturbed: Rows
    old: Rows = field(init=False)

    def __post_init__(self) -> None:
        with self.counted.deployment.platform() as platform:
            offer(platform, [DAY], 1)
            load(platform, "t_a", DAY, "load-1")
            offer(platform, [DAY], 2)
        self.old = self.rows()

    @property
    def settings(self) -> Settings:
        return self.counted.deployment.settings

    def rows(self) -> Rows:
        return rows(self.counted.root("t_a"))

    def run(self, command: list[str], **environ: str) -> Ended:
        return run(command, {**self.counted.deployment.environ, **environ})

    def stopped(self, at: str, **environ: str) -> AbstractContextManager[Process]:
        """A publisher that stands at a crash point while the block runs, and then goes on."""
        return stopped(PUBLISH, {**self.counted.deployment.environ, **environ}, at)

    def publish(self, at: str, trouble: Callable[[Disk], None], **environ: str) -> Ended:
        """A load whose disk is in trouble from a crash point on."""
        with self.stopped(at, **environ) as process:
            trouble(self.disk)
        return process.ended()

    def mended(self, tried: list[str]) -> None:
        """The disk is mended; after `tried`, recovery and a load all is as if nothing had been."""
        self.disk.mend()
        with self.counted.deployment.platform() as platform:
            recover(platform)
            assert attempts(platform, TABLE, DAY) == tried
            assert leftovers(platform) == []
            load(platform, "t_a", DAY, "load-3")
            assert self.rows() == self.undisturbed
            assert attempts(platform, TABLE, DAY) == [*tried, "Completed"]
            assert live_errors(platform, TABLE, [DAY]) == []
            assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
            assert leftovers(platform) == []


@pytest.fixture
def landing(tmp_path: Path, undisturbed: Rows) -> Iterator[Case]:
    """The disk holds the published tables."""
    with disk_at(tmp_path / "disk", "300k") as disk:
        counted = moved(deploy_counted(tmp_path / "home"), FDM_LANDING_ROOT=str(disk.path))
        yield Case(counted, disk, undisturbed)


@pytest.fixture
def ledger(tmp_path: Path, undisturbed: Rows) -> Iterator[Case]:
    """The disk holds the control tables, the ledger among them."""
    with disk_at(tmp_path / "disk", "8m") as disk:
        counted = deploy_counted(tmp_path / "home")
        (tmp_path / "home" / "control.db").rename(tmp_path / "control.db")
        shutil.move(tmp_path / "control.db", disk.path / "control.db")
        url = f"sqlite:///{disk.path / 'control.db'}"
        yield Case(moved(counted, FDM_CONTROL_URL=url), disk, undisturbed)


@pytest.fixture
def on_disk(tmp_path: Path, undisturbed: Rows) -> Iterator[Callable[[str], Case]]:
    """The disk holds this folder of the deployment's home."""
    with ExitStack() as mounted:

        def made(folder: str) -> Case:
            case = Case(deploy_counted(tmp_path / "home"), Disk(Path()), undisturbed)
            shutil.rmtree(tmp_path / "home" / folder, ignore_errors=True)
            case.disk = mounted.enter_context(disk_at(tmp_path / "home" / folder, "300k"))
            return case

        yield made


def moved(counted: Counted, **environ: str) -> Counted:
    """The deployment with some of it elsewhere."""
    there = {**counted.deployment.environ, **environ}
    return Counted(Deployment(Settings.from_environ(there), there))


@pytest.mark.parametrize(
    ("trouble", "said", "remedy"),
    [
        (Disk.fill, NO_SPACE, "free space, or inodes"),
        (Disk.use_up_inodes, NO_SPACE, "free space, or inodes"),
        (Disk.mount_read_only, READ_ONLY, "mount it writable"),
    ],
    ids=["marker", "folder", "read-only"],
)
def test_a_disk_that_refuses_before_the_commit(
    landing: Case, trouble: Callable[[Disk], None], said: str, remedy: str
) -> None:
    """The marker finds no room; the folder that the old version will need finds no inode; somebody remounts."""
    ended = landing.publish("publish.verified", trouble)
    assert ended.code > 0
    assert f"cannot publish {TABLE} {DAY}: {said}" in ended.said
    assert f"PublishError: {landing.disk.path}/" in ended.said
    assert f"remedy: {remedy}" in ended.said
    assert landing.rows() == landing.old
    if said == NO_SPACE:  # the room that was taken is given back at once
        assert not list(landing.settings.landing_root.glob("*/.staging/*"))
    landing.mended(["Completed", "Failed"])


def test_a_disk_without_any_room_cannot_stop_a_publish_that_is_committed(landing: Case) -> None:
    """After the commit there are renames and removals alone."""
    ended = landing.publish("publish.committed", Disk.fill_wholly)
    assert ended.code == 0, ended.said
    assert landing.rows() == landing.undisturbed
    landing.mended(["Completed", "Completed"])


def test_a_disk_that_turns_read_only_after_the_commit(landing: Case) -> None:
    """The new version is the truth, and the old one is read until recovery can finish the swap."""
    ended = landing.publish("publish.committed", Disk.mount_read_only)
    assert ended.code > 0
    assert f"{TABLE} {DAY} is committed as version 2 and not live yet: {READ_ONLY}" in ended.said
    assert "remedy: mount it writable" in ended.said
    assert landing.rows() == landing.old
    landing.disk.mend()
    with landing.counted.deployment.platform() as platform:
        assert attempts(platform, TABLE, DAY) == ["Completed", "Started"]
        recover(platform)
    assert landing.rows() == landing.undisturbed
    landing.mended(["Completed", "Completed"])


@pytest.mark.parametrize(
    ("trouble", "said", "remedy"),
    [
        (Disk.mount_read_only, READ_ONLY, "mount it writable"),
        (Disk.use_up_inodes, NO_SPACE, "free space, or inodes"),
    ],
    ids=["read-only", "no inode"],
)
def test_a_table_that_cannot_be_written_is_told_before_spark_starts(
    landing: Case, trouble: Callable[[Disk], None], said: str, remedy: str
) -> None:
    trouble(landing.disk)
    ended = landing.run(MATERIALIZE)
    assert ended.code == 6, ended.said
    assert f"{landing.counted.root('t_a')}/.staging" in ended.said
    assert f"the table cannot be written: {said}" in ended.said
    assert f"remedy: {remedy}" in ended.said
    assert "Traceback" not in ended.said
    assert not landing.settings.work.exists()
    assert landing.rows() == landing.old
    landing.mended(["Completed", "Failed"])


@pytest.mark.spark
@pytest.mark.parametrize(
    ("trouble", "said", "remedy"),
    [
        (Disk.fill, NO_SPACE, "free space on the disk that holds "),
        (
            Disk.leave_few_inodes,
            "Mkdirs failed to create file:",
            "see whether the disk has room and inodes left",
        ),
    ],
    ids=["no room", "no inode"],
)
def test_a_disk_that_is_full_while_spark_stages(
    landing: Case, trouble: Callable[[Disk], None], said: str, remedy: str
) -> None:
    """The folder of the load can still be made: it takes no room."""
    trouble(landing.disk)
    ended = landing.run(MATERIALIZE)
    assert ended.code == 4, ended.said
    assert said in ended.said
    assert str(landing.disk.path) in ended.said
    assert f"remedy: {remedy}" in ended.said
    assert "Traceback" not in ended.said
    assert landing.rows() == landing.old
    landing.mended(["Completed", "Failed"])


@pytest.mark.parametrize("trouble", [Disk.fill, Disk.mount_read_only], ids=["full", "read-only"])
def test_no_room_for_the_plan_of_a_load(
    on_disk: Callable[[str], Case], trouble: Callable[[Disk], None]
) -> None:
    case = on_disk("loads")
    trouble(case.disk)
    ended = case.run(MATERIALIZE)
    assert ended.code == 4, ended.said
    assert f"{case.settings.work}/" in ended.said
    assert "remedy: " in ended.said
    assert "FDM_HOME" in ended.said
    assert "Traceback" not in ended.said
    assert case.rows() == case.old
    case.mended(["Completed", "Failed"])


@pytest.mark.parametrize("trouble", [Disk.fill, Disk.use_up_inodes, Disk.mount_read_only])
def test_a_journal_that_cannot_be_written_stops_no_load(
    on_disk: Callable[[str], Case], trouble: Callable[[Disk], None]
) -> None:
    """execution_log has its rows from the store; only what the store would not take could be lost, and it is told."""
    case = on_disk("journal")
    trouble(case.disk)
    ended = case.run(PUBLISH)
    assert ended.code == 0, ended.said
    assert f"{case.disk.path}/" in ended.said
    assert (READ_ONLY if trouble is Disk.mount_read_only else NO_SPACE) in ended.said
    assert case.rows() == case.undisturbed
    case.mended(["Completed", "Completed"])


def test_a_ledger_without_room_ends_the_load_when_it_has_waited(ledger: Case) -> None:
    """The date's end waits in the journal for the room."""
    ended = ledger.publish("publish.marked", Disk.fill, FDM_COMMIT_WAIT_S="1")
    assert ended.code > 0
    assert (
        f"{ledger.disk.path}/control.db: the control store cannot be used: database or disk is full"
        in ended.said
    )
    assert "remedy: free space on its disk" in ended.said
    assert ledger.rows() == ledger.old
    ledger.mended(["Completed", "Failed"])


def test_a_load_goes_on_when_its_ledger_has_room_again(ledger: Case) -> None:
    with ledger.stopped("publish.marked") as process:
        ledger.disk.fill()
    said = wait_for(lambda: [s for s in process.said().splitlines() if "waiting " in s], process)
    assert "database or disk is full" in said[0]
    ledger.disk.mend()
    assert process.ended().code == 0, process.said()
    assert ledger.rows() == ledger.undisturbed
    ledger.mended(["Completed", "Completed"])


def test_a_ledger_without_room_is_told_before_spark_starts(ledger: Case) -> None:
    ledger.disk.fill()
    ended = ledger.run(MATERIALIZE)
    assert ended.code == 4, ended.said
    assert "control.db: the control store cannot be used: " in ended.said
    assert "remedy: free space on its disk" in ended.said
    assert "Traceback" not in ended.said
    assert not ledger.settings.work.exists()
    assert ledger.rows() == ledger.old
    ledger.mended(["Completed", "Failed"])
