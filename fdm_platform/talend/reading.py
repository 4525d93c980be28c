"""From a job's XML to a TalendJob. Only local names are compared: some layouts have a default namespace, others none.

EMF, which writes these files, leaves out attributes that have their default. What contradicts itself (two components
of one name, a link to none) refuses the whole job, by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.contexts import variable
from fdm_platform.talend.mapping import is_map, map_data
from fdm_platform.talend.model import Column, Component, ContextVariable, Link, MapData, Param, Row, TalendJob
from fdm_platform.talend.project import ItemRef
from fdm_platform.talend.xml import Node

CONCEALED = '"******"'
"""Stands for a password that is written in the job."""
_OF_CONTEXT = re.compile(r"context\.(\w+)")
LOOKUP = "8"
"""The style in which Studio draws a lookup's line: all that tells it from a main flow."""


def read_job(node: Node, ref: ItemRef) -> TalendJob:
    """The job. ImportRefusedError: no job, or one that contradicts itself, with the name of what is wrong."""
    if node.tag != "ProcessType":
        raise _refused(f"its root is {node.tag}, not a job's ProcessType", ref.path, node.line)
    components = tuple(_component(each, ref.path) for each in node.all("node"))
    links = tuple(_links(node.all("connection"), components, ref.path))
    components = tuple(_or_dummy(component, links) for component in components)
    secrets = frozenset(_secrets(node))
    contexts = {each.get("name"): _context(each, secrets) for each in node.all("context")}
    return TalendJob(
        label=ref.label,
        version=ref.dotted,
        file=ref.path,
        folder=ref.folder,
        id=ref.id,
        product_version=ref.product_version,
        purpose=ref.purpose,
        description=ref.description,
        contexts=MappingProxyType(contexts),
        default_context=node.get("defaultContext", "Default"),
        context_groups=frozenset(_groups(node)),
        components=_unique(components, node, ref.path),
        links=links,
    )


def _refused(message: str, file: str, line: int) -> ImportRefusedError:
    return ImportRefusedError(
        message, remedy="open the job in Talend Studio, mend and save it", file=file, line=line
    )


def _context(node: Node, secrets: frozenset[str]) -> tuple[ContextVariable, ...]:
    return tuple(variable(each, secrets) for each in node.all("contextParameter"))


def _groups(node: Node) -> Iterator[str]:
    for context in node.all("context"):
        yield from (
            found for each in context.all("contextParameter") if (found := each.get("repositoryContextId"))
        )


def _secrets(node: Node) -> Iterator[str]:
    """The variables that are a component's password, whatever they are called."""
    for component in node.all("node"):
        for each in component.all("elementParameter"):
            if each.get("field") == "PASSWORD" and (
                found := _OF_CONTEXT.fullmatch(each.get("value").strip())
            ):
                yield found[1]


def _component(node: Node, file: str) -> Component:
    params = _params(node, file)
    name = params.get("UNIQUE_NAME", "")
    if not isinstance(name, str) or not name:
        raise _refused(f"a {node.get('componentName') or 'component'} has no UNIQUE_NAME", file, node.line)
    data = _map_of(node, name, file)
    return Component(
        unique_name=name,
        kind=node.get("componentName"),
        version=node.get("componentVersion"),
        params=MappingProxyType(params),
        schemas=MappingProxyType(_schemas(node, has_map=data is not None)),
        map=data,
        is_active=params.get("ACTIVATE", "true") != "false",
    )


def _or_dummy(component: Component, links: Iterable[Link]) -> Component:
    """A component that is switched off between others of its schema passes rows on: Talend runs a tDummyRow for it."""
    is_between = any(k.source == component.unique_name and k.is_data and k.is_active for k in links)
    if component.is_active or not component.flag("DUMMY") or not is_between:
        return component
    return replace(component, kind="tDummyRow", is_active=True)


def _map_of(node: Node, name: str, file: str) -> MapData | None:
    found = next((each for each in node.all("nodeData") if is_map(each)), None)
    return map_data(found, name, file) if found is not None else None


def _params(node: Node, file: str) -> dict[str, Param]:
    return {each.get("name"): _param(each, file) for each in node.all("elementParameter")}


def _param(node: Node, file: str) -> Param:
    """A parameter's text; of a table its rows, whose flat list starts a new row where the first name comes again."""
    if node.get("field") == "PASSWORD":
        return _password(node.get("value").strip())
    if node.get("field") != "TABLE":
        return node.get("value")
    rows: list[dict[str, str]] = []
    for value in node.all("elementValue"):
        name = value.get("elementRef")
        if not name:
            raise _refused(f"table {node.get('name')} has a value without elementRef", file, value.line)
        if not rows or name in rows[-1]:
            rows.append({})
        rows[-1][name] = _value(value, node.get("name"), file)
    if any(row.keys() != rows[0].keys() for row in rows):
        raise _refused(f"the rows of table {node.get('name')} have different columns", file, node.line)
    return tuple(_frozen(row) for row in rows)


def _password(java: str) -> str:
    """Where it comes from, if the job says so; a password itself, encrypted or not, is never kept."""
    return java if java in ("", '""') or _OF_CONTEXT.fullmatch(java) else CONCEALED


def _frozen(row: dict[str, str]) -> Row:
    return MappingProxyType(row)


def _value(node: Node, table: str, file: str) -> str:
    """Studio writes text that XML cannot hold in hexadecimal digits."""
    if not node.flag("hexValue"):
        return node.get("value")
    try:
        return bytes.fromhex(node.get("value")).decode()
    except ValueError:
        raise _refused(f"table {table} has a hexadecimal value that is none", file, node.line) from None


def _schemas(node: Node, *, has_map: bool) -> dict[str, tuple[Column, ...]]:
    """By connector; where several share one, as tMap's outputs do, by name."""
    nodes = tuple(node.all("metadata"))
    connectors = [each.get("connector", "FLOW") for each in nodes]
    keys = [
        each.get("name") if has_map or connectors.count(connector) > 1 else connector
        for each, connector in zip(nodes, connectors, strict=True)
    ]
    return {
        key: tuple(_column(column) for column in each.all("column"))
        for key, each in zip(keys, nodes, strict=True)
    }


def _column(node: Node) -> Column:
    return Column(
        name=node.get("name"),
        type=node.get("type", "id_String"),
        nullable=node.flag("nullable"),
        key=node.flag("key"),
        length=_number(node.get("length")),
        precision=_number(node.get("precision")),
        pattern=node.get("pattern") or None,
        default=node.get("defaultValue") or None,
    )


def _number(text: str) -> int | None:
    """A length; Studio writes -1, or nothing, for none."""
    return int(text) if text.isascii() and text.isdigit() else None


def _unique(components: tuple[Component, ...], node: Node, file: str) -> tuple[Component, ...]:
    seen: set[str] = set()
    for component, each in zip(components, node.all("node"), strict=True):
        if component.unique_name in seen:
            raise _refused(f"two components are called {component.unique_name}", file, each.line)
        seen.add(component.unique_name)
    return components


def _links(nodes: Iterable[Node], components: tuple[Component, ...], file: str) -> Iterator[Link]:
    known = {component.unique_name for component in components}
    flows: set[str] = set()
    for node in nodes:
        link = _link(node, file)
        for end in (link.source, link.target):
            if end not in known:
                raise _refused(
                    f"link {link.name} is to {end or 'nothing'}, which the job has not", file, node.line
                )
        if link.is_data and link.name in flows:
            raise _refused(f"two flows are called {link.name}", file, node.line)
        if link.is_data:
            flows.add(link.name)
        yield link


def _link(node: Node, file: str) -> Link:
    params = _params(node, file)
    return Link(
        name=_text(params, "UNIQUE_NAME") or node.get("label"),
        connector=node.get("connectorName", "FLOW"),
        source=node.get("source"),
        target=node.get("target"),
        is_lookup=node.get("lineStyle") == LOOKUP,
        order=_number(node.get("mergeOrder")) or 0,
        condition=_text(params, "CONDITION") or None,
        is_active=_text(params, "ACTIVATE") != "false",
    )


def _text(params: Mapping[str, Param], name: str) -> str:
    value = params.get(name, "")
    return value if isinstance(value, str) else ""
