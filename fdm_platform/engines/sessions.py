"""Spark sessions inside this process: a small local one for fixture tests and analysis, and one as a table's loads have."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fdm_platform.engines.command import LOG_SETTINGS
from fdm_platform.model.plan import LaunchProfile

_SHUFFLE_BYTES = 64 * 1024 * 1024
"""Of what is read, for each partition of a shuffle."""


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


def session_of(profile: LaunchProfile, name: str, *, bytes_read: int, hive: bool = False) -> SparkSession:
    """A session in this process on the cluster, and with the memory, that a table's loads have.

    `bytes_read` sizes its shuffles where the profile does not. With `hive`, Hive's tables are known.
    """
    settings = {
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.variable.substitute": "false",
        "spark.sql.legacy.timeParserPolicy": "CORRECTED",
        "spark.sql.shuffle.partitions": str(max(4, bytes_read // _SHUFFLE_BYTES)),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()}",
    }
    if profile.is_local:
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        settings |= {"spark.ui.enabled": "false"}
    sizes = {
        "spark.driver.memory": profile.driver_memory,
        "spark.executor.memory": profile.executor_memory,
        "spark.executor.instances": profile.num_executors,
        "spark.executor.cores": profile.executor_cores,
        "spark.yarn.queue": profile.queue,
    }
    settings |= {key: setting.value for key, setting in sizes.items() if setting}
    settings |= {key: setting.value for key, setting in profile.conf.items()}
    builder = SparkSession.builder.master(profile.master.value).appName(name)
    for key, value in settings.items():
        builder = builder.config(key, value)
    return (builder.enableHiveSupport() if hive else builder).getOrCreate()
