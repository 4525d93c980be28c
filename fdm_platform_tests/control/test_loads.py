"""The rows of the loads under way, and their beat."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def test_a_beat_and_the_plan_keep_what_the_other_has_written(loads: Loads) -> None:
    first = of_this_process(asked_by="hand")
    loads.open(first)
    assert loads.note_plan(first, identity="abc", master="yarn")
    assert loads.beat(first)
    later = NOON + timedelta(seconds=30)
    assert loads.find("load-1") == replace(first, plan_identity="abc", master="yarn", beat_at=later)


def test_a_load_that_was_declared_dead_hears_of_it_and_does_not_come_back(loads: Loads) -> None:
    loads.open(of_this_process())
    loads.end("load-1")
    assert not loads.beat(of_this_process())
    assert not loads.note_plan(of_this_process(), identity="abc", master="yarn")
    assert loads.open_ones() == []


def test_who_takes_a_load_over_stands_in_its_row_whatever_comes_late(loads: Loads) -> None:
    dead, adopter = of_this_process(pid=1, process_start=3, plan_identity="abc"), of_this_process()
    loads.open(dead)
    loads.open(replace(adopter, plan_identity="abc"))
    assert loads.beat(dead), "it was on its way when the process died"
    assert loads.beat(adopter)
    taken = loads.find("load-1")
    assert taken
    assert (taken.pid, taken.process_start, taken.plan_identity) == (
        adopter.pid,
        adopter.process_start,
        "abc",
    )


class SlowLoads(Loads):
    """A beat has found the row, and writes it only when it is told to."""

    def __init__(self, store: ControlStore) -> None:
        super().__init__(store)
        self.has_found, self.may_write = threading.Event(), threading.Event()

    def beat(self, load: LoadRow) -> bool:
        self.has_found.set()
        assert self.may_write.wait(60)
        self.open(load)
        return True


@contextmanager
def beating(loads: Loads) -> Iterator[None]:
    beat = Beat(loads, of_this_process(), lease_s=0.04)
    beat.start()
    try:
        yield
    finally:
        beat.stop()


def test_a_beat_that_is_on_its_way_writes_no_row_of_a_load_that_has_ended(store: ControlStore) -> None:
    loads = SlowLoads(store)
    loads.open(of_this_process())
    with beating(loads):
        assert loads.has_found.wait(60)
        threading.Timer(0.2, loads.may_write.set).start()
    loads.end("load-1")
    for beat in (t for t in threading.enumerate() if t.name == "beat of load-1"):
        beat.join()
    assert loads.open_ones() == []


class FaultyLoads(Loads):
    """Its first beat meets something that nobody thought of."""

    is_mended = False

    def beat(self, load: LoadRow) -> bool:
        if not self.is_mended:
            self.is_mended = True
            raise RuntimeError("a fault")
        return super().beat(load)


def test_the_beat_outlives_a_store_that_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, moved = tmp_path / "control.db", tmp_path / "moved"
    store = open_store(f"sqlite:///{file}")
    store.create(["fdm_loads"])
    loads = FaultyLoads(store)
    loads.open(of_this_process())
    store.close()
    file.rename(moved)
    with caplog.at_level(logging.INFO, "fdm_platform.control.loads"), beating(loads):
        wait_for(lambda: "no beat of load load-1: a fault" in caplog.text)
        wait_for(lambda: caplog.text.count("no beat of load load-1") > 1)
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
