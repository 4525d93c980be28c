"""Components with rows in and out, worked out by hand: what `simulate` answers, and the SQL in Spark, alike.

A module of cases has them in `CASES`; test_simulated.py runs them in Python, test_in_spark.py in Spark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fdm_platform.talend.components.flows import hidden
from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.model import Component, ContextVariable
from fdm_platform.talend.plan import View
from fdm_platform_tests.talend.components import jobs

Row = Mapping[str, object]


@dataclass(frozen=True)
class Incoming:
    """A flow: its schema as `a:Integer b:String!`, and its rows in Talend's order, values by position."""

    schema: str
    rows: Sequence[Sequence[object]]
    is_ordered: bool = True
    unique: str = ""
    """A column of which no two rows have the same value."""

    def view(self, flow: str) -> View:
        made = jobs.view(f"in_{flow}", self.schema, is_ordered=self.is_ordered)
        return replace(made, unique=frozenset({frozenset({self.unique})})) if self.unique else made

    def named(self) -> list[Row]:
        """Rows as views have them, with `_line` where the order is known."""
        names = [c.name for c in jobs.columns(self.schema)]
        line = {jobs.LINE: 0} if self.is_ordered else {}
        return [
            {**dict(zip(names, row, strict=True)), **dict.fromkeys(line, n)}
            for n, row in enumerate(self.rows)
        ]


@dataclass(frozen=True)
class Case:
    """One component, its flows and, by view, the rows that Talend makes: in the order of the view's columns."""

    name: str
    component: Component
    flows: Mapping[str, Incoming]
    outputs: Sequence[str]
    expected: Mapping[str, Sequence[Sequence[object]]]
    context: Mapping[str, ContextVariable] = field(default_factory=dict)
    is_source: bool = False
    """Its rows do not flow in: they are those of the source that it reads, by the source's view."""

    def around(self) -> Around:
        inputs = {} if self.is_source else {name: flow.view(name) for name, flow in self.flows.items()}
        return jobs.around(self.component, inputs, self.outputs, context=self.context)

    def rows(self) -> dict[str, list[Row]]:
        return {name: flow.named() for name, flow in self.flows.items()}

    def views(self) -> dict[str, View]:
        """The views that it makes, by name."""
        made = jobs.convert(self.component, self.around())
        return {view.name: view for view in made.views.values() if view.name in self.expected}


def shown(view: View, rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """Rows without hidden columns, in no order."""
    assert all(set(hidden(view)) <= set(row) for row in rows)
    return sorted((tuple(row[c.name] for c in view.columns) for row in rows), key=_sortable)


def _sortable(row: tuple[object, ...]) -> list[tuple[bool, str]]:
    return [(value is not None, repr(value)) for value in row]
