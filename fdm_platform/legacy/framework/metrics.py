"""What a job tells of itself: its start and end, and figures. The contract names these functions; their further
arguments are as we read them, and what is not known is taken as something to log.

Nothing here writes execution_log: the platform has a row for each attempt already, which a second would double.
"""  # noqa: D205 - one sentence

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ContextDecorator
from logging import Logger
from types import TracebackType
from typing import Any, Self

from . import _platform
from ._logs import get_logger

_started: dict[str, float] = {}


def track_job_start(job_name: Any = None, *more: Any, **told: Any) -> float:
    """Log that the job starts; when it did, in seconds of time.time()."""
    now = time.time()
    _started[str(job_name)] = now
    _logger(more, told).info("%s started%s", job_name or "the job", _said(told))
    return now


def track_job_end(job_name: Any = None, status: Any = "Completed", *more: Any, **told: Any) -> float:
    """Log that the job ends, how, and after how long; seconds since its `track_job_start`, 0 without one."""
    began = _started.pop(str(job_name), None)
    seconds = round(time.time() - began, 3) if began is not None else 0.0
    log_metrics({"job_seconds": seconds})
    _logger(more, told).info("%s: %s after %.1f s%s", job_name or "the job", status, seconds, _said(told))
    return seconds


def log_metrics(metrics: Mapping[str, Any] | None = None, *more: Any, **told: Any) -> None:
    """Log figures by name; with the platform the numbers among them are in the load's report, too."""
    logger, figures = _logger(more, told), dict(metrics or {})
    for name, value in {**figures, **{n: v for n, v in told.items() if not isinstance(v, Logger)}}.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            _platform.send_metric(name, value)
        if value is not None:
            logger.info("%s = %s", name, value)


def timed(name: Any = None, *more: Any, **told: Any) -> Any:
    """How long a block or a function takes, logged and reported. `with` a name, or as a decorator with or without one."""
    if callable(name):
        return _Clock(getattr(name, "__name__", "function"), _logger(more, told))(name)
    return _Clock(str(name or "block"), _logger(more, told))


class _Clock(ContextDecorator):
    def __init__(self, name: str, logger: Logger) -> None:
        self._name, self._logger = name, logger
        self.seconds = 0.0
        """Of the last block that ended."""

    def _recreate_cm(self) -> Self:
        """Calls at once, in threads, have each their own clock."""
        return type(self)(self._name, self._logger)

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = round(time.perf_counter() - self._began, 3)
        log_metrics({f"{self._name}_seconds": self.seconds}, self._logger)


def rows_processed(rows: Any = None, name: Any = "rows_processed", *more: Any, **told: Any) -> int:
    """Report a number of rows and return it. For a DataFrame, or nothing: the rows that this run has written so far.

    A DataFrame is never counted, which would compute it once more. Without the platform its rows are not known: 0.
    """
    number = rows if isinstance(rows, int) else _platform.rows_staged()
    log_metrics({str(name): number}, *more, **told)
    return number


def _logger(more: tuple[Any, ...], told: Mapping[str, Any]) -> Logger:
    given = (v for v in (*more, *told.values()) if isinstance(v, Logger))
    return next(given, None) or get_logger("framework.metrics")


def _said(told: Mapping[str, Any]) -> str:
    shown = [f"{n}={v}" for n, v in told.items() if not isinstance(v, Logger)]
    return f" ({', '.join(shown)})" if shown else ""
