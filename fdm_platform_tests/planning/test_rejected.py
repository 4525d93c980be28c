"""`max_rejected`: what it may be, and what it allows."""

from __future__ import annotations

from typing import Any

import pytest

from fdm_platform.model.rejected import MaxRejected, allows, allows_any, is_limit


@pytest.mark.parametrize("limit", [0, 1, 1_000_000, "0%", "1%", "0.5%", "99.999999%", "100%"])
def test_counts_and_shares_are_limits(limit: Any) -> None:
    assert is_limit(limit)


@pytest.mark.parametrize(
    "limit", [-1, True, 0.5, None, "", "1", "%", "101%", "100.1%", "-1%", "1 %", "1%\n", "\u0661%", []]
)
def test_nothing_else_is(limit: Any) -> None:
    assert not is_limit(limit)


@pytest.mark.parametrize(
    ("limit", "rejected", "rows_in", "is_allowed"),
    [
        (0, 0, 0, True), (0, 1, 10, False), (3, 3, 3, True), (3, 4, 1000, False),
        ("1%", 1, 100, True), ("1%", 2, 199, False), ("1%", 0, 0, True), ("0.1%", 7, 7000, True),
        ("0.1%", 8, 7999, False), ("100%", 5, 5, True), ("0%", 1, 1000, False),
    ],
)  # fmt: skip
def test_so_many_of_so_many_rows(limit: MaxRejected, rejected: int, rows_in: int, is_allowed: bool) -> None:
    assert allows(limit, rejected, rows_in) is is_allowed


@pytest.mark.parametrize(("limit", "any_"), [(0, False), (1, True), ("0%", False), ("0.000001%", True)])
def test_a_table_that_rejects_nothing_never_tries_twice(limit: MaxRejected, any_: bool) -> None:
    assert allows_any(limit) is any_
