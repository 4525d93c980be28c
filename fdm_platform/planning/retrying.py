"""How long to wait before a load is tried again."""

from __future__ import annotations

FIRST_DELAY_S = 10.0
LONGEST_DELAY_S = 600.0


def delay_s(tried: int, draw: float) -> float:
    """Seconds before the next try, after `tried` retries: 10, 20, 40 … 600, half as long to half as long again.

    `draw` is a random number from 0 to 1: loads that failed together do not come back together.
    """
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(tried, 16))
    return longest * (0.5 + draw)
