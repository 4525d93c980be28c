"""tSchemaComplianceCheck: rows that comply go on, others are rejected, and a check of the table tells how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from fdm_platform.talend.components.compliance import (
    Asked,
    Rule,
    asked,
    is_misplaced,
    misplaced,
    rules,
    unsure,
)
from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    REJECT,
    called,
    fields,
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
from fdm_platform.talend.expression import FALSE, NULL, Call, Case, Cast, Infix, Number, Ref, Sql, Text
from fdm_platform.talend.java.logic import both, either
from fdm_platform.talend.java.typed import Scope
from fdm_platform.talend.model import Column, Component
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SqlColumn, View

_CODE, _MESSAGE = "errorCode", "errorMessage"
_MANY = 16
"""The code of a row with more than one column that does not comply."""
_ANY = Column("any", "id_Object", nullable=True)
_WRONG = "_wrong_{}"
"""Columns of the judged rows: of each column that is asked something, the sum of the codes of what it breaks."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A column, what is asked of it, and when each of that is broken."""

    asks: Asked
    broken: tuple[tuple[Rule, Sql], ...]
    name: str
    flow: str

    @property
    def code(self) -> Sql:
        """0 where it complies."""
        return Ref(self.name, self.flow)

    @property
    def is_wrong(self) -> Sql:
        return Infix("<>", self.code, Number(0))

    def output(self) -> Output:
        codes = (Case(((condition, Number(rule.code)),), Number(0)) for rule, condition in self.broken)
        return Output(self.name, _added(codes))

    def words(self) -> Sql:
        """`column:words|further words`, NULL where it complies."""
        column = f"{called(self.asks.given)}:"
        if len(self.broken) == 1:
            said: Sql = Text(column + self.broken[0][0].said)
        else:
            each = (
                Case(
                    ((Infix("<>", Infix("&", self.code, Number(rule.code)), Number(0)), Text(rule.said)),),
                    NULL,
                )
                for rule, _ in self.broken
            )
            said = Call("concat", (Text(column), Call("concat_ws", (Text("|"), *each))))
        return Case(((self.is_wrong, said),), NULL)


def _convert(component: Component, around: Around) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    draft = Draft(component, around)
    judged = tuple(_judge(draft, flow, view))
    if component.flag("SUB_STRING"):
        draft.residue(
            "SUB_STRING", "true", "it cuts texts to their length, where it finds them too long", _CUT
        )
    inner = Select((*passed(view, flow), *(j.output() for j in judged)), relation(flow, view))
    source = Relation(inner, flow)
    kept = replace(view, name=draft.name())
    main = [link for link in around.outputs if link.connector != REJECT]
    where = both(*(Infix("=", j.code, Number(0)) for j in judged)) if judged else None
    draft.add(kept, Select(passed(view, flow), source, where=where), *main)
    rejects = _rejects(draft, view, source, judged)
    draft.note("rows that do not comply are left out, as Talend does; a check tells how many they are")
    said = "Rows that do not comply with their schema, and are left out."
    return replace(draft.done("check"), checks=(no_rows(component, rejects, "warn", said),))


_CUT = "Cut them in the step with left(), if they are to be kept."


def _judge(draft: Draft, flow: str, view: View) -> Iterator[_Judged]:
    scope = draft.scope({flow: fields(unsure(view), flow)})
    for asks in asked(draft.component, unsure(view).columns):
        broken = tuple((rule, _broken(draft, asks, rule, scope)) for rule in rules(asks, flow))
        broken = tuple((rule, condition) for rule, condition in broken if condition != FALSE)
        if broken:
            yield _Judged(asks, broken, _WRONG.format(asks.given.name), flow)


def _broken(draft: Draft, asks: Asked, rule: Rule, scope: Scope) -> Sql:
    if rule.places:
        return misplaced(asks.given, next(iter(scope.flows)), rule.places)
    if rule.throws:
        return draft.typed(rule.java, scope, None, called(asks.given)).fails
    return draft.boolean(rule.java, scope, called(asks.given)).sql


def _rejects(draft: Draft, view: View, source: Relation, judged: tuple[_Judged, ...]) -> View:
    """The rows that do not comply, with Talend's codes and words."""
    links = [link for link in draft.around.outputs if link.connector == REJECT]
    columns = _reject_columns(draft.component, view)
    said = Call("concat_ws", (Text(";"), *(j.words() for j in judged)))
    values = tuple(
        Output(c.name, {_CODE: _code(judged), _MESSAGE: said}.get(c.name, default_value(c)))
        for c in columns[len(view.columns) :]
    )
    made = replace(view, name=draft.name("reject"), columns=columns)
    failing = either(*(j.is_wrong for j in judged))
    draft.add(made, Select((*passed(view, source.alias), *values), source, where=failing), *links)
    return made


def _reject_columns(component: Component, view: View) -> tuple[SqlColumn, ...]:
    known = {c.name.lower() for c in view.columns}
    declared = [c for c in component.schemas.get("REJECT", ()) if c.name.lower() not in known]
    missing = [n for n in (_CODE, _MESSAGE) if n not in {c.name for c in declared}]
    return (
        *view.columns,
        *sql_columns([*declared, *(Column(n, "id_String", nullable=True) for n in missing)]),
    )


def _code(judged: tuple[_Judged, ...]) -> Sql:
    """Of one column the sum of its codes, of several 16."""
    if not judged:
        return Cast(NULL, "string")
    total = Cast(_added(j.code for j in judged), "string")
    if len(judged) == 1:
        return total
    columns = _added(Case(((j.is_wrong, Number(1)),), Number(0)) for j in judged)
    return Case(((Infix(">", columns, Number(1)), Text(str(_MANY))),), total)


def _added(values: Iterable[Sql]) -> Sql:
    return reduce(lambda a, b: Infix("+", a, b), values)


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    incoming = main_input(around)
    if incoming is None:
        return {}
    flow, view = incoming
    java = Java(around, {flow: unsure(view)})
    each = [(a, list(rules(a, flow))) for a in asked(component, unsure(view).columns)]
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
