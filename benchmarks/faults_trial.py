"""One trial of faults.py: what is loaded, who is killed and when, recovery, and what must be true after it."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from faults_daemon import STEPS, Daemon, start_beat, wrong_requests

from fdm_platform.crash import POINTS, VARIABLE
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.recovery import recover
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.orphan import processes_of
from fdm_platform_tests.faults.comparing import leftovers, live_errors, log_errors
from fdm_platform_tests.faults.counted import Counted, days, offer, table_name
from fdm_platform_tests.faults.reading import Reader
from fdm_platform_tests.faults.server import Server

TABLES = ("t_a", "t_b", "t_c")
*DATES, LAST = days(5)
"""Dates that are loaded, and one that is only ever asked for by sensors."""
LONGEST_S = 300.0
"""A trial that takes longer hangs."""
_POLL_S = 0.005
_PUBLISHER = "fdm_platform_tests.faults.publisher"

_ONCE = ("begin.registered", "begin.claimed")
_ONCE_OF_SPARK = (*("begin.planned", "launch.prepared", "launch.spawned", "launch.told"),)
_BY_DATE = (
    *("publish.verified", "publish.marked", "publish.committed", "publish.exchanged", "publish.kept"),
    *("publish.cleaned", "journal.removed"),
)
_TWICE_BY_DATE = ("journal.appended", "journal.sent")
_OF_DRIVERS_BY_DATE = ("driver.read", "driver.staged", "driver.told")
_OF_DRIVERS = ("driver.started", "driver.session", "driver.done", *_OF_DRIVERS_BY_DATE)
_OF_RECOVERY = tuple(p for p in POINTS if p.startswith("recover."))
_OF_SPARK = ("driver", "jvm")
VICTIMS = {"worker": 4, "driver": 2, "jvm": 2, "recovery": 2, "daemon": 1}
"""How often each is drawn."""
_MOST_MESSAGES = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A load that a trial asks for."""

    table: str
    dates: tuple[date, ...]
    is_spark: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A trial, as it was drawn. The first of the loads is the victim's, whose processes may be killed."""

    number: int
    victim: str
    moment: str | int
    """A crash point, as FDM_CRASH_AT has it, or how many messages the driver has written."""
    second_point: str
    """Where a process that recovers dies, or the daemon in a sensor's tick, if that is the victim."""
    loads: tuple[Asked, ...]


@dataclass
class Done:
    """What came of it."""

    is_killed: bool = False
    found: dict[str, list[str]] = field(default_factory=dict)
    """What is wrong, by kind."""


@dataclass
class Under:
    """A load under way."""

    asked: Asked
    pid: int
    said: Path
    code: int | None = None

    def folder(self, work: Path) -> LoadFolder | None:
        """Its folder, once it has said which."""
        with suppress(FileNotFoundError):
            if found := re.search(r": load ([\w-]+)", self.said.read_text()):
                return LoadFolder(work / found[1])
        return None


@dataclass
class Bench:
    """A deployment, and who works on it."""

    counted: Counted
    platform: Platform
    server: Server
    readers: list[Reader]
    home: Path
    daemon: Daemon
    known_problems: dict[str, int] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.counted.deployment.settings.work

    def said(self, drawn: Drawn, name: object) -> Path:
        """Where a process of a trial writes what it says."""
        folder = self.home / "said"
        folder.mkdir(exist_ok=True)
        return folder / f"{drawn.number:05}-{name}"

    def forget(self, drawn: Drawn) -> None:
        """A trial in which nothing was wrong."""
        for file in (self.home / "said").glob(f"{drawn.number:05}-*"):
            file.unlink()
        for folder in self.work.glob("*"):
            if not processes_of(LoadFolder(folder)):
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, drawn: Drawn, new: dict[str, list[str]]) -> Path:
        """What it takes to see why something was wrong."""
        folder = self.home / "evidence" / f"trial-{drawn.number:05}"
        folder.mkdir(parents=True)
        told = {"drawn": asdict(drawn), "found": new}
        (folder / "trial.json").write_text(json.dumps(told, indent=2, default=str))
        for file in (self.home / "said").glob(f"{drawn.number:05}-*"):
            shutil.move(file, folder)
        shutil.copytree(self.work, folder / "loads", ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copytree(self.counted.landing, folder / "landing")
        for file in self.home.glob("control.db*"):
            shutil.copy2(file, folder)
        self.forget(drawn)
        return folder


def draw(seed: int, number: int, workers: int, *, has_spark: bool = True) -> Drawn:
    """A trial: the same for the same seed and number."""
    by = random.Random(f"{seed}-{number}")  # noqa: S311 - not for secrets
    victims = VICTIMS if has_spark else {v: n for v, n in VICTIMS.items() if v not in _OF_SPARK}
    victim = by.choices(list(victims), list(victims.values()))[0]
    first = _load(by, has_spark and (victim in _OF_SPARK or by.random() < 0.5))
    others = [
        _load(by, has_spark and by.random() < 0.25, first if by.random() < 0.6 else None)
        for _ in range(workers - 1)
    ]
    moment = _moment(by, victim, first)
    second = by.choice((*_OF_RECOVERY, *STEPS) if victim == "daemon" else _OF_RECOVERY)
    return Drawn(number, victim, moment, second, (first, *others))


def _load(by: random.Random, is_spark: bool, like: Asked | None = None) -> Asked:
    """`like`: a load of the same table, with one of its dates at least."""
    count = by.choice((1, 1, 2)) if is_spark else 1
    table = like.table if like else by.choice(TABLES)
    chosen = set(by.sample(DATES, count))
    if like and not chosen & set(like.dates):
        chosen = {by.choice(like.dates), *list(chosen)[1:]}
    return Asked(table, tuple(sorted(chosen)), is_spark)


def _moment(by: random.Random, victim: str, load: Asked) -> str | int:
    count = len(load.dates)
    if victim == "jvm" or (load.is_spark and by.random() < 0.4):
        return by.randint(0, _MOST_MESSAGES)
    if victim == "driver":
        point = by.choice(_OF_DRIVERS)
        return f"{point}#{by.randint(1, count)}" if point in _OF_DRIVERS_BY_DATE else point
    point = by.choice((*_ONCE, *_BY_DATE, *_TWICE_BY_DATE, *(_ONCE_OF_SPARK if load.is_spark else ())))
    many = {**dict.fromkeys(_BY_DATE, count), **dict.fromkeys(_TWICE_BY_DATE, 2 * count)}.get(point, 1)
    return f"{point}#{by.randint(1, many)}"


def run_trial(bench: Bench, drawn: Drawn) -> Done:
    """Load, kill, recover, look."""
    done, until = Done(), time.monotonic() + LONGEST_S
    dates = {d for asked in drawn.loads for d in asked.dates} | (
        {LAST} if drawn.victim == "daemon" else set()
    )
    offer(bench.platform, sorted(dates), drawn.number + 1)
    under = [_start(bench, drawn, n) for n in range(len(drawn.loads))]
    done.is_killed = _follow(bench, drawn, under, until)
    if any(load.code is None for load in under):
        done.found["hangs"] = [
            f"trial {drawn.number}: {load.asked} did not end" for load in under if load.code is None
        ]
        for load in under:
            if load.code is None:
                os.kill(load.pid, signal.SIGKILL)
    done.found["bystanders"] = [
        f"trial {drawn.number}: {load.asked} ended with {load.code}"
        for load in under[1:]
        if load.code not in (0, None)
    ]
    if drawn.victim == "daemon":
        done.found["requests"] = _beat_again(bench, drawn, until)
    recover(bench.platform)
    done.found |= _look(bench)
    return done


def _start(bench: Bench, drawn: Drawn, n: int) -> Under:
    asked, said = drawn.loads[n], bench.said(drawn, n)
    environ = dict(bench.counted.deployment.environ)
    if n == 0 and isinstance(drawn.moment, str):
        environ[VARIABLE] = drawn.moment
    command = (
        ["fdm", "materialize", asked.table, *(f"--biz-dt={day}" for day in asked.dates)]
        if asked.is_spark
        else [_PUBLISHER, "exchange", asked.table, str(asked.dates[0]), f"trial-{drawn.number}-{n}"]
    )
    return Under(asked, bench.server.start(command, environ, said), said)


def _follow(bench: Bench, drawn: Drawn, under: list[Under], until: float) -> bool:
    """Until all have ended; True where somebody was killed. A process that recovers comes as soon as the victim died."""
    first, is_killed, recovering = under[0], False, list[int]()
    while time.monotonic() < until:
        for load in under:
            load.code = bench.server.code(load.pid) if load.code is None else load.code
        if first.code is None and not is_killed and isinstance(drawn.moment, int):
            is_killed = _kill(bench, drawn.victim, drawn.moment, first)
        if first.code is not None and drawn.victim in _AFTERWARDS and not recovering:
            recovering = _AFTERWARDS[drawn.victim](bench, drawn)
        codes = [bench.server.code(pid) for pid in recovering]
        if None not in (*codes, *(load.code for load in under)):
            if recovering:
                return codes[0] == -signal.SIGKILL or first.code == -signal.SIGKILL
            return is_killed or first.code == -signal.SIGKILL or _is_driver_killed(bench, drawn, first)
        time.sleep(_POLL_S)
    return is_killed


def _kill(bench: Bench, victim: str, messages: int, load: Under) -> bool:
    """Kill who is to be killed, once so many messages are there."""
    folder = load.folder(bench.work)
    if folder is None:
        return False
    try:
        if len(folder.messages.read_bytes().splitlines()) < messages:
            return False
    except FileNotFoundError:
        return False
    if victim not in _OF_SPARK:
        pids = {load.pid}
    else:
        java = {pid for pid in processes_of(folder) if _name(pid) == "java"}
        pids = java if victim == "jvm" else processes_of(folder) - java
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


def _beat_again(bench: Bench, drawn: Drawn, until: float) -> list[str]:
    """The daemon starts anew; what is wrong with the runs that it then has requested in all."""
    said = bench.said(drawn, "daemon-again")
    pid = start_beat(bench.server, bench.daemon, said, None)
    while (code := bench.server.code(pid)) is None and time.monotonic() < until:
        time.sleep(_POLL_S)
    if code != 0:
        return [f"trial {drawn.number}: the daemon ended with {code}: {said.read_text()[-2000:]}"]
    must = [] if bench.platform.breakers.not_closed() else [(table_name(t), LAST) for t in TABLES]
    return [f"trial {drawn.number}: {wrong}" for wrong in wrong_requests(bench.platform, must)]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _is_driver_killed(bench: Bench, drawn: Drawn, load: Under) -> bool:
    folder = load.folder(bench.work)
    return bool(
        folder
        and drawn.victim == "driver"
        and folder.stderr.exists()
        and f"{VARIABLE}: reached" in folder.stderr.read_text()
    )


def _start_recovery(bench: Bench, drawn: Drawn) -> list[int]:
    """One that dies at its point, and one beside it that does not."""
    environ = bench.counted.deployment.environ
    mortal = {**environ, VARIABLE: drawn.second_point}
    return [
        bench.server.start(["fdm", "recover"], mortal, bench.said(drawn, "recovery")),
        bench.server.start(["fdm", "recover"], environ, bench.said(drawn, "another-recovery")),
    ]


def _start_daemon(bench: Bench, drawn: Drawn) -> list[int]:
    return [start_beat(bench.server, bench.daemon, bench.said(drawn, "daemon"), drawn.second_point)]


_AFTERWARDS = {"recovery": _start_recovery, "daemon": _start_daemon}
"""Who comes as soon as a load has died, and dies in its turn."""


def _look(bench: Bench) -> dict[str, list[str]]:
    found = {"leftovers": leftovers(bench.platform), **log_errors(bench.platform)}
    found["live"] = [e for table in TABLES for e in live_errors(bench.platform, table_name(table), DATES)]
    found["reader"] = []
    for reader in bench.readers:
        count = sum(reader.status().get("problems", {}).values())
        if count > bench.known_problems.get(reader.kind, 0):
            bench.known_problems[reader.kind] = count
            found["reader"] += [json.dumps({"reader": reader.kind, **p}) for p in reader.problems()]
        if reader.process.poll() is not None:
            found["reader"].append(f"the {reader.kind} reader has ended: {reader.said()}")
    return found
