"""Fixture tests of tables: what passes, what fails, and how the difference reads."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fdm_platform.engines.fixtures import FixtureResult, fixture_files, run_fixtures
from fdm_platform.model.table import ColumnSpec, SourceSpec, StepSpec, TableSpec
from fdm_platform.planning.catalog import load_catalog

pytestmark = pytest.mark.spark

PROJECT = Path(__file__).parents[2]
SQL = "SELECT id, sum(amount) AS total, CAST('${biz_dt}' AS DATE) AS biz_dt FROM row1 GROUP BY id"
GOOD = """
name: sums by id
biz_dt: 2024-05-15
sources: {row1: [{id: A, amount: 1.5}, {id: A, amount: 2}, {id: B, amount: null}]}
expected: [{id: B, total: null}, {id: A, total: 3.50}]
"""


def run(spark: SparkSession, folder: Path, text: str, sql: str = SQL) -> FixtureResult:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "one.yaml").write_text(text)
    columns = (ColumnSpec("id", "string"), ColumnSpec("amount", "decimal(18,2)"))
    spec = TableSpec(
        entity="GELS",
        source_system="FPMS",
        table="t_x",
        file=str(folder / "table.yaml"),
        sources=(SourceSpec("row1", "csv", "x.csv", columns=columns),),
        steps=(StepSpec("out1", str(folder / "out1.hql"), sql),),
        job_name="etl_x",
    )
    (result,) = run_fixtures(spec, spark)
    return result


def test_the_sample_tables_pass_their_own_tests(spark: SparkSession) -> None:
    catalog = load_catalog(PROJECT / "sql" / "landing")
    tested = [s for s in catalog.tables.values() if fixture_files(s)]
    results = [r for s in tested for r in run_fixtures(s, spark, catalog.tables, [str(PROJECT)])]
    assert len(results) >= 3
    assert [r for r in results if not r.is_passed] == []


def test_rows_in_any_order_and_only_the_columns_given(spark: SparkSession, tmp_path: Path) -> None:
    result = run(spark, tmp_path, GOOD)
    assert result.is_passed, result
    assert (result.name, result.columns) == ("sums by id", ("id", "total"))


def test_a_difference_puts_like_rows_beside_each_other(spark: SparkSession, tmp_path: Path) -> None:
    result = run(
        spark, tmp_path, GOOD.replace("3.50", "4").replace("{id: B, total: null}", "{id: C, total: 1}")
    )
    assert not result.is_passed
    assert result.missing == (("A", "4.00"), ("C", "1.00"))
    assert result.unexpected == (("A", "3.50"), ("B", "NULL"))


def test_rows_count_as_often_as_they_stand(spark: SparkSession, tmp_path: Path) -> None:
    text = GOOD.replace("{id: B, total: null}", "{id: A, total: 3.5}")
    result = run(spark, tmp_path, text)
    assert (result.missing, result.unexpected) == ((("A", "3.50"),), (("B", "NULL"),))


def test_no_rows_may_be_expected(spark: SparkSession, tmp_path: Path) -> None:
    text = "biz_dt: 2024-05-15\nsources: {row1: []}\nexpected: []\n"
    assert run(spark, tmp_path, text).is_passed
    result = run(spark, tmp_path, "biz_dt: 2024-05-15\nsources: {row1: [{id: A}]}\nexpected: []\n")
    assert result.unexpected == (("A", "NULL", "2024-05-15"),)


def test_parameters_of_the_test_win(spark: SparkSession, tmp_path: Path) -> None:
    text = "biz_dt: 2024-05-15\nparameters: {rate: 2, ENTITY: X}\nsources: {row1: [{id: A, amount: 3}]}\n"
    text += "expected: [{a: 6, e: X}]\n"
    result = run(spark, tmp_path, text, "SELECT amount * ${rate} AS a, '${entity}' AS e FROM row1")
    assert result.is_passed, result


BAD = {
    "unknown key": (GOOD + "expect: []\n", "unknown key 'expect'", "did you mean expected?"),
    "no biz_dt": ("sources: {}\nexpected: []\n", "has no 'biz_dt'", "add `biz_dt:`"),
    "unknown source": (
        GOOD.replace("row1", "row2"),
        "gels_fpms_t_x has no source 'row2'",
        "did you mean row1?",
    ),
    "unknown column": (GOOD.replace("amount: 2", "amuont: 2"), "column 'amuont' is not declared", "amount"),
    "bad value": (GOOD.replace("amount: 2", "amount: two"), "'two' is not of type decimal(18,2)", "correct"),
    "too precise": (GOOD.replace("1.5", "1.555"), "1.555 is not of type decimal(18,2)", "correct"),
    "unknown result column": (GOOD.replace("total", "totl"), "the result has no column 'totl'", "total"),
    "no YAML": ("a: [\n", "is not YAML", ""),
    "a list": ("- a\n", "is no mapping", "give it"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_test_that_cannot_be_run_says_why(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    text, headline, remedy = BAD[kind]
    result = run(spark, tmp_path, text)
    assert not result.is_passed
    assert result.failure
    assert headline in result.failure.headline
    assert remedy in (result.failure.remedy or "")
    assert result.failure.file == str(tmp_path / "tests" / "one.yaml")


def test_wrong_sql_is_told_by_its_place(spark: SparkSession, tmp_path: Path) -> None:
    result = run(spark, tmp_path, GOOD, "SELECT id,\n totl FROM row1")
    assert result.failure
    assert (result.failure.error, result.failure.line, result.failure.column) == ("SqlError", 2, 2)


STEPS = {
    "first": "SELECT id, amount FROM row1",
    "second": "SELECT f.id, f.n + 1 AS n, row1.amount FROM first AS f JOIN row1 ON row1.id = f.id",
    "third": "SELECT nothing FROM nowhere",
}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("expected: [{id: A, n: 2147483647, amount: 1.50}]", True),
        ("expected: [{id: A, n: 2, amount: 1.50}]", False),
        ("step: [second, third]", "nowhere"),
        ("step: fourth", "did you mean"),
        ("columns: {first: {id: string}}", "is not declared"),
    ],
)
def test_one_step_reads_the_views_that_its_test_gives(
    spark: SparkSession, tmp_path: Path, text: str, outcome: bool | str
) -> None:
    """Types are those of the test for a step's view, of the table for a source; no other step is run."""
    given = {
        "step": "step: second",
        "columns": "columns: {first: {id: string, n: int}}",
        "expected": "expected: []",
        "biz_dt": "biz_dt: 2024-05-15",
        "sources": "sources: {first: [{id: A, n: 2147483646}], row1: [{id: A, amount: 1.5}]}",
    }
    lines = given | {text.partition(":")[0]: text}
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "one.yaml").write_text("\n".join(lines.values()))
    columns = (ColumnSpec("id", "string"), ColumnSpec("amount", "decimal(18,2)"))
    spec = TableSpec(
        entity="GELS",
        source_system="FPMS",
        table="t_x",
        file=str(tmp_path / "table.yaml"),
        sources=(SourceSpec("row1", "csv", "x.csv", columns=columns),),
        steps=tuple(StepSpec(view, str(tmp_path / f"{view}.hql"), sql) for view, sql in STEPS.items()),
        job_name="etl_x",
    )
    (result,) = run_fixtures(spec, spark)
    if isinstance(outcome, bool):
        assert result.is_passed is outcome, result
        assert result.failure is None
    else:
        assert outcome in str(result.failure)
