"""Whether the rows of a result are rows of its one source, less those that its SQL left out: asked of Spark's plan."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

_ROW_BY_ROW = frozenset({"Project", "Filter", "Sort", "Window", "View", "SubqueryAlias", "ResolvedHint"})
"""Nodes of a plan that give each row of theirs once, or not at all."""
_MOST_NODES = 200


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
