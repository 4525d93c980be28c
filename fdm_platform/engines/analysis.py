"""A table's HQL before any load: through Spark's own parser, and its analyser where columns are known.

Spark runs no job for it: the sources are empty views of their declared columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import SparkSession

from fdm_platform.engines.failure import sql_error
from fdm_platform.engines.samples import empty_frame, source_columns
from fdm_platform.engines.sessions import local_session
from fdm_platform.errors import SqlError
from fdm_platform.model.table import ColumnSpec, StepSpec, TableSpec
from fdm_platform.planning.sample_parameters import bound_step


def analyze(
    spec: TableSpec, spark: SparkSession | None = None, parents: Mapping[str, TableSpec] | None = None
) -> list[SqlError]:
    """What Spark's parser and analyser find in the table's steps, with line and column; empty if sound.

    Columns and types are checked where every source declares its columns, or reads a table in
    `parents` (by name) that declares its own; else the syntax alone. Placeholders stand for sample
    values: one that only a job's context defines counts as text. Starts a local session if given none.
    """
    session = (spark or local_session("fdm analyze", cores=1)).newSession()
    columns = {s.view: source_columns(s, parents or {}) for s in spec.sources}
    errors: list[SqlError] = []
    can_analyse = all(columns.values())
    if can_analyse:
        _register(session, spec, columns)
    for step in spec.steps:
        try:
            _check(session, step, bound_step(spec, step), analyse=can_analyse and not errors)
        except SqlError as error:
            errors.append(error)
    return errors


def _register(session: SparkSession, spec: TableSpec, columns: Mapping[str, Sequence[ColumnSpec]]) -> None:
    for view, declared in columns.items():
        frame = empty_frame(session, declared, file=spec.file, field=f"sources.{view}.columns")
        frame.createOrReplaceTempView(view)


def _check(session: SparkSession, step: StepSpec, sql: str, *, analyse: bool) -> None:
    try:
        if analyse:
            session.sql(sql).createOrReplaceTempView(step.view)
        else:
            java: Any = session._jsparkSession  # noqa: SLF001 - PySpark has no parser of its own
            java.sessionState().sqlParser().parsePlan(sql)
    except (ParseException, AnalysisException) as error:
        raise sql_error(error, step.file) from error
