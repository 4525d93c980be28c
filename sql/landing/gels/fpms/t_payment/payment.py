"""The transform of t_payment."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's own documentation uses


def summarise(spark: SparkSession, inputs: dict[str, DataFrame], params: dict[str, Any]) -> DataFrame:  # noqa: ARG001 - every transform is called with the session
    """Number and sum of the payments of each contract and currency."""
    return (
        inputs["payments"]
        .groupBy("contract_id", "currency")
        .agg(
            F.count("*").alias("payments"),
            F.sum("amount").cast("decimal(18,2)").alias("amount"),
        )
        .withColumn("biz_dt", F.lit(params["biz_dt"]).cast("date"))
    )
