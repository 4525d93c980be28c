"""A clock that only the test moves on."""

from __future__ import annotations

from fdm_platform.control.loads import Loads
from fdm_platform.defs.liveness import Clock, Watch


class Hours(Clock):
    """Time passes where somebody waits, and where the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> float:
        """As in Clock."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """As in Clock, in no time."""
        self.seconds += seconds


def seen_silent(loads: Loads, load_id: str, lease_s: float = 60.0) -> Watch:
    """A watch that has seen a load's beat stand still for longer than a lease."""
    watch, row = Watch(lease_s, Hours()), loads.find(load_id)
    assert row
    while not watch.has_stood(load_id, row.beat_at):
        watch.clock.sleep(lease_s / 4)
    return watch
