"""What the tables of a tMap's editor say: which flows come in and out, and which columns they have."""

from __future__ import annotations

from collections.abc import Sequence

from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.model import Column, Component, Link, MapData, MapEntry, MapOutput

ERROR_MESSAGE, ERROR_TRACE = "errorMessage", "errorStackTrace"


def data_of(component: Component) -> MapData:
    """The editor's tables; none where the file has none."""
    return component.map or MapData((), (), ())


def main_of(component: Component, around: Around) -> str | None:
    """The main flow: the first table that a flow other than a lookup fills."""
    lookups = {link.name for link in around.links if link.is_lookup}
    names = [t.name for t in data_of(component).inputs if t.name in around.inputs]
    return next((n for n in names if n not in lookups), next(iter(around.inputs), None))


def main_filter(component: Component, main: str) -> str:
    """The main table's expression filter; empty if there is none."""
    return next((t.filter or "" for t in data_of(component).inputs if t.name == main), "")


def outputs_of(component: Component, around: Around) -> tuple[tuple[Link, MapOutput], ...]:
    """The connected outputs. One that is joined to another has no flow of its own."""
    links = {link.name: link for link in around.outputs}
    return tuple(
        (links[t.name], t) for t in data_of(component).outputs if t.joined_to is None and t.name in links
    )


def joined_to(component: Component, table: MapOutput) -> tuple[MapOutput, ...]:
    """Outputs whose rows go into this one's flow."""
    return tuple(t for t in data_of(component).outputs if t.joined_to == table.name)


def is_ordinary(table: MapOutput) -> bool:
    """It takes rows by its filter, and is no kind of reject."""
    return not (table.is_reject or table.is_inner_reject or table.is_error_reject)


def filters_of_ordinary(component: Component, around: Around) -> tuple[str, ...] | None:
    """Those of the connected ones, which keep rows from the rejects; None where rejects get no row.

    That is so where an ordinary output takes every row, connected or not: Talend then makes no code for rejects.
    """
    ordinary = [t for t in data_of(component).outputs if is_ordinary(t)]
    if not all(t.filter for t in ordinary if t.entries):
        return None
    connected = {link.name for link in around.outputs}
    return tuple(t.filter for t in ordinary if t.filter and (t.joined_to or t.name) in connected)


def dies_on_error(component: Component) -> bool:
    """What Java throws ends the job; Talend's default."""
    return component.text("DIE_ON_ERROR", "true").lower() != "false"


def columns_of(component: Component, table: MapOutput) -> tuple[tuple[Column, MapEntry], ...]:
    """The columns of an output with their expressions: its schema's, else its table's."""
    entries = {e.name: e for e in table.entries}
    schema: Sequence[Column] = component.schemas.get(table.name, ())
    if not schema:
        schema = [column_of(e) for e in table.entries]
    return tuple((c, entries.get(c.name, MapEntry(c.name))) for c in schema)


def column_of(entry: MapEntry) -> Column:
    """A line of a table as a column."""
    return Column(entry.name, entry.type or "id_String", nullable=entry.nullable)
