"""Spark sessions inside this process: a small local one for fixture tests and analysis, and one as a table's loads have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from fdm_platform.engines.command import LOG_SETTINGS
from fdm_platform.engines.secrets import REDACTION, SPARKS_OWN_REDACTION
from fdm_platform.model.plan import SECRET_MARK, LaunchProfile

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


def session_of(
    profile: LaunchProfile,
    name: str,
    *,
    bytes_read: int,
    hive: bool = False,
    secrets: Mapping[str, str] | None = None,
) -> SparkSession:
    """A session in this process on the cluster, and with the memory, that a table's loads have.

    `bytes_read` sizes its shuffles where the profile does not. With `hive`, Hive's tables are known. `secrets` are what
    settings of the profile stand for, by name: Spark is told them, and no command line. Values of `name=value` folders
    are text.
    """
    conf = _settings(profile, name, bytes_read)
    conf |= {"spark.sql.catalogImplementation": "hive"} if hive else {}
    hidden = _revealed(profile, secrets or {})
    if hidden and SparkSession.getActiveSession() is None:
        names = [conf.get(REDACTION, SPARKS_OWN_REDACTION), *map(re.escape, hidden)]
        conf = {key: value for key, value in conf.items() if key not in hidden} | {REDACTION: "|".join(names)}
        gateway = launch_gateway(_conf(conf))  # type: ignore[no-untyped-call]
        SparkContext(conf=_conf(conf | hidden), gateway=gateway)
    return SparkSession.builder.config(conf=_conf(conf)).getOrCreate()


def _conf(settings: Mapping[str, str]) -> SparkConf:
    return SparkConf().setAll(list(settings.items()))


def _revealed(profile: LaunchProfile, secrets: Mapping[str, str]) -> dict[str, str]:
    named = {key: setting.value.removeprefix(SECRET_MARK) for key, setting in profile.conf.items()}
    return {key: secrets[name] for key, name in named.items() if name in secrets}


def _settings(profile: LaunchProfile, name: str, bytes_read: int) -> dict[str, str]:
    settings = {
        "spark.master": profile.master.value,
        "spark.app.name": name,
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
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
    return settings | {key: setting.value for key, setting in profile.conf.items()}
