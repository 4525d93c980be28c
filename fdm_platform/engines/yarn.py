"""Applications of YARN, found and ended by the tag that every load gives its own before it is submitted.

By YarnClient from Spark's jars, in a JVM of this process; with the configuration that Spark is given, too. A
ResourceManager that does not answer leaves it unknown whether an application lives: that is an error of its own,
after some patience, and nothing is submitted beside it.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import jpype

from fdm_platform import jvm
from fdm_platform.engines.java import find_spark
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import ConnectionLostError, MachineError

WAIT_S = 60.0
"""How long a ResourceManager that is away is asked again by whoever can wait."""
_KILLED_WAIT_S = 30.0
_POLL_S = 0.2
_JARS = ("hadoop-client-api", "hadoop-client-runtime", "slf4j-api", "jcl-over-slf4j", "log4j-")
_SITES = ("core-site.xml", "yarn-site.xml")
_UNFINISHED = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
_QUICK = {
    # YarnClient's own patience is 15 minutes; ours tells what it waits for, and ends at a signal.
    "yarn.resourcemanager.connect.max-wait.ms": "2000",
    "yarn.resourcemanager.connect.retry-interval.ms": "1000",
    "yarn.client.failover-max-attempts": "2",
    "ipc.client.connect.max.retries": "1",
    "ipc.client.connect.timeout": "5000",
    "ipc.client.connect.max.retries.on.timeouts": "1",
}

T = TypeVar("T")
log = logging.getLogger(__name__)


def applications(tag: str, wait_s: float = WAIT_S, environ: Mapping[str, str] | None = None) -> list[str]:
    """Ids of the applications with this tag that have not ended.

    ConnectionLostError where the ResourceManager does not answer within `wait_s`; MachineError without Java or Spark,
    or without a configuration that names it.
    """
    with _client(os.environ if environ is None else environ) as client:
        return _patiently(lambda: [str(a) for a in _unfinished(client, tag)], tag, wait_s)


def end_applications(tag: str, wait_s: float = WAIT_S, environ: Mapping[str, str] | None = None) -> list[str]:
    """Kill the applications with this tag, and wait until they have ended. Their ids; errors as `applications`."""
    with _client(os.environ if environ is None else environ) as client:
        ended = _patiently(lambda: _kill(client, tag), tag, wait_s)
        until = time.monotonic() + max(wait_s, _KILLED_WAIT_S)
        while ended and _patiently(lambda: _unfinished(client, tag), tag, wait_s):
            if time.monotonic() >= until:
                raise ConnectionLostError(
                    f"YARN was told to kill {', '.join(ended)}, and has not done so",
                    remedy="see the ResourceManager's UI; `yarn application -kill` ends it",
                )
            time.sleep(_POLL_S)
    return ended


def _kill(client: Any, tag: str) -> list[str]:
    found = _unfinished(client, tag)
    for application in found:
        log.warning("application %s of %s is killed", application, tag)
        client.killApplication(application)
    return [str(a) for a in found]


def _unfinished(client: Any, tag: str) -> list[Any]:
    states = jpype.JClass("org.apache.hadoop.yarn.api.records.YarnApplicationState")
    wanted = jpype.JClass("java.util.EnumSet").noneOf(states)
    for name in _UNFINISHED:
        wanted.add(states.valueOf(name))
    tags = jpype.JClass("java.util.HashSet")()
    tags.add(jpype.JString(tag.lower()))  # as YARN keeps them
    reports = client.getApplications(jpype.JClass("java.util.HashSet")(), wanted, tags)
    return [report.getApplicationId() for report in reports]


def _patiently(ask: Callable[[], list[T]], tag: str, wait_s: float) -> list[T]:
    def once() -> list[T]:
        try:
            return ask()
        except jpype.JException as error:
            raise ConnectionLostError(
                f"YARN does not say whether an application of {tag} lives: {_said(error)}",
                remedy="see whether the ResourceManager is up and HADOOP_CONF_DIR is its configuration",
            ) from error

    return patiently(once, f"ask YARN for applications of {tag}", wait_s)


def _said(error: Any) -> str:
    return re.sub(r"\s+", " ", str(error.getMessage() or error.getClass().getName()))[:300]


@contextmanager
def _client(environ: Mapping[str, str]) -> Iterator[Any]:
    spark = find_spark(environ)
    jvm.start([jar for jar in sorted(spark.jars.glob("*.jar")) if jar.name.startswith(_JARS)])
    jvm.attach()
    # Hadoop's warnings would come on stdout, among what a command answers.
    jpype.JClass("java.lang.System").setProperty("log4j2.level", "OFF")
    client = jpype.JClass("org.apache.hadoop.yarn.client.api.YarnClient").createYarnClient()
    try:
        client.init(_configuration(environ))
        client.start()
        yield client
    finally:
        client.stop()


def _configuration(environ: Mapping[str, str]) -> Any:
    configuration = jpype.JClass("org.apache.hadoop.yarn.conf.YarnConfiguration")()
    folders = [Path(environ[name]) for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR") if environ.get(name)]
    sites = [file for folder in folders for site in _SITES if (file := folder / site).is_file()]
    if not sites:
        raise MachineError(
            "nothing says where YARN's ResourceManager is",
            field="HADOOP_CONF_DIR",
            remedy="set it to the folder of the cluster's core-site.xml and yarn-site.xml",
        )
    for site in sites:
        configuration.addResource(jpype.JClass("org.apache.hadoop.fs.Path")(site.absolute().as_uri()))
    for name, value in _QUICK.items():
        configuration.set(name, value)
    return configuration
