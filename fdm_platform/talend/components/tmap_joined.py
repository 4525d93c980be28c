"""The joined rows of a tMap as a view: columns `row1__id`, variables `Var__total`, and what became of a row.

A variable uses those before it by their columns' names, which Spark knows within the same SELECT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft
from fdm_platform.talend.components.flows import Order, distinct_names, relation, sql_columns
from fdm_platform.talend.components.tmap_lookups import Joining
from fdm_platform.talend.components.tmap_tables import column_of, data_of, dies_on_error
from fdm_platform.talend.components.trees import refs
from fdm_platform.talend.expression import FALSE, TRUE, Ref, Sql
from fdm_platform.talend.java.logic import both, either
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.model import MapEntry
from fdm_platform.talend.plan import Output, Relation, Select, View

VARIABLES = "Var"
_MISSED, _FAILS = "_missed", "_fails"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that outputs take from, and what expressions see of them."""

    source: Relation
    flows: Mapping[str, Mapping[str, Typed]]
    missed: Sql = FALSE
    """An inner lookup has missed the row."""
    fails: Sql = FALSE
    """Java throws in a variable, and the job does not die of it."""
    hidden: tuple[Output, ...] = ()
    order: Order | None = None
    where: Sql = TRUE
    """What all outputs have in common."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The joined rows, and all columns that they may have."""

    columns: tuple[Output, ...]
    rows: Rows

    def select(self, main: str, view: View, joining: Joining, selects: Iterable[Select]) -> Select:
        """The SELECT that makes them, with the columns that these selects use."""
        columns = self._used(selects)
        joins = tuple(joining.joins(refs(columns, *joining.where)))
        where = both(*joining.where)
        return Select(columns, relation(main, view), joins, where=None if where == TRUE else where)

    def _used(self, selects: Iterable[Select]) -> tuple[Output, ...]:
        """Also the variables that those need which are used; one column at least."""
        used = {ref.column for ref in refs(*selects) if ref.relation is None}
        for column in reversed(self.columns):
            if column.name in used:
                used |= {ref.column for ref in refs(column.value) if ref.relation is None}
        return tuple(c for c in self.columns if c.name in used) or self.columns[:1]


def joined_rows(draft: Draft, joining: Joining, hidden: tuple[Output, ...], order: Order | None) -> Joined:
    """All that outputs may use of a row, its lookups and its variables."""
    entries = [e for e in data_of(draft.component).variables if e.expression.strip()]
    names = _names(joining, entries)
    flows: dict[str, Mapping[str, Typed]] = {
        flow: {name: replace(value, sql=Ref(names[flow, name])) for name, value in columns.items()}
        for flow, columns in joining.flows.items()
    }
    outputs = [
        Output(names[f, n], value.sql) for f, columns in joining.flows.items() for n, value in columns.items()
    ]
    variables, fails = _variables(draft, joining, entries, names)
    flows[VARIABLES] = {name: replace(v, sql=Ref(names[VARIABLES, name])) for name, v in variables.items()}
    outputs += [Output(names[VARIABLES, name], value.sql) for name, value in variables.items()]
    told = [(_MISSED, joining.missed), (_FAILS, fails)]
    outputs += [Output(name, value) for name, value in told if value != FALSE]
    missed, failing = (FALSE if value == FALSE else Ref(name) for name, value in told)
    shown = tuple(Output(h.name, Ref(h.name)) for h in hidden)
    rows = Rows(Relation(draft.name(), draft.name()), flows, missed, failing, shown, order)
    return Joined((*hidden, *outputs), rows)


def _names(joining: Joining, entries: Sequence[MapEntry]) -> Mapping[tuple[str, str], str]:
    """The column of each flow's column, and of each variable."""
    keys = [(flow, name) for flow, columns in joining.flows.items() for name in columns]
    keys += [(VARIABLES, entry.name) for entry in entries]
    return dict(zip(keys, distinct_names(f"{flow}__{name}" for flow, name in keys), strict=True))


def _variables(
    draft: Draft, joining: Joining, entries: Sequence[MapEntry], names: Mapping[tuple[str, str], str]
) -> tuple[Mapping[str, Typed], Sql]:
    """The variables, and when Java throws in one, unless the job dies of it."""
    dies = dies_on_error(draft.component)
    made: dict[str, Typed] = {}
    failing: list[Sql] = []
    for entry in entries:
        place = f"{VARIABLES}.{entry.name}"
        seen = {name: replace(v, sql=Ref(names[VARIABLES, name])) for name, v in made.items()}
        scope = draft.scope({**joining.flows, VARIABLES: seen})
        value = draft.value(entry.expression, scope, sql_columns((column_of(entry),))[0], place)
        failing += [] if dies else [value.fails]
        made[entry.name] = replace(value, sql=draft.guarded(value, place) if dies else value.sql, fails=FALSE)
    return made, either(*failing)
