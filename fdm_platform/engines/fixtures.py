"""Fixture tests of a table: rows of its sources, and the rows that its SQL must make of them.

`tests/*.yaml` beside table.yaml, one test each:

    name: the lookup completes the entity
    biz_dt: 2024-05-15
    parameters: {change_indicator: "Y"}          # optional
    sources:
      row1: [{contract_id: K1, amount: 10.5}]    # types as the source declares them; else as YAML has them
    expected: [{contract_id: K1, amount: 10.5}]  # any order; only the columns that stand here are compared

A test of one step alone names it, or several in their order, of which the last one's rows are compared. It gives the
views that these read, be they sources or steps before them:

    step: tMap_1_out1
    columns: {tFilterRow_1: {id: int}}           # types of views that no source declares; else as YAML has them
    sources:
      tFilterRow_1: [{id: 1}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as t

from fdm_platform.engines.casting import parse_schema
from fdm_platform.engines.failure import to_failure
from fdm_platform.engines.samples import (
    empty_frame,
    infer_type,
    source_columns,
    to_spark,
)
from fdm_platform.engines.steps import load_transform, run_steps, typed_parameters
from fdm_platform.errors import DeclarationError
from fdm_platform.model.manifest import LoadFailure
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.plan import Parameter, StepPlan
from fdm_platform.model.table import ColumnSpec, TableSpec
from fdm_platform.planning.names import suggest
from fdm_platform.planning.sample_parameters import sample_parameters
from fdm_platform.planning.sql import bind

_KEYS = ("name", "step", "biz_dt", "parameters", "columns", "sources", "expected")
_REQUIRED = ("biz_dt", "sources", "expected")
_DIGITS = 12
"""Significant digits to which floating-point numbers are compared."""

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixture:
    """One test file, read."""

    name: str
    file: str
    biz_dt: date
    parameters: Mapping[str, Any]
    sources: Mapping[str, Sequence[Mapping[str, Any]]]
    expected: Sequence[Mapping[str, Any]]
    steps: Sequence[str] = ()
    """Views of the steps that are run; none: the whole table is."""
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Types of columns, by view: of views that no source declares."""


@dataclass(frozen=True, slots=True)
class FixtureResult:
    """A test's outcome. `missing` and `unexpected` are rows of `columns`, values as text.

    Where both have rows, the first of one is the most like the first of the other, and so on.
    """

    table: str
    name: str
    file: str
    columns: tuple[str, ...] = ()
    missing: tuple[Row, ...] = ()
    unexpected: tuple[Row, ...] = ()
    failure: LoadFailure | None = None
    """Why the test could not be run to its end."""

    @property
    def is_passed(self) -> bool:
        """The SQL made the expected rows and no others."""
        return not (self.missing or self.unexpected or self.failure)


def fixture_files(spec: TableSpec) -> list[Path]:
    """The table's test files, by name."""
    return sorted((Path(spec.file).parent / "tests").glob("*.y*ml"))


def run_fixtures(
    spec: TableSpec,
    spark: SparkSession,
    tables: Mapping[str, TableSpec] | None = None,
    python_path: Sequence[str] = (),
) -> list[FixtureResult]:
    """Run every fixture test of the table; a test that cannot be run is a failed result.

    `tables`, by name, has the landing tables that it reads; `python_path` is where else, after the
    table's folder, its transform may import from.
    """
    return [_run_file(spec, spark, file, tables or {}, python_path) for file in fixture_files(spec)]


def read_fixture(file: Path) -> Fixture:
    """A test file; DeclarationError if it is not one."""
    try:
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DeclarationError(f"is not YAML: {error.problem}", file=str(file), line=line) from error
    if not isinstance(plain, dict):
        raise DeclarationError("is no mapping", file=str(file), remedy=f"give it {', '.join(_KEYS)}")
    for key in plain:
        if key not in _KEYS:
            raise DeclarationError(
                f"unknown key {key!r}", file=str(file), field=str(key), remedy=suggest(str(key), _KEYS)
            )
    for key in _REQUIRED:
        if key not in plain:
            raise DeclarationError(f"has no {key!r}", file=str(file), field=key, remedy=f"add `{key}:`")
    return Fixture(
        name=str(plain.get("name") or file.stem),
        file=str(file),
        biz_dt=parse_biz_dt(str(plain["biz_dt"])),
        parameters=plain.get("parameters") or {},
        sources={k: v or [] for k, v in (plain["sources"] or {}).items()},
        expected=plain["expected"] or [],
        steps=_steps(plain.get("step")),
        columns=plain.get("columns") or {},
    )


def _steps(given: Any) -> tuple[str, ...]:
    """`step: a` says the same as `step: [a]`."""
    return tuple(map(str, given)) if isinstance(given, list) else () if given is None else (str(given),)


def _run_file(
    spec: TableSpec,
    spark: SparkSession,
    file: Path,
    tables: Mapping[str, TableSpec],
    python_path: Sequence[str],
) -> FixtureResult:
    name = file.stem
    try:
        fixture = read_fixture(file)
        name = fixture.name
        path = (str(Path(spec.file).parent), *python_path)
        result = _result(spec, _session(spec, spark), fixture, tables, path)
        columns, missing, unexpected = _compare(result, fixture)
    except Exception as error:  # noqa: BLE001 - a transform may raise anything; the next test runs
        return FixtureResult(spec.name, name, str(file), failure=to_failure(error))
    return FixtureResult(spec.name, name, str(file), columns, missing, unexpected)


def _session(spec: TableSpec, spark: SparkSession) -> SparkSession:
    """A session of its own, with the SQL settings that the table declares for its loads.

    But for the time zone: times of a test are what this machine's clock shows.
    """
    session = spark.newSession()
    conf: Any = spec.launch.get("additional_conf") or {}
    for key, value in conf.items():
        if key != "spark.sql.session.timeZone" and session.conf.isModifiable(key):
            session.conf.set(key, value)
    return session


def _result(
    spec: TableSpec,
    spark: SparkSession,
    fixture: Fixture,
    tables: Mapping[str, TableSpec],
    python_path: Sequence[str],
) -> DataFrame:
    parameters = sample_parameters(spec, fixture.biz_dt, fixture.parameters, fixture.file)
    if fixture.steps:
        return _some_steps(spec, spark, fixture, tables, parameters)
    inputs = _inputs(spec, spark, fixture, tables)
    steps = run_steps(spark, [_step(s.view, s.file, s.sql, parameters) for s in spec.steps])
    if spec.transform is None:
        return steps[spec.steps[-1].view]
    function = load_transform(spec.transform, python_path, spec.file)
    return function(spark, {**inputs, **steps}, typed_parameters(list(parameters.values())))


def _some_steps(
    spec: TableSpec,
    spark: SparkSession,
    fixture: Fixture,
    tables: Mapping[str, TableSpec],
    parameters: Mapping[str, Parameter],
) -> DataFrame:
    """What the test's steps make of the views that it gives them."""
    by_view = {s.view: s for s in spec.steps}
    for view in fixture.steps:
        if view not in by_view:
            raise DeclarationError(
                f"{spec.name} has no step {view!r}",
                file=fixture.file,
                field="step",
                remedy=suggest(view, by_view),
            )
    declared = {s.view: source_columns(s, tables) for s in spec.sources}
    given = {
        view: tuple(ColumnSpec(n, str(x)) for n, x in columns.items())
        for view, columns in fixture.columns.items()
    }
    for view in dict.fromkeys((*fixture.sources, *given)):
        _view(spec, spark, fixture, view, given.get(view) or declared.get(view, ()))
    steps = [by_view[view] for view in fixture.steps]
    made = run_steps(spark, [_step(s.view, s.file, s.sql, parameters) for s in steps])
    return made[steps[-1].view]


def _step(view: str, file: str, sql: str, parameters: Mapping[str, Parameter]) -> StepPlan:
    own = {"view_name": Parameter("VIEW_NAME", view, "string", f"step {view}")}
    return StepPlan(view, file, bind(sql, {**parameters, **own}, file=file))


def _inputs(
    spec: TableSpec, spark: SparkSession, fixture: Fixture, tables: Mapping[str, TableSpec]
) -> dict[str, DataFrame]:
    views = [s.view for s in spec.sources]
    for view in fixture.sources:
        if view not in views:
            raise DeclarationError(
                f"{spec.name} has no source {view!r}",
                file=fixture.file,
                field=f"sources.{view}",
                remedy=suggest(view, views),
            )
    return {s.view: _view(spec, spark, fixture, s.view, source_columns(s, tables)) for s in spec.sources}


def _view(
    spec: TableSpec, spark: SparkSession, fixture: Fixture, view: str, columns: Sequence[ColumnSpec]
) -> DataFrame:
    """The test's rows of a view, registered under its name."""
    field = f"sources.{view}"
    place = {"file": spec.file, "field": f"{field}.columns"}
    rows = fixture.sources.get(view, ())
    if not rows and not columns:
        raise DeclarationError(
            f"the source {view} has neither rows nor declared columns",
            file=fixture.file,
            field=field,
            remedy="give it a row, or declare its columns in table.yaml",
        )
    declared = parse_schema(columns, **place) if columns else None
    frame = (
        _frame(spark, rows, declared, fixture.file, field) if rows else empty_frame(spark, columns, **place)
    )
    frame.createOrReplaceTempView(view)
    return frame


def _frame(
    spark: SparkSession,
    rows: Sequence[Mapping[str, Any]],
    declared: t.StructType | None,
    file: str,
    field: str,
) -> DataFrame:
    names = list(dict.fromkeys(n for row in rows for n in row))
    schema = declared or t.StructType(
        [t.StructField(n, infer_type([row.get(n) for row in rows])) for n in names]
    )
    by_name = {x.name.lower(): x for x in schema.fields}
    for n in names:
        if n.lower() not in by_name:
            raise DeclarationError(
                f"column {n!r} is not declared", file=file, field=field, remedy=suggest(n, schema.names)
            )
    values = [
        tuple(
            _convert({k.lower(): v for k, v in row.items()}.get(key), x, file, field)
            for key, x in by_name.items()
        )
        for row in rows
    ]
    return spark.createDataFrame(values, schema)


def _convert(value: Any, column: t.StructField, file: str, field: str) -> Any:
    try:
        return to_spark(value, column.dataType)
    except (ValueError, ArithmeticError, KeyError, AttributeError, TypeError) as error:
        raise DeclarationError(
            f"{value!r} is not of type {column.dataType.simpleString()}",
            file=file,
            field=f"{field}.{column.name}",
            remedy="correct the value, or the declared type",
        ) from error


def _compare(result: DataFrame, fixture: Fixture) -> tuple[tuple[str, ...], tuple[Row, ...], tuple[Row, ...]]:
    by_name = {x.name.lower(): x for x in result.schema.fields}
    wanted = dict.fromkeys(n for row in fixture.expected for n in row) or dict.fromkeys(result.columns)
    for n in wanted:
        if n.lower() not in by_name:
            raise DeclarationError(
                f"the result has no column {n!r}",
                file=fixture.file,
                field="expected",
                remedy=suggest(n, result.columns),
            )
    fields = [by_name[n.lower()] for n in wanted]
    expected = Counter(
        tuple(
            _text(_convert(row.get(n), x, fixture.file, "expected"))
            for n, x in zip(wanted, fields, strict=True)
        )
        for row in fixture.expected
    )
    made = result.select(*[f"`{x.name}`" for x in fields]).collect()
    actual = Counter(tuple(_text(v) for v in row) for row in made)
    missing, unexpected = _pair(expected - actual, actual - expected)
    return tuple(wanted), missing, unexpected


def _pair(missing: Counter[Row], unexpected: Counter[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Both in an order that puts the rows that are most alike beside each other."""
    left, right = sorted(missing.elements()), sorted(unexpected.elements())
    paired: list[Row] = []
    for row in left:
        if right:
            best = max(right, key=lambda r: sum(a == b for a, b in zip(row, r, strict=True)))
            right.remove(best)
            paired.append(best)
    return tuple(left), (*paired, *right)


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
