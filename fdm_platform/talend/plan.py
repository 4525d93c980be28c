"""What components become: relations, selects, and the fate of each component. Printed by sql.py and migration.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fdm_platform.talend.expression import Sql

Outcome = Literal["source", "step", "check", "dependency", "seed", "output", "note", "off", "residue"]
"""What became of a component; `off` was switched off in Talend, `residue` is left to a person."""


@dataclass(frozen=True, slots=True)
class Residue:
    """What could not be carried over, for a person to do."""

    component: str
    place: str
    """Within the component: `out1.amount`, `lookup row3`; empty for all of it."""
    expression: str
    """As Talend has it; empty where it is none."""
    reason: str
    todo: str


@dataclass(frozen=True, slots=True)
class Note:
    """A difference that needs nobody, but should be known: row order, UTF-16, lenient dates."""

    component: str
    text: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one component; every component of a job has exactly one."""

    component: str
    kind: str
    outcome: Outcome
    detail: str = ""
    """For people: `row1 of table.yaml`, `tMap_1_out1.hql`, `prints only`."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Something to select from: a view, or a select in parentheses, under an alias."""

    of: str | Select
    alias: str
    columns: tuple[str, ...] = ()
    """Names for its columns, by position; empty: their own."""


@dataclass(frozen=True, slots=True)
class Join:
    """A join onto what stands before it. `on` is None for a cross join."""

    kind: Literal["JOIN", "LEFT JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN", "CROSS JOIN"]
    relation: Relation
    on: Sql | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A column of a select; `comment` is printed after it."""

    name: str
    value: Sql
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT. `union` are further selects joined to it by UNION ALL, by position."""

    columns: tuple[Output, ...]
    source: Relation | None
    joins: tuple[Join, ...] = ()
    where: Sql | None = None
    group_by: tuple[Sql, ...] = ()
    having: Sql | None = None
    order_by: tuple[tuple[Sql, bool], ...] = ()
    is_distinct: bool = False
    union: tuple[Select, ...] = ()
    comment: str = ""
    """Printed above it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A select with the view that it makes; its file is `<view>.hql`."""

    view: str
    select: Select
    component: str


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column of a view: Talend's type and what the view's SQL gives, e.g. `decimal(18,2)`."""

    name: str
    talend_type: str
    spark_type: str
    nullable: bool = True
    key: bool = False
    pattern: str | None = None
    talend_name: str = ""
    """As expressions call it, where SQL needs another name: two columns that differ by letter case alone."""


@dataclass(frozen=True, slots=True)
class View:
    """What a flow is in SQL: the view to select from, under the flow's name as alias."""

    name: str
    columns: tuple[SqlColumn, ...]
    order: tuple[tuple[Sql, bool], ...] | None = None
    """By which Talend's order of its rows can be told: (expression over its columns, is_descending); None if unknown."""
    unique: frozenset[frozenset[str]] = frozenset()
    """Sets of columns of which no two of its rows have the same values."""


@dataclass(frozen=True, slots=True)
class SourceInput:
    """A source of a table.yaml: `spec` is the mapping below `sources.<view>`, in the order in which it is written."""

    view: str
    spec: Mapping[str, Any]
    component: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a table.yaml: the mapping of one element of `checks`."""

    spec: Mapping[str, Any]
    component: str
    reads: tuple[str, ...] = ()
    """Views that its condition asks, besides the table's own rows: their steps go with it."""


Action = Literal["insert", "append", "update", "upsert", "delete"]


@dataclass(frozen=True, slots=True)
class Sink:
    """What an output component writes: the rows of a view.

    `columns` are the component's, with types as they are stored: of a date without a time, `date`. Each is a column of
    the view by the same name; the others of the view are not written.
    """

    component: str
    flow: str
    view: View
    columns: tuple[SqlColumn, ...]
    action: Action
    """`insert` replaces what was there of the date, as does a file that is written anew; the others do not."""
    keys: tuple[str, ...] = ()
    """By which Talend finds the rows to update or delete."""
    target: str = ""
    """The file's or table's name as Talend has it: a Java expression."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What one component became.

    `views` has, for each outgoing flow by its link's name, the view that downstream components select from. A flow
    that a residue keeps from being made has a view all the same: its columns, each a Todo.
    """

    fate: Fate
    steps: tuple[Step, ...] = ()
    sources: tuple[SourceInput, ...] = ()
    checks: tuple[Check, ...] = ()
    residues: tuple[Residue, ...] = ()
    notes: tuple[Note, ...] = ()
    views: Mapping[str, View] = field(default_factory=dict)
    sink: Sink | None = None
    """Of an output component."""
