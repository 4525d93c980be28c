"""Contracts of a business date, with what a lookup and the date's payments add.

Written for the legacy framework; it runs as it is.
"""

import os

from framework import exec_hql, get_logger, read_csv, read_orc, set_spark_log_level, write_orc
from framework.metrics import track_job_end, track_job_start
from framework.params_loader import flatten_job_params, get_job_params_path, load_job_params_from_json
from pyspark.sql import SparkSession

JOB_NAME = "etl_lnd_gels_fpms_t_contract_legacy"
CONTRACTS = (
    "customer_id string, contract_id string, status string, amount decimal(18,2), premium_amt decimal(18,2), "
    "entity string"
)
LOOKUP = "contract_id string, entity_new string, premium_fallback decimal(18,2)"


def main() -> None:
    logger = get_logger(JOB_NAME)
    track_job_start(JOB_NAME)
    spark = SparkSession.builder.appName(JOB_NAME).getOrCreate()
    set_spark_log_level(spark, "WARN")

    params = flatten_job_params(load_job_params_from_json(get_job_params_path(JOB_NAME)))
    day = str(params["biz_dt"]).replace("-", "")
    sources, landing, sql = params["source_dir"], params["landing_dir"], os.environ["JOB_SQL_DIR"]
    logger.info("business date %s", day)

    contracts = read_csv(spark, f"{sources}\\customer_contract_{day}.csv", schema=CONTRACTS)
    contracts.createOrReplaceTempView("row1")
    lookup = read_csv(spark, f"{sources}\\customer_contract_fallback_lkp.csv", schema=LOOKUP)
    lookup.createOrReplaceTempView("row2")
    read_orc(spark, f"{sources}\\payments_{day}.orc").createOrReplaceTempView("row3")

    exec_hql(spark, "tMap_1_out1", f"{sql}/tMap_1_out1.hql", logger, params)
    result = exec_hql(spark, "out1", f"{sql}/out1.hql", logger, params)

    # Under the framework that this was written for, this line deleted every other business date.
    write_orc(
        result,
        f"{landing}\\gels_fpms_t_contract_legacy",
        mode="overwrite",
        partitionBy=["biz_dt", "biz_status"],
    )
    track_job_end(JOB_NAME, "Completed")
    spark.stop()


if __name__ == "__main__":
    main()
