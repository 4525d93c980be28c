"""A process is killed at every crash point there is: readers see one version, whole, and nothing is lost or left.

Each case: version 1 is live; the load of version 2 is killed at the point while a reader reads without pause; what is
seen; recovery; what is seen; the load again; the rows of a deployment in which nothing died.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fdm_platform.crash import POINTS
from fdm_platform.defs.recovery import recover
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.orphan import processes_of
from fdm_platform.processes import is_stopped
from fdm_platform_tests.faults.comparing import attempts, leftovers, live_errors, log_errors, rows
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import FDM, die, point_of, run, start, wait_for
from fdm_platform_tests.faults.publisher import load
from fdm_platform_tests.faults.reading import Reader, reading
from fdm_platform_tests.processes import end_all_of

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
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all deployments are that the reader reads: no more than the tests still need."""
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="module")
def reader(homes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader") / "pyarrow"
    with reading("pyarrow", f"{homes}/*/fdm_landing", folder, niceness=10) as made:
        yield made


@pytest.fixture
def case(homes: Path, reader: Reader) -> Iterator[Case]:
    home = Path(tempfile.mkdtemp(dir=homes))
    counted = deploy_counted(home)
    with counted.deployment.platform() as platform:
        offer(platform, [DAY], 1)
        load(platform, "t_a", DAY, "load-1")
        offer(platform, [DAY], 2)
    yield Case(counted, reader)
    shutil.rmtree(home)


@pytest.mark.parametrize(("renames", "at"), OF_PUBLISHERS)
def test_a_publisher_is_killed(
    case: Case, undisturbed: list[dict[str, object]], renames: str, at: str
) -> None:
    of = [renames, "t_a", str(DAY), "load-2"]
    die(
        [sys.executable, "-m", "fdm_platform_tests.faults.publisher", *of],
        case.counted.deployment.environ,
        at,
    )
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


OF_WORKERS = (
    "begin.logged",
    "begin.planned",
    "launch.prepared",
    "launch.spawned",
    "launch.told",
    "publish.told",
)
OF_DRIVERS = (
    *("driver.started", "driver.session", "driver.read", "driver.staged", "driver.rejected"),
    *("driver.told", "driver.done"),
)
ELSEWHERE = frozenset(
    {
        *("sensor.decided", "sensor.remembered", "park.written", "breaker.opened"),
        *("script.written", "script.moved", "script.staged"),
    }
)
"""Points whose cases stand with what they are of: a sensor's in test_daemon_killed.py, a script's in legacy/. So do all
of `recover.`."""
LOADS = dict(zip(OF_WORKERS + OF_DRIVERS, days(20)[1:], strict=False))
"""Each has a date of its own in one deployment, so that all of them share what is loaded before and after."""


def test_every_crash_point_has_a_case() -> None:
    of_publishers = {point_of(at) for _, at in OF_PUBLISHERS}
    here = of_publishers | set(OF_WORKERS + OF_DRIVERS)
    assert here | ELSEWHERE >= {p for p in POINTS if not p.startswith("recover.")}
    assert here.isdisjoint(ELSEWHERE)


@pytest.fixture(scope="module")
def loads(homes: Path, reader: Reader) -> Iterator[Case]:
    """Version 1 of a date for each point, and version 2 asked for."""
    counted = deploy_counted(homes / "loads", rejecting=["t_r"])
    with counted.deployment.platform() as platform:
        offer(platform, LOADS.values(), 1)
        for point, day in LOADS.items():
            load(platform, table_of(point), day, "load-1")
        offer(platform, LOADS.values(), 2)
    yield Case(counted, reader)
    end_all_of(homes / "loads")


def table_of(point: str) -> str:
    """The point after rejected rows is reached where there are any."""
    return "t_r" if point == "driver.rejected" else "t_a"


@pytest.mark.spark
@pytest.mark.parametrize("point", LOADS)
def test_a_load_is_killed(loads: Case, point: str) -> None:
    """Its worker or its driver. Of a killed driver the worker itself puts things in order."""
    table, day, environ = table_of(point), LOADS[point], loads.counted.deployment.environ
    command = [FDM, "materialize", table, "--biz-dt", str(day)]
    is_live = point in ("driver.done", "publish.told")  # a driver that has had its last word is not missed
    if point in OF_DRIVERS:
        ended = run(command, environ, point)
        assert ended.code != -signal.SIGKILL, ended.said
        assert (ended.code == 0) == is_live, ended.said
        said = [f.read_text() for f in loads.counted.deployment.settings.work.glob("*/stderr.log")]
        assert sum(f"reached {point}\n" in text for text in said) == 1
    else:
        die(command, environ, point)
    seen = {f"{day:%Y%m%d}": 2 if is_live else 1}
    root = str(loads.counted.root(table))
    assert seen.items() <= loads.reader.look()[root].items()
    with loads.counted.deployment.platform() as platform:
        for _ in range(2):
            recover(platform)
            assert seen.items() <= loads.reader.look()[root].items()
            assert attempts(platform, table_name(table), day) == [
                "Completed",
                "Completed" if is_live else "Failed",
            ]
            assert live_errors(platform, table_name(table), [day]) == []
            assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
            assert leftovers(platform) == []


@pytest.mark.spark
@pytest.mark.parametrize("point", ["driver.session", "driver.staged"])
def test_a_jvm_is_killed(loads: Case, point: str) -> None:
    """Its driver stands at a point meanwhile, and goes on without it."""
    day, deployment = LOADS[point], loads.counted.deployment
    work = deployment.settings.work
    known = {*work.glob("*")}
    command = [FDM, "materialize", "t_a", "--biz-dt", str(day)]
    worker = start(command, deployment.environ, f"{point}=stop")
    (driver,) = wait_for(lambda: _of_load(work, known, is_stopped), worker, told=worker.said)
    (java,) = _of_load(work, known, _is_java)
    os.kill(java, signal.SIGKILL)
    os.kill(driver, signal.SIGCONT)
    ended = worker.ended()
    assert ended.code not in (0, -signal.SIGKILL), ended.said
    assert (f"{day:%Y%m%d}", 1) in loads.reader.look()[str(loads.root)].items()
    with loads.counted.deployment.platform() as platform:
        assert set(attempts(platform, TABLE, day)[1:]) == {"Failed"}
        assert live_errors(platform, TABLE, [day]) == []
        assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
        assert leftovers(platform) == []


def _of_load(work: Path, known: set[Path], is_one: Callable[[int], bool]) -> set[int]:
    """Processes of the load whose folder was not there before."""
    return {p for new in {*work.glob("*")} - known for p in processes_of(LoadFolder(new)) if is_one(p)}


def _is_java(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "java"


@pytest.mark.spark
def test_what_was_killed_is_loaded_again(loads: Case, tmp_path: Path) -> None:
    """All dates of the cases before, whichever of them have run."""
    environ, calm = loads.counted.deployment.environ, deploy_counted(tmp_path, rejecting=["t_r"])
    for table in ("t_a", "t_r"):
        of_table = [day for point, day in LOADS.items() if table_of(point) == table]
        ended = run([FDM, "materialize", table, *(f"--biz-dt={day}" for day in of_table)], environ)
        assert ended.code == 0, ended.said
        with calm.deployment.platform() as platform:
            offer(platform, LOADS.values(), 2)
            for day in of_table:
                load(platform, table, day, "load-1")
        assert rows(loads.counted.root(table)) == rows(calm.root(table))
    with loads.counted.deployment.platform() as platform:
        assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
        assert leftovers(platform) == []
    assert loads.problems() == []
