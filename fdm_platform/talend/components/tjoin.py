"""tJoin: each main row with the last row of the lookup that has its key. NULL joins NULL.

Columns of the main flow go out by position; those of the lookup where the component says which. Inner, a row without a
match goes to the rejects. A tMap does the same, so that this is one, made of its settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fdm_platform.talend.components import tmap
from fdm_platform.talend.components.drafting import left_to_a_person
from fdm_platform.talend.components.flows import REJECT, called, schema_of
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.model import Column, Component, Link, MapData, MapEntry, MapInput, MapOutput
from fdm_platform.talend.plan import Converted

_LEAST_INPUTS = 2


def _as_tmap(component: Component, around: Around) -> Component:
    """The tMap that does the same."""
    main, lookup = list(around.inputs)[:2]
    keys = {
        r.get("LOOKUP_COLUMN", ""): f"{main}.{r.get('INPUT_COLUMN', '')}" for r in component.rows("JOIN_KEY")
    }
    entries = tuple(MapEntry(called(c), keys.get(called(c), "")) for c in around.inputs[lookup].columns)
    inputs = (
        MapInput(main),
        MapInput(lookup, entries, "UNIQUE_MATCH", is_inner=component.flag("USE_INNER_JOIN")),
    )
    outputs = [_output(component, around, link, main, lookup) for link in around.outputs]
    made = MapData(inputs, (), tuple(output for output, _ in outputs))
    schemas = {output.name: schema for output, schema in outputs}
    return replace(component, map=made, schemas=schemas, params={**component.params, "DIE_ON_ERROR": "true"})


def _output(
    component: Component, around: Around, link: Link, main: str, lookup: str
) -> tuple[MapOutput, tuple[Column, ...]]:
    schema = schema_of(component, link)
    is_reject = link.connector == REJECT
    entries = tuple(_entries(component, around, schema, main, lookup, is_reject=is_reject))
    return MapOutput(link.name, entries, is_inner_reject=is_reject), schema


def _entries(
    component: Component,
    around: Around,
    schema: Sequence[Column],
    main: str,
    lookup: str,
    *,
    is_reject: bool,
) -> Iterator[MapEntry]:
    """Lookup columns where they are named, which are empty in rejects; else the main flow's at the same place."""
    looked_up = (
        {r.get("OUTPUT_COLUMN"): r.get("LOOKUP_COLUMN", "") for r in component.rows("LOOKUP_COLS")}
        if component.flag("USE_LOOKUP_COLS")
        else {}
    )
    own = [called(c) for c in around.inputs[main].columns]
    for n, column in enumerate(schema):
        if column.name in looked_up:
            yield MapEntry(column.name, "" if is_reject else f"{lookup}.{looked_up[column.name]}")
        else:
            yield MapEntry(column.name, f"{main}.{own[n]}" if n < len(own) else "")


def _convert(component: Component, around: Around) -> Converted:
    if len(around.inputs) < _LEAST_INPUTS:
        return left_to_a_person(component, around, "it has no lookup")
    return tmap.HANDLERS["tMap"].convert(_as_tmap(component, around), around)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    if len(around.inputs) < _LEAST_INPUTS:
        return {}
    simulate = tmap.HANDLERS["tMap"].simulate
    return simulate(_as_tmap(component, around), around, rows) if simulate else {}


HANDLERS: Mapping[str, Handler] = {"tJoin": Handler(_convert, _simulate)}
