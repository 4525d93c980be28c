"""Which of the loads that are registered live, and who may say so when."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.defs.liveness import Watch, is_alive, note_begun, note_over, watch_others
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.owner import Owner
from fdm_platform.model.claim import LoadRow
from fdm_platform.processes import start_of, this_host
from fdm_platform_tests.clock import Hours
from fdm_platform_tests.deployment import project_in

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
LEASE_S = 60.0


def a_load(load_id: str = "load-1", **changes: Any) -> LoadRow:
    """Of this host, heard of for the last time at noon."""
    return replace(LoadRow(load_id, "t", this_host(), 1, 1, NOON, NOON), **changes)


def elsewhere(load_id: str = "load-1", **changes: Any) -> LoadRow:
    return a_load(load_id, host="another/boot/1", **changes)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_on_its_own_machine_the_process_and_its_lock_tell(
    child: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Whatever the beat says: a clock that was set, or a store that was away, says nothing of the process."""
    started = start_of(child.pid) or 0
    unlocked = a_load(pid=child.pid, process_start=started)
    assert is_alive(unlocked)
    assert not is_alive(replace(unlocked, process_start=started + 1)), "another process of this id"
    locked = replace(unlocked, folder=str(tmp_path))
    owner = Owner(tmp_path)
    assert is_alive(locked)
    assert not is_alive(replace(locked, process_start=started + 1)), "who holds its lock recovers it"
    owner.let_go()
    assert not is_alive(locked), "its process lives, and is done with it"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and its parent has not looked yet
    assert not is_alive(unlocked)


def test_a_load_of_this_process_lives_until_it_is_over() -> None:
    row = a_load("mine", pid=os.getpid(), process_start=start_of(os.getpid()) or 0)
    note_begun("mine")
    assert is_alive(row)
    note_over("mine")
    assert not is_alive(row)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=400), timedelta(days=-400)])
def test_elsewhere_a_beat_that_moves_lives_however_old_it_says_it_is(age: timedelta) -> None:
    clock = Hours()
    watch = Watch(LEASE_S, clock)
    for number in range(20):
        assert is_alive(elsewhere(beat_at=NOON - age + timedelta(seconds=15 * number)), watch)
        clock.sleep(50)


def test_elsewhere_a_beat_that_stands_still_is_dead_when_a_lease_was_seen() -> None:
    clock = Hours()
    watch, row = Watch(LEASE_S, clock), elsewhere(beat_at=datetime.now(UTC) + timedelta(days=1))
    for _ in range(5):
        assert is_alive(row, watch)
        clock.sleep(15)
    assert not is_alive(row, watch)
    assert is_alive(replace(row, beat_at=NOON), watch), "it has been heard of"
    assert is_alive(row), "at a single look nobody can tell"


@given(
    before=st.lists(st.floats(1, 30), max_size=30).filter(lambda gaps: sum(gaps) < LEASE_S),
    away_s=st.floats(0, 1e6),
    after=st.lists(st.floats(1, 30), max_size=30),
)
def test_whoever_one_outage_of_the_store_kept_silent_has_a_lease_besides(
    before: list[float], away_s: float, after: list[float]
) -> None:
    clock = Hours()
    watch, row = Watch(LEASE_S, clock), elsewhere()
    assert is_alive(row, watch)
    seen_s = 0.0
    for gap, is_outage in [(g, False) for g in before] + [(away_s, True)] + [(g, False) for g in after]:
        clock.sleep(gap)
        seen_s += 0 if is_outage else gap
        assert is_alive(row, watch) or seen_s >= LEASE_S - 1e-6
        watch = Watch(LEASE_S, clock, watch.seen)


def test_who_waits_for_a_sign_of_the_others_waits_no_longer_than_it_must(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    with project_in(tmp_path).platform() as platform:
        rows = [elsewhere("silent"), elsewhere("beats"), elsewhere("ends"), elsewhere("t_b", table_name="b")]
        for row in (*rows, a_load("here")):
            platform.loads.open(row)
        clock, told = Meanwhile(platform), list[str]()
        watch, start = Watch(LEASE_S, clock), clock.now()
        watch_others(platform, watch, told.append, ["t"])
        assert [row.load_id for row in rows if not is_alive(row, watch)] == ["silent"]
        assert LEASE_S < clock.now() - start < LEASE_S * 1.5
        assert [line.partition(" of t, ")[0] for line in told] == [
            f"waiting for a sign of load {load_id}" for load_id in ("beats", "ends", "silent")
        ]
        assert "process 1 on another: if there is none for 60 s, it is dead" in told[0]


class Meanwhile(Hours):
    """While somebody waits for the first time, one load is heard of and another ends."""

    def __init__(self, platform: Platform) -> None:
        super().__init__()
        self.platform = platform

    def sleep(self, seconds: float) -> None:
        """As in Hours."""
        super().sleep(seconds)
        self.platform.loads.beat(elsewhere("beats"))
        self.platform.loads.end("ends")
