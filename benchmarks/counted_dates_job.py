"""What a team writes to load many dates at once, of counted rows: one query, dynamic overwrite (contract_dates_job.py).

python counted_dates_job.py OUT LOAD_NO DATES

It knows nothing of this platform. Rows are as in fdm_platform_tests/faults/counted.py, but in the same two folders each time:
of a folder that a load lacks, dynamic overwrite leaves the old rows.
"""

import sys

from pyspark.sql import SparkSession

SQL = """
SELECT CAST(n.id AS INT) AS n, {load_no} AS load_no, {rows} AS of_rows,
       DATE_FORMAT(DATE_ADD(DATE'2024-06-03', CAST(d.id AS INT)), 'yyyyMMdd') AS biz_dt,
       IF(n.id % 3 = {load_no} % 3, 'INACTIVE', 'ACTIVE') AS biz_status
FROM RANGE(0, {dates}, 1, 2) d CROSS JOIN RANGE(0, {rows}, 1, 1) n
"""


def main(out: str, load_no: int, dates: int) -> None:
    """Compute, write."""
    spark = SparkSession.builder.appName("counted_dates_job").master("local[2]").getOrCreate()
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    rows = spark.sql(SQL.format(load_no=load_no, rows=16 + load_no % 8, dates=dates))
    rows.write.mode("overwrite").partitionBy("biz_dt", "biz_status").orc(out)
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
