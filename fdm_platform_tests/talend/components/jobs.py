"""Small jobs of one component, made by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from fdm_platform.talend.components import HANDLERS
from fdm_platform.talend.components.flows import sql_columns
from fdm_platform.talend.components.handler import Around, Rows
from fdm_platform.talend.expression import Ref
from fdm_platform.talend.model import Column, Component, ContextVariable, Link, Param, TalendJob
from fdm_platform.talend.plan import Converted, View
from fdm_platform.talend.sql import to_sql

LINE = "_line"


_COLUMN = re.compile(r"""(\w+)(?::(\w+))?(?:\((\d+)(?:,(\d+))?\))?([!*]*)(".*")?""")


def column(text: str) -> Column:
    """`name:Integer`; not nullable `name:Integer!`, a key `name:String*`, `d:Date"dd-MM-yyyy"`, `a:BigDecimal(9,2)`."""
    found = _COLUMN.fullmatch(text)
    assert found, text
    name, kind, length, places, marks, pattern = found.groups()
    return Column(
        name,
        f"id_{kind or 'String'}",
        nullable="!" not in marks,
        key="*" in marks,
        length=int(length) if length else None,
        precision=int(places) if places else None,
        pattern=pattern,
    )


def columns(text: str) -> tuple[Column, ...]:
    """`a:Integer b:String!`."""
    return tuple(column(x) for x in text.split())


def view(name: str, schema: str, *, is_ordered: bool = True) -> View:
    """A view with these columns, whose order is known by `_line`."""
    return View(name, sql_columns(columns(schema)), ((Ref(LINE), False),) if is_ordered else None)


def around(
    component: Component,
    inputs: Mapping[str, View],
    outputs: Sequence[str],
    *,
    context: Mapping[str, ContextVariable] | None = None,
    on_java_error: Literal["raise", "null"] = "raise",
) -> Around:
    """A component between flows of these names. An output is `row2`, or `row2 REJECT` with its connector."""
    incoming = tuple(
        Link(name, "FLOW", f"source_{name}", component.unique_name, is_lookup=n > 0, order=n)
        for n, name in enumerate(inputs)
    )
    outgoing = tuple(_outgoing(component, text) for text in outputs)
    job = TalendJob("job", "0.1", "job_0.1.item", components=(component,), links=(*incoming, *outgoing))
    return Around(job, inputs, incoming, outgoing, context or {}, on_java_error)


def _outgoing(component: Component, text: str) -> Link:
    name, _, connector = text.partition(" ")
    return Link(name, connector or "FLOW", component.unique_name, f"sink_{name}")


def component(
    kind: str, schemas: Mapping[str, str] | None = None, params: Mapping[str, Param] | None = None
) -> Component:
    """A component `<kind>_1`."""
    made = {connector: columns(text) for connector, text in (schemas or {}).items()}
    return Component(f"{kind}_1", kind, params=params or {}, schemas=made)


def convert(component: Component, surroundings: Around) -> Converted:
    """What its handler makes of it."""
    return HANDLERS[component.kind].convert(component, surroundings)


def simulate(component: Component, surroundings: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    """What it does to rows of its incoming flows, by Talend's rules."""
    handler = HANDLERS[component.kind]
    assert handler.simulate
    return handler.simulate(component, surroundings, rows)


def hql(converted: Converted) -> dict[str, str]:
    """The steps' SQL on one line each, by view."""
    return {step.view: " ".join(to_sql(step.select).split()) for step in converted.steps}
