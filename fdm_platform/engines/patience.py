"""Waiting for a control store, file system or cluster that is away, when what is at stake is worth the wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from fdm_platform.errors import ConnectionLostError, ControlUnavailableError, StorageAwayError
from fdm_platform.planning.backoff import doubled

T = TypeVar("T")

log = logging.getLogger(__name__)


def pause_s(waited: int) -> float:
    """The seconds between two questions, after so many waits: 1, 2, 4 … 30."""
    return doubled(1.0, 30.0, waited)


def patiently(
    ask: Callable[[], T], what: str, patience_s: float, wait: Callable[[float], object] = time.sleep
) -> T:
    """Ask until there is an answer: again after 1, 2, 4 … 30 s, for at most `patience_s` seconds.

    The last ControlUnavailableError, StorageAwayError or ConnectionLostError is raised. `ask` may have been heard
    although its answer was lost, so asking twice must do what asking once does. A signal that raises (Ctrl-C,
    Terminate) ends the wait.
    """
    deadline, waited = time.monotonic() + patience_s, 0
    while True:
        try:
            return ask()
        except (ControlUnavailableError, StorageAwayError, ConnectionLostError) as error:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise
            wait_s = min(pause_s(waited), left_s)
            log.warning("waiting %.0f s to %s, for %.0f s at most: %s", wait_s, what, left_s, error)
        wait(wait_s)
        waited += 1
