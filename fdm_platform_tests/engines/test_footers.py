"""Footers as Spark's reader hands them over, against pyarrow's reading of the same files."""

from pathlib import Path

import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from fdm_platform.engines.footers import FooterReader

pytestmark = pytest.mark.spark

COLUMNS = """
  id,
  IF(id % 3 = 0, NULL, concat('text ', id)) AS text,
  IF(id % 2 = 0, NULL, CAST(id AS DECIMAL(18,2))) AS amount,
  array(id, NULL) AS list,
  IF(id = 5, NULL, named_struct('a', id, 'b', 'x')) AS pair,
  CAST(NULL AS DATE) AS never
"""


@pytest.mark.parametrize("compression", ["snappy", "zstd", "zlib", "none"])
def test_rows_and_nulls_of_top_level_columns(spark: SparkSession, tmp_path: Path, compression: str) -> None:
    frame = spark.range(12).selectExpr(*[c.strip() for c in COLUMNS.split(",\n")])
    frame.coalesce(1).write.option("compression", compression).orc(str(tmp_path / "data"))
    (file,) = (tmp_path / "data").glob("*.orc")
    footer = FooterReader(spark).read(str(file))
    table = orc.read_table(file)
    assert footer.rows == table.num_rows == 12
    nulls = {name: footer.rows - column.values for name, column in footer.columns.items()}
    assert nulls == {n: table.column(n).null_count for n in table.column_names}
    assert nulls == {"id": 0, "text": 4, "amount": 6, "list": 0, "pair": 1, "never": 12}


def test_an_orc_file_without_rows(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql("SELECT 1 AS n WHERE false").coalesce(1).write.orc(str(tmp_path / "data"))
    (file,) = (tmp_path / "data").glob("*.orc")
    assert FooterReader(spark).read(str(file)).rows == 0
