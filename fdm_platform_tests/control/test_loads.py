"""The loads under way, and which of them live."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.loads import Beat, Loads
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.model.claim import LoadRow
from fdm_platform.processes import start_of, this_host

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)


def of_this_process(load_id: str = "load-1", **changes: Any) -> LoadRow:
    row = LoadRow(
        load_id=load_id,
        table_name="gels_fpms_t",
        host=this_host(),
        pid=os.getpid(),
        process_start=start_of(os.getpid()) or 0,
        started_at=NOON,
        beat_at=NOON,
        folder="/home/loads/load-1",
    )
    return replace(row, **changes)


@pytest.fixture
def loads(store: ControlStore) -> Loads:
    return Loads(store, now=lambda: NOON + timedelta(seconds=30))


def nobody_knows(folder: str) -> None:
    return None


def test_a_load_is_there_until_it_ends(loads: Loads) -> None:
    first, second = of_this_process(asked_by="hand"), of_this_process("load-2", table_name="another")
    loads.open(second)
    loads.open(first)
    assert loads.find("load-1") == first
    assert loads.open_ones() == [first, second]
    assert loads.open_ones("another") == [second]
    for _ in range(2):
        loads.end("load-1")
    assert loads.find("load-1") is None
    assert loads.open_ones() == [second]


def test_beats_and_the_application_keep_what_is_known(loads: Loads) -> None:
    first = of_this_process(master="yarn", plan_identity="abc")
    loads.open(first)
    assert loads.note_application("load-1", "application_1")
    assert loads.beat("load-1")
    later = NOON + timedelta(seconds=30)
    assert loads.find("load-1") == replace(first, application_id="application_1", beat_at=later)


def test_a_load_that_was_declared_dead_hears_of_it_and_does_not_come_back(loads: Loads) -> None:
    loads.open(of_this_process())
    loads.end("load-1")
    assert not loads.beat("load-1")
    assert not loads.note_application("load-1", "application_1")
    assert loads.open_ones() == []


def test_another_process_takes_a_load_over(loads: Loads) -> None:
    loads.open(of_this_process(application_id="application_1"))
    loads.open(of_this_process(pid=1, process_start=3, application_id="application_1"))
    taken = loads.find("load-1")
    assert taken
    assert (taken.pid, taken.application_id) == (1, "application_1")


@pytest.mark.parametrize("is_owned", [True, False])
def test_on_its_own_host_the_lock_tells(loads: Loads, *, is_owned: bool) -> None:
    """Whatever the beat says: a stopped clock or a store that was away says nothing of the process."""
    load = of_this_process(beat_at=NOON - timedelta(days=1))
    assert loads.is_alive(load, 60, lambda _: is_owned) == is_owned


def test_who_holds_the_lock_of_a_dead_process_only_recovers_its_load(loads: Loads) -> None:
    load = of_this_process(process_start=(start_of(os.getpid()) or 0) + 1)
    assert not loads.is_alive(load, 60, lambda _: True)


def test_without_a_lock_the_process_tells(loads: Loads) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    load = of_this_process(pid=child.pid, process_start=start_of(child.pid) or 0, folder=None)
    assert loads.is_alive(load, 60, nobody_knows)
    assert not loads.is_alive(replace(load, process_start=load.process_start + 1), 60, nobody_knows)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and its parent has not looked yet
    assert not loads.is_alive(load, 60, nobody_knows)
    child.communicate()


def test_elsewhere_the_beat_tells(loads: Loads) -> None:
    load = of_this_process(host="another")
    assert loads.is_alive(load, 60, lambda _: False)
    assert not loads.is_alive(load, 30, lambda _: True)


class SlowLoads(Loads):
    """A beat has found the row, and writes it only when it is told to."""

    def __init__(self, store: ControlStore) -> None:
        super().__init__(store)
        self.has_found, self.may_write = threading.Event(), threading.Event()

    def beat(self, load_id: str) -> bool:
        self.has_found.set()
        assert self.may_write.wait(60)
        self.open(of_this_process(load_id))
        return True


def test_a_beat_that_is_on_its_way_writes_no_row_of_a_load_that_has_ended(store: ControlStore) -> None:
    loads = SlowLoads(store)
    loads.open(of_this_process())
    with Beat(loads, "load-1", lease_s=0.04):
        assert loads.has_found.wait(60)
        threading.Timer(0.2, loads.may_write.set).start()
    loads.end("load-1")
    for beat in (t for t in threading.enumerate() if t.name == "beat of load-1"):
        beat.join()
    assert loads.open_ones() == []


def test_the_beat_outlives_a_store_that_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, moved = tmp_path / "control.db", tmp_path / "moved"
    store = open_store(f"sqlite:///{file}")
    store.create(["fdm_loads"])
    loads = Loads(store)
    loads.open(of_this_process())
    store.close()
    file.rename(moved)
    with caplog.at_level(logging.INFO, "fdm_platform.control.loads"), Beat(loads, "load-1", lease_s=0.04):
        wait_for(lambda: "no beat of load load-1" in caplog.text)
        moved.rename(file)
        wait_for(lambda: any(row.beat_at > NOON for row in Loads(store).open_ones()))
    store.close()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_deployment_of_an_earlier_release_needs_no_new_table(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["fdm_publishes"])
    assert Loads(store).open_ones() == []
    Loads(store).open(of_this_process())
    assert Loads(store).find("load-1") == of_this_process()
    store.close()
