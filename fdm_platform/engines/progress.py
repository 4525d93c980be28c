"""What Spark says of itself while and after it runs: tasks done of total, and its accumulators."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from py4j.protocol import Py4JError
from pyspark import SparkContext

from fdm_platform.model.report import Message, Progress

_INTERVAL_S = 1.0
_FLUSH_MS = 2000
_TOTALS = {
    "tasks": "totalTasks",
    "failed_tasks": "failedTasks",
    "task_ms": "totalDuration",
    "gc_ms": "totalGCTime",
    "input_bytes": "totalInputBytes",
    "shuffle_read_bytes": "totalShuffleRead",
    "shuffle_write_bytes": "totalShuffleWrite",
}


class ProgressThread:
    """Tells the tasks done of those known so far, once a second at most and only when they changed."""

    def __init__(self, context: SparkContext, write: Callable[[Message], None]) -> None:
        self._tracker = context.statusTracker()
        self._write = write
        self._stages: dict[int, tuple[int, int]] = {}
        self._told = (0, 0)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fdm-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(_INTERVAL_S)

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL_S):
            try:
                self._look()
            except (Py4JError, OSError):
                return  # Spark is gone; the driver's own calls tell why

    def _look(self) -> None:
        unfinished = [s for s, (done, total) in self._stages.items() if done < total]
        for stage in {*self._tracker.getActiveStageIds(), *unfinished}:
            info = self._tracker.getStageInfo(stage)
            if info is not None:
                self._stages[stage] = (info.numCompletedTasks, info.numTasks)
        done, total = (sum(x) for x in zip(*self._stages.values(), strict=True)) if self._stages else (0, 0)
        if (done, total) != self._told:
            self._told = (done, total)
            self._write(Progress(done, total))


def read_metrics(context: SparkContext) -> dict[str, int | float]:
    """Spark's own accumulators, summed over its executors and its stages: bytes, rows, tasks, GC time."""
    java: Any = context._jsc.sc()  # noqa: SLF001 - no public way
    java.listenerBus().waitUntilEmpty(_FLUSH_MS)
    store = java.statusStore()
    executors = items(store.executorList(False))
    metrics: dict[str, int | float] = {
        name: sum(getattr(e, method)() for e in executors) for name, method in _TOTALS.items()
    }
    gateway: Any = context._gateway  # noqa: SLF001 - no public way
    no_quantiles = gateway.new_array(gateway.jvm.double, 0)
    stages = items(store.stageList(None, False, False, no_quantiles, None))
    metrics["input_records"] = sum(s.inputRecords() for s in stages)
    metrics["output_records"] = sum(s.outputRecords() for s in stages)
    metrics["output_bytes"] = sum(s.outputBytes() for s in stages)
    return metrics


def items(sequence: Any) -> list[Any]:
    """A Scala collection as a list."""
    iterator, items = sequence.iterator(), []
    while iterator.hasNext():
        items.append(iterator.next())
    return items
