"""The lookups of tMap as joins.

NULL joins NULL. Of several rows with one key the last one counts (unique match) or the first; where nothing tells their
order a key with several different rows fails the date. A lookup's filter is asked after the row was picked: where it
does not hold there is no match, and never the next candidate. Of an outer lookup without a match Java sees a row of
nulls, and 0 or false in primitives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.components.flows import BY_VALUE, called, distinct_names, fields, relation
from fdm_platform.talend.components.ordering import NUMBER, numbered
from fdm_platform.talend.components.passing import default_value
from fdm_platform.talend.components.trees import refs
from fdm_platform.talend.expression import (
    FALSE,
    TRUE,
    Call,
    Case,
    Infix,
    IsNull,
    Number,
    Ref,
    Sql,
    Text,
    Window,
)
from fdm_platform.talend.java.logic import both, either, negated
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import MapEntry, MapInput
from fdm_platform.talend.plan import Join, Output, Relation, Select, SqlColumn, View

Matching = Literal["unique", "first", "all", "rows"]
Flows = dict[str, Mapping[str, Typed]]
HIT = "_hit"
"""Column of a joined lookup: TRUE where it has a match, else NULL."""
_MATCHING: Mapping[str, Matching] = {
    "UNIQUE_MATCH": "unique",
    "FIRST_MATCH": "first",
    "ALL_MATCHES": "all",
    "ALL_ROWS": "rows",
}


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup table and the view that it reads. `keys` are the lines with an expression, and their columns."""

    table: MapInput
    view: View
    keys: tuple[tuple[MapEntry, SqlColumn], ...]
    alias: str
    """Of its relation: the flow's name, unless another one's differs by letter case alone."""

    @property
    def flow(self) -> str:
        return self.table.name

    @property
    def matching(self) -> Matching:
        """Without keys every row matches."""
        return _MATCHING.get(self.table.matching or "", "unique") if self.keys else "rows"

    @property
    def is_single(self) -> bool:
        """At most one row matches."""
        return self.matching in {"unique", "first"}

    @property
    def key_columns(self) -> frozenset[str]:
        return frozenset(column.name for _, column in self.keys)

    @property
    def is_unique(self) -> bool:
        """No two rows of the view have one key."""
        return any(unique <= self.key_columns for unique in self.view.unique)


def lookups_of(inputs: Iterable[MapInput], views: Mapping[str, View], main: str) -> tuple[Lookup, ...]:
    """The connected lookups, in tMap's order."""
    tables = [t for t in inputs if t.name != main and t.name in views]
    found = []
    for table, alias in zip(tables, distinct_names([main, *(t.name for t in tables)])[1:], strict=True):
        by_name = {called(c): c for c in views[table.name].columns}
        keys = tuple(
            (e, by_name[e.name]) for e in table.entries if e.expression.strip() and e.name in by_name
        )
        found.append(Lookup(table, views[table.name], keys, alias))
    return tuple(found)


@dataclass(slots=True)
class Joining:
    """The joins of one tMap as they are made. With `tells_misses` an inner lookup keeps the rows that it misses."""

    draft: Draft
    flows: Flows
    """What expressions see, lookups added as they are joined."""
    tells_misses: bool
    on: list[tuple[Lookup, Sql]] = field(default_factory=list)
    where: list[Sql] = field(default_factory=list)
    missed: Sql = FALSE
    """A row that an inner lookup has missed, where these are told."""

    def add(self, lookup: Lookup) -> None:
        """Join one more lookup."""
        raw = fields(lookup.view, lookup.alias)
        conditions = [self._key(lookup, entry, column) for entry, column in lookup.keys]
        if self.missed != FALSE:
            # After one inner lookup has missed, Talend asks no further one.
            conditions.append(negated(self.missed))
        kept = self._filter(lookup, {**self.flows, lookup.flow: raw})
        is_told = self.tells_misses and lookup.table.is_inner
        hit: Sql = IsNull(Ref(HIT, lookup.alias), is_negated=True)
        passes = hit
        if lookup.is_single or (lookup.table.is_inner and not is_told):
            conditions.append(kept)
        elif lookup.matching == "rows" and not is_told:
            self.where.append(either(negated(hit), kept))
        else:
            # Each match that the filter drops is a row all the same: without a match, or missed.
            passes = both(hit, kept)
        self.on.append((lookup, both(*conditions)))
        if is_told:
            self.missed = either(self.missed, negated(passes))
        is_certain = lookup.table.is_inner and not is_told
        self.flows[lookup.flow] = raw if is_certain else dict(_matched(lookup, raw, passes, hit))

    def _key(self, lookup: Lookup, entry: MapEntry, column: SqlColumn) -> Sql:
        place = f"{lookup.flow}.{entry.name}"
        value = self._key_value(entry.expression, column, place)
        if column.spark_type.startswith("decimal") and not self.draft.component.flag(BY_VALUE):
            self.draft.note(
                f"{place}: numbers match by value; Talend's BigDecimal also by the number of decimals"
            )
        return Infix("<=>", self.draft.guarded(value, place), Ref(column.name, lookup.alias))

    def _key_value(self, java: str, column: SqlColumn, place: str) -> Typed:
        """Of the column's type, but null where it is null: of a primitive column Talend then finds no match."""
        scope = self.draft.scope(self.flows)
        found = self.draft.typed(java, scope, None, place, column.spark_type)
        wanted = java_type(column.talend_type, nullable=column.nullable)
        return found if found.type.kind == wanted.kind else self.draft.typed(java, scope, wanted, place)

    def _filter(self, lookup: Lookup, flows: Flows) -> Sql:
        if not lookup.table.filter:
            return TRUE
        return self.draft.condition(
            lookup.table.filter, self.draft.scope(flows), f"{lookup.flow}, its filter"
        )

    def joins(self, used: Iterable[Ref]) -> Iterator[Join]:
        """The joins, of each lookup the columns that are used."""
        needed = {*used, *refs(*(on for _, on in self.on), *self.where, self.missed)}
        for lookup, on in self.on:
            names = {ref.column for ref in needed if ref.relation == lookup.alias}
            yield self._join(lookup, on, names)

    def _join(self, lookup: Lookup, on: Sql, names: set[str]) -> Join:
        is_inner = lookup.table.is_inner and not self.tells_misses
        columns = [c.name for c in lookup.view.columns if c.name in names or c.name in lookup.key_columns]
        source, picked = self._source(lookup, columns)
        if HIT in names:
            source = _with_hit(source, columns, [NUMBER] if picked != TRUE else [])
        condition = both(on, picked)
        if condition == TRUE:
            return Join("CROSS JOIN", source) if is_inner else Join("LEFT JOIN", source, TRUE)
        return Join("JOIN" if is_inner else "LEFT JOIN", source, condition)

    def _source(self, lookup: Lookup, columns: list[str]) -> tuple[Relation, Sql]:
        """The lookup's rows, and which of those with one key counts."""
        alias, view = lookup.alias, lookup.view
        plain = relation(alias, view)
        if not lookup.is_single or lookup.is_unique:
            return plain, TRUE
        keys = tuple(Ref(column.name, alias) for _, column in lookup.keys)
        if view.order:
            is_last = lookup.matching == "unique"
            order = tuple((value, is_descending != is_last) for value, is_descending in view.order)
            return numbered(alias, view, columns, keys, order), Infix("=", Ref(NUMBER, alias), Number(1))
        return _counted(alias, plain, columns, keys), self._single(lookup)

    def _single(self, lookup: Lookup) -> Sql:
        which = "last" if lookup.matching == "unique" else "first"
        self.draft.note(
            f"{lookup.flow}: nothing tells the order of its rows, of which Talend takes the {which} with a key;"
            " a key that has several different rows fails the date"
        )
        said = f"{self.draft.component.unique_name}.{lookup.flow}: several rows have one key; Talend takes the {which}"
        several = Infix(">", Ref(NUMBER, lookup.alias), Number(1))
        return Case(((several, Call("raise_error", (Text(said),))),), TRUE)


def _matched(lookup: Lookup, raw: Mapping[str, Typed], passes: Sql, hit: Sql) -> Iterator[tuple[str, Typed]]:
    """Columns as they are where there may be no match: null, in primitives 0."""
    for column in lookup.view.columns:
        found = raw[called(column)]
        default = default_value(column)
        value = found.sql if found.type.is_boxed else Call("coalesce", (found.sql, default))
        value = value if passes == hit else Case(((passes, value),), default)
        yield called(column), replace(found, sql=value, is_nullable=found.type.is_boxed)


def _with_hit(source: Relation, columns: list[str], further: list[str]) -> Relation:
    alias = source.alias
    outputs = tuple(Output(n, Ref(n, alias)) for n in (*columns, *further))
    return Relation(Select((*outputs, Output(HIT, TRUE)), source), alias)


def _counted(alias: str, plain: Relation, columns: list[str], keys: tuple[Sql, ...]) -> Relation:
    """The different rows, and how many of them have the same key."""
    outputs = tuple(Output(n, Ref(n, alias)) for n in columns)
    different = Relation(Select(outputs, plain, is_distinct=True), alias)
    number = Window(Call("count", (Ref("*"),)), keys)
    return Relation(Select((*outputs, Output(NUMBER, number)), different), alias)
