"""What follows a failure, and how long to wait before a load is tried again. Pure."""

from __future__ import annotations

from typing import Literal

from fdm_platform.errors import Kind
from fdm_platform.model.limits import RetryLimits
from fdm_platform.planning.backoff import doubled

Step = Literal["retry", "park", "stop"]
"""Try again after a wait; leave the date alone until somebody mends something; end, and leave it as it is."""

_TRIED_AGAIN: tuple[Kind, ...] = ("infrastructure", "contended")
_PARKED: tuple[Kind, ...] = ("infrastructure", "data", "code", "machine")


def next_step(kind: Kind, tried: int, limits: RetryLimits) -> Step:
    """What is done with a date that failed for a reason of this kind, after so many retries."""
    if kind in _TRIED_AGAIN and tried < limits.limit:
        return "retry"
    return "park" if kind in _PARKED else "stop"


def delay_s(tried: int, limits: RetryLimits, draw: float) -> float:
    """Seconds before the next try, after `tried` retries: 10, 20, 40 … 600, half as long to half as long again.

    `draw` is a random number from 0 to 1: loads that failed together do not come back together.
    """
    return doubled(limits.delay_s, limits.longest_s, tried) * (0.5 + draw)
