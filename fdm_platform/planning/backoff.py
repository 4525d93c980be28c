"""Waits that grow: each twice as long as the one before it, to a limit. Pure."""

_MOST_DOUBLINGS = 32


def doubled(first: float, longest: float, times: int) -> float:
    """`first`, doubled so many times; at most `longest`. In whatever unit both are given."""
    return min(longest, first * 2.0 ** min(times, _MOST_DOUBLINGS))
