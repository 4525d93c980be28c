"""A process is killed at every crash point there is: readers see one version, whole, and nothing is lost or left.

Each case: version 1 is live; the load of version 2 is killed at the point while a reader reads without pause; what is
seen; recovery; what is seen; the load again; the rows of a deployment in which nothing died.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fdm_platform.control.loads import Loads
from fdm_platform.defs.giving_up import give_up
from fdm_platform.defs.platform import Platform
from fdm_platform_tests.faults.comparing import attempts, leftovers, live_errors, log_errors, rows
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import die
from fdm_platform_tests.faults.publisher import load
from fdm_platform_tests.faults.reading import Reader, reading

(DAY,) = days(1)
TABLE = table_name("t_a")
FOLDER = f"{DAY:%Y%m%d}"
OLD, NEW = {FOLDER: 1}, {FOLDER: 2}
UNLOGGED = ("begin.registered", "begin.claimed")
"""Points before an attempt is begun."""
BEFORE_COMMIT = (*UNLOGGED, "journal.appended", "journal.sent", "publish.verified", "publish.marked")
BEFORE_SWAP = (*BEFORE_COMMIT, "publish.committed")
OF_PUBLISHERS = (
    *(("exchange", point) for point in BEFORE_SWAP),
    *(("exchange", point) for point in ("publish.exchanged", "publish.kept", "publish.cleaned")),
    *(
        ("two", point)
        for point in ("publish.committed", "publish.moved_aside", "publish.moved_in", "publish.kept")
    ),
    *(("exchange", point) for point in ("journal.appended#2", "journal.sent#2", "journal.removed")),
)
"""Where a publisher can die that needs no Spark; `two`: where folders cannot be exchanged."""


def recover(platform: Platform) -> None:
    """Give up every load: none of them lives."""
    for row in Loads(platform.store).open_ones():
        give_up(platform, row.load_id, row)


@dataclass
class Case:
    """A deployment with version 1 of a date, and a reader at it."""

    counted: Counted
    reader: Reader

    @property
    def root(self) -> Path:
        return self.counted.root("t_a")

    def seen(self) -> dict[str, int]:
        return self.reader.look().get(str(self.root), {})

    def problems(self) -> list[str]:
        return [line["problem"] for line in self.reader.problems() if line["root"] == str(self.root)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    landings = f"{tmp_path_factory.getbasetemp()}/*/fdm_landing"
    with reading("pyarrow", landings, tmp_path_factory.mktemp("reader") / "pyarrow") as made:
        yield made


@pytest.fixture
def case(tmp_path: Path, reader: Reader) -> Case:
    counted = deploy_counted(tmp_path)
    with counted.deployment.platform() as platform:
        offer(platform, [DAY], 1)
        load(platform, "t_a", DAY, "load-1")
        offer(platform, [DAY], 2)
    return Case(counted, reader)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The rows where nothing died."""
    counted = deploy_counted(tmp_path_factory.mktemp("undisturbed"))
    with counted.deployment.platform() as platform:
        for load_no in (1, 2):
            offer(platform, [DAY], load_no)
            load(platform, "t_a", DAY, f"load-{load_no}")
    return rows(counted.root("t_a"))


@pytest.mark.parametrize(("renames", "at"), OF_PUBLISHERS)
def test_a_publisher_is_killed(
    case: Case, undisturbed: list[dict[str, object]], renames: str, at: str
) -> None:
    command = [
        sys.executable,
        "-m",
        "fdm_platform_tests.faults.publisher",
        renames,
        "t_a",
        str(DAY),
        "load-2",
    ]
    die(command, case.counted.deployment.environ, at)
    is_gap = at == "publish.moved_aside"
    assert case.seen() == ({} if is_gap else OLD if at in BEFORE_SWAP else NEW)
    tried = ["Completed", *([] if at in UNLOGGED else ["Failed" if at in BEFORE_COMMIT else "Completed"])]
    with case.counted.deployment.platform() as platform:
        for _ in range(2):
            recover(platform)
            assert case.seen() == (OLD if at in BEFORE_COMMIT else NEW)
            assert attempts(platform, TABLE, DAY) == tried
            assert leftovers(platform) == []
        load(platform, "t_a", DAY, "load-3")
        assert case.seen() == NEW
        assert rows(case.root) == undisturbed
        assert attempts(platform, TABLE, DAY) == [*tried, "Completed"]
        assert live_errors(platform, TABLE, [DAY]) == []
        assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
        assert leftovers(platform) == []
    assert case.problems() == (["missing"] if is_gap else [])
