from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.errors import Kind
from fdm_platform.model.limits import DeclaredRetries, RetryLimits
from fdm_platform.planning.retrying import delay_s, next_step

SECONDS = st.floats(0, 1e6)
LIMITS = st.builds(RetryLimits, st.integers(0, 100), SECONDS, SECONDS)
KINDS = st.sampled_from(get_args(Kind))


@given(st.integers(0, 10_000), LIMITS, st.floats(0, 1))
def test_a_delay_is_within_its_bounds_and_never_shrinks(tried: int, limits: RetryLimits, draw: float) -> None:
    delay, shortest = delay_s(tried, limits, draw), min(limits.delay_s, limits.longest_s)
    assert shortest / 2 <= delay <= limits.longest_s * 1.5
    assert delay <= delay_s(tried + 1, limits, draw)


def test_delays_double() -> None:
    limits = RetryLimits()
    assert [delay_s(n, limits, 0.5) for n in (0, 1, 2, 5, 6, 7)] == [10, 20, 40, 320, 600, 600]
    assert (delay_s(0, limits, 0.0), delay_s(0, limits, 1.0)) == (5, 15)


@given(KINDS, LIMITS)
def test_every_line_of_tries_ends_at_its_limit(kind: Kind, limits: RetryLimits) -> None:
    steps = [next_step(kind, tried, limits) for tried in range(limits.limit + 2)]
    tries = steps.count("retry")
    assert tries in (0, limits.limit)
    assert steps == ["retry"] * tries + [steps[-1]] * (len(steps) - tries)
    assert steps[-1] != "retry"


@pytest.mark.parametrize(
    ("kind", "at_first", "at_last"),
    [
        ("infrastructure", "retry", "park"),
        ("contended", "retry", "stop"),
        ("data", "park", "park"),
        ("code", "park", "park"),
        ("machine", "park", "park"),
        ("stopped", "stop", "stop"),
    ],
)
def test_what_follows_a_failure(kind: Kind, at_first: str, at_last: str) -> None:
    limits = RetryLimits(limit=2)
    assert [next_step(kind, tried, limits) for tried in (0, 1, 2)] == [at_first, at_first, at_last]


def test_a_table_says_what_it_wants_and_leaves_the_rest() -> None:
    defaults = RetryLimits(1, 10.0, 600.0)
    assert defaults.of(DeclaredRetries()) == defaults
    assert defaults.of(DeclaredRetries(limit=0)) == RetryLimits(0, 10.0, 600.0)
    assert defaults.of(DeclaredRetries(3, longest_s=0.0)) == RetryLimits(3, 10.0, 0.0)
