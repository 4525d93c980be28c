"""Whether the rows of a result are rows of its one source, and how many rows it had: asked of Spark, without a pass.

Spark counts what its scans give as it goes. That is the number of a source's rows only where nothing was left out
before the count or read twice; where that is not sure no number is told.
"""

from __future__ import annotations

import re
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.headers import option
from fdm_platform.engines.progress import items
from fdm_platform.model.plan import SourcePlan

_ROW_BY_ROW = frozenset({"Project", "Filter", "Sort", "Window", "View", "SubqueryAlias", "ResolvedHint"})
"""Nodes of a plan that give each row of theirs once, or not at all."""
_MOST_NODES = 200
_MOST_QUERIES = 50
"""Of other dates, which end meanwhile."""
_FLUSH_MS = 500
_ROWS = "number of output rows"
_ALL_OF_IT = re.compile(r"PartitionFilters: \[\], PushedFilters: \[\]")
"""A filter that a reader is given leaves rows out before they are counted."""
_READS_AGAIN = re.compile(r"InMemoryTableScan|rangepartitioning", re.IGNORECASE)
"""Kept rows were counted when they were kept; a range's bounds are found by a pass of their own."""


def is_filtered(result: DataFrame, view: str) -> bool:
    """Every row of the result is one row of the view: no join, aggregate, union, explode or limit comes between.

    False also where the view is not found, as in a transform that reads its DataFrame.
    """
    node: Any = result._jdf.queryExecution().analyzed()  # noqa: SLF001 - no public way
    for _ in range(_MOST_NODES):
        kind = str(node.nodeName())
        if kind == "SubqueryAlias" and str(node.identifier().name()).lower() == view.lower():
            return True
        if kind not in _ROW_BY_ROW or node.children().size() != 1:
            return False
        node = node.children().head()
    return False


def scanned_rows(spark: SparkSession, source: SourcePlan) -> int | None:
    """Rows of the source, which the thread's last query read by its only scan; None where they are not known for sure."""
    if option(source.options, "mode").upper() == "DROPMALFORMED":
        return None
    try:
        return _scanned(spark)
    except Py4JError:  # its bus is busy, or it has forgotten the query: a number is not worth an error
        return None


def _scanned(spark: SparkSession) -> int | None:
    context: Any = spark.sparkContext._jsc.sc()  # noqa: SLF001 - no public way
    context.listenerBus().waitUntilEmpty(_FLUSH_MS)
    store: Any = spark._jsparkSession.sharedState().statusStore()  # noqa: SLF001 - no public way
    query = _newest(store, str(context.getLocalProperty("spark.job.description")))
    if query is None or _was_repeated(context, query):
        return None
    nodes = items(store.planGraph(query.executionId()).allNodes())
    scans = [n for n in nodes if str(n.name()).startswith("Scan ")]
    told = [f"{n.name()} {n.desc()}" for n in nodes]
    if len(scans) != 1 or any(map(_READS_AGAIN.search, told)) or not _ALL_OF_IT.search(str(scans[0].desc())):
        return None
    counts = store.executionMetrics(query.executionId())
    found = [counts.get(m.accumulatorId()) for m in items(scans[0].metrics()) if str(m.name()) == _ROWS]
    return int(str(found[0].get()).replace(",", "")) if found and found[0].isDefined() else None


def _newest(store: Any, description: str) -> Any:
    """The newest query of that description."""
    count = int(store.executionsCount())
    first = max(0, count - _MOST_QUERIES)
    latest = items(store.executionsList(first, count - first))
    return next((q for q in reversed(latest) if str(q.description()) == description), None)


def _was_repeated(context: Any, query: Any) -> bool:
    """A stage was begun again, since what it had made was lost: its counts are of a part, or of more than all."""
    stages = [context.statusStore().lastStageAttempt(stage) for stage in items(query.stages())]
    return any(stage.attemptId() > 0 for stage in stages)
