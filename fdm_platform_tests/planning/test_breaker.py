"""How a circuit breaker stands after what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.model.breaker import Breaker, BreakerEvent, EventKind
from fdm_platform.model.limits import BreakerLimits
from fdm_platform.planning.breaker import fold, wait

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
LIMITS = BreakerLimits(failures=3, cooldown_s=60, longest_s=600)
KINDS: list[EventKind] = ["failure", "success", "probe", "gone"]


def after(*told: tuple[EventKind, str] | EventKind, seconds: float = 0, every_s: float = 0) -> Breaker:
    """After these events, one each `every_s`, and as many seconds more."""
    events = []
    for n, each in enumerate(told):
        kind, load = (each, f"load-{n}") if isinstance(each, str) else each
        at = NOON + timedelta(seconds=n * every_s)
        until = at + timedelta(seconds=LIMITS.longest_s) if kind == "probe" else None
        events.append(BreakerEvent("source", "s", n + 1, kind, at, until, load, f"error {n}"))
    now = NOON + timedelta(seconds=seconds + every_s * max(len(told) - 1, 0))
    return fold("source", "s", events, LIMITS, now)


def test_nothing_happened() -> None:
    found = after()
    assert (found.state, found.failures, found.must_wait, found.may_probe) == ("closed", 0, False, False)


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    assert after("failure", "failure").state == "closed"
    assert after("failure", "failure", "success", "failure", "failure").state == "closed"
    found = after("failure", "failure", "failure")
    assert (found.state, found.must_wait, found.failures, found.error) == ("open", True, 3, "error 2")
    assert found.until == NOON + timedelta(seconds=60)
    assert found.reason == (
        "the breaker of source s is open since 2024-05-15 12:00:00 UTC, after 3 failures in a row: error 2; "
        "one load may try again at 12:01:00 UTC"
    )


def test_after_a_while_one_load_may_try_and_the_others_wait_for_it() -> None:
    fails: list[EventKind] = ["failure"] * 3
    assert after(*fails, seconds=59).must_wait
    assert after(*fails, seconds=60).may_probe
    tries = after(*fails, ("probe", "p"), seconds=61)
    assert (tries.state, tries.may_probe, tries.must_wait, tries.probe) == ("half-open", False, True, "p")
    assert tries.reason.endswith("; load p tries")
    assert after(*fails, ("probe", "p"), ("success", "p")).state == "closed"
    failed = after(*fails, ("probe", "p"), ("failure", "p"), seconds=60)
    assert (failed.state, failed.failures, failed.until) == ("open", 4, NOON + timedelta(seconds=120))
    assert failed.since == NOON


def test_a_probe_that_tells_nothing_gives_way_to_another() -> None:
    fails: list[EventKind] = ["failure"] * 3
    assert after(*fails, ("probe", "p"), ("gone", "p"), seconds=60).may_probe
    assert not after(*fails, ("probe", "p"), ("gone", "q"), seconds=60).may_probe
    assert not after(*fails, ("probe", "p"), seconds=599).may_probe
    assert after(*fails, ("probe", "p"), seconds=600).may_probe


def test_loads_that_began_before_it_opened_tell_nothing_new() -> None:
    fails: list[EventKind] = ["failure"] * 3
    late = after(*fails, "failure", "failure", seconds=60)
    assert (late.may_probe, late.failures) == (True, 3)
    assert not after(*fails, ("probe", "p"), ("failure", "q"), seconds=60).may_probe
    assert after(*fails, "success").state == "closed", "it was served: it is there"


def test_waits_double_to_their_limit() -> None:
    assert [wait(n, LIMITS).total_seconds() for n in (1, 2, 3, 4, 5, 1000)] == [60, 120, 240, 480, 600, 600]


EVENTS = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from("pqr")), max_size=30)


@given(EVENTS, st.floats(0, 2000), st.floats(0, 100))
def test_whatever_happened_it_stands_in_one_way(
    told: list[tuple[EventKind, str]], seconds: float, every_s: float
) -> None:
    found = after(*told, seconds=seconds, every_s=every_s)
    assert (found.state == "closed") + found.may_probe + found.must_wait == 1
    assert found.seq == len(told)
    assert (found.state == "closed") == (found.since is None)
    assert after(*told, ("success", "z"), seconds=seconds, every_s=every_s).failures == 0
    opened = found.state != "closed"
    assert opened <= (found.failures >= LIMITS.failures)
    later = after(*told, seconds=seconds + 10_000, every_s=every_s)
    assert later.state == "closed" or later.may_probe, "nobody waits for ever"


@given(EVENTS, st.floats(0, 2000), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_are_read_does_not_matter(
    told: list[tuple[EventKind, str]], seconds: float, random: object
) -> None:
    events = [
        BreakerEvent("source", "s", n + 1, kind, NOON + timedelta(seconds=n), None, load)
        for n, (kind, load) in enumerate(told)
    ]
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    now = NOON + timedelta(seconds=seconds)
    assert fold("source", "s", events, LIMITS, now) == fold("source", "s", shuffled, LIMITS, now)
