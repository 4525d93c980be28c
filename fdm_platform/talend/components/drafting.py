"""What a component's conversion gathers as it goes: values of expressions, residues and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fdm_platform.talend.components.flows import (
    fields,
    output_view,
    relation,
    schema_of,
    sql_columns,
    view_name,
)
from fdm_platform.talend.components.global_map import global_constants
from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.expression import FALSE, NULL, Call, Case, Sql, Text, Todo
from fdm_platform.talend.java import translate
from fdm_platform.talend.java.typed import Scope, Typed, Untranslated
from fdm_platform.talend.java.types import JavaType, java_type, spark_type
from fdm_platform.talend.model import Component, Link
from fdm_platform.talend.plan import (
    Converted,
    Fate,
    Note,
    Outcome,
    Output,
    Residue,
    Select,
    SqlColumn,
    Step,
    View,
)

_BOOLEAN = JavaType("boolean", is_boxed=False)
_TODO = "Write the SQL in place of the TODO."


@dataclass(slots=True)
class Draft:
    """One component on its way to a Converted."""

    component: Component
    around: Around
    residues: list[Residue] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)

    def name(self, *parts: str) -> str:
        """A view of this component."""
        return view_name(self.around.job, self.component.unique_name, *parts)

    def scope(self, flows: Mapping[str, Mapping[str, Typed]] | None = None) -> Scope:
        """What expressions may refer to; without `flows`, all incoming ones under their names."""
        seen = flows if flows is not None else {n: fields(v, n) for n, v in self.around.inputs.items()}
        around = self.around
        constants = global_constants(around.job, around.context)
        return Scope(seen, around.context, constants, routines=around.routines)

    def residue(self, place: str, expression: str, reason: str, todo: str = _TODO) -> None:
        """Leave something to a person."""
        found = Residue(self.component.unique_name, place, expression, reason, todo)
        if found not in self.residues:
            self.residues.append(found)

    def note(self, text: str) -> None:
        """Say what differs and needs nobody; once."""
        found = Note(self.component.unique_name, text)
        if found not in self.notes:
            self.notes.append(found)

    def value(self, java: str, scope: Scope, want: SqlColumn, place: str) -> Typed:
        """An expression as a value of that column's type; a TODO and a residue where it cannot be."""
        return self.typed(
            java, scope, java_type(want.talend_type, nullable=want.nullable), place, want.spark_type
        )

    def typed(
        self, java: str, scope: Scope, want: JavaType | None, place: str, spark: str | None = None
    ) -> Typed:
        """As `value`, of any type."""
        found = translate(java, scope, want)
        if isinstance(found, Untranslated):
            self.residue(place, java, found.reason)
            as_type = spark or (spark_type(want.kind) if want else "string")
            return Typed(
                want or JavaType("object"), Todo(as_type, java, found.reason), as_type, is_nullable=True
            )
        for text in found.notes:
            self.note(text)
        return found

    def boolean(self, java: str, scope: Scope, place: str) -> Typed:
        """An expression as a condition that is never NULL; a TODO that holds for no row where it cannot be."""
        found = self.typed(java, scope, _BOOLEAN, place, "boolean")
        return replace(found, sql=Call("coalesce", (found.sql, FALSE))) if found.is_nullable else found

    def condition(self, java: str, scope: Scope, place: str) -> Sql:
        """As `boolean`, guarded: where Java would have thrown the date fails, or the condition does not hold."""
        return self.guarded(self.boolean(java, scope, place), place, FALSE)

    def guarded(self, value: Typed, place: str, otherwise: Sql = NULL) -> Sql:
        """The value where Java gives one; where it would have thrown the date fails, or `otherwise` is the value."""
        if value.fails == FALSE:
            return value.sql
        if self.around.on_java_error == "null":
            self.note(
                f"{place}: {'NULL' if otherwise == NULL else 'false'} where Java would have ended the job"
            )
            return Case(((value.fails, otherwise),), value.sql)
        failing = Call(
            "raise_error", (Text(f"{self.component.unique_name}.{place}: Java would have failed here"),)
        )
        return Case(((value.fails, failing),), value.sql)

    def add(self, view: View, select: Select, *links: Link) -> None:
        """A step that makes a view, and the flows that read it."""
        self.steps.append(Step(view.name, select, self.component.unique_name))
        self.views.update({link.name: view for link in links})

    def done(self, outcome: Outcome = "step", detail: str = "") -> Converted:
        """All that was gathered."""
        files = ", ".join(f"{step.view}.hql" for step in self.steps)
        return Converted(
            Fate(self.component.unique_name, self.component.kind, outcome, detail or files),
            steps=tuple(self.steps),
            residues=tuple(self.residues),
            notes=tuple(self.notes),
            views=dict(self.views),
        )


def left_to_a_person(
    component: Component, around: Around, reason: str, *, todo: str = _TODO, place: str = "", java: str = ""
) -> Converted:
    """A component that cannot be carried over: its outgoing flows are views of TODOs, so that what follows is seen."""
    draft = Draft(component, around)
    draft.residue(place, java, reason, todo)
    source = next((relation(*flow) for flow in around.inputs.items()), None)
    for link in around.outputs:
        columns = sql_columns(schema_of(component, link))
        values = tuple(Output(c.name, Todo(c.spark_type, java or component.kind, reason)) for c in columns)
        draft.add(View(output_view(around, component, link), columns), Select(values, source), link)
    return draft.done("residue", reason)
