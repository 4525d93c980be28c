"""What tMap does to rows, after its generated code: a loop over the main rows, with the lookups in tables by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fdm_platform.talend.components.flows import (
    asks_for_order,
    called,
    carried,
    sql_columns,
    typed,
    view_name,
)
from fdm_platform.talend.components.handler import Around, Rows
from fdm_platform.talend.components.ordering import in_order
from fdm_platform.talend.components.passing import default_of
from fdm_platform.talend.components.simulating import Java, JavaError, Row
from fdm_platform.talend.components.tmap_lookups import Lookup, lookups_of
from fdm_platform.talend.components.tmap_tables import (
    ERROR_MESSAGE,
    ERROR_TRACE,
    column_of,
    columns_of,
    data_of,
    dies_on_error,
    filters_of_ordinary,
    is_ordinary,
    joined_to,
    main_filter,
    main_of,
    outputs_of,
)
from fdm_platform.talend.expression import Ref
from fdm_platform.talend.java import CannotEvaluate
from fdm_platform.talend.model import Component, MapOutput
from fdm_platform.talend.plan import SqlColumn

FAILED = "Java would have failed here"
Seen = Mapping[str, Row]
"""The rows that expressions see, by flow."""


def simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    """The rows of each outgoing flow."""
    main = main_of(component, around)
    if component.map is None or main is None:
        return {}
    run = _Run(component, around, main, rows)
    run.run()
    return {
        view_name(around.job, component.unique_name, link.name): run.made.get(table.name, [])
        for link, table in outputs_of(component, around)
    }


@dataclass(slots=True)
class _Run:
    """One run over all main rows; `made` are the rows of each output."""

    component: Component
    around: Around
    main: str
    rows: Mapping[str, Rows]
    made: dict[str, list[Row]] = field(default_factory=dict)
    java: Java = field(init=False)
    lookups: tuple[Lookup, ...] = field(init=False)

    def __post_init__(self) -> None:
        data = data_of(self.component)
        self.lookups = lookups_of(data.inputs, self.around.inputs, self.main)
        variables = sql_columns([column_of(e) for e in data.variables])
        known = {called(c): typed(c, Ref(c.name)) for c in variables}
        self.java = Java(self.around, self.around.inputs, {"Var": known})

    def run(self) -> None:
        """Each main row in its order."""
        java = main_filter(self.component, self.main)
        for row in in_order(self.around.inputs[self.main], self.rows[self.main]):
            if java and not self.java.boolean(java, {self.main: row}):
                continue
            for seen, is_missed in self._joined({self.main: row}, self.lookups):
                self._give(seen, is_missed=is_missed)

    def _joined(
        self, seen: Seen, lookups: Sequence[Lookup], *, is_missed: bool = False
    ) -> Iterator[tuple[Seen, bool]]:
        """The row with each match of the lookups, and whether an inner one has missed."""
        if not lookups:
            yield seen, is_missed
            return
        lookup, *rest = lookups
        for row, misses in self._matches(lookup, seen, is_missed=is_missed):
            yield from self._joined({**seen, lookup.flow: row}, rest, is_missed=is_missed or misses)

    def _matches(self, lookup: Lookup, seen: Seen, *, is_missed: bool) -> Iterator[tuple[Row, bool]]:
        none = {c.name: default_of(c) for c in lookup.view.columns}, lookup.table.is_inner
        found = [] if is_missed else self._found(lookup, seen)
        if lookup.is_single and found:
            found = [found[-1 if lookup.matching == "unique" else 0]]
        kept = [row for row in found if self._is_kept(lookup, {**seen, lookup.flow: row})]
        if found and (lookup.matching == "all" or (lookup.matching == "rows" and lookup.table.is_inner)):
            yield from ((row, False) if row in kept else none for row in found)
        elif kept:
            yield from ((row, False) for row in kept)
        elif not (lookup.matching == "rows" and found) or lookup.table.is_inner:
            yield none

    def _found(self, lookup: Lookup, seen: Seen) -> list[Row]:
        wanted = [self.java.anything(entry.expression, seen) for entry, _ in lookup.keys]
        rows = in_order(lookup.view, self.rows[lookup.flow])
        found = [row for row in rows if [row.get(c.name) for _, c in lookup.keys] == wanted]
        is_told = lookup.view.order or lookup.is_unique or not lookup.is_single
        if not is_told and any(row != found[0] for row in found):
            raise CannotEvaluate(f"nothing tells which row of {lookup.flow} is taken")
        return found

    def _is_kept(self, lookup: Lookup, seen: Seen) -> bool:
        return not lookup.table.filter or self.java.boolean(lookup.table.filter, seen)

    def _give(self, seen: Seen, *, is_missed: bool) -> None:
        """What the outputs take of one joined row."""
        try:
            given = self._given(seen, is_missed=is_missed)
        except JavaError:
            if dies_on_error(self.component):
                raise
            given = self._errors(seen)
        for name, row in given:
            self.made.setdefault(name, []).append(row)

    def _given(self, seen: Seen, *, is_missed: bool) -> list[tuple[str, Row]]:
        seen = self._with_variables(seen)
        return [
            (table.name, self._values(member, seen))
            for _, table in outputs_of(self.component, self.around)
            for member in (table, *joined_to(self.component, table))
            if self._takes(member, seen, is_missed=is_missed)
        ]

    def _with_variables(self, seen: Seen) -> Seen:
        values: dict[str, object] = {}
        for entry in data_of(self.component).variables:
            if entry.expression.strip():
                values[entry.name] = self.java.value(
                    entry.expression, {**seen, "Var": values}, column_of(entry)
                )
        return {**seen, "Var": values}

    def _takes(self, table: MapOutput, seen: Seen, *, is_missed: bool) -> bool:
        if table.is_error_reject:
            return False
        is_left = table.is_inner_reject and is_missed
        if table.is_reject and not is_missed:
            filters = filters_of_ordinary(self.component, self.around)
            is_left = is_left or (
                filters is not None and not any(self.java.boolean(f, seen) for f in filters)
            )
        is_offered = not is_missed if is_ordinary(table) else is_left
        return is_offered and (not table.filter or self.java.boolean(table.filter, seen))

    def _values(self, table: MapOutput, seen: Seen) -> Row:
        pairs = columns_of(self.component, table)
        columns = sql_columns([column for column, _ in pairs])
        shown = {
            c.name: self.java.value(e.expression, seen, c) if e.expression.strip() else _empty(table, c)
            for c, (_, e) in zip(columns, pairs, strict=True)
        }
        return shown | self._order_of(seen[self.main])

    def _order_of(self, row: Row) -> dict[str, object]:
        """The hidden columns that say the order, where rows have them."""
        view = self.around.inputs[self.main]
        if not asks_for_order(self.around.job, self.component.unique_name):
            return {}
        outputs, _ = carried(view, self.main)
        read = {o.name: o.value.column for o in outputs if isinstance(o.value, Ref)}
        return {name: row[column] for name, column in read.items() if column in row}

    def _errors(self, seen: Seen) -> list[tuple[str, Row]]:
        return [
            (table.name, self._values(table, seen))
            for _, table in outputs_of(self.component, self.around)
            if table.is_error_reject
        ]


def _empty(table: MapOutput, column: SqlColumn) -> object:
    is_told = table.is_error_reject and called(column) in {ERROR_MESSAGE, ERROR_TRACE}
    return FAILED if is_told else default_of(column)
