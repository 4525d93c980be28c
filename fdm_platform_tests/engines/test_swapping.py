"""Publishers killed or stopped at every point: a reader sees one version, whole, and recovery comes to one end.

What is told here of real processes goes on from test_swapping_orders.py, which takes the steps of two at one swap in
every order, and from faults/test_crash_points.py and test_zombie.py, where publishers of whole deployments are killed,
or declared dead, at each point: here they publish a first version, with Hadoop's client, find others' half done swaps
and come back when the date has been published again.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.engines.folders import Where
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.publishing import publish, unfinished
from fdm_platform.engines.swapping import discard, kept_versions
from fdm_platform.errors import SourceError
from fdm_platform_tests.engines.publisher import DAY, TABLE, recover, staged
from fdm_platform_tests.faults.crashing import Process, die, run, stopped

pytestmark = pytest.mark.usefixtures("processes_of_a_test")

PUBLISHER = [sys.executable, "-m", "fdm_platform_tests.engines.publisher"]
FOLDER = "biz_dt=20240515"
MOVED_ASIDE, MOVED_IN = "publish.moved_aside", "publish.moved_in"
HADOOP = [("hadoop", p) for p in ("publish.committed", MOVED_ASIDE, MOVED_IN)]
"""Hadoop's client does not exchange folders either."""
HALF_DONE = [
    *(("exchange", p) for p in ("publish.committed", "publish.exchanged")),
    *(("two", p) for p in (MOVED_ASIDE, MOVED_IN)),
    ("hadoop", MOVED_ASIDE),
]
"""Points at which a committed version has something left to do in its staging folder."""
ZOMBIES = [
    ("exchange", "publish.exchanged", "publish"),
    ("exchange", "publish.exchanged", "recover"),
    ("two", MOVED_ASIDE, "publish"),
    ("two", MOVED_ASIDE, "recover"),
    ("two", MOVED_IN, "publish"),
    ("hadoop", MOVED_ASIDE, "publish"),
]
"""Who sleeps where."""


class Table:
    """A table whose date is published by processes."""

    def __init__(self, path: Path, url: str, renames: str = "exchange") -> None:
        self.path, self.url, self.renames = path, url, renames
        self.root: Where = path.as_uri() if renames == "hadoop" else path
        self.store: ControlStore = open_store(url)
        self.store.create(["fdm_publishes"])
        self.ledger = Ledger(self.store)

    def command(self, action: str, *of: str) -> list[str]:
        return [*PUBLISHER, self.renames, action, str(self.root), self.url, *of]

    def kill(self, value: str, version: int, at: str) -> None:
        """Publish, and die at the point."""
        die(self.command("publish", value, f"load-{version}", str(version)), os.environ, at)

    def stopped(self, action: str, *of: str, at: str) -> AbstractContextManager[Process]:
        """A process that has come to the point, and stands there."""
        return stopped(self.command(action, *of), os.environ, at)

    def publish(self, value: str, version: int) -> None:
        """In this process, which can exchange folders, unless they are Hadoop's."""
        publish(staged(self.root, value, f"load-{version}", version), self.ledger)

    def recover(self) -> None:
        recover(self.root, self.ledger)

    def race(self) -> None:
        """Eight that recover at once; where folders cannot be exchanged in a process that cannot."""
        if self.renames == "two":
            ended = run(self.command("race"), os.environ)
            assert ended.code == 0, ended.said
            return
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.recover(), range(8)))

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
            and set(self.hidden()) <= {f".versions/{FOLDER}"}
            and list(kept_versions(self.root, FOLDER)) == list(kept)
        )


@pytest.fixture
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    renames = request.node.callspec.params.get("renames", "") if hasattr(request.node, "callspec") else ""
    url = f"sqlite:///{tmp_path / 'control.db'}"
    return Table(tmp_path / "landing" / TABLE, url, renames or "exchange")


@pytest.mark.parametrize(("renames", "point"), HADOOP)
def test_a_publisher_killed_anywhere_leaves_one_version_whole(table: Table, renames: str, point: str) -> None:
    table.publish("a", 1)
    table.kill("b", 2, point)
    assert table.values() == {"publish.committed": ["a", "a"], MOVED_ASIDE: []}.get(point, ["b", "b"])
    for _ in range(2):
        table.recover()
        assert table.is_tidy("b", 1)
    table.publish("c", 3)
    assert table.is_tidy("c", 2)


@pytest.mark.parametrize(("renames", "point"), HALF_DONE)
def test_the_next_publisher_finishes_a_half_done_swap_before_its_own(
    table: Table, renames: str, point: str
) -> None:
    table.publish("a", 1)
    table.kill("b", 2, point)
    table.publish("c", 3)
    assert table.is_tidy("c", 2)


@pytest.mark.parametrize("point", ["publish.marked", "publish.committed", MOVED_IN])
def test_a_first_version_is_recovered_too(table: Table, point: str) -> None:
    table.kill("a", 1, point)
    table.recover()
    assert table.values() == ([] if point == "publish.marked" else ["a", "a"])
    assert not list(unfinished(table.root))


@pytest.mark.parametrize(("renames", "point", "victim"), ZOMBIES)
def test_who_comes_back_after_another_has_finished_changes_nothing(
    table: Table, renames: str, point: str, victim: str
) -> None:
    """The date has even been published again meanwhile."""
    table.publish("a", 1)
    of: tuple[str, ...] = ("publish", "b", "load-2", "2")
    if victim == "recover":
        table.kill("b", 2, "publish.committed")
        of = ("recover",)
    with table.stopped(*of, at=point) as zombie:
        table.recover()
        assert table.is_tidy("b", 1)
        table.publish("c", 3)
    assert zombie.ended().code == 0, zombie.said()
    assert table.is_tidy("c", 2)


@pytest.mark.parametrize("renames", ["exchange", "two", "hadoop"])
def test_many_who_recover_at_once_come_to_one_end(table: Table, renames: str) -> None:
    """From the first version on, of which nothing is set aside."""
    for version in range(1, 4):
        table.kill(str(version), version, "publish.committed")
        table.race()
        assert table.is_tidy(str(version), *range(1, version))


def test_a_signal_waits_until_a_committed_date_is_told(table: Table) -> None:
    table.publish("a", 1)
    with table.stopped("publish", "b", "load-2", "2", at="publish.committed") as process:
        process.send_signal(signal.SIGTERM)
    ended = process.ended()
    assert (ended.code, ended.out) == (143, "told 2\n"), ended.err
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
