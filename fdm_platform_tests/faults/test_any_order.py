"""Whatever the order in which loads of some dates come, and however often: the table ends in the same rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdm_platform.defs.platform import Platform
from fdm_platform_tests.faults.comparing import leftovers, live_errors, log_errors, row_hash
from fdm_platform_tests.faults.counted import days, deploy_counted, offer, offered, table_name
from fdm_platform_tests.faults.publisher import load

DAYS = days(3)
NEWEST = {DAYS[0]: 1, DAYS[1]: 2, DAYS[2]: 4}
GIVEN = [(day, version) for day, newest in NEWEST.items() for version in range(1, newest + 1)]
"""Every version of a control row that there ever is. Loads of an old one that come late are loads of the newest."""


def hash_after(steps: Iterable[tuple[date, int]]) -> str:
    """Deploy, and take the steps: a control row is written unless a newer one is there; then the date is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        counted = deploy_counted(Path(folder))
        with counted.deployment.platform() as platform:
            standing: dict[date, int] = {}
            for number, (day, version) in enumerate(steps):
                if version > standing.get(day, 0):
                    offer(platform, [day], version)
                    standing[day] = version
                load(platform, "t_a", day, f"load-{number}")
            assert {day: offered(platform, "t_a", day) for day in DAYS} == NEWEST
            _require_order(platform)
        return row_hash(counted.root("t_a"))


def _require_order(platform: Platform) -> None:
    assert live_errors(platform, table_name("t_a"), DAYS) == []
    assert log_errors(platform) == {"lost": [], "doubled": [], "wrong": []}
    assert leftovers(platform) == []


@pytest.fixture(scope="module")
def once() -> str:
    """Each date's newest version, loaded once."""
    return hash_after(NEWEST.items())


@settings(max_examples=15)
@given(
    order=st.permutations(GIVEN),
    again=st.lists(st.tuples(st.integers(0, len(GIVEN)), st.sampled_from(GIVEN)), max_size=5),
)
def test_any_order_and_repetition_of_loads_ends_in_the_same_rows(
    once: str, order: list[tuple[date, int]], again: list[tuple[int, tuple[date, int]]]
) -> None:
    steps = list(order)
    for at, step in again:
        steps.insert(at, step)
    assert hash_after(steps) == once
