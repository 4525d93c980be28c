"""A small load for the class-data archive: what the JVM loads here is what a real load will find archived.

python archive_training.py FOLDER       run by class_archive.py inside the JVM that makes the archive
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

ROWS = 2000


def main(folder: Path) -> None:
    """Read CSV and ORC, join, cast, check, write partitioned ORC, read its schema and rows back."""
    spark = SparkSession.builder.getOrCreate()
    _write_csv(folder)
    result = _result(spark, folder)
    observation = Observation("checks")
    result = result.observe(
        observation, F.count(F.lit(1)).alias("rows"), F.count_if(F.col("amount") < 0).alias("low")
    )
    for compression in ("snappy", "zstd"):
        target = str(folder / compression)
        result.write.option("compression", compression).partitionBy("biz_dt", "biz_status").orc(target)
        written = spark.read.schema(result.schema).orc(target)
        written.where("biz_status = 'ACTIVE'").groupBy("entity_new").agg(F.sum("amount")).collect()
    assert observation.get["rows"] == ROWS  # noqa: S101 - a training run that lost rows must not count
    spark.read.json(str(folder / "lookup.json")).write.parquet(str(folder / "parquet"))
    spark.read.parquet(str(folder / "parquet")).distinct().collect()
    spark.stop()


def _write_csv(folder: Path) -> None:
    contracts = [
        f"P{i % 97},C{i},{'ACTIVE' if i % 3 else 'LAPSED'},{i}.25,,SG,2024-05-1{i % 9}" for i in range(ROWS)
    ]
    (folder / "contracts.csv").write_text(
        "\n".join(["customer_id,contract_id,status,amount,premium,entity,since", *contracts])
    )
    (folder / "lookup.csv").write_text(
        "\n".join(["contract_id,entity_new,fallback", *(f"C{i},E{i % 7},{i}.5" for i in range(0, ROWS, 2))])
    )
    (folder / "lookup.json").write_text('{"contract_id": "C1", "entity_new": "E1"}\n')


def _result(spark: SparkSession, folder: Path) -> DataFrame:
    contracts = "customer_id string, contract_id string, status string, amount decimal(18,2), premium decimal(18,2), entity string, since date"
    reader = spark.read.option("header", True)
    reader.schema(contracts).csv(str(folder / "contracts.csv")).createOrReplaceTempView("row1")
    lookup = reader.schema("contract_id string, entity_new string, fallback decimal(18,2)").csv(
        str(folder / "lookup.csv")
    )
    lookup.write.orc(str(folder / "lookup"))
    spark.read.orc(str(folder / "lookup")).createOrReplaceTempView("row2")
    return spark.sql(
        """
        SELECT row1.customer_id, row1.contract_id, upper(trim(row1.status)) AS status, row1.amount, row1.since,
               CAST('2024-05-01' AS DATE) AS etl_start_dt, CURRENT_TIMESTAMP() AS loaded_at,
               COALESCE(row2.entity_new, row1.entity) AS entity_new,
               CAST(COALESCE(row1.premium, row2.fallback) AS DOUBLE) AS premium_amt, 1 AS n, 2L AS m,
               '20240515' AS biz_dt, CASE WHEN row1.status IN ('ACTIVE', 'A') THEN 'ACTIVE' ELSE 'INACTIVE' END AS biz_status
        FROM row1 LEFT JOIN row2 ON row1.contract_id = row2.contract_id
        """
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
