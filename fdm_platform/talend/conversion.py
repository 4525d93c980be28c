"""From a job to tables: its components in the order of their flows, each through its handler, a table for each output.

Every component gets one Fate. What the handlers do not know of, since it lies between components (a loop, a condition,
a branch for errors), is told here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from fdm_platform.errors import ImportRefusedError
from fdm_platform.model.partition import BIZ_DT
from fdm_platform.talend.components import HANDLERS
from fdm_platform.talend.components.drafting import left_to_a_person
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.expression import Cast, Placeholder, Ref, Sql
from fdm_platform.talend.flow import JobFlow, flow_of
from fdm_platform.talend.model import Component, TalendJob
from fdm_platform.talend.naming import slug, table_name, target_name, unused
from fdm_platform.talend.plan import (
    Check,
    Converted,
    Fate,
    Note,
    Output,
    Relation,
    Residue,
    Select,
    Sink,
    SourceInput,
    SqlColumn,
    Step,
    View,
)


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """What is asked of an import, besides the job."""

    entity: str
    source_system: str
    on_java_error: Literal["raise", "null"] = "raise"
    timezone: str | None = None
    """The zone of the machine on which Talend's jobs ran, e.g. `Asia/Singapore`."""
    routines: frozenset[str] = frozenset()
    """Names of the project's own Java classes."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A component, what it was told, and what became of it."""

    component: Component
    around: Around
    converted: Converted


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table that one output of a job becomes."""

    name: str
    """E.g. `t_policy`."""
    sink: Sink
    columns: tuple[SqlColumn, ...]
    """The sink's, and biz_dt."""
    sources: tuple[SourceInput, ...]
    steps: tuple[Step, ...]
    """In order; the last one's rows are the table."""
    checks: tuple[Check, ...]
    is_main: bool


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job becomes."""

    job: TalendJob
    name: str
    """Its slug."""
    conversions: Mapping[str, Conversion]
    """By component, in the order of their flows; those that are switched off are not in it."""
    fates: tuple[Fate, ...]
    """One for each component, in the job's order."""
    tables: tuple[TablePlan, ...] = ()
    """The main one first."""
    residues: tuple[Residue, ...] = ()
    notes: tuple[Note, ...] = ()

    def tables_of(self, component: str) -> tuple[tuple[TablePlan, tuple[Step, ...]], ...]:
        """The tables in which something of the component stands, with its steps there."""
        found = []
        for table in self.tables:
            steps = tuple(s for s in table.steps if s.component == component)
            others = {s.component for s in table.sources} | {c.component for c in table.checks}
            if steps or component in others or table.sink.component == component:
                found.append((table, steps))
        return tuple(found)


def convert_job(
    job: TalendJob,
    name: str,
    options: ConversionOptions,
    handlers: Mapping[str, Handler] = HANDLERS,
) -> JobPlan:
    """The job's tables and what is left of it; ImportRefusedError where its flows make no sense."""
    walk = _Walk(job, flow_of(job), options, handlers)
    for component in walk.flow.ordered:
        walk.visit(component)
    tables = tuple(_tables(walk, name, options))
    between = (*_between(walk), *_without_columns(walk))
    each = list(walk.done.values())
    return JobPlan(
        job,
        name,
        walk.done,
        tuple(_fates(walk, tables)),
        tables,
        (*(r for c in each for r in c.converted.residues), *between),
        tuple(n for c in each for n in c.converted.notes),
    )


@dataclass(slots=True)
class _Walk:
    """The components that were converted so far."""

    job: TalendJob
    flow: JobFlow
    options: ConversionOptions
    handlers: Mapping[str, Handler]
    done: dict[str, Conversion] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    off: dict[str, str] = field(default_factory=dict)
    """Why components are off, by unique name."""
    makers: dict[str, str] = field(default_factory=dict)
    """The component that makes a view, by the view's name in lower case."""

    def visit(self, component: Component) -> None:
        """Convert one component, all of whose inputs were visited."""
        if reason := self._is_off(component):
            self.off[component.unique_name] = reason
            return
        around = self._around(component)
        handler = self.handlers.get(component.kind, _UNKNOWN)
        converted = self._guarded(handler, component, around)
        self._refuse_twins(converted)
        self.done[component.unique_name] = Conversion(component, around, converted)
        self.views.update(converted.views)

    def _refuse_twins(self, converted: Converted) -> None:
        """No two steps or sources make one view: one of them would be lost without a word."""
        views: list[Step | SourceInput] = [*converted.steps, *converted.sources]
        for made in views:
            first = self.makers.setdefault(made.view.lower(), made.component)
            if first != made.component:
                raise ImportRefusedError(
                    f"{first} and {made.component} would both make the view {made.view}",
                    file=self.job.file,
                    remedy="rename one of them in Talend Studio",
                )

    def _is_off(self, component: Component) -> str:
        if not component.is_active:
            return "switched off in Talend"
        incoming = [k for k in self.job.links if k.target == component.unique_name and k.is_data]
        dead = [k for k in incoming if not k.is_active or k.source in self.off]
        return "what flows into it is switched off in Talend" if incoming and incoming == dead else ""

    def _around(self, component: Component) -> Around:
        links = [k for k in self.flow.inputs_of(component.unique_name) if k.name in self.views]
        return Around(
            job=self.job,
            inputs={k.name: self.views[k.name] for k in links},
            links=tuple(links),
            outputs=self.flow.outputs_of(component.unique_name),
            context={v.name: v for v in self.job.contexts.get(self.job.default_context, ())},
            on_java_error=self.options.on_java_error,
            timezone=self.options.timezone,
            routines=self.options.routines,
        )

    def _guarded(self, handler: Handler, component: Component, around: Around) -> Converted:
        """What a component's surprise is to the importer, is a residue to the job: the others go on."""
        try:
            return handler.convert(component, around)
        except ImportRefusedError:
            raise
        except Exception as error:  # noqa: BLE001 - parameters come from files of any age and origin
            reason = f"the importer failed on it: {type(error).__name__}: {error}"
            return left_to_a_person(component, around, reason, todo=_REPORT)


def _unknown(component: Component, around: Around) -> Converted:
    todo = "Write by hand what it does to rows; leave it out if the platform does it already."
    return left_to_a_person(
        component, around, f"{component.kind} is not among the known components", todo=todo
    )


_UNKNOWN = Handler(_unknown)
_REPORT = "Report it with the job's file, and write by hand what it does."


def _between(walk: _Walk) -> Iterator[Residue]:
    """What links say that no component does: loops, conditions, branches for errors."""
    for link in walk.job.links:
        said = _TRIGGERS.get(link.connector)
        if said and link.is_active and link.source not in walk.off and link.target not in walk.off:
            reason, todo = said
            yield Residue(link.target, link.connector, link.condition or "", reason.format(link.source), todo)


def _without_columns(walk: _Walk) -> Iterator[Residue]:
    """Outputs that are no tables, since nothing says what they write."""
    for conversion in walk.done.values():
        sink = _sink(conversion)
        if sink and len(_columns(sink)) == 1:
            reason = "its schema has no column but the business date"
            yield Residue(
                sink.component, "", "", reason, "Give it a schema in Talend Studio, and import it again."
            )


_FAILURE = (
    "it runs only when {} has failed",
    "Leave it out: a load that failed is told by Dagster and tried again; or write a sensor for it.",
)
_TRIGGERS = {
    "ITERATE": (
        "it runs once for each item of {}",
        "Read all files with one pattern in the source's path, or write the loop's items as rows.",
    ),
    "RUN_IF": (
        "it runs only if a condition holds when {} has ended",
        "Write the condition as a WHERE of its step, or as a check.",
    ),
    "SUBJOB_ERROR": _FAILURE,
    "COMPONENT_ERROR": _FAILURE,
}


def _fates(walk: _Walk, tables: Sequence[TablePlan]) -> Iterator[Fate]:
    """One for each component; a step or source whose rows no output takes is a note: nothing is lost with it."""
    used = {t.sink.component for t in tables}
    for table in tables:
        used |= {s.component for s in table.sources}
        used |= {s.component for s in table.steps}
        used |= {c.component for c in table.checks}
    passing = _on_the_way(walk, used)
    for component in walk.job.components:
        name = component.unique_name
        if name in walk.off:
            yield Fate(name, component.kind, "off", walk.off[name])
            continue
        fate = walk.done[name].converted.fate
        if fate.outcome in ("source", "step") and name not in passing:
            fate = replace(
                fate, outcome="note", detail="its rows reach no output: nothing is written from them"
            )
        yield fate


def _on_the_way(walk: _Walk, used: set[str]) -> set[str]:
    """The components that are used, and those on the flows to them."""
    found = set(used)
    for component in reversed(walk.flow.ordered):
        if any(k.target in found for k in walk.flow.outputs_of(component.unique_name)):
            found.add(component.unique_name)
    return found


def _tables(walk: _Walk, name: str, options: ConversionOptions) -> Iterator[TablePlan]:
    sinks = [s for c in walk.done.values() if (s := _sink(c)) and len(_columns(s)) > 1]
    main = _main(walk, sinks)
    own = table_name(name, options.entity, options.source_system)
    taken = {own}
    for sink in sorted(sinks, key=lambda s: s is not main):
        table = own if sink is main else unused(f"{own}_{target_name(sink.target) or slug(sink.flow)}", taken)
        taken.add(table)
        yield _table(walk, table, sink, is_main=sink is main)


def _sink(conversion: Conversion) -> Sink | None:
    """What an output writes; of an output that is left to a person, the rows that flow into it."""
    component, converted = conversion.component, conversion.converted
    if converted.sink or converted.fate.outcome != "residue" or "Output" not in component.kind:
        return converted.sink
    flow = next(iter(conversion.around.inputs.items()), None)
    return Sink(component.unique_name, flow[0], flow[1], flow[1].columns, "insert") if flow else None


def _main(walk: _Walk, sinks: Sequence[Sink]) -> Sink | None:
    """The output with the most components before it; one that takes rejected rows only if there is no other."""

    def rank(sink: Sink) -> tuple[bool, int]:
        return not walk.flow.is_rejected(sink.component), len(walk.flow.ancestors(sink.component))

    return max(sinks, key=rank, default=None)


def _table(walk: _Walk, name: str, sink: Sink, *, is_main: bool) -> TablePlan:
    steps = {s.view: s for c in walk.done.values() for s in c.converted.steps}
    sources = {s.view: s for c in walk.done.values() for s in c.converted.sources}
    checks = tuple(_checks(walk, sink, is_main=is_main))
    needed = _needed([sink.view.name, *(view for k in checks for view in k.reads)], steps)
    last = _last_step(sink, {*steps, *sources})
    return TablePlan(
        name,
        sink,
        _columns(sink),
        tuple(s for view, s in sources.items() if view in needed),
        (*(s for view, s in steps.items() if view in needed), last),
        checks,
        is_main,
    )


def _checks(walk: _Walk, sink: Sink, *, is_main: bool) -> Iterator[Check]:
    """Its own, and those of the components whose rows it takes; of rows that it does not take, the main table's."""
    before = walk.flow.ancestors(sink.component) | {sink.component}
    for name, conversion in walk.done.items():
        for check in conversion.converted.checks:
            if conversion.converted.sink:
                is_asked = name == sink.component
            else:
                is_asked = is_main if check.reads else name in before
            if is_asked:
                yield check


def _needed(views: Iterable[str], steps: Mapping[str, Step]) -> set[str]:
    """The views from which these are made, and they themselves."""
    found: set[str] = set()
    pending = list(views)
    while pending:
        current = pending.pop()
        if current not in found:
            found.add(current)
            pending += read_by(steps[current].select) if current in steps else ()
    return found


def read_by(select: Select) -> Iterator[str]:
    """The views that a select reads."""
    for relation in (select.source, *(j.relation for j in select.joins)):
        if relation is None:
            continue
        if isinstance(relation.of, str):
            yield relation.of
        else:
            yield from read_by(relation.of)
    for other in select.union:
        yield from read_by(other)


def _columns(sink: Sink) -> tuple[SqlColumn, ...]:
    """The table's columns: biz_dt is a date, and stands last where the sink has none."""
    own = tuple(
        replace(c, name=BIZ_DT, spark_type="date") if c.name.lower() == BIZ_DT else c for c in sink.columns
    )
    has_date = any(c.name == BIZ_DT for c in own)
    return own if has_date else (*own, SqlColumn(BIZ_DT, "id_Date", "date", nullable=False))


def _last_step(sink: Sink, taken: Iterable[str]) -> Step:
    """The rows of the sink's view, in its columns and types."""
    found = {c.name.lower(): c for c in sink.view.columns}

    def value(column: SqlColumn) -> Sql:
        incoming = found.get(column.name.lower())
        if incoming is None:
            return Cast(Placeholder("BIZ_DT"), "date")
        plain = Ref(incoming.name, sink.flow)
        return plain if incoming.spark_type == column.spark_type else Cast(plain, column.spark_type)

    columns = tuple(Output(c.name, value(c)) for c in _columns(sink))
    select = Select(
        columns, Relation(sink.view.name, sink.flow), comment=f"{sink.component}: the table's rows"
    )
    return Step(unused(sink.component, taken), select, sink.component)
