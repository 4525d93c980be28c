"""tMap: one SELECT where one flow comes out of it, else a view of the joined rows and a SELECT for each flow.

A row is joined with its lookups, variables are worked out once, then each output takes it or not. A row that no
output took goes to the rejects, one that an inner lookup missed to the inner joins' rejects, and one for which Java
throws, where tMap does not die of it, to the error rejects alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    Order,
    asks_for_order,
    called,
    carried,
    fields,
    relation,
    sql_columns,
)
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.components.passing import default_value
from fdm_platform.talend.components.tmap_joined import Rows, joined_rows
from fdm_platform.talend.components.tmap_lookups import Joining, Lookup, lookups_of
from fdm_platform.talend.components.tmap_simulating import FAILED, simulate
from fdm_platform.talend.components.tmap_tables import (
    ERROR_MESSAGE,
    ERROR_TRACE,
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
from fdm_platform.talend.components.trees import refs
from fdm_platform.talend.expression import FALSE, TRUE, Sql, Text
from fdm_platform.talend.java.logic import both, either, negated
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Component, Link, MapOutput
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, Step, View


@dataclass(frozen=True, slots=True)
class _Taken:
    """An output: its values, when it takes a row, and when Java throws in doing so."""

    table: MapOutput
    columns: tuple[SqlColumn, ...]
    values: tuple[Typed, ...]
    where: Sql
    fails: Sql


def _convert(component: Component, around: Around) -> Converted:
    if component.map is None:
        return left_to_a_person(component, around, "its tables are saved in the way of Talend before 4")
    for name in ("LEVENSHTEIN", "JACCARD"):
        if component.text(name, "0").strip() not in {"", "0"}:
            return left_to_a_person(component, around, "it looks up texts that are alike", place=name)
    main = main_of(component, around)
    if main is None:
        return left_to_a_person(component, around, "no flow comes in")
    return _Mapping(Draft(component, around), main).convert()


@dataclass(slots=True)
class _Mapping:
    """One tMap on its way to steps."""

    draft: Draft
    main: str

    @property
    def _component(self) -> Component:
        return self.draft.component

    @property
    def _view(self) -> View:
        return self.draft.around.inputs[self.main]

    @property
    def _tables(self) -> tuple[tuple[Link, MapOutput], ...]:
        return outputs_of(self._component, self.draft.around)

    @property
    def _dies(self) -> bool:
        return dies_on_error(self._component)

    def convert(self) -> Converted:
        data = data_of(self._component)
        lookups = lookups_of(data.inputs, self.draft.around.inputs, self.main)
        _tell(self.draft, lookups)
        tells_misses = any(t.is_inner_reject for t in data.outputs) and any(x.table.is_inner for x in lookups)
        own = fields(self._view, self.main)
        joining = Joining(self.draft, {self.main: own}, tells_misses)
        if java := main_filter(self._component, self.main):
            joining.where.append(
                self.draft.condition(java, self.draft.scope({self.main: own}), "main filter")
            )
        for lookup in lookups:
            joining.add(lookup)
        is_kept = all(lookup.is_single for lookup in lookups)
        is_asked = is_kept and asks_for_order(self.draft.around.job, self._component.unique_name)
        hidden, order = carried(self._view, self.main) if is_asked else ((), None)
        if self._is_direct:
            self._direct(joining, hidden, order, is_kept=is_kept)
        else:
            self._apart(joining, hidden, order, is_kept=is_kept)
        return self.draft.done()

    @property
    def _is_direct(self) -> bool:
        tables = self._tables
        alone = (
            len(tables) == 1 and is_ordinary(tables[0][1]) and not joined_to(self._component, tables[0][1])
        )
        return alone and not data_of(self._component).variables

    def _direct(
        self, joining: Joining, hidden: tuple[Output, ...], order: Order | None, *, is_kept: bool
    ) -> None:
        """The joins and the values of the only flow in one SELECT."""
        rows = Rows(
            relation(self.main, self._view),
            joining.flows,
            hidden=hidden,
            order=order,
            where=both(*joining.where),
        )
        ((link, table),) = self._tables
        taken = self._taken(table, rows)
        select = self._select(taken, rows, taken.fails)
        joins = tuple(joining.joins(refs(select.columns, select.where)))
        self._add(link, taken, replace(select, joins=joins), rows, is_kept=is_kept)

    def _apart(
        self, joining: Joining, hidden: tuple[Output, ...], order: Order | None, *, is_kept: bool
    ) -> None:
        """The joined rows first, of which each flow takes some."""
        joined = joined_rows(self.draft, joining, hidden, order)
        rows = joined.rows
        each = [
            (link, [self._taken(t, rows) for t in (table, *joined_to(self._component, table))])
            for link, table in self._tables
        ]
        fails = either(rows.fails, *(t.fails for _, group in each for t in group))
        selects = [(link, group[0], self._united(group, rows, fails)) for link, group in each]
        base = joined.select(self.main, self._view, joining, [select for _, _, select in selects])
        if len(selects) > 1:
            self.draft.steps.append(Step(self.draft.name(), base, self._component.unique_name))
        else:
            selects = [(link, taken, _above(base, select)) for link, taken, select in selects]
        for link, taken, select in selects:
            self._add(link, taken, select, rows, is_kept=is_kept)

    def _taken(self, table: MapOutput, rows: Rows) -> _Taken:
        scope = self.draft.scope(rows.flows)
        pairs = columns_of(self._component, table)
        columns = sql_columns([column for column, _ in pairs])
        values = tuple(
            self.draft.value(e.expression, scope, c, f"{table.name}.{c.name}")
            if e.expression.strip()
            else Typed(_kind(c), self._empty(table, c), c.spark_type, c.nullable)
            for c, (_, e) in zip(columns, pairs, strict=True)
        )
        made = tuple(replace(c, spark_type=v.spark_type) for c, v in zip(columns, values, strict=True))
        where, throws = self._where(table, rows)
        fails = (
            FALSE
            if self._dies or table.is_error_reject
            else either(throws, both(where, either(*(v.fails for v in values))))
        )
        return _Taken(table, made, values, where, fails)

    def _empty(self, table: MapOutput, column: SqlColumn) -> Sql:
        if table.is_error_reject and called(column) in {ERROR_MESSAGE, ERROR_TRACE}:
            return Text(FAILED)
        return default_value(column)

    def _where(self, table: MapOutput, rows: Rows) -> tuple[Sql, Sql]:
        """When the output takes a row, and when asking its filter throws."""
        own, throws = self._filter(table.filter or "", f"{table.name}, its filter", rows)
        if table.is_error_reject:
            return own, FALSE
        if is_ordinary(table):
            return both(negated(rows.missed), own), both(negated(rows.missed), throws)
        left = [rows.missed] if table.is_inner_reject else []
        if table.is_reject:
            filters = filters_of_ordinary(self._component, self.draft.around)
            taken = [self._filter(java, "filter", rows)[0] for java in filters or ()]
            left.append(FALSE if filters is None else both(negated(rows.missed), negated(either(*taken))))
        return both(either(*left), own), throws

    def _filter(self, java: str, place: str, rows: Rows) -> tuple[Sql, Sql]:
        if not java.strip():
            return TRUE, FALSE
        found = self.draft.boolean(java, self.draft.scope(rows.flows), place)
        return (self.draft.guarded(found, place, FALSE), FALSE) if self._dies else (found.sql, found.fails)

    def _united(self, group: Sequence[_Taken], rows: Rows, fails: Sql) -> Select:
        """Outputs that go into one flow."""
        first, *others = (self._select(taken, rows, fails) for taken in group)
        return replace(first, union=tuple(others))

    def _select(self, taken: _Taken, rows: Rows, fails: Sql) -> Select:
        values = zip(taken.columns, taken.values, strict=True)
        guards = self._dies and not taken.table.is_error_reject
        outputs = tuple(
            Output(c.name, self.draft.guarded(v, f"{taken.table.name}.{c.name}") if guards else v.sql)
            for c, v in values
        )
        if taken.table.is_error_reject:
            where = both(FALSE if self._dies else fails, taken.where)
            self.draft.note("the words of errorMessage differ from Talend's")
        else:
            where = both(rows.where, taken.where, TRUE if self._dies else negated(fails))
        return Select((*outputs, *rows.hidden), rows.source, where=_or_none(where))

    def _add(self, link: Link, taken: _Taken, select: Select, rows: Rows, *, is_kept: bool) -> None:
        is_one = is_kept and not select.union
        unique = frozenset(self._unique(taken.table)) if is_one else frozenset()
        order = rows.order if not select.union else None
        view = View(self.draft.name(link.name), taken.columns, order, unique)
        self.draft.add(view, select, link)

    def _unique(self, table: MapOutput) -> Iterator[frozenset[str]]:
        """Columns of the main flow that are unique, and go out as they are."""
        columns = columns_of(self._component, table)
        made = sql_columns([c for c, _ in columns])
        by_java = {e.expression.strip(): c.name for c, (_, e) in zip(made, columns, strict=True)}
        names = {c.name: by_java.get(f"{self.main}.{called(c)}") for c in self._view.columns}
        for keys in self._view.unique:
            found = [names.get(key) for key in keys]
            if all(found):
                yield frozenset(name for name in found if name)


def _tell(draft: Draft, lookups: Sequence[Lookup]) -> None:
    for lookup in lookups:
        if lookup.table.map_keys:
            java = ", ".join(f"{e.name} = {e.expression}" for e in lookup.table.map_keys)
            reason = "the lookup is read anew for each row, with values of that row"
            draft.residue(
                f"lookup {lookup.flow}",
                java,
                reason,
                "Join it by these values in place of what stands there.",
            )


def _kind(column: SqlColumn) -> JavaType:
    return java_type(column.talend_type, nullable=column.nullable)


def _or_none(condition: Sql) -> Sql | None:
    return None if condition == TRUE else condition


def _above(base: Select, select: Select) -> Select:
    """The select over the joined rows, which are no view of their own."""
    source = Relation(base, select.source.alias if select.source else "")
    return replace(select, source=source, union=tuple(_above(base, other) for other in select.union))


HANDLERS: Mapping[str, Handler] = {"tMap": Handler(_convert, simulate)}
