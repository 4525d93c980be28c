"""Publishers killed or stopped at every point: a reader sees one version, whole, and recovery comes to one end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.engines.folders import Where
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.publishing import publish, unfinished
from fdm_platform.engines.swapping import discard, kept_versions
from fdm_platform.errors import FencedError, SourceError
from fdm_platform_tests.engines.publisher import DAY, TABLE, recover, staged

PUBLISHER = Path(__file__).with_name("publisher.py")
FOLDER = "biz_dt=20240515"
BEFORE = ("publish.verified", "publish.marked")
ALWAYS = ("publish.committed", "publish.kept", "publish.cleaned")
EXCHANGE = [("exchange", p) for p in (*BEFORE, *ALWAYS, "publish.exchanged")]
RENAMES = ("publish.moved_aside", "publish.moved_in")
TWO = [("two", p) for p in (*BEFORE, *ALWAYS, *RENAMES)]
HADOOP = [("hadoop", p) for p in ("publish.committed", *RENAMES)]
"""Hadoop's client does not exchange folders either."""
STAGED = [(r, p) for r, p in EXCHANGE + TWO + HADOOP if p not in (*BEFORE, "publish.kept", "publish.cleaned")]
"""Points at which a committed version has something left to do in its staging folder."""
ZOMBIES = [
    (*at, *of)
    for at in STAGED
    for of in (("publish", False), ("publish", True), ("recover", True))
    if at not in HADOOP or of == ("publish", True)
]
"""Who sleeps where, and whether the date is published again before he comes back."""


class Table:
    """A table whose date is published by processes."""

    def __init__(self, path: Path, url: str, renames: str = "exchange") -> None:
        self.path, self.url = path, url
        self.root: Where = path.as_uri() if renames == "hadoop" else path
        self.store: ControlStore = open_store(url)
        self.store.create(["fdm_publishes"])
        self.ledger = Ledger(self.store)

    def start(self, renames: str, action: str, *of: str, at: str | None = None) -> subprocess.Popen[str]:
        env = {k: v for k, v in os.environ.items() if k != "FDM_CRASH_AT"} | (
            {"FDM_CRASH_AT": at} if at else {}
        )
        command = [sys.executable, str(PUBLISHER), renames, action, str(self.root), self.url, *of]
        return subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd()
        )

    def run(self, renames: str, action: str, *of: str, at: str | None = None) -> int:
        process = self.start(renames, action, *of, at=at)
        out, err = process.communicate(timeout=60)
        assert process.returncode == (-signal.SIGKILL if at else 0), out + err
        return process.returncode

    def stopped(self, renames: str, *of: str, at: str) -> subprocess.Popen[str]:
        """A process that has come to the point, and stands there."""
        process = self.start(renames, *of, at=f"{at}=stop")
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), process.communicate()
        return process

    def values(self) -> list[str]:
        try:
            return list(LandedDates(self.root, "yyyyMMdd", (DAY,)).to_arrow()["v"].to_pylist())
        except SourceError:
            return []

    def hidden(self) -> list[str]:
        return sorted(p.relative_to(self.path).as_posix() for p in self.path.glob(".*/*"))

    def is_tidy(self, live: str, *kept: int) -> bool:
        return (
            self.values() == [live, live]
            and not list(unfinished(self.root))
            and self.hidden() == [f".versions/{FOLDER}"]
            and list(kept_versions(self.root, FOLDER)) == list(kept)
        )


@pytest.fixture
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    renames = request.node.callspec.params.get("renames", "") if hasattr(request.node, "callspec") else ""
    return Table(tmp_path / "landing" / TABLE, f"sqlite:///{tmp_path / 'control.db'}", renames)


@pytest.mark.parametrize(("renames", "point"), EXCHANGE + TWO + HADOOP)
def test_a_publisher_killed_anywhere_leaves_one_version_whole(table: Table, renames: str, point: str) -> None:
    publish(staged(table.root, "a", "load-1", 1), table.ledger)
    table.run(renames, "publish", "b", "load-2", "2", at=point)
    is_committed = point not in BEFORE
    seen = {"publish.committed": ["a", "a"], "publish.moved_aside": []}.get(point)
    assert table.values() == (seen if seen is not None else ["b", "b"] if is_committed else ["a", "a"])
    for _ in range(2):
        table.run(renames, "recover")
        if is_committed:
            assert table.is_tidy("b", 1)
        else:
            assert table.values() == ["a", "a"]
            assert not list(unfinished(table.root))
    table.run(renames, "publish", "c", "load-3", "3" if is_committed else "2")
    assert table.is_tidy("c", 2 if is_committed else 1)


@pytest.mark.parametrize(("renames", "point"), STAGED)
def test_the_next_publisher_finishes_a_half_done_swap_before_its_own(
    table: Table, renames: str, point: str
) -> None:
    publish(staged(table.root, "a", "load-1", 1), table.ledger)
    table.run(renames, "publish", "b", "load-2", "2", at=point)
    publish(staged(table.root, "c", "load-3", 3), table.ledger)
    assert table.is_tidy("c", 2)


@pytest.mark.parametrize("point", [*BEFORE, "publish.committed", "publish.moved_in", "publish.kept"])
def test_a_first_version_is_recovered_too(table: Table, point: str) -> None:
    table.run("exchange", "publish", "a", "load-1", "1", at=point)
    table.run("exchange", "recover")
    assert table.values() == ([] if point in BEFORE else ["a", "a"])
    assert not list(unfinished(table.root))


@pytest.mark.parametrize(("renames", "point", "victim", "is_replaced"), ZOMBIES)
def test_who_comes_back_after_another_has_finished_changes_nothing(
    table: Table, renames: str, point: str, victim: str, *, is_replaced: bool
) -> None:
    publish(staged(table.root, "a", "load-1", 1), table.ledger)
    if victim == "recover" and point != "publish.committed":  # which is a point of publishers alone
        table.run(renames, "publish", "b", "load-2", "2", at="publish.committed")
        zombie = table.stopped(renames, "recover", at=point)
    else:
        zombie = table.stopped(renames, "publish", "b", "load-2", "2", at=point)
    table.run(renames, "recover")
    assert table.is_tidy("b", 1)
    if is_replaced:
        table.run(renames, "publish", "c", "load-3", "3")
    zombie.send_signal(signal.SIGCONT)
    out, err = zombie.communicate(timeout=60)
    assert zombie.returncode == 0, out + err
    assert table.is_tidy("c", 2) if is_replaced else table.is_tidy("b", 1)


@pytest.mark.parametrize("renames", ["exchange", "two", "hadoop"])
def test_many_who_recover_at_once_come_to_one_end(table: Table, renames: str) -> None:
    publish(staged(table.root, "0", "load-1", 1), table.ledger)
    for version in range(2, 6):
        table.run(renames, "publish", str(version), f"load-{version}", str(version), at="publish.committed")
        table.run(renames, "race")
        assert table.is_tidy(str(version), *range(1, version))


@pytest.mark.parametrize("point", BEFORE)
def test_a_load_that_was_declared_dead_publishes_nothing(table: Table, point: str) -> None:
    publish(staged(table.root, "a", "load-1", 1), table.ledger)
    zombie = table.stopped("exchange", "publish", "b", "load-2", "2", at=point)
    assert table.ledger.void(TABLE, DAY, 2, "load-2", "its process is gone")
    recover(table.root, table.ledger)
    zombie.send_signal(signal.SIGCONT)
    out, _ = zombie.communicate(timeout=60)
    assert (zombie.returncode, out.split()[0]) == (FencedError.exit_code, "FencedError")
    assert table.values() == ["a", "a"]
    assert not list(unfinished(table.root))
    publish(staged(table.root, "c", "load-3", 3), table.ledger)
    assert table.is_tidy("c", 1)


def test_a_signal_waits_until_a_committed_date_is_told(table: Table) -> None:
    publish(staged(table.root, "a", "load-1", 1), table.ledger)
    process = table.stopped("exchange", "publish", "b", "load-2", "2", at="publish.committed")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "told 2\n"), err
    assert table.is_tidy("b", 1)


def test_all_that_is_staged_is_listed(tmp_path: Path) -> None:
    assert list(unfinished(tmp_path)) == []
    staged(tmp_path, "a", "load-1", 1)
    (tmp_path / ".staging" / "load-2").mkdir()
    (tmp_path / ".staging" / "load-3" / "what is it").mkdir(parents=True)
    found = [(s.load_id, s.biz_dt) for s in unfinished(tmp_path)]
    assert found == [("load-1", date(2024, 5, 15)), ("load-2", None), ("load-3", None)]
    for left in unfinished(tmp_path):
        discard(left.folder)
    assert not (tmp_path / ".staging").exists() or list(unfinished(tmp_path)) == []
