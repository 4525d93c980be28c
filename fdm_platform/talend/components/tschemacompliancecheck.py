"""tSchemaComplianceCheck: rows that comply go on, others are rejected, and a check of the table tells how many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce

from fdm_platform.talend.components.compliance import (
    Asked,
    Rule,
    asked,
    is_misplaced,
    misplaced,
    rules,
)
from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    REJECT,
    called,
    main_input,
    passed,
    relation,
    sql_columns,
    view_name,
)
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.passing import default_of, default_value
from fdm_platform.talend.components.simulating import Java, JavaError
from fdm_platform.talend.components.tdie import no_rows
from fdm_platform.talend.expression import FALSE, NULL, Call, Case, Cast, Infix, Number, Sql, Text
from fdm_platform.talend.java.logic import either, negated
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Select, SqlColumn, View

_CODE, _MESSAGE = "errorCode", "errorMessage"
_MANY = 16
"""The code of a row with more than one column that does not comply."""
_ANY = Column("any", "id_Object", nullable=True)
_Wrong = list[tuple[Asked, list[tuple[Rule, Sql]]]]


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    draft = Draft(component, around)
    wrong: _Wrong = [
        (a, [(r, _broken(draft, a, r, flow)) for r in rules(a, flow)]) for a in asked(component, view.columns)
    ]
    failing = either(*(condition for _, each in wrong for _, condition in each))
    if component.flag("SUB_STRING"):
        draft.residue(
            "SUB_STRING", "true", "it cuts texts to their length, where it finds them too long", _CUT
        )
    kept = replace(view, name=draft.name())
    main = [link for link in around.outputs if link.connector != REJECT]
    where = None if failing == FALSE else negated(failing)
    draft.add(kept, Select(passed(view, flow), relation(flow, view), where=where), *main)
    rejects = _rejects(draft, incoming, wrong, failing)
    draft.note("rows that do not comply are left out, as Talend does; a check tells how many they are")
    said = "Rows that do not comply with their schema, and are left out."
    return replace(draft.done("check"), checks=(no_rows(component, rejects, "warn", said),))


_CUT = "Cut them in the step with left(), if they are to be kept."


def _broken(draft: Draft, asks: Asked, rule: Rule, flow: str) -> Sql:
    if rule.places:
        return misplaced(asks.given, flow, rule.places)
    if rule.throws:
        return draft.typed(rule.java, draft.scope(), None, called(asks.given)).fails
    return draft.boolean(rule.java, draft.scope(), called(asks.given)).sql


def _rejects(draft: Draft, incoming: tuple[str, View], wrong: _Wrong, failing: Sql) -> View:
    """The rows that do not comply, with Talend's codes and words."""
    flow, view = incoming
    links = [link for link in draft.around.outputs if link.connector == REJECT]
    columns = _reject_columns(draft.component, view)
    values = tuple(
        Output(c.name, {_CODE: _code(wrong), _MESSAGE: _message(wrong)}.get(c.name, default_value(c)))
        for c in columns[len(view.columns) :]
    )
    made = replace(view, name=draft.name("reject"), columns=columns)
    draft.add(made, Select((*passed(view, flow), *values), relation(flow, view), where=failing), *links)
    return made


def _reject_columns(component: Component, view: View) -> tuple[SqlColumn, ...]:
    known = {c.name.lower() for c in view.columns}
    declared = [c for c in component.schemas.get("REJECT", ()) if c.name.lower() not in known]
    missing = [n for n in (_CODE, _MESSAGE) if n not in {c.name for c in declared}]
    return (
        *view.columns,
        *sql_columns([*declared, *(Column(n, "id_String", nullable=True) for n in missing)]),
    )


def _code(wrong: _Wrong) -> Sql:
    """Of one column the sum of its codes, of several 16."""
    sums = [_added(Case(((c, Number(r.code)),), Number(0)) for r, c in each) for _, each in wrong if each]
    columns = [Case(((either(*(c for _, c in each)), Number(1)),), Number(0)) for _, each in wrong if each]
    if not sums:
        return Cast(NULL, "string")
    total = Cast(_added(sums), "string")
    return (
        Case(((Infix(">", _added(columns), Number(1)), Text(str(_MANY))),), total) if len(sums) > 1 else total
    )


def _added(values: Iterable[Sql]) -> Sql:
    return reduce(lambda a, b: Infix("+", a, b), values)


def _message(wrong: _Wrong) -> Sql:
    """`column:words|further words`, `;` between columns."""
    return Call("concat_ws", (Text(";"), *(_words(a, each) for a, each in wrong if each)))


def _words(asks: Asked, each: list[tuple[Rule, Sql]]) -> Sql:
    words = Call("concat_ws", (Text("|"), *(Case(((c, Text(r.said)),), NULL) for r, c in each)))
    said = Call("concat", (Text(f"{called(asks.given)}:"), words))
    return Case(((either(*(c for _, c in each)), said),), NULL)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    flow, view = incoming
    java = Java(around, {flow: view})
    each = [(a, list(rules(a, flow))) for a in asked(component, view.columns)]
    columns = _reject_columns(component, view)[len(view.columns) :]
    kept: list[Mapping[str, object]] = []
    rejected: list[Mapping[str, object]] = []
    for row in rows[flow]:
        wrong = {called(a.given): [r for r in of if _is_broken(a, r, flow, row, java)] for a, of in each}
        wrong = {name: of for name, of in wrong.items() if of}
        if not wrong:
            kept.append(row)
            continue
        codes = [sum(r.code for r in of) for of in wrong.values()]
        said = {
            _CODE: str(codes[0] if len(codes) == 1 else _MANY),
            _MESSAGE: ";".join(f"{name}:{'|'.join(r.said for r in of)}" for name, of in wrong.items()),
        }
        rejected.append({**row, **{c.name: said.get(c.name, default_of(c)) for c in columns}})
    name = component.unique_name
    return {view_name(around.job, name): kept, view_name(around.job, name, "reject"): rejected}


def _is_broken(asks: Asked, rule: Rule, flow: str, row: Mapping[str, object], java: Java) -> bool:
    if rule.places:
        return is_misplaced(row.get(asks.given.name), rule.places)
    if not rule.throws:
        return java.boolean(rule.java, {flow: row})
    try:
        java.value(rule.java, {flow: row}, _ANY)
    except JavaError:
        return True
    return False


HANDLERS: Mapping[str, Handler] = {"tSchemaComplianceCheck": Handler(_convert, _simulate)}
