"""Circuit breakers in a control store: what one process notes, all others see, and one alone tries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fdm_platform.control.breakers import Breakers
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.model.limits import BreakerLimits
from fdm_platform_tests.control.workers import run_workers

LIMITS = BreakerLimits(failures=3, cooldown_s=60, longest_s=600)


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = datetime(2024, 5, 15, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(store: ControlStore, clock: Clock) -> Breakers:
    return Breakers(store, lambda: LIMITS, clock)


def opened(breakers: Breakers, name: str = "s") -> None:
    for n in range(3):
        breakers.note_failure("source", name, f"load-{n}", "no route to host")


def test_it_opens_for_every_process_and_others_are_not_concerned(
    store: ControlStore, breakers: Breakers, clock: Clock
) -> None:
    opened(breakers)
    again = Breakers(store, lambda: LIMITS, clock)
    found = again.of("source", "s")
    assert (found.state, found.failures, found.error) == ("open", 3, "no route to host")
    assert again.of("source", "t").state == again.of("cluster", "s").state == "closed"
    assert again.not_closed() == [found]


def test_one_load_alone_tries_and_what_comes_of_it_holds_for_all(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    assert not breakers.take_probe(breakers.of("source", "s"), "early")
    clock.advance(60)
    seen = breakers.of("source", "s")
    assert [breakers.take_probe(seen, load) for load in ("p", "q", "r")] == [True, False, False]
    breakers.note_failure("source", "s", "q", "began before it opened")
    breakers.note_gone("source", "s", "q")
    assert breakers.of("source", "s").probe == "p"
    breakers.note_failure("source", "s", "p", "still away")
    found = breakers.of("source", "s")
    assert (found.state, found.failures, found.error) == ("open", 4, "still away")
    clock.advance(119)
    assert breakers.of("source", "s").must_wait
    clock.advance(1)
    assert breakers.take_probe(breakers.of("source", "s"), "r")
    breakers.note_success("source", "s", "r")
    assert breakers.not_closed() == []


def test_a_probe_that_was_stopped_gives_way(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    clock.advance(60)
    assert breakers.take_probe(breakers.of("source", "s"), "p")
    breakers.note_gone("source", "s", "p")
    assert breakers.take_probe(breakers.of("source", "s"), "q")


def test_what_is_sound_writes_nothing_and_what_is_over_is_removed(
    store: ControlStore, breakers: Breakers
) -> None:
    breakers.note_success("source", "s", "load")
    breakers.note_gone("source", "s", "load")
    assert list(store.scan("fdm_breakers")) == []
    for _ in range(3):
        opened(breakers)
        breakers.note_success("source", "s", "load")
        breakers.note_success("source", "s", "load")
    (left,) = store.scan("fdm_breakers")
    assert left["kind"] == "success"


def test_a_deployment_of_an_earlier_release_needs_no_new_table(empty_url: str) -> None:
    store = open_store(empty_url)
    breakers = Breakers(store, lambda: LIMITS)
    assert breakers.of("source", "s").state == "closed"
    breakers.note_success("source", "s", "load")
    assert (breakers.not_closed(), store.existing()) == ([], set())
    breakers.note_failure("source", "s", "load", "away")
    assert breakers.of("source", "s").failures == 1
    store.close()


def test_of_eight_processes_one_tries_in_each_round_and_no_failure_is_lost(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["fdm_breakers"])
    told = run_workers("fail_and_probe", empty_url, workers=8, rounds=5)
    assert sum(w["noted"] for w in told) == 40
    found = Breakers(store, lambda: BreakerLimits(failures=40, cooldown_s=0, longest_s=600)).of("source", "s")
    assert found.failures == 40
    assert [w["name"] for w in told if w["probes"]] == [found.probe]
    store.close()
