"""HQL before any load: what Spark's parser and analyser say of it."""

from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fdm_platform.engines.analysis import analyze
from fdm_platform.model.table import ColumnSpec, SourceSpec, StepSpec, TableSpec

pytestmark = pytest.mark.spark

COLUMNS = (ColumnSpec("id", "string"), ColumnSpec("amount", "decimal(18,2)"))


def table(*sql: str, columns: tuple[ColumnSpec, ...] = COLUMNS, **source: Any) -> TableSpec:
    return TableSpec(
        entity="GELS",
        source_system="FPMS",
        table="t_x",
        file="table.yaml",
        sources=(SourceSpec("row1", "csv", "x.csv", columns=columns, **source),),
        steps=tuple(StepSpec(f"out{i}", f"out{i}.hql", text) for i, text in enumerate(sql, 1)),
        job_name="etl_x",
    )


def test_sound_steps_build_on_each_other(spark: SparkSession) -> None:
    spec = table(
        "-- ${not_bound}\nSELECT id, amount * ${rate} AS a, '${BIZ_DT}' AS d FROM row1;",
        "SELECT id, sum(a) AS a FROM out1 WHERE d >= '\" + context.process_from_date + \"' GROUP BY id",
    )
    assert analyze(spec, spark) == []


def test_a_syntax_error_has_its_place(spark: SparkSession) -> None:
    (error,) = analyze(table("SELECT id\nFROM row1\nWHERE id = = 1"), spark)
    assert error.message == "[PARSE_SYNTAX_ERROR] Syntax error at or near '='."
    assert (error.file, error.line, error.column) == ("out1.hql", 3, 12)
    assert error.remedy


def test_an_unknown_column_has_its_place(spark: SparkSession) -> None:
    (error,) = analyze(table("SELECT id,\n  amuont FROM row1"), spark)
    assert "`amuont` cannot be resolved. Did you mean" in error.message
    assert (error.line, error.column) == (2, 3)


def test_every_step_is_parsed_after_the_first_error(spark: SparkSession) -> None:
    errors = analyze(table("SELECT nope FROM row1", "SELECT * FROM out1", "SELEC 1"), spark)
    assert [(e.file, e.message.split("]")[0]) for e in errors] == [
        ("out1.hql", "[UNRESOLVED_COLUMN.WITH_SUGGESTION"),
        ("out3.hql", "[PARSE_SYNTAX_ERROR"),
    ]


def test_without_declared_columns_only_syntax_is_checked(spark: SparkSession) -> None:
    assert analyze(table("SELECT nope FROM row1", columns=()), spark) == []
    assert len(analyze(table("SELECT (1", columns=()), spark)) == 1


def test_a_parents_columns_are_known(spark: SparkSession) -> None:
    parent = replace(table("SELECT 1"), columns=COLUMNS)
    child = replace(table("SELECT id, amt FROM p"), sources=(SourceSpec("p", "orc", table="gels_fpms_t_x"),))
    (error,) = analyze(child, spark, {"gels_fpms_t_x": parent})
    assert "`amt` cannot be resolved" in error.message
    assert analyze(child, spark) == []
