"""Sources: every format, declared and not, and the shapes in which files really come."""

import bz2
import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.raised import find_raised
from fdm_platform.engines.reading import read_source
from fdm_platform.errors import DeclarationError, SourceError
from fdm_platform.model.plan import SourceFile, SourcePlan
from fdm_platform.model.table import ColumnSpec
from fdm_platform_tests.engines.plans import COLUMNS, GOOD, csv_source

pytestmark = pytest.mark.spark

ROWS = [
    ("K1", Decimal("10.50"), date(2024, 1, 31)),
    ("K2", Decimal("-3.00"), None),
    ("K3", Decimal("0.00"), date(2023, 12, 1)),
]


def read(spark: SparkSession, source: SourcePlan) -> DataFrame:
    return read_source(spark.newSession(), source, "table.yaml")


def rows(frame: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(r) for r in frame.collect()), key=str)


def source_of(folder: Path, file_format: Any, **fields: Any) -> SourcePlan:
    """Whatever data files are in the folder."""
    files = tuple(
        SourceFile(str(p), p.stat().st_size)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name[0] not in "._"
    )
    return SourcePlan("row1", file_format, str(folder), files, **fields)


def test_a_csv_with_its_columns_in_another_order_and_case(spark: SparkSession, tmp_path: Path) -> None:
    content = "START_DT, Amount,contract_id\n2024-01-31,10.50,K1\n,-3.00,K2\n2023-12-01,0.00,K3\n"
    frame = read(spark, csv_source(tmp_path / "c.csv", content))
    assert frame.columns == ["contract_id", "amount", "start_dt"]
    assert rows(frame) == ROWS


def test_csv_files_with_different_orders_are_one_source(spark: SparkSession, tmp_path: Path) -> None:
    csv_source(tmp_path / "in" / "a.csv", "contract_id,amount,start_dt\nK1,10.50,2024-01-31\n")
    csv_source(tmp_path / "in" / "b.csv", "amount,contract_id,start_dt\n-3.00,K2,\n0.00,K3,2023-12-01\n")
    csv_source(tmp_path / "in" / "empty.csv", "contract_id,amount,start_dt\n")
    assert rows(read(spark, source_of(tmp_path / "in", "csv", columns=COLUMNS))) == ROWS


def test_the_one_file_of_many_with_a_bad_header_is_named(spark: SparkSession, tmp_path: Path) -> None:
    csv_source(tmp_path / "in" / "a.csv", GOOD)
    csv_source(tmp_path / "in" / "b.csv", GOOD.replace("amount", "amt"))
    with pytest.raises(SourceError, match="missing columns: amount") as caught:
        read(spark, source_of(tmp_path / "in", "csv", columns=COLUMNS))
    assert caught.value.file == str(tmp_path / "in" / "b.csv")


@pytest.mark.parametrize(
    ("name", "pack"),
    [("c[1] {a,b}*.csv", bytes), ("c.csv.gz", gzip.compress), ("c.csv.bz2", bz2.compress)],
)
def test_odd_names_and_compressed_files(spark: SparkSession, tmp_path: Path, name: str, pack: Any) -> None:
    assert rows(read(spark, csv_source(tmp_path / name, pack(GOOD.encode())))) == ROWS


def test_options_reach_header_and_rows(spark: SparkSession, tmp_path: Path) -> None:
    content = "# made by hand\ncontract_id|amount|start_dt\n'K|1'|10.50|NIL\n".encode("cp1252")
    options = {"sep": "|", "quote": "'", "comment": "#", "nullValue": "NIL", "encoding": "windows-1252"}
    frame = read(spark, csv_source(tmp_path / "c.csv", content, options=options))
    assert rows(frame) == [("K|1", Decimal("10.50"), None)]


@pytest.mark.parametrize("encoding", ["windows-1252", "UTF-8", "UTF-16"])
def test_a_declared_encoding_is_read_right(spark: SparkSession, tmp_path: Path, encoding: str) -> None:
    content = "contract_id,amount,start_dt\nMüller,1.00,\n".encode(encoding)
    # lines of UTF-16 are found by Spark's own parser only
    options = {"encoding": encoding, "multiLine": str(encoding == "UTF-16").lower()}
    frame = read(spark, csv_source(tmp_path / "c.csv", content, options=options))
    assert rows(frame) == [("Müller", Decimal("1.00"), None)]


@pytest.mark.parametrize(
    "text",
    [
        *("1.555", "1.2349999", '"1,234.50"', "1.0d", "1E3", "1e-3", " 1.5", "1.5 ", "ten", ".", "1.5.0"),
        *("12345678901234567.00", "99999999999999999", "NaN", "0x10"),
    ],
)
def test_no_decimal_is_changed_on_its_way_in(spark: SparkSession, tmp_path: Path, text: str) -> None:
    assert refusal(spark.newSession(), tmp_path / "c.csv", text) == (
        f"column amount: '{text.strip(chr(34))}' is not of type decimal(18,2)"
    )


def test_a_wrong_decimal_is_told_alike_in_ansi_mode(spark: SparkSession, tmp_path: Path) -> None:
    session = spark.newSession()
    session.conf.set("spark.sql.ansi.enabled", "true")
    assert refusal(session, tmp_path / "c.csv", "ten") == "column amount: 'ten' is not of type decimal(18,2)"


def refusal(session: SparkSession, file: Path, amount: str) -> str:
    """What the row of this amount raises."""
    source = csv_source(file, f"contract_id,amount,start_dt\nK1,{amount},2024-05-15\n")
    with pytest.raises(Exception, match="fdm-error") as caught:
        read_source(session, source, "table.yaml").collect()
    raised = find_raised(str(caught.value))
    assert raised is not None
    return raised.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("1.5", "1.50"), ("1.50", "1.50"), ("1.500", "1.50"), ("-0.01", "-0.01"), ("+7", "7.00")),
        *(
            (".5", "0.50"),
            ("5.", "5.00"),
            ("100", "100.00"),
            ("-9999999999999999.99", "-9999999999999999.99"),
        ),
        *(("", None), ('""', None)),
    ],
)
def test_a_decimal_that_is_exact_is_read(
    spark: SparkSession, tmp_path: Path, text: str, expected: str | None
) -> None:
    content = f"contract_id,amount,start_dt\nK1,{text},2024-05-15\n"
    ((_, amount, day),) = rows(read(spark, csv_source(tmp_path / "c.csv", content)))
    assert (amount if amount is None else str(amount), day) == (expected, date(2024, 5, 15))


def test_decimals_of_a_locale_are_left_to_the_reader(spark: SparkSession, tmp_path: Path) -> None:
    content = 'contract_id,amount,start_dt\nK1,"1.234,50",2024-05-15\n'
    frame = read(spark, csv_source(tmp_path / "c.csv", content, options={"locale": "de-DE"}))
    assert rows(frame) == [("K1", Decimal("1234.50"), date(2024, 5, 15))]


def test_a_byte_order_mark_is_no_part_of_a_name(spark: SparkSession, tmp_path: Path) -> None:
    assert rows(read(spark, csv_source(tmp_path / "c.csv", b"\xef\xbb\xbf" + GOOD.encode()))) == ROWS


def test_damaged_text_may_be_accepted(spark: SparkSession, tmp_path: Path) -> None:
    content = b"contract_id,amount,start_dt\nM\xfcller,1.00,\n"
    frame = read(spark, csv_source(tmp_path / "c.csv", content, options={"encodingErrors": "replace"}))
    assert rows(frame) == [("M\ufffdller", Decimal("1.00"), None)]


def test_an_encoding_that_does_not_exist(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unknown encoding 'utf-9'"):
        read(spark, csv_source(tmp_path / "c.csv", GOOD, options={"encoding": "utf-9"}))


def test_without_a_header_columns_go_by_place(spark: SparkSession, tmp_path: Path) -> None:
    content = GOOD.partition("\n")[2]
    assert rows(read(spark, csv_source(tmp_path / "c.csv", content, options={"header": "false"}))) == ROWS


def test_by_position_a_header_says_nothing(spark: SparkSession, tmp_path: Path) -> None:
    body = GOOD.partition("\n")[2]
    csv_source(tmp_path / "in" / "a.csv", f"amount,x,x\n{body}")
    csv_source(tmp_path / "in" / "b.csv", "Contracts of today\nK4,1.00,2024-02-01\n")
    source = source_of(tmp_path / "in", "csv", columns=COLUMNS, match="position")
    assert rows(read(spark, source)) == [*ROWS, ("K4", Decimal("1.00"), date(2024, 2, 1))]


def test_hive_tables_and_queries_are_read_through_the_sessions_catalog(
    spark: SparkSession, tmp_path: Path
) -> None:
    spark.sql("SELECT 'K1' AS id, 3 AS n").createOrReplaceGlobalTempView("old_contracts")
    columns = (ColumnSpec("id", "string"), ColumnSpec("n", "bigint"))
    query = "SELECT id, n FROM global_temp.old_contracts"
    for options in ({"table": "global_temp.old_contracts"}, {"query": query}):
        frame = read(spark, SourcePlan("row1", "hive", None, options=options, columns=columns))
        assert rows(frame) == [("K1", 3)]


def test_undeclared_columns_are_inferred(spark: SparkSession, tmp_path: Path) -> None:
    frame = read(spark, csv_source(tmp_path / "c.csv", GOOD, columns=()))
    assert [(x.name, x.dataType.simpleString()) for x in frame.schema.fields] == [
        ("contract_id", "string"),
        ("amount", "double"),
        ("start_dt", "date"),
    ]


def test_undeclared_duplicates_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="duplicate column names"):
        read(spark, csv_source(tmp_path / "c.csv", "a,A\n1,2\n", columns=()))


def test_undeclared_files_of_different_kinds_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    csv_source(tmp_path / "in" / "a.csv", "id,x\n1,2\n")
    csv_source(tmp_path / "in" / "b.csv", "id,y\n1,2\n")
    with pytest.raises(SourceError, match="different columns: x, y not in all"):
        read(spark, source_of(tmp_path / "in", "csv"))


@pytest.mark.parametrize("content", ["", "contract_id,amount,start_dt\n"])
def test_an_empty_source_that_is_allowed(spark: SparkSession, tmp_path: Path, content: str) -> None:
    frame = read(spark, csv_source(tmp_path / "c.csv", content, allow_empty=True))
    assert rows(frame) == []
    assert frame.schema["amount"].dataType.simpleString() == "decimal(18,2)"


def test_an_empty_source_of_unknown_columns(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its columns are unknown"):
        read(spark, csv_source(tmp_path / "c.csv", "", allow_empty=True, columns=()))


def test_a_source_column_that_must_not_be_null(spark: SparkSession, tmp_path: Path) -> None:
    columns = (*COLUMNS[:2], ColumnSpec("start_dt", "date", nullable=False))
    frame = read(spark, csv_source(tmp_path / "c.csv", GOOD, columns=columns))
    with pytest.raises(Exception, match="column start_dt is declared NOT NULL and holds NULL"):
        frame.collect()


@pytest.mark.parametrize("file_format", ["orc", "parquet", "json"])
def test_declared_columns_of_other_formats(spark: SparkSession, tmp_path: Path, file_format: str) -> None:
    folder = tmp_path / "data"
    read(spark, csv_source(tmp_path / "c.csv", GOOD)).write.format(file_format).save(str(folder))
    frame = read(spark, source_of(folder, file_format, columns=COLUMNS))
    assert rows(frame) == ROWS
    assert [x.dataType.simpleString() for x in frame.schema.fields] == ["string", "decimal(18,2)", "date"]


@pytest.mark.parametrize("file_format", ["orc", "parquet"])
def test_files_that_differ_from_their_declaration(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    folder = tmp_path / "data"
    spark.sql("SELECT 'K1' AS contract_id, 1.5D AS amount").write.format(file_format).save(str(folder))
    with pytest.raises(SourceError, match="missing columns: start_dt; it has contract_id, amount"):
        read(spark, source_of(folder, file_format, columns=COLUMNS))
    with pytest.raises(SourceError, match=r"column amount is double, declared decimal\(18,2\)") as caught:
        read(spark, source_of(folder, file_format, columns=COLUMNS[:2]))
    assert caught.value.field == "sources.row1.columns.amount"
    assert caught.value.remedy == "declare it as double and CAST it in a step"


def test_a_wider_declared_type_is_cast(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql("SELECT 7 AS n").write.orc(str(tmp_path / "data"))
    frame = read(spark, source_of(tmp_path / "data", "orc", columns=(ColumnSpec("n", "bigint"),)))
    assert frame.schema["n"].dataType.simpleString() == "bigint"
    assert rows(frame) == [(7,)]


@pytest.mark.parametrize("file_format", ["orc", "parquet", "json"])
def test_files_without_rows(spark: SparkSession, tmp_path: Path, file_format: str) -> None:
    folder = tmp_path / "data"
    if file_format == "json":
        folder.mkdir()
        (folder / "a.json").write_text("\n\n")
    else:
        spark.sql("SELECT 1 AS n WHERE false").write.format(file_format).save(str(folder))
    with pytest.raises(SourceError, match="empty source: has no rows"):
        read(spark, source_of(folder, file_format, columns=(ColumnSpec("n", "int"),)))


def test_a_landing_table_has_its_folders_as_columns(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "t" / "biz_dt=20240515" / "code=007"
    spark.sql("SELECT 1 AS n").write.orc(str(folder))
    frame = read(spark, source_of(folder, "orc", base_path=str(tmp_path / "t")))
    assert [(x.name, x.dataType.simpleString()) for x in frame.schema.fields] == [
        ("n", "int"),
        ("biz_dt", "date"),
        ("code", "string"),
    ]
    assert rows(frame) == [(1, date(2024, 5, 15), "007")]


def test_jdbc(spark: SparkSession, tmp_path: Path) -> None:
    url = f"jdbc:derby:{tmp_path / 'db'};create=true"
    options = {"url": url, "driver": "org.apache.derby.jdbc.EmbeddedDriver", "dbtable": "contract"}
    spark.sql("SELECT 'K1' AS id, 3 AS n").write.format("jdbc").options(**options).save()
    columns = (ColumnSpec("id", "string"), ColumnSpec("n", "bigint"))
    frame = read(spark, SourcePlan("row1", "jdbc", None, options=options, columns=columns))
    assert rows(frame) == [("K1", 3)]


def test_a_type_that_spark_does_not_know(spark: SparkSession, tmp_path: Path) -> None:
    source = csv_source(tmp_path / "c.csv", GOOD, columns=(ColumnSpec("contract_id", "text"),))
    with pytest.raises(DeclarationError, match="column contract_id: Spark knows no type 'text'") as caught:
        read(spark, source)
    assert (caught.value.file, caught.value.field) == ("table.yaml", "sources.row1.columns.contract_id")
