"""A date through the driver's own code in a real session: what is staged, and how every bad input is told."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from fdm_platform.engines.load import run_date
from fdm_platform.engines.secrets import take
from fdm_platform.model.manifest import ColumnStatistics, DateOutcome, LoadFailure
from fdm_platform.model.plan import Parameter, SourceFile
from fdm_platform.model.table import CheckSpec, ColumnSpec
from fdm_platform_tests.engines.plans import COLUMNS, DAY, GOOD, SELECT, csv_source, date_plan, load_plan

pytestmark = pytest.mark.spark


def load(
    spark: SparkSession, folder: Path, content: str | bytes = GOOD, sql: str = SELECT, **output: Any
) -> DateOutcome:
    day = date_plan(folder, [csv_source(folder / "in" / "c.csv", content)], sql)
    return run_date(spark.newSession(), load_plan(folder, [day], **output), day)


def failure(outcome: DateOutcome) -> LoadFailure:
    assert outcome.manifest is None
    assert outcome.failure is not None
    return outcome.failure


@pytest.mark.parametrize("sensitivity", ["confidential", "restricted"])
def test_values_of_a_sensitive_column_stay_in_the_table(
    spark: SparkSession, tmp_path: Path, sensitivity: Any
) -> None:
    columns = (
        ColumnSpec("CONTRACT_ID", "string", sensitivity=sensitivity),
        ColumnSpec("amount", "decimal(18,2)", sensitivity="internal"),
        *(ColumnSpec("start_dt", "date"), ColumnSpec("biz_dt", "string"), ColumnSpec("biz_status", "string")),
    )
    manifest = load(spark, tmp_path, columns=columns).manifest
    assert manifest is not None
    assert "K1" not in manifest.to_json()
    told = {name.lower(): column for name, column in manifest.columns.items()}
    assert told["contract_id"] == ColumnStatistics(0)
    assert told["amount"].max == "10.5"


def test_a_manifest_says_what_the_date_was_made_from(spark: SparkSession, tmp_path: Path) -> None:
    """The hash is the one that the plan had before the driver was told the secrets, which are not in it."""
    day = date_plan(tmp_path, [csv_source(tmp_path / "in" / "c.csv", GOOD)])
    secret = Parameter("pin", "secret:pin", "string", "job_master.pin", is_secret=True)
    day = replace(day, control_version="2024-05-15T06:00:00/", parameters=(*day.parameters, secret))
    plan = replace(load_plan(tmp_path, [day]), code_version="abc")
    (tmp_path / "secrets.json").write_text('{"pin": "1234"}')
    told, _ = take(plan, tmp_path)
    assert told.dates[0].parameters[-1].value == "1234"
    manifest = run_date(spark.newSession(), told, told.dates[0]).manifest
    assert manifest is not None
    assert (manifest.load_id, manifest.control_version, manifest.code_version) == (
        *("load-1", "2024-05-15T06:00:00/"),
        "abc",
    )
    assert manifest.parameter_hash == plan.parameter_hash(DAY)
    other = replace(plan, dates=(replace(day, parameters=(replace(secret, name="pan"),)),))
    assert manifest.parameter_hash != other.parameter_hash(DAY)


def test_a_date_is_staged_and_its_manifest_tells_the_truth(spark: SparkSession, tmp_path: Path) -> None:
    outcome = load(spark, tmp_path)
    assert outcome.failure is None
    manifest = outcome.manifest
    assert manifest is not None
    folder = Path(manifest.staging) / manifest.folder
    assert manifest.folder == "biz_dt=20240515"
    assert sorted(p.parent.name for p in folder.glob("*/*.snappy.orc")) == [
        "biz_status=ACTIVE",
        "biz_status=INACTIVE",
    ]
    assert {f.path: (f.bytes, f.rows) for f in manifest.files} == {
        p.relative_to(folder).as_posix(): (p.stat().st_size, orc.ORCFile(p).nrows)
        for p in folder.glob("*/*.orc")
    }
    assert manifest.rows == 3
    assert manifest.nulls == {"contract_id": 0, "amount": 0, "start_dt": 1}
    assert [(c.name, c.type) for c in manifest.schema] == [
        ("contract_id", "string"),
        ("amount", "decimal(18,2)"),
        ("start_dt", "date"),
        ("biz_dt", "string"),
        ("biz_status", "string"),
    ]
    assert manifest.columns == {
        "contract_id": ColumnStatistics(0, "K1", "K3"),
        "amount": ColumnStatistics(0, "-3", "10.5", "7.5"),
        "start_dt": ColumnStatistics(1, "2023-12-01", "2024-01-31"),
    }
    assert set(manifest.seconds) == {"read", "write", "footers"}
    rows = [
        {**row, "biz_status": file.parent.name.removeprefix("biz_status=")}
        for file in folder.glob("*/*.orc")
        for row in orc.read_table(file).to_pylist()
    ]
    assert {(r["contract_id"], str(r["amount"]), r["start_dt"], r["biz_status"]) for r in rows} == {
        ("K1", "10.50", date(2024, 1, 31), "ACTIVE"),
        ("K2", "-3.00", None, "INACTIVE"),
        ("K3", "0.00", date(2023, 12, 1), "INACTIVE"),
    }


@pytest.mark.parametrize(
    ("expression", "folder_date_format", "folder"),
    [
        ("DATE'2024-05-15'", "yyyyMMdd", "biz_dt=20240515"),
        ("TIMESTAMP'2024-05-15 03:04:05'", "yyyy-MM-dd", "biz_dt=2024-05-15"),
        ("'20240515'", "yyyy-MM-dd", "biz_dt=2024-05-15"),
        ("20240515", "yyyyMMdd", "biz_dt=20240515"),
    ],
)
def test_biz_dt_is_spelt_as_its_folder_whatever_its_type(
    spark: SparkSession, tmp_path: Path, expression: str, folder_date_format: str, folder: str
) -> None:
    sql = "SELECT contract_id, %s AS biz_dt FROM row1".replace("%s", expression)
    day = date_plan(
        tmp_path, [csv_source(tmp_path / "c.csv", GOOD)], sql, folder_date_format=folder_date_format
    )
    outcome = run_date(spark.newSession(), load_plan(tmp_path, [day], partition_by=("biz_dt",)), day)
    assert outcome.failure is None
    assert outcome.manifest
    assert outcome.manifest.folder == folder
    assert outcome.manifest.rows == 3


def test_declared_columns_give_order_and_types(spark: SparkSession, tmp_path: Path) -> None:
    columns = (
        ColumnSpec("amount", "decimal(20,4)"),
        ColumnSpec("contract_id", "string", nullable=False, description="the key"),
        ColumnSpec("biz_dt", "date"),
        ColumnSpec("biz_status", "string"),
    )
    sql = SELECT.replace("start_dt,", "")
    outcome = load(spark, tmp_path, sql=sql, columns=columns)
    assert outcome.failure is None
    manifest = outcome.manifest
    assert manifest
    assert manifest.schema == columns
    first = next(Path(manifest.staging, manifest.folder).glob("*/*.orc"))
    assert str(orc.ORCFile(first).schema.field(0).type) == "decimal128(20, 4)"
    assert orc.ORCFile(first).schema.names == ["amount", "contract_id"]


def test_checks_are_measured_in_the_same_pass(spark: SparkSession, tmp_path: Path) -> None:
    checks = (
        CheckSpec("not negative", "warn", expect="amount >= 0", description="Amounts"),
        CheckSpec("dated", expect="start_dt < DATE'2025-01-01'"),
        CheckSpec("known", not_null=("contract_id", "biz_status")),
        CheckSpec("few", max_rows=2),
        CheckSpec("some", min_rows=3),
    )
    outcome = load(spark, tmp_path, checks=checks)
    assert [(c.name, c.is_passed, c.description) for c in outcome.checks] == [
        ("not negative", False, "Amounts: 1 of 3 rows break amount >= 0"),
        ("dated", False, "1 of 3 rows break start_dt < DATE'2025-01-01'"),
        ("known", True, "NULLs in contract_id: 0, biz_status: 0"),
        ("few", False, "3 rows, expected 0 to 2"),
        ("some", True, "3 rows, expected at least 3"),
    ]
    assert not outcome.is_publishable


def test_a_check_that_is_no_condition_names_its_field(spark: SparkSession, tmp_path: Path) -> None:
    told = failure(load(spark, tmp_path, checks=(CheckSpec("c", expect="amout > 0"),)))
    assert told.error == "DeclarationError"
    assert told.field == "checks.c.expect"
    assert "`amout` cannot be resolved" in told.headline


def test_one_small_file_for_each_partition_value(spark: SparkSession, tmp_path: Path) -> None:
    rows = "".join(f"K{i},{i % 7 - 3}.00,2024-01-01\n" for i in range(60_000))
    outcome = load(spark, tmp_path, "contract_id,amount,start_dt\n" + rows)
    assert outcome.manifest
    assert [f.path.split("/")[0] for f in outcome.manifest.files] == [
        "biz_status=ACTIVE",
        "biz_status=INACTIVE",
    ]
    assert outcome.manifest.rows == 60_000


BAD_SOURCES: dict[str, tuple[str | bytes, str, int | None, str | None]] = {
    "missing column": (
        "contract_id,start_dt\nK1,2024-01-31\n",
        "missing columns: amount",
        1,
        "sources.row1.columns",
    ),
    "misspelt column": (
        "contract_id,amonut,start_dt\nK1,1,2024-01-31\n",
        "missing columns: amount (did the file mean amonut?); surplus columns: amonut",
        1,
        "sources.row1.columns",
    ),
    "surplus column": (
        "contract_id,amount,start_dt,extra\nK1,1,2024-01-31,x\n",
        "surplus columns: extra",
        1,
        "sources.row1.columns",
    ),
    "duplicate names": (
        "contract_id,amount,Amount,start_dt\nK1,1,1,2024-01-31\n",
        "duplicate column names in the header: amount (columns 2, 3)",
        1,
        "sources.row1",
    ),
    "wrong type": (
        "contract_id,amount,start_dt\nK1,1.00,2024-01-31\nK2,ten,2024-01-31\n",
        "column amount: 'ten' is not of type decimal(18,2)",
        3,
        "sources.row1.columns.amount",
    ),
    "wrong date": (
        "contract_id,amount,start_dt\nK1,1.00,31.01.2024\n",
        "column start_dt: '31.01.2024' is not of type date",
        2,
        "sources.row1.columns.start_dt",
    ),
    "decimal that would be rounded": (
        "contract_id,amount,start_dt\nK1,1.50,2024-01-31\nK2,1.555,2024-01-31\n",
        "column amount: '1.555' is not of type decimal(18,2)",
        3,
        "sources.row1.columns.amount",
    ),
    "decimal with an exponent": (
        "contract_id,amount,start_dt\nK1,1E-3,2024-01-31\n",
        "column amount: '1E-3' is not of type decimal(18,2)",
        2,
        "sources.row1.columns.amount",
    ),
    "date with a time": (
        "contract_id,amount,start_dt\nK1,1.00,2024-01-31 23:59:59\n",
        "column start_dt: '2024-01-31 23:59:59' is not of type date",
        2,
        "sources.row1.columns.start_dt",
    ),
    "no such day": (
        "contract_id,amount,start_dt\nK1,1.00,2024-02-30\n",
        "column start_dt: '2024-02-30' is not of type date",
        2,
        "sources.row1.columns.start_dt",
    ),
    "date with a tail": (
        "contract_id,amount,start_dt\nK1,1.00,2024-05-15xyz\n",
        "column start_dt: '2024-05-15xyz' is not of type date",
        2,
        "sources.row1.columns.start_dt",
    ),
    "decimal with thousands": (
        'contract_id,amount,start_dt\nK1,1.00,2024-01-31\n1.00,"1,234.50",2024-01-31\n',
        "column amount: '1,234.50' is not of type decimal(18,2)",
        3,
        "sources.row1.columns.amount",
    ),
    "row too long": (
        "contract_id,amount,start_dt\nK1,1.00,2024-01-31,more\n",
        "row has 4 values for 3 columns: K1,1.00,2024-01-31,more",
        2,
        "sources.row1",
    ),
    "row too short": (
        "contract_id,amount,start_dt\nK1,1.00,2024-01-31\nK2\n",
        "row has 1 values for 3 columns: K2",
        3,
        "sources.row1",
    ),
    "bad encoding": (
        b"contract_id,amount,start_dt\nK1,1.00,2024-01-31\nM\xfcller,1.00,2024-01-31\n",
        "is not valid UTF-8: byte 0xfc",
        None,
        None,
    ),
    "bad encoding, far from the header": (
        b"contract_id,amount,start_dt\n" + b"K1,1.00,2024-01-31\n" * 2000 + b"M\xfcller,1.00,2024-01-31\n",
        "is not valid UTF-8: column contract_id holds M\ufffdller (byte 0xfc)",
        2002,
        "sources.row1.columns.contract_id",
    ),
    "header only": ("contract_id,amount,start_dt\n", "empty source: has no rows", None, "sources.row1"),
    "no bytes": ("", "empty source: has no rows", None, "sources.row1"),
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
def test_a_bad_source_is_told_by_file_line_field_and_remedy(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    content, headline, line, field = BAD_SOURCES[kind]
    told = failure(load(spark, tmp_path, content))
    assert told.headline == headline
    assert (told.error, told.line, told.field) == ("SourceError", line, field)
    assert told.file == str(tmp_path / "in" / "c.csv")
    assert told.remedy


def test_a_shifted_row_is_found_where_its_column_is_not_used(spark: SparkSession, tmp_path: Path) -> None:
    content = "contract_id,amount,start_dt\nK1,1.00,2024-01-31\nK2,extra,1.00,2024-01-31\n"
    sql = "SELECT contract_id, '2024-05-15' AS biz_dt, 'A' AS biz_status FROM row1"
    told = failure(load(spark, tmp_path, content, sql))
    assert told.headline == "row has 4 values for 3 columns: K2,extra,1.00,2024-01-31"
    assert told.line == 3


BAD_RESULTS = {
    "partition column not produced": (
        "SELECT contract_id, '2024-05-15' AS biz_dt, 'A' AS biz_stats FROM row1",
        (
            "the result does not produce the partition column biz_status (is it biz_stats?); "
            "it has contract_id, biz_dt, biz_stats"
        ),
        "out1.hql",
        "partition_by",
    ),
    "NULL in a partition column": (
        "SELECT contract_id, '2024-05-15' AS biz_dt, IF(amount > 0, 'A', NULL) AS biz_status FROM row1",
        "NULL or empty text in the partition column biz_status: 2 of 3 rows",
        "table.yaml",
        "partition_by.biz_status",
    ),
    "wrong biz_dt": (
        "SELECT contract_id, IF(amount > 0, '2024-05-15', '2024-05-16') AS biz_dt, 'A' AS biz_status FROM row1",
        "a row's biz_dt is 2024-05-16, and this load is of 2024-05-15",
        "out1.hql",
        "biz_dt",
    ),
    "NULL biz_dt": (
        "SELECT contract_id, start_dt AS biz_dt, 'A' AS biz_status FROM row1 WHERE start_dt IS NULL",
        "a row's biz_dt is NULL, and this load is of 2024-05-15",
        "out1.hql",
        "biz_dt",
    ),
    "duplicate columns": (
        "SELECT contract_id, amount AS contract_id, '20240515' AS biz_dt, 'A' AS biz_status FROM row1",
        "the result has duplicate column names: contract_id",
        "out1.hql",
        None,
    ),
    "NULL without a type": (
        "SELECT contract_id, NULL AS note, '20240515' AS biz_dt, 'A' AS biz_status FROM row1",
        "column note is NULL without a type, which ORC cannot hold",
        "out1.hql",
        "columns.note",
    ),
    "no rows": (
        SELECT + " WHERE amount > 100",
        "the result has no rows",
        "table.yaml",
        "allow_empty",
    ),
}


@pytest.mark.parametrize("kind", BAD_RESULTS)
def test_a_result_that_breaks_its_contract(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    sql, headline, file, field = BAD_RESULTS[kind]
    told = failure(load(spark, tmp_path, sql=sql))
    assert told.headline == headline
    assert (told.error, told.file, told.field) == ("ContractError", file, field)
    assert told.remedy


DECLARED = (ColumnSpec("contract_id", "string"), ColumnSpec("amount", "decimal(10,2)"))
BAD_COLUMNS = {
    "type": (
        DECLARED,
        SELECT.replace("start_dt, ", ""),
        "column amount is decimal(18,2) in the result, declared decimal(10,2)",
        "write CAST(amount AS decimal(10,2)) AS amount in the last SELECT, or declare it decimal(18,2)",
    ),
    "missing and surplus": (
        (*DECLARED[:1], ColumnSpec("amt", "decimal(18,2)")),
        SELECT.replace("start_dt, ", ""),
        (
            "the result lacks the declared columns amt (is it amount?) "
            "and has columns that are not declared: amount"
        ),
        "make the last SELECT and `columns` the same",
    ),
    "not null": (
        (ColumnSpec("contract_id", "string"), COLUMNS[1], ColumnSpec("start_dt", "date", nullable=False)),
        SELECT,
        "NULL in columns declared NOT NULL: start_dt in 1 of 3 rows",
        "mend the source or the SELECT, or declare the column nullable",
    ),
    "unknown type": (
        (ColumnSpec("contract_id", "strng"),),
        SELECT,
        "column contract_id: Spark knows no type 'strng'",
        "write a Spark SQL type, for example string, bigint, decimal(18,2), date",
    ),
}


@pytest.mark.parametrize("kind", BAD_COLUMNS)
def test_a_result_that_is_not_as_declared(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    columns, sql, headline, remedy = BAD_COLUMNS[kind]
    told = failure(load(spark, tmp_path, sql=sql, columns=columns))
    assert (told.headline, told.remedy) == (headline, remedy)


@pytest.mark.parametrize(
    ("sql", "headline", "place"),
    [
        (
            "SELECT contract_id,\n  amount FORM row1 x y",
            "[PARSE_SYNTAX_ERROR] Syntax error at or near 'row1'.",
            (2, 15),
        ),
        (
            "SELECT contract_id,\n  amout FROM row1",
            (
                "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name `amout` "
                "cannot be resolved. Did you mean one of the following? "
                "[`amount`, `start_dt`, `contract_id`]."
            ),
            (2, 3),
        ),
    ],
)
def test_a_wrong_hql_is_told_by_line_and_column(
    spark: SparkSession, tmp_path: Path, sql: str, headline: str, place: tuple[int, int]
) -> None:
    told = failure(load(spark, tmp_path, sql=sql))
    assert told.error == "SqlError"
    assert told.headline == headline
    assert (told.file, told.line, told.column) == ("out1.hql", *place)


def test_an_empty_date_that_is_allowed_is_an_empty_folder(spark: SparkSession, tmp_path: Path) -> None:
    outcome = load(spark, tmp_path, sql=SELECT + " WHERE amount > 100", allow_empty=True)
    assert outcome.failure is None
    assert outcome.manifest
    assert outcome.manifest.files == ()
    assert Path(outcome.manifest.staging, "biz_dt=20240515").is_dir()


def test_a_transform_gets_session_inputs_and_typed_parameters(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "fdm_test_shout.py").write_text(
        "from pyspark.sql import functions as F\n"
        "def loud(text):\n    return text.upper() + '!'\n"
        "def run(spark, inputs, params):\n"
        "    shout = F.udf(loud)\n"
        "    return inputs['row1'].select(shout('contract_id').alias('c'),\n"
        "        F.lit(params['biz_dt']).alias('biz_dt'))\n"
    )
    source = csv_source(tmp_path / "c.csv", "contract_id,amount,start_dt\nk1,1,2024-01-01\n")
    day = date_plan(tmp_path, [source], sql="")
    plan = load_plan(tmp_path, [day], transform="fdm_test_shout:run", partition_by=("biz_dt",))
    outcome = run_date(spark.newSession(), plan, day)
    assert outcome.failure is None
    assert outcome.manifest
    folder = Path(outcome.manifest.staging, outcome.manifest.folder)
    (file,) = folder.glob("*.orc")
    assert orc.read_table(file).to_pylist() == [{"c": "K1!"}]


def test_a_transform_that_raises_is_told_by_its_own_line(spark: SparkSession, tmp_path: Path) -> None:
    script = tmp_path / "fdm_test_raises.py"
    script.write_text("def run(spark, inputs, params):\n    raise KeyError('no such rate')\n")
    day = date_plan(tmp_path, [csv_source(tmp_path / "c.csv", GOOD)], sql="")
    told = failure(
        run_date(spark.newSession(), load_plan(tmp_path, [day], transform="fdm_test_raises:run"), day)
    )
    assert told.headline == "KeyError: 'no such rate'"
    assert (told.error, told.file, told.line) == ("LoadError", str(script), 2)


def test_a_transform_that_is_not_there(spark: SparkSession, tmp_path: Path) -> None:
    day = date_plan(tmp_path, [csv_source(tmp_path / "c.csv", GOOD)], sql="")
    plan = load_plan(tmp_path, [day], transform="fdm_test_nowhere:run")
    told = failure(run_date(spark.newSession(), plan, day))
    assert (told.error, told.field) == ("DeclarationError", "transform")
    assert (
        told.headline
        == "cannot import the transform fdm_test_nowhere:run: No module named 'fdm_test_nowhere'"
    )


def test_staging_that_exists_is_never_overwritten(spark: SparkSession, tmp_path: Path) -> None:
    first = load(spark, tmp_path)
    assert first.manifest
    files = sorted(p.name for p in Path(first.manifest.staging).rglob("*.orc"))
    told = failure(load(spark, tmp_path))
    assert "already exists" in told.headline
    assert sorted(p.name for p in Path(first.manifest.staging).rglob("*.orc")) == files


def test_a_file_that_vanished_is_a_source_error(spark: SparkSession, tmp_path: Path) -> None:
    source = replace(csv_source(tmp_path / "c.csv", GOOD), files=(SourceFile(str(tmp_path / "gone.csv"), 9),))
    day = date_plan(tmp_path, [source])
    told = failure(run_date(spark.newSession(), load_plan(tmp_path, [day]), day))
    assert (told.error, told.file) == ("SourceError", str(tmp_path / "gone.csv"))
    assert told.headline == "cannot be opened: No such file or directory"
    assert DAY.isoformat() in day.staging
