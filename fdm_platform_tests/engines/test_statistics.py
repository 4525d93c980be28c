"""Statistics of ORC's footers, of files that Spark wrote, against what Spark reads back from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fdm_platform.engines.footers import FooterReader
from fdm_platform.engines.orc_footer import Footer, merged
from fdm_platform.engines.statistics import FileStatistics
from fdm_platform.model.manifest import ColumnStatistics

VALUES = {
    "whole": "IF(id = 3, NULL, id - 5)",
    "small": "CAST(id - 5 AS TINYINT)",
    "real": "id / 4 - 1",
    "money": "CAST((id - 5) * 1.5 AS DECIMAL(18,2))",
    "large": "CAST('-12345678901234567890123456789012345.678' AS DECIMAL(38,3)) + id",
    "text": "concat('Zürich ', id)",
    "long_text": "concat(repeat('x', 63), CHR(65 + CAST(id AS INT)), 'rest')",
    "huge_text": "concat(CHR(65 + CAST(id AS INT)), repeat('y', 2000))",
    "day": "date_add(DATE'1969-12-28', CAST(id AS INT))",
    "moment": "timestamp_micros(-5000123 + id * 1000001)",
    "wall_clock": "CAST(TIMESTAMP_NTZ'2024-05-15 10:00:00.123456' + make_interval(0, 0, 0, id) AS TIMESTAMP_NTZ)",
    "yes": "id > 4",
    "list": "array(id)",
    "pair": "named_struct('whole', id)",
    "never": "CAST(NULL AS DATE)",
}


@pytest.fixture(scope="module")
def columns(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ColumnStatistics]:
    folder = tmp_path_factory.mktemp("orc") / "data"
    frame = spark.range(10).repartition(3).selectExpr(*[f"{sql} AS {name}" for name, sql in VALUES.items()])
    frame.write.orc(str(folder))
    files = list(folder.glob("*.orc"))
    assert len(files) == 3
    reader = FooterReader(spark)
    return merged([reader.read(str(f)) for f in files], secret=())


@pytest.mark.spark
@pytest.mark.parametrize(
    ("name", "least", "most", "total"),
    [
        ("whole", -5, 4, -3),
        ("small", -5, 4, -5),
        ("real", -1.0, 1.25, 1.25),
        ("money", "-7.5", "6", "-7.5"),
        ("text", "Zürich 0", "Zürich 9", None),
        ("long_text", "x" * 63 + "A", "x" * 63 + "J", None),
        ("huge_text", "A" + "y" * 63, "J" + "y" * 63, None),
        ("day", "1969-12-28", "1970-01-06", None),
        (
            "wall_clock",
            1715767200123456,
            1715767200123456 + 9 * 86_400_000_000,
            17157672001234560 + 45 * 86_400_000_000,
        ),
    ],
)
def test_a_column_over_several_files(
    columns: dict[str, ColumnStatistics], name: str, least: object, most: object, total: object
) -> None:
    found = columns[name]
    assert (found.min, found.max, found.sum) == (least, most, total)
    assert found.nulls == (1 if name == "whole" else 0)


@pytest.mark.spark
def test_a_decimal_is_not_rounded(columns: dict[str, ColumnStatistics]) -> None:
    assert columns["large"].min == "-12345678901234567890123456789012345.678"
    assert columns["large"].max == "-12345678901234567890123456789012336.678"


@pytest.mark.spark
def test_an_instant_is_told_in_the_sessions_time_zone(
    spark: SparkSession, columns: dict[str, ColumnStatistics]
) -> None:
    said = spark.sql("SELECT CAST(timestamp_micros(-5000123) AS STRING)").first()
    assert said is not None
    assert columns["moment"].min == said[0].replace(" ", "T")


@pytest.mark.spark
@pytest.mark.parametrize(("name", "nulls"), [("yes", 0), ("list", 0), ("pair", 0), ("never", 10)])
def test_other_columns_tell_their_nulls_alone(
    columns: dict[str, ColumnStatistics], name: str, nulls: int
) -> None:
    assert columns[name] == ColumnStatistics(nulls)


@pytest.mark.spark
def test_numbers_that_json_does_not_know(spark: SparkSession, tmp_path: Path) -> None:
    """NaN, infinity, sums that overflow, years after 9999: nothing is said, and nothing wrong."""
    spark.sql(
        "SELECT double('NaN') AS nan, double('Infinity') AS endless, 9223372036854775807L AS much, "
        "DATE'+12024-01-01' AS late UNION ALL SELECT double(1), double(2), 1L, DATE'2024-01-01'"
    ).coalesce(1).write.orc(str(tmp_path / "data"))
    (file,) = (tmp_path / "data").glob("*.orc")
    found = merged([FooterReader(spark).read(str(file))], secret=())
    assert found["nan"] == ColumnStatistics(0)
    assert found["endless"] == ColumnStatistics(0, min=2.0)
    assert found["much"] == ColumnStatistics(0, min=1, max=9223372036854775807)
    assert found["late"] == ColumnStatistics(0, min="2024-01-01")


def test_of_a_secret_column_the_nulls_alone_are_known() -> None:
    footer = Footer(3, {"IBAN": FileStatistics(2, "CH1", "CH9"), "branch": FileStatistics(3, "Basel", "Zug")})
    assert merged([footer, footer], secret={"iban"}) == {
        "IBAN": ColumnStatistics(nulls=2),
        "branch": ColumnStatistics(nulls=0, min="Basel", max="Zug"),
    }


def test_what_one_file_does_not_say_is_not_known_of_all() -> None:
    """A sum that overflowed in one file; a file of NULLs alone says nothing, and hides nothing."""
    known, overflowed = FileStatistics(2, 1, 5, 6), FileStatistics(2, 7, 9, None)
    only_nulls = FileStatistics(0)
    footers = [Footer(2, {"n": known}), Footer(2, {"n": overflowed}), Footer(4, {"n": only_nulls})]
    assert merged(footers, secret=()) == {"n": ColumnStatistics(nulls=4, min=1, max=9, sum=None)}
    assert merged(footers[2:], secret=()) == {"n": ColumnStatistics(nulls=4)}
