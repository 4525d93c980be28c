"""Fixture tests of a job's steps: rows by the schemas of its flows, and what Talend's rules make of them.

Rows are the same at each import. What is expected is worked out by the handlers' `simulate`, which knows Java's rules
and not the SQL. Rows on which Java would have failed are left out. Where a person has to write a step, its test says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from fdm_platform.talend.components.flows import hidden
from fdm_platform.talend.components.handler import Handler, Rows
from fdm_platform.talend.conversion import Conversion, JobPlan, TablePlan, read_by
from fdm_platform.talend.model import ContextVariable
from fdm_platform.talend.plan import SourceInput, SqlColumn, Step, View
from fdm_platform.talend.samples import NO_HINTS, Hints, fitting, hints_of, null_row, sample_row, text_of
from fdm_platform.talend.sql import to_sql

BIZ_DATE = date(2024, 5, 15)
_ROWS, _ROWS_OF_A_LOOKUP = 5, 4
_TODO = "/* TODO "
_PARAMETER = re.compile(r"\$\{(\w+)\}")
_NUMBERS = {"id_Integer": int, "id_Long": int, "id_Short": int, "id_Byte": int}


@dataclass(frozen=True, slots=True)
class StepTest:
    """A test of one step, as its file has it."""

    view: str
    document: Mapping[str, Any]
    """The keys of the file, in their order."""
    todo: str = ""
    """Why a person has to say what is expected; printed above it."""


@dataclass(slots=True)
class _Given:
    """Rows of the views that a component reads, and their columns' types."""

    rows: dict[str, Rows] = field(default_factory=dict)
    """By incoming flow, or by source."""
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    """By view; of a source, table.yaml has them."""
    views: dict[str, str] = field(default_factory=dict)
    """The view of each flow."""


def step_tests(plan: JobPlan, handlers: Mapping[str, Handler]) -> Mapping[str, StepTest]:
    """A test for each step of the job that can have one, by the step's view."""
    tests: dict[str, StepTest] = {}
    for conversion in plan.conversions.values():
        for test in _of_component(conversion, handlers.get(conversion.component.kind)):
            tests[test.view] = test
    return tests


def last_test(table: TablePlan) -> StepTest | None:
    """The test of a table's last step, which takes the columns that are written; None where it casts more than dates."""
    step = table.steps[-1]
    sink = table.sink
    incoming = {c.name.lower(): c for c in sink.view.columns}
    rows = _samples(sink.view)
    if table.sources and any(s.view == sink.view.name for s in table.sources):
        return None
    try:
        expected = [{c.name: _stored(row, c, incoming) for c in table.columns} for row in rows]
    except TypeError:
        return None
    given = _Given({sink.flow: rows}, {sink.view.name: _types(sink.view)}, {sink.flow: sink.view.name})
    return StepTest(step.view, _document((step,), given, expected, {}))


def _stored(row: Mapping[str, object], column: SqlColumn, incoming: Mapping[str, SqlColumn]) -> object:
    """A value as the table keeps it; TypeError for a cast that is not told here."""
    found = incoming.get(column.name.lower())
    value = row[found.name] if found else BIZ_DATE
    if value is None or found is None or found.spark_type == column.spark_type:
        return value
    if isinstance(value, datetime) and column.spark_type == "date":
        return value.date()
    if isinstance(value, Decimal) and column.spark_type.startswith("decimal"):
        return fitting(value, column.spark_type)
    raise TypeError(column.spark_type)


def _of_component(conversion: Conversion, handler: Handler | None) -> Iterator[StepTest]:
    steps = {s.view: s for s in conversion.converted.steps}
    if not steps:
        return
    given = _given(conversion)
    made: Mapping[str, Rows] | None = None
    if handler and handler.simulate:
        made = _simulated(conversion, handler, given)
    context = tuple(conversion.around.context.values())
    texts = {view: to_sql(step.select) for view, step in steps.items()}
    for view, step in steps.items():
        chain = _chain(step, steps)
        text = "\n".join(texts[s.view] for s in chain)
        if _TODO in text:
            what = f"{conversion.component.unique_name} ({conversion.component.kind}) is not all carried over"
            yield StepTest(view, _document(chain, given, [], _read_in(text, context)), what)
        elif made is not None and view in made:
            yield StepTest(view, _document(chain, given, made[view], _read_in(text, context)))


def _given(conversion: Conversion) -> _Given:
    given = _Given()
    hints = hints_of(conversion.component, list(conversion.around.inputs))
    for number, (flow, view) in enumerate(conversion.around.inputs.items()):
        # Of a lookup fewer, so that no two rows have one key: which of them counts may be left open.
        rows = _ROWS if number == 0 else _ROWS_OF_A_LOOKUP
        given.rows[flow] = _samples(view, rows, flow, hints)
        given.views[flow] = view.name
        given.types[view.name] = _types(view)
    for source in conversion.converted.sources:
        given.views[source.view] = source.view
        made = next(iter(conversion.converted.views.values()), None)
        if source.spec.get("columns"):
            given.rows[source.view] = _texts(source, conversion)
        elif made:  # a database's, whose types are those of the query
            given.rows[source.view] = [{c.name: r[c.name] for c in made.columns} for r in _samples(made)]
            given.types[source.view] = {c.name: c.spark_type for c in made.columns}
    return given


def _types(view: View) -> dict[str, str]:
    return {c.name: c.spark_type for c in view.columns} | dict.fromkeys(hidden(view), "bigint")


def _samples(
    view: View, number: int = _ROWS, flow: str = "", hints: Hints = NO_HINTS
) -> list[dict[str, object]]:
    """Rows of a view: some with values, one with NULL wherever there may be one."""
    rows = [sample_row(view.columns, i, flow, hints) for i in range(number - 1)]
    rows.append(null_row(view.columns))
    for i, row in enumerate(rows):
        row.update(dict.fromkeys(hidden(view), i))
    return rows


def _texts(source: SourceInput, conversion: Conversion) -> list[dict[str, object]]:
    """Rows of a source: of a column of text that becomes another type, the text of a value."""
    made = next(iter(conversion.converted.views.values()), None)
    wanted = {c.name: c for c in made.columns} if made else {}
    names = list(source.spec.get("columns", {}))
    rows = []
    for i in range(_ROWS):
        row = sample_row(tuple(wanted.values()), i) if i < _ROWS - 1 else null_row(tuple(wanted.values()))
        texts = {n: text_of(row[n], wanted[n]) for n in wanted}
        rows.append({n: _field(n, row, texts, source, conversion) for n in names})
    return rows


def _field(
    name: str,
    row: Mapping[str, object],
    texts: Mapping[str, str | None],
    source: SourceInput,
    conversion: Conversion,
) -> object:
    """A source's value: text where the source is read as text, the value itself where it is typed."""
    declared = source.spec["columns"][name]
    if declared != "string":
        return row.get(name)
    if name in texts:
        return texts[name]
    return _line(texts.values(), conversion.component.text("PATTERN"))


def _line(texts: Iterable[str | None], pattern: str) -> str:
    """A line of fields of fixed widths."""
    widths = [int(w) if w.isdigit() else None for w in re.findall(r"\d+|\*", pattern)]
    fields = zip(texts, [*widths, *[None] * 999], strict=False)
    return "".join((t or "") if w is None else (t or "")[:w].ljust(w) for t, w in fields)


def _simulated(conversion: Conversion, handler: Handler, given: _Given) -> Mapping[str, Rows] | None:
    """What Talend makes of the rows; those on which it fails are taken out of `given`. None: it fails on all."""
    made = _attempt(conversion, handler, given.rows)
    if made is not None or not given.rows:
        return made
    main = next(iter(given.rows))
    one_by_one = [
        r for r in given.rows[main] if _attempt(conversion, handler, {**given.rows, main: (r,)}) is not None
    ]
    if one_by_one:
        given.rows[main] = one_by_one
        return _attempt(conversion, handler, given.rows)
    return _grown(conversion, handler, given)


def _grown(conversion: Conversion, handler: Handler, given: _Given) -> Mapping[str, Rows] | None:
    """As above, where rows of lookups are in the way: row after row is added that Talend can take."""
    kept: dict[str, Rows] = dict.fromkeys(given.rows, ())
    for flow, rows in given.rows.items():
        for row in rows:
            tried = {**kept, flow: (*kept[flow], row)}
            kept = tried if _attempt(conversion, handler, tried) is not None else kept
    given.rows.update(kept)
    return _attempt(conversion, handler, kept) if any(kept.values()) else None


def _attempt(conversion: Conversion, handler: Handler, rows: Mapping[str, Rows]) -> Mapping[str, Rows] | None:
    try:
        return handler.simulate(conversion.component, conversion.around, rows) if handler.simulate else None
    except Exception:  # noqa: BLE001 - Java would have failed on these rows, or the interpreter does not know
        return None


def _chain(step: Step, own: Mapping[str, Step]) -> tuple[Step, ...]:
    """The component's steps up to this one."""
    needed = {step.view}
    for other in reversed(list(own.values())):
        if other.view in needed:
            needed |= set(read_by(other.select)) & own.keys()
    return tuple(s for s in own.values() if s.view in needed)


def _read_in(text: str, context: Sequence[ContextVariable]) -> dict[str, object]:
    """The values of the variables that the SQL asks for."""
    names = {name.lower() for name in _PARAMETER.findall(text)} - {"biz_dt"}
    return {v.name: _parameter(v) for v in context if v.name.lower() in names}


def _document(
    steps: Sequence[Step], given: _Given, expected: Rows, parameters: Mapping[str, object]
) -> dict[str, Any]:
    """The test's file."""
    own = {s.view for s in steps}
    read = {view for s in steps for view in read_by(s.select)} - own
    views = [s.view for s in steps]
    by_view = {given.views[flow]: rows for flow, rows in given.rows.items()}
    document: dict[str, Any] = {
        "name": f"{views[-1]} makes what Talend makes",
        "step": views[0] if len(views) == 1 else views,
        "biz_dt": BIZ_DATE,
        "parameters": parameters,
        "columns": {view: types for view, types in given.types.items() if view in read},
        "sources": {view: [_plain(r) for r in rows] for view, rows in by_view.items() if view in read},
        "expected": [_plain(row) for row in expected],
    }
    return {k: v for k, v in document.items() if v or k in ("sources", "expected")}


def _parameter(variable: ContextVariable) -> object:
    """A value of the context as sys_params would give it."""
    kind = _NUMBERS.get(variable.type)
    try:
        return kind(variable.value) if kind else variable.value
    except ValueError:
        return None


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    """Values as YAML has them: a decimal as text, so that it keeps its places; a time as text, which needs no tag."""
    return {k: _scalar(v) for k, v in row.items()}


def _scalar(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat(" ") if isinstance(value, datetime) else value
