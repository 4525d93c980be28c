"""tUniqRow: the first row of each key goes on as unique, further ones as duplicates. NULLs are one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import BY_VALUE, Order, called, main_input, passed, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.ordering import NUMBER, in_order, numbered, order_or_todo
from fdm_platform.talend.expression import Call, Infix, Number, Ref, Sql
from fdm_platform.talend.java.types import java_type
from fdm_platform.talend.model import Component, Link
from fdm_platform.talend.plan import Converted, Select, SqlColumn, View

_DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True)
class _Key:
    column: SqlColumn
    is_folded: bool
    """Upper and lower case are the same."""

    def sql(self, flow: str) -> Sql:
        value = Ref(self.column.name, flow)
        return Call("lower", (value,)) if self.is_folded else value

    def of(self, row: Mapping[str, object]) -> object:
        value = row.get(self.column.name)
        return value.lower() if self.is_folded and isinstance(value, str) else value


def _keys(component: Component, view: View) -> tuple[_Key, ...]:
    chosen = {
        r.get("SCHEMA_COLUMN", ""): r
        for r in component.rows("UNIQUE_KEY")
        if r.get("KEY_ATTRIBUTE") == "true"
    }
    return tuple(
        _Key(c, _kind(c) == "string" and chosen[called(c)].get("CASE_SENSITIVE") != "true")
        for c in view.columns
        if called(c) in chosen
    )


def _kind(column: SqlColumn) -> str:
    return java_type(column.talend_type, nullable=column.nullable).kind


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    draft, keys = Draft(component, around), _keys(component, view)
    if not keys:
        draft.note("without a key column every row goes to every flow")
        draft.views.update({link.name: view for link in around.outputs})
        return draft.done("step", "its flows read the incoming view")
    if any(_kind(k.column) == "decimal" for k in keys) and not component.flag(BY_VALUE):
        draft.note(
            "keys of BigDecimal are the same where their values are; Talend also asks for the same scale"
        )
    partition = tuple(key.sql(flow) for key in keys)
    order = _order(draft, view, keys, partition)
    names = [output.name for output in passed(view, flow)]
    source = numbered(flow, view, names, partition, order)
    for links in _alike(around):
        made = replace(view, name=_name(around, component, links[0]), unique=_unique(links[0], view, keys))
        draft.add(made, Select(passed(view, flow), source, where=_which(component, links[0], flow)), *links)
    return draft.done()


def _alike(around: Around) -> Iterator[list[Link]]:
    """Flows of uniques, and those of duplicates."""
    for is_duplicate in (False, True):
        links = [link for link in around.outputs if (link.connector == _DUPLICATE) == is_duplicate]
        if links:
            yield links


def _order(draft: Draft, view: View, keys: tuple[_Key, ...], partition: tuple[Sql, ...]) -> Order:
    """Where the rows of a key are all alike, or there is but one, no order is needed: any will do."""
    exact = {key.column.name for key in keys if not key.is_folded}
    if exact == {c.name for c in view.columns} or any(unique <= exact for unique in view.unique):
        return tuple((value, False) for value in partition)
    return order_or_todo(draft, view, "it keeps the first row of each key,")


def _name(around: Around, component: Component, link: Link) -> str:
    part = ["duplicate"] if link.connector == _DUPLICATE else []
    return view_name(around.job, component.unique_name, *part)


def _unique(link: Link, view: View, keys: tuple[_Key, ...]) -> frozenset[frozenset[str]]:
    added = frozenset(key.column.name for key in keys)
    return view.unique if link.connector == _DUPLICATE else view.unique | {added}


def _which(component: Component, link: Link, flow: str) -> Sql:
    number = Ref(NUMBER, flow)
    if link.connector != _DUPLICATE:
        return Infix("=", number, Number(1))
    if component.flag("ONLY_ONCE_EACH_DUPLICATED_KEY"):
        return Infix("=", number, Number(2))
    return Infix(">", number, Number(1))


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    keys = _keys(component, incoming[1]) if incoming else ()
    if incoming is None or not keys:
        return {}
    flow, view = incoming
    counted = list(_counted(keys, in_order(view, rows[flow])))
    last = 2 if component.flag("ONLY_ONCE_EACH_DUPLICATED_KEY") else len(counted)
    first, further = range(1, 2), range(2, last + 1)
    return {
        _name(around, component, link): [
            row for n, row in counted if n in (further if link.connector == _DUPLICATE else first)
        ]
        for link in around.outputs
    }


def _counted(keys: tuple[_Key, ...], rows: Rows) -> Iterator[tuple[int, Mapping[str, object]]]:
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        key = tuple(k.of(row) for k in keys)
        seen[key] = seen.get(key, 0) + 1
        yield seen[key], row


HANDLERS: Mapping[str, Handler] = {"tUniqRow": Handler(_convert, _simulate)}
