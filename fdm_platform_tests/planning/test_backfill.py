from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.model.attempt import Attempt
from fdm_platform.planning.backfill import Choice, chunks, estimate
from fdm_platform.planning.status import DateStatus, State, TableStatus

DAYS = [date(2024, 1, d) for d in range(1, 29)]
NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)
STATES: tuple[State, ...] = (
    *("published", "stale", "missing", "failed", "running"),
    *("held", "overdue", "future", "history", "gone"),
)
OF_EACH = dict(zip(STATES, DAYS, strict=False))
STATUS = TableStatus("t", {d: DateStatus(state, f"why {state}") for state, d in OF_EACH.items()}, {})


def chosen(choice: Choice, published: set[date] | None = None, held: set[date] | None = None) -> list[State]:
    reasons = choice.reasons(STATUS, published or set(), held or {OF_EACH["held"]})
    return [state for state in STATES if OF_EACH[state] in reasons]


@pytest.mark.parametrize(
    ("choice", "states"),
    [
        (Choice(is_missing=True), ["missing", "failed"]),
        (Choice(is_stale=True), ["stale"]),
        (Choice(is_failed=True), ["failed"]),
        (Choice(is_stale=True, is_failed=True), ["stale", "failed"]),
        (Choice(first=DAYS[0]), ["published", "stale", "missing", "failed", "running", "history"]),
        (Choice(first=DAYS[2], last=DAYS[3]), ["missing", "failed"]),
        (Choice(is_failed=True, last=DAYS[2]), []),
        (Choice(named=(OF_EACH["held"],)), ["held"]),
    ],
)
def test_states_and_ranges_choose_dates(choice: Choice, states: list[State]) -> None:
    assert chosen(choice) == states


def test_a_date_that_failed_after_it_was_published_is_not_missing() -> None:
    assert chosen(Choice(is_missing=True), published={OF_EACH["failed"]}) == ["missing"]


def test_a_published_date_on_hold_is_not_in_a_range() -> None:
    assert chosen(Choice(first=DAYS[0], last=DAYS[0]), held={DAYS[0]}) == []


def test_each_date_has_its_reason() -> None:
    by_state = Choice(is_missing=True, is_stale=True).reasons(STATUS, (), ())
    assert by_state == {
        OF_EACH["stale"]: "stale: why stale",
        OF_EACH["missing"]: "why missing",
        OF_EACH["failed"]: "failed: why failed",
    }
    assert Choice(named=(DAYS[0],)).reasons(STATUS, (), ()) == {DAYS[0]: "asked for"}


@given(dates=st.lists(st.sampled_from(DAYS)), size=st.integers(1, 9))
def test_chunks_hold_every_date_once_in_order_and_are_full_but_the_last(dates: list[date], size: int) -> None:
    made = chunks(dates, size)
    assert [d for chunk in made for d in chunk] == sorted(set(dates))
    assert all(len(chunk) == size for chunk in made[:-1])
    assert all(0 < len(chunk) <= size for chunk in made)


def load(name: str, dates: int, seconds: float, *, status: str = "Completed", at: int = 0) -> list[Attempt]:
    start = NOON + timedelta(days=at)
    end = start + timedelta(seconds=seconds)
    return [Attempt(DAYS[n], name, status, start, end) for n in range(dates)]


def seconds_of(attempts: list[Attempt], submits: list[int]) -> float:
    found = estimate(attempts, submits)
    assert found
    return found.seconds


def test_an_estimate_is_made_from_loads_not_from_the_sum_of_their_dates() -> None:
    past = load("a", 10, 26)  # six seconds to start, two a date
    assert seconds_of(past, [10]) == 26
    assert seconds_of(past, [30, 30, 0]) == 2 * (6 + 60)
    assert seconds_of([*past, *load("b", 1, 8)], [1]) == 8


def test_a_load_that_failed_or_runs_says_nothing_of_how_long_one_takes() -> None:
    running = [Attempt(DAYS[0], "c", "Started", NOON)]
    assert estimate([*load("a", 2, 1, status="Failed: away"), *running], [1]) is None


def test_a_load_of_which_some_dates_failed_took_its_time() -> None:
    ended = NOON + timedelta(seconds=10)
    failed = Attempt(DAYS[5], "a", "Failed: a lot", NOON, ended)
    assert seconds_of([*load("a", 1, 10), failed], [2]) == 10


def test_the_newest_loads_count() -> None:
    old = [a for n in range(50) for a in load(f"old{n}", 1, 100, at=-n - 1)]
    new = [a for n in range(20) for a in load(f"new{n}", 1, 10, at=n)]
    assert seconds_of([*old, *new], [1]) == 10
