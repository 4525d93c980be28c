from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import open_store
from fdm_platform.defs.liveness import is_alive
from fdm_platform.defs.load import Load
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.registering import Registration, register, registered
from fdm_platform.engines.owner import Owner
from fdm_platform.errors import LockedError, UnknownOutcomeError
from fdm_platform.model.claim import LoadRow
from fdm_platform.model.control import VOID
from fdm_platform.model.manifest import LoadReport
from fdm_platform_tests.clock import Hours
from fdm_platform_tests.deployment import DAYS, deploy

TABLE = "gels_fpms_t_payment"
DAY = DAYS[1]
DIES = """
import os, sys
from datetime import date
from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.platform import open_platform
from fdm_platform.defs.registering import register
days = [date.fromisoformat(day) for day in sys.argv[1:]]
with open_platform() as platform:
    register(platform, "gels_fpms_t_payment", days, "dead", asked_by="hand")
    for day in days:
        of = DateAttempt("gels_fpms_t_payment", day, "dead")
        platform.execution_log.start(job_id="1", job_name="j", run_id=None, of=of)
        staged = platform.settings.landing_root / "gels_fpms_t_payment/.staging/dead" / str(day)
        staged.mkdir(parents=True)
        (staged / "part.orc").touch()
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with deploy(tmp_path / "home").platform() as opened:
        yield opened


def ask(platform: Platform, load_id: str, *dates: object, **more: object) -> Registration:
    return register(platform, TABLE, dates or [DAY], load_id, asked_by="hand", **more)  # type: ignore[arg-type]


def claimed(platform: Platform) -> list[tuple[object, int, str]]:
    return [(c.biz_dt, c.version, c.load_id) for c in platform.claims.all()]


def loads(platform: Platform) -> list[str]:
    return [row.load_id for row in platform.loads.open_ones()]


def test_a_load_is_registered_until_its_last_date_is_over(platform: Platform) -> None:
    place = ask(platform, "first", *DAYS)
    assert place.versions == dict.fromkeys(DAYS, 1)
    (row,) = platform.loads.open_ones(TABLE)
    assert (row.load_id, row.pid, row.asked_by) == ("first", os.getpid(), "hand")
    assert row.folder == str(platform.settings.work / "first")
    for day in DAYS[:2]:
        place.release(day)
    assert claimed(platform) == [(DAYS[2], 1, "first")]
    assert loads(platform) == ["first"]
    place.release(DAYS[2])
    place.release(DAYS[2])
    assert (claimed(platform), loads(platform)) == ([], [])


def test_a_second_load_is_refused_and_told_who_has_the_date(platform: Platform) -> None:
    first = ask(platform, "first")
    second = ask(platform, "second", *DAYS, is_waiting=False)
    assert second.versions == {DAYS[0]: 1, DAYS[2]: 1}
    error = second.refused[DAY]
    assert isinstance(error, LockedError)
    assert f"{TABLE} {DAY} is being loaded by load first (process {os.getpid()} on " in error.message
    assert "asked by hand" in error.message
    assert "on_conflict" in str(error.remedy)
    third = ask(platform, "third", is_waiting=False)
    assert (third.claims, list(third.refused)) == ({}, [DAY])
    assert loads(platform) == ["first", "second"], "a load without any date is no load"
    first.release(DAY)
    assert ask(platform, "third").versions == {DAY: 1}


def test_a_load_that_waits_goes_on_when_the_other_ends(platform: Platform) -> None:
    first, told = ask(platform, "first"), list[str]()

    def hear(text: str) -> None:
        told.append(text)
        first.release(DAY)

    assert ask(platform, "second", tell=hear).versions == {DAY: 1}
    assert len(told) == 1
    assert "is being loaded by load first" in told[0]
    assert "waiting for it, at most 3600 s" in told[0]


def test_a_load_that_waited_long_enough_is_refused(platform: Platform) -> None:
    impatient = Platform(replace(platform.settings, lock_wait_s=0.1), platform.store)
    ask(platform, "first")
    error = ask(impatient, "second").refused[DAY]
    assert "; waited 0 s for it" in error.message


def test_a_wait_that_is_interrupted_leaves_nothing_registered(platform: Platform) -> None:
    ask(platform, "first")

    def interrupt(_text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(platform, "second", *DAYS, tell=interrupt)
    assert claimed(platform) == [(DAY, 1, "first")]
    assert loads(platform) == ["first"]


@pytest.mark.embedded
def test_an_interrupt_is_told_although_the_store_is_away(platform: Platform) -> None:
    file = platform.settings.home / "control.db"
    away = file.with_name("away")
    ask(platform, "first")

    def interrupt(_text: str) -> None:
        platform.store.close()
        file.rename(away)
        file.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(platform, "second", *DAYS, tell=interrupt)
    file.rmdir()
    away.rename(file)
    assert claimed(platform) == [(DAYS[0], 1, "second"), (DAY, 1, "first")]
    recover(platform)
    assert claimed(platform) == [(DAY, 1, "first")]
    assert loads(platform) == ["first"]


def test_a_date_of_a_load_that_cannot_be_given_up_is_refused(platform: Platform) -> None:
    """Another process puts the first in order just now; of the second there is something else than a folder."""
    work = platform.settings.work
    (work / "over").mkdir(parents=True)
    (work / "odd").touch()
    for load_id, day in (("over", DAYS[0]), ("odd", DAY)):
        platform.claims.claim(TABLE, day, load_id)
    other = Owner(work / "over")
    assert list(ask(platform, "mine", *DAYS, is_waiting=False).refused) == [DAYS[0], DAY]
    other.let_go()
    assert ask(platform, "next", DAYS[0], is_waiting=False).versions == {DAYS[0]: 2}


def test_the_dates_of_a_killed_load_are_free_and_its_numbers_void(tmp_path: Path) -> None:
    deployment = deploy(tmp_path / "home")
    days = [str(DAYS[0]), str(DAY)]
    process = subprocess.run([sys.executable, "-c", DIES, *days], env=deployment.environ, check=False)
    assert process.returncode == -9
    told: list[str] = []
    with deployment.platform() as platform:
        assert len(claimed(platform)) == 2
        place = ask(platform, "next", is_waiting=False, tell=told.append)
        assert place.versions == {DAY: 2}
        assert told == [f"{DAY} was held by load dead, whose process is gone"]
        assert claimed(platform) == [(DAY, 2, "next")], "all dates of the dead load are given up"
        freed = [r.biz_dt for r in place.recovered if r.what == "claim freed"]
        assert freed == [DAYS[0], DAY]
        assert loads(platform) == ["next"]
        found = Ledger(platform.store).find(TABLE, DAYS[0], 1)
        assert found is not None
        assert (found.kind, found.load_id) == (VOID, "dead")
        rows = [r for r in platform.store.scan("fdm_attempts") if r["load_id"] == "dead"]
        assert len(rows) == 2
        assert all(r["status"].startswith("Failed: its process is gone: process ") for r in rows)
        assert not (platform.settings.landing_root / TABLE / ".staging" / "dead").exists()


class Beating(Hours):
    """While somebody waits, the load `alive` of another host is heard of."""

    def __init__(self, platform: Platform) -> None:
        super().__init__()
        self.platform = platform

    def sleep(self, seconds: float) -> None:
        """As in Hours."""
        super().sleep(seconds)
        alive = self.platform.loads.find("alive")
        assert alive
        self.platform.loads.open(replace(alive, beat_at=alive.beat_at + timedelta(seconds=1)))


def test_a_load_of_another_host_is_dead_to_one_who_waits_and_sees_no_beat_for_a_lease(
    platform: Platform,
) -> None:
    """By his own clock: what the beats say of the time of day is an hour ago for either."""
    beat = datetime.now(UTC) - timedelta(hours=1)
    for load_id, day in (("alive", DAYS[0]), ("dead", DAYS[1])):
        platform.loads.open(LoadRow(load_id, TABLE, "elsewhere", 1, 1, beat, beat))
        platform.claims.claim(TABLE, day, load_id)
    place = ask(platform, "hasty", *DAYS[:2], is_waiting=False)
    assert list(place.refused) == [*DAYS[:2]], "at a single look nobody can tell"
    clock = Beating(platform)
    place = ask(platform, "patient", *DAYS[:2], clock=clock)
    assert place.versions == {DAYS[1]: 2}
    assert list(place.refused) == [DAYS[0]]
    assert clock.now() > platform.settings.lock_wait_s


def test_one_date_is_had_for_a_block_and_left_where_its_outcome_is_unknown(platform: Platform) -> None:
    def one(load_id: str, error: Exception | None = None) -> int:
        with registered(platform, TABLE, DAY, load_id, asked_by="hand") as version:
            if error:
                raise error
            return version

    assert one("first") == 1
    with pytest.raises(ValueError, match="x"):
        one("fails", ValueError("x"))
    assert (claimed(platform), loads(platform)) == ([], [])
    with pytest.raises(UnknownOutcomeError):
        one("unknown", UnknownOutcomeError("x"))
    assert claimed(platform) == [(DAY, 1, "unknown")]
    (row,) = platform.loads.open_ones()
    assert not is_alive(row), "this process lives, and is done with it"
    assert ask(platform, "next", is_waiting=False).versions == {DAY: 2}
    assert loads(platform) == ["next"]


def test_a_load_of_several_dates_goes_on_beside_one_that_is_left(platform: Platform) -> None:
    place = ask(platform, "first", *DAYS)
    place.leave(DAYS[0])
    (row,) = platform.loads.open_ones()
    assert is_alive(row)
    for day in DAYS[1:]:
        place.release(day)
    assert not is_alive(row)
    assert claimed(platform) == [(DAYS[0], 1, "first")]
    assert [r.what for r in recover(platform)] == ["version voided", "claim freed", "load ended"]
    assert (claimed(platform), loads(platform)) == ([], [])


def test_a_date_that_is_left_has_its_final_line_from_recovery(platform: Platform) -> None:
    """The attempt is this process's own, which lives on."""
    place = ask(platform, "first")
    of = DateAttempt(TABLE, DAY, "first")
    attempt = platform.execution_log.start(job_id="1", job_name="j", run_id=None, of=of)
    load = Load(platform, "first", (DAY,), LoadReport("first", ()), open={DAY: attempt}, place=place)
    error = UnknownOutcomeError("nobody knows")
    load.leave(DAY, error)
    assert (load.open, load.failed) == ({}, {DAY: error})
    assert "attempt closed" in [r.what for r in recover(platform)]
    (row,) = [r for r in platform.store.scan("fdm_attempts") if r["load_id"] == "first"]
    assert row["status"].startswith("Failed: its process is gone: process ")
    assert (claimed(platform), loads(platform)) == ([], [])
    assert list(platform.settings.journal.iterdir()) == []


def test_another_process_recovers_what_a_living_one_has_let_go(tmp_path: Path) -> None:
    deployment = deploy(tmp_path / "home")
    fdm = [str(Path(sys.executable).parent / "fdm"), "recover"]
    with deployment.platform() as platform:
        place = ask(platform, "first")
        folder = platform.settings.work / "first"
        folder.mkdir(parents=True)
        owner = Owner(folder)
        subprocess.run(fdm, env=deployment.environ, check=True)
        assert claimed(platform) == [(DAY, 1, "first")]
        place.leave(DAY)
        owner.let_go()
        subprocess.run(fdm, env=deployment.environ, check=True)
        assert (claimed(platform), loads(platform)) == ([], [])


def test_a_date_that_could_not_be_released_is_left_to_recovery(platform: Platform) -> None:
    place = ask(platform, "first")
    gone = Platform(
        platform.settings, open_store(f"sqlite:///{platform.settings.home / 'none' / 'control.db'}")
    )
    place.platform = gone
    place.release(DAY)
    (row,) = platform.loads.open_ones()
    assert not is_alive(row)
    assert ask(platform, "mine", is_waiting=False).versions == {DAY: 2}
    assert loads(platform) == ["mine"]
