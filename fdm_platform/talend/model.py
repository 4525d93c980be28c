"""A Talend job as its `.item` file says it: components, links, contexts. No meaning is given to them here.

Values of parameters are as written: mostly Java expressions, such as `context.dir + "/a.csv"`, for check boxes `true` or
`false`, for lists a bare word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Row = Mapping[str, str]
Param = str | tuple[Row, ...]
"""A parameter's value; of a TABLE parameter its rows, by elementRef."""

TRIGGERS = frozenset({
    "SUBJOB_OK", "SUBJOB_ERROR", "COMPONENT_OK", "COMPONENT_ERROR", "RUN_IF", "ITERATE", "SYNCHRONIZE", "PARALLELIZE",
    "THEN_RUN", "RUN_IF_OK", "RUN_IF_ERROR", "ON_SUBJOB_OK", "ON_COMPONENT_OK",
})  # fmt: skip
"""Connectors that start what they lead to and carry no rows; the last ones are of layouts before 4."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a component's schema. `type` is Talend's, e.g. `id_Integer`; absent lengths are None."""

    name: str
    type: str
    nullable: bool = False
    key: bool = False
    length: int | None = None
    precision: int | None = None
    pattern: str | None = None
    """As written: a Java string literal, e.g. `"dd-MM-yyyy"`, quotes included."""
    default: str | None = None
    """A Java expression."""


@dataclass(frozen=True, slots=True)
class MapEntry:
    """A line of a table of tMap: a column with a Java expression."""

    name: str
    expression: str = ""
    type: str | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class MapInput:
    """An input table of tMap; the first that is connected is the main one."""

    name: str
    entries: tuple[MapEntry, ...] = ()
    matching: str | None = None
    """UNIQUE_MATCH, FIRST_MATCH, ALL_MATCHES, ALL_ROWS; None where the file does not say."""
    lookup_mode: str | None = None
    """LOAD_ONCE, RELOAD, CACHE_OR_RELOAD."""
    is_inner: bool = False
    filter: str | None = None
    """The expression filter, where it is switched on."""
    map_keys: tuple[MapEntry, ...] = ()
    """globalMap keys of a lookup that is loaded anew for each row."""


@dataclass(frozen=True, slots=True)
class MapOutput:
    """An output table of tMap."""

    name: str
    entries: tuple[MapEntry, ...] = ()
    is_reject: bool = False
    """It takes the rows that no other output took."""
    is_inner_reject: bool = False
    """It takes the rows that an inner lookup missed."""
    is_error_reject: bool = False
    joined_to: str | None = None
    """The output whose flow it writes into (isJoinTableOf)."""
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class MapData:
    """What tMap's editor holds."""

    inputs: tuple[MapInput, ...]
    variables: tuple[MapEntry, ...]
    outputs: tuple[MapOutput, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a job. `unique_name` is e.g. `tMap_1`, `kind` its componentName, e.g. `tMap`."""

    unique_name: str
    kind: str
    version: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)
    schemas: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    """Schemas by connector (FLOW, REJECT, FILTER …); a tMap's outputs by the output's name."""
    map: MapData | None = None
    is_active: bool = True

    def text(self, name: str, default: str = "") -> str:
        """A parameter that is no table, as written."""
        value = self.params.get(name, default)
        return value if isinstance(value, str) else default

    def flag(self, name: str) -> bool:
        """A check box."""
        return self.text(name).lower() == "true"

    def rows(self, name: str) -> tuple[Row, ...]:
        """The rows of a TABLE parameter; none where it is absent."""
        value = self.params.get(name, ())
        return () if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between two components. `name` is the flow's (`row1`), as expressions call it."""

    name: str
    connector: str
    """FLOW, FILTER, REJECT, UNIQUE, DUPLICATE …, SUBJOB_OK, COMPONENT_OK, RUN_IF, ITERATE …"""
    source: str
    target: str
    is_lookup: bool = False
    order: int = 0
    """Among the inputs of its target: the order of merging, or of lookups."""
    condition: str | None = None
    """Java, of a RUN_IF."""
    is_active: bool = True

    @property
    def is_data(self) -> bool:
        """Whether rows flow, and not only control."""
        return self.connector not in TRIGGERS


@dataclass(frozen=True, slots=True)
class ContextVariable:
    """A variable of a context. `value` of a secret is never kept."""

    name: str
    type: str
    value: str = ""
    is_secret: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class TalendJob:
    """One version of one job."""

    label: str
    version: str
    """e.g. `0.1`."""
    file: str
    """Path of its `.item` within the project, for people."""
    folder: str = ""
    """Its folder below `process/`."""
    id: str = ""
    """Property id, by which tRunJob names it; empty without `.properties`."""
    product_version: str = ""
    """Of the Studio that saved it, e.g. `7.3.1.20200219_1130`; empty where nothing says it."""
    purpose: str = ""
    description: str = ""
    contexts: Mapping[str, tuple[ContextVariable, ...]] = field(default_factory=dict)
    default_context: str = "Default"
    context_groups: frozenset[str] = frozenset()
    """Ids of the project's context groups whose variables it has copies of."""
    components: tuple[Component, ...] = ()
    links: tuple[Link, ...] = ()

    def component(self, unique_name: str) -> Component:
        """The component with this unique name; KeyError if there is none."""
        for component in self.components:
            if component.unique_name == unique_name:
                return component
        raise KeyError(unique_name)
