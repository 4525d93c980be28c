"""What tMap's editor saved: its input tables, variables and outputs."""

from __future__ import annotations

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.model import MapData, MapEntry, MapInput, MapOutput
from fdm_platform.talend.xml import Node


def is_map(node: Node) -> bool:
    """Whether a nodeData is tMap's, and not that of tXMLMap or of an ELT map."""
    return node.get("xsi:type").rpartition(":")[2] == "MapperData"


def map_data(node: Node, component: str, file: str) -> MapData:
    """The tables in their order. ImportRefusedError: two of one name, or two lines of one name in a table."""
    inputs = tuple(_input(each, component, file) for each in node.all("inputTables"))
    outputs = tuple(_output(each, component, file) for each in node.all("outputTables"))
    variables = [_entries(each, "mapperTableEntries", component, file) for each in node.all("varTables")]
    for what, names in (("inputs", [i.name for i in inputs]), ("outputs", [o.name for o in outputs])):
        _require_unique(names, f"two {what} of {component}", file, node.line)
    return MapData(inputs, tuple(entry for table in variables for entry in table), outputs)


def _require_unique(names: list[str], what: str, file: str, line: int) -> None:
    for at, name in enumerate(names):
        if name in names[:at]:
            raise ImportRefusedError(
                f"{what} are called {name}",
                remedy="open the job in Talend Studio, mend and save it",
                file=file,
                line=line,
            )


def _input(node: Node, component: str, file: str) -> MapInput:
    return MapInput(
        name=node.get("name"),
        entries=_entries(node, "mapperTableEntries", component, file),
        matching=node.get("matchingMode") or None,
        lookup_mode=node.get("lookupMode") or None,
        is_inner=node.flag("innerJoin"),
        filter=_filter(node),
        map_keys=_entries(node, "globalMapKeysValues", component, file),
    )


def _output(node: Node, component: str, file: str) -> MapOutput:
    return MapOutput(
        name=node.get("name"),
        entries=_entries(node, "mapperTableEntries", component, file),
        is_reject=node.flag("reject"),
        is_inner_reject=node.flag("rejectInnerJoin"),
        is_error_reject=node.flag("isErrorRejectTable"),
        joined_to=node.get("isJoinTableOf") or None,
        filter=_filter(node),
    )


def _filter(node: Node) -> str | None:
    """The expression filter, if it is switched on. Layouts before 5 have conditions in a list, all of which must hold."""
    if node.flag("activateExpressionFilter"):
        return node.get("expressionFilter").strip() or None
    conditions = [each.get("expression").strip() for each in node.all("constraintTableEntries")]
    conditions = [text for text in conditions if text]
    if len(conditions) < 2:  # noqa: PLR2004 - one needs no parentheses
        return conditions[0] if conditions else None
    return " && ".join(f"({text})" for text in conditions)


def _entries(node: Node, tag: str, component: str, file: str) -> tuple[MapEntry, ...]:
    entries = tuple(
        MapEntry(
            name=each.get("name"),
            expression=each.get("expression").strip(),
            type=each.get("type") or None,
            nullable=each.flag("nullable"),
        )
        for each in node.all(tag)
    )
    names = [entry.name for entry in entries]
    _require_unique(names, f"two lines of {component}.{node.get('name')}", file, node.line)
    return entries
