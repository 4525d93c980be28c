"""What a team writes to load many business dates at once: one query over all of them, dynamic overwrite.

spark-submit contract_dates_job.py --contracts DIR --lookup Y.csv --from D --to D --out DIR

The work of contract_job.py for every `customer_contract_yyyymmdd.csv` of the range. It knows nothing of
this platform: one date that fails fails them all, and readers see dates half replaced.
"""

import argparse
from pathlib import Path

from contract_job import CONTRACTS, LOOKUP
from pyspark.sql import SparkSession

SQL = """
SELECT /*+ BROADCAST(row2) */ row1.customer_id, row1.contract_id, row1.status, row1.amount,
       TO_DATE(row1.folder, 'yyyyMMdd') AS etl_start_dt, TO_DATE(row1.folder, 'yyyyMMdd') AS etl_end_dt,
       'Y' AS change_indicator,
       COALESCE(row2.entity_new, row1.entity, 'GELS') AS entity_new,
       COALESCE(row1.premium_amt, row2.premium_fallback) AS premium_amt,
       row1.folder AS biz_dt,
       CASE WHEN UPPER(TRIM(row1.status)) IN ('ACTIVE', 'A', 'INFORCE') THEN 'ACTIVE' ELSE 'INACTIVE' END
         AS biz_status
FROM row1 LEFT JOIN row2 ON row1.contract_id = row2.contract_id
"""


def main() -> None:
    """Read, join, write."""
    parser = argparse.ArgumentParser()
    for name in ("--contracts", "--lookup", "--from", "--to", "--out"):
        parser.add_argument(name, required=True)
    args = vars(parser.parse_args())
    low, high = (args[k].replace("-", "") for k in ("from", "to"))
    files = [
        str(f)
        for f in sorted(Path(args["contracts"]).glob("customer_contract_2*.csv"))
        if low <= f.stem[-8:] <= high
    ]
    spark = SparkSession.builder.appName("contract_dates_job").getOrCreate()
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    contracts = spark.read.csv(files, header=True, schema=CONTRACTS)
    contracts.selectExpr("*", "substring(_metadata.file_name, 19, 8) AS folder").createOrReplaceTempView(
        "row1"
    )
    spark.read.csv(args["lookup"], header=True, schema=LOOKUP).createOrReplaceTempView("row2")
    spark.sql(SQL).write.mode("overwrite").partitionBy("biz_dt", "biz_status").orc(args["out"])
    spark.stop()


if __name__ == "__main__":
    main()
