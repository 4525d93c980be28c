from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.planning.retrying import FIRST_DELAY_S, LONGEST_DELAY_S, delay_s


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_delay_is_within_its_bounds_and_never_shrinks(tried: int, draw: float) -> None:
    delay = delay_s(tried, draw)
    assert FIRST_DELAY_S / 2 <= delay <= LONGEST_DELAY_S * 1.5
    assert delay <= delay_s(tried + 1, draw)


def test_delays_double() -> None:
    assert [delay_s(n, 0.5) for n in (0, 1, 2, 5, 6, 7)] == [10, 20, 40, 320, 600, 600]
    assert (delay_s(0, 0.0), delay_s(0, 1.0)) == (5, 15)
