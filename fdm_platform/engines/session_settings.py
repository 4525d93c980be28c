"""Settings of a Spark session that hold for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pyspark.sql import SparkSession


@contextmanager
def set_meanwhile(spark: SparkSession, key: str, value: str) -> Iterator[None]:
    """The setting has this value within the block, and then the one that it had before."""
    before = spark.conf.get(key)
    spark.conf.set(key, value)
    try:
        yield
    finally:
        spark.conf.set(key, str(before))


def folder_values_as_text(spark: SparkSession) -> AbstractContextManager[None]:
    """Values of `name=value` folders are text to what is loaded meanwhile, for 00012 is not 12."""
    return set_meanwhile(spark, "spark.sql.sources.partitionColumnTypeInference.enabled", "false")
