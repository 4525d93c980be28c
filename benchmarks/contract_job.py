"""What a team runs today: a hand-written PySpark script that loads one business date of the contracts.

spark-submit contract_job.py --contracts X.csv --lookup Y.csv --biz-dt 2024-05-15 --out DIR

It does the work of sql/landing/gels/fpms/t_contract_master, and knows nothing of this platform.
"""

import argparse

from pyspark.sql import SparkSession

CONTRACTS = (
    "customer_id string, contract_id string, status string, amount decimal(18,2), "
    "premium_amt decimal(18,2), entity string"
)
LOOKUP = "contract_id string, entity_new string, premium_fallback decimal(18,2)"

SQL = """
SELECT row1.customer_id, row1.contract_id, row1.status, row1.amount,
       DATE'{biz_dt}' AS etl_start_dt, DATE'{biz_dt}' AS etl_end_dt,
       'Y' AS change_indicator,
       COALESCE(row2.entity_new, row1.entity, 'GELS') AS entity_new,
       COALESCE(row1.premium_amt, row2.premium_fallback) AS premium_amt,
       '{folder}' AS biz_dt,
       CASE WHEN UPPER(TRIM(row1.status)) IN ('ACTIVE', 'A', 'INFORCE') THEN 'ACTIVE' ELSE 'INACTIVE' END
         AS biz_status
FROM row1 LEFT JOIN row2 ON row1.contract_id = row2.contract_id
"""


def main() -> None:
    """Read, join, write."""
    parser = argparse.ArgumentParser()
    for name in ("--contracts", "--lookup", "--biz-dt", "--out"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    spark = SparkSession.builder.appName("contract_job").getOrCreate()
    spark.read.csv(args.contracts, header=True, schema=CONTRACTS).createOrReplaceTempView("row1")
    spark.read.csv(args.lookup, header=True, schema=LOOKUP).createOrReplaceTempView("row2")
    result = spark.sql(SQL.format(biz_dt=args.biz_dt, folder=args.biz_dt.replace("-", "")))
    result.write.mode("overwrite").partitionBy("biz_dt", "biz_status").orc(args.out)
    spark.stop()


if __name__ == "__main__":
    main()
