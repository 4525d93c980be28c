"""What the control store could not take at once, and a thread that tries again while the job goes on."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Protocol

from fdm_platform.errors import ControlUnavailableError

RETRY_AFTER_S = (1.0, 2.0, 4.0)
"""Waits before the first tries. Source: the legacy framework's contract."""
LATER_S = 60.0
"""Wait before each further try, as long as the process lives."""
CLOSE_WAIT_S = 5.0
"""Longest that the end of a process waits for the store."""


class Parcel(Protocol):
    """Something to deliver. Delivering it twice does what delivering it once does."""

    def deliver(self) -> None:
        """Write to the store. ControlUnavailableError: try again later."""
        ...

    def warn(self, error: Exception) -> None:
        """Say, once, that it is not delivered."""
        ...


class Delivery:
    """Delivers parcels in their order, in a thread that is there as long as there are any.

    A parcel that the store refuses, for another reason than being away, is not tried again here.
    """

    def __init__(self, wait: Callable[[float], object] | None = None) -> None:
        self._is_closing = threading.Event()
        self._wait = wait or self._is_closing.wait
        self._lock = threading.Lock()
        self._parcels: dict[Parcel, object] = {}
        self._thread: threading.Thread | None = None
        self._error: ControlUnavailableError | None = None

    @property
    def is_failing(self) -> bool:
        """The store was away at the last try: whoever has something more, queues it."""
        return self._error is not None

    def queue(self, parcel: Parcel, error: ControlUnavailableError | None = None) -> None:
        """Have a parcel delivered, for the second time if `error` is what came of the first."""
        with self._lock:
            self._error = error or self._error
            self._parcels.pop(parcel, None)
            self._parcels[parcel] = object()
            if self._thread is None and not self._is_closing.is_set():
                self._thread = threading.Thread(target=self._work, name="execution_log", daemon=True)
                self._thread.start()
                atexit.register(self.close)
        if error and self._is_closing.is_set():
            parcel.warn(error)

    def holds(self, parcel: Parcel) -> bool:
        """The parcel waits, or is being delivered."""
        with self._lock:
            return parcel in self._parcels

    def close(self, timeout_s: float = CLOSE_WAIT_S) -> None:
        """Try once more, at once, and wait for that as long as the time-out; then warn of what is left."""
        atexit.unregister(self.close)
        self._is_closing.set()
        thread = self._thread
        if thread:
            thread.join(timeout_s)
        for parcel in list(self._parcels):
            parcel.warn(self._error or ControlUnavailableError("the control store did not answer in time"))

    def _work(self) -> None:
        tries = 0
        while self._has_more():
            if self._error and not self._is_closing.is_set():
                self._wait(RETRY_AFTER_S[tries] if tries < len(RETRY_AFTER_S) else LATER_S)
                tries += 1
            is_last = self._is_closing.is_set()
            self._deliver_all()
            if not self._error:
                tries = 0
            elif is_last:
                return
            elif tries >= len(RETRY_AFTER_S):
                self._warn_all(self._error)

    def _has_more(self) -> bool:
        with self._lock:
            if not self._parcels:
                self._thread = None
                atexit.unregister(self.close)
            return bool(self._parcels)

    def _deliver_all(self) -> None:
        """Until the first that finds the store away: the others would find the same."""
        for parcel, stamp in list(self._parcels.items()):
            try:
                parcel.deliver()
            except ControlUnavailableError as error:
                self._error = error
                return
            except Exception as error:  # noqa: BLE001 - the store refuses this one; it may take the others
                parcel.warn(error)
            self._error = None
            with self._lock:
                if self._parcels.get(parcel) is stamp:  # else it has grown meanwhile
                    del self._parcels[parcel]

    def _warn_all(self, error: Exception) -> None:
        for parcel in list(self._parcels):
            parcel.warn(error)
