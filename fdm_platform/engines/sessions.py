"""A small local Spark session inside this process: for fixture tests, analysis and tests of SQL."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fdm_platform.engines.command import LOG_SETTINGS


def local_session(name: str, *, cores: int = 2) -> SparkSession:
    """The process's session; started quiet, without a UI, with few shuffle partitions, if there is none.

    Settings of correctness are those of the driver's session.
    """
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.variable.substitute": "false",
        "spark.sql.legacy.timeParserPolicy": "CORRECTED",
        "spark.driver.extraJavaOptions": (
            f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        ),
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName(name)
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
