"""Applications of YARN, found and ended by the tag that every load gives its own before it is submitted.

By YarnClient from Spark's jars, in a JVM of this process; with the configuration that Spark is given, too. A
ResourceManager that does not answer leaves it unknown whether an application lives: that is an error of its own,
after some patience, and nothing is submitted beside it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import jpype

from fdm_platform.engines.hadoop_client import add_sites, innermost, said, start
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import ConnectionLostError, MachineError

WAIT_S = 60.0
"""How long a ResourceManager that is away is asked again by whoever can wait."""
_POLL_S = 0.2
_SITES = ("core-site.xml", "yarn-site.xml")
_UNFINISHED = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
_TRIES = 2
_QUICK = {
    # YarnClient's own patience is 15 minutes; ours tells what it waits for, and ends at a signal. It tries twice.
    "yarn.resourcemanager.connect.max-wait.ms": 100,
    "yarn.resourcemanager.connect.retry-interval.ms": 100,
    "yarn.client.failover-max-attempts": _TRIES,
    "ipc.client.connect.max.retries": 0,
    "ipc.client.connect.max.retries.on.timeouts": 0,
    # It would wait for the end of what it kills, for ever: we do.
    "yarn.client.application-client-protocol.poll-timeout-ms": 0,
}

T = TypeVar("T")
log = logging.getLogger(__name__)


def applications(tag: str, wait_s: float = WAIT_S, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Ids of the applications with this tag that have not ended.

    ConnectionLostError where the ResourceManager does not answer within `wait_s`; MachineError without Java or Spark,
    or without a configuration that names it.
    """
    until = _last_question(wait_s)
    with _client(wait_s, environ) as client:
        return _patiently(lambda: [str(a) for a in _unfinished(client, tag)], tag, until)


def end_applications(tag: str, wait_s: float = WAIT_S, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Kill the applications with this tag, and wait until they have ended, `wait_s` altogether. Their ids.

    Errors as `applications`; one that was told to end and has not is a ConnectionLostError, too.
    """
    until = _last_question(wait_s)
    with _client(wait_s, environ) as client:
        ended, refusal = _patiently(lambda: _kill(client, tag), tag, until)
        while ended and _patiently(lambda: _unfinished(client, tag), tag, until):
            if time.monotonic() >= until:
                raise ConnectionLostError(
                    f"YARN was told to kill {', '.join(ended)}, and has not done so within {wait_s:g} s{refusal}",
                    remedy="see the ResourceManager's UI; `yarn application -kill` ends it",
                )
            time.sleep(_POLL_S)
    return ended


def _kill(client: Any, tag: str) -> tuple[list[str], str]:
    """Ids of what was told to end, and what YARN said to the last: that it goes on, or that it refuses."""
    found, refusal = _unfinished(client, tag), ""
    for application in found:
        log.warning("application %s of %s is killed", application, tag)
        try:
            client.killApplication(application)
        except jpype.JClass("org.apache.hadoop.yarn.exceptions.YarnException") as error:
            refusal = f": {said(error)}"
    return [str(a) for a in found], refusal


def _unfinished(client: Any, tag: str) -> list[Any]:
    states = jpype.JClass("org.apache.hadoop.yarn.api.records.YarnApplicationState")
    wanted = jpype.JClass("java.util.EnumSet").noneOf(states)
    for name in _UNFINISHED:
        wanted.add(states.valueOf(name))
    tags = jpype.JClass("java.util.HashSet")()
    tags.add(jpype.JString(tag.lower()))  # as YARN keeps them
    reports = client.getApplications(jpype.JClass("java.util.HashSet")(), wanted, tags)
    return [report.getApplicationId() for report in reports]


def _patiently(ask: Callable[[], T], tag: str, until: float) -> T:
    def once() -> T:
        try:
            return ask()
        except jpype.JException as error:
            raise ConnectionLostError(
                f"YARN does not say whether an application of {tag} lives: {said(error)}",
                remedy="see whether the ResourceManager is up and HADOOP_CONF_DIR is its configuration",
            ) from error

    return patiently(once, f"ask YARN for applications of {tag}", until - time.monotonic())


def _last_question(wait_s: float) -> float:
    """When it may be asked for the last time, by the monotonic clock: what it then answers comes within `wait_s`."""
    return time.monotonic() + wait_s - _answer_s(wait_s)


def _answer_s(wait_s: float) -> float:
    """How long one answer is waited for, by who waits `wait_s` altogether."""
    return min(max(wait_s / 4, 1), 10)


@contextmanager
def _client(wait_s: float, environ: Mapping[str, str]) -> Iterator[Any]:
    """A client that has begun, which asks nobody yet: what fails here is the configuration's fault."""
    start(environ)
    client = jpype.JClass("org.apache.hadoop.yarn.client.api.YarnClient").createYarnClient()
    try:
        try:
            client.init(_configuration(wait_s, environ))
            client.start()
        except jpype.JException as error:
            raise MachineError(
                f"YARN's client does not start: {said(innermost(error))}",
                field="HADOOP_CONF_DIR",
                remedy="correct the core-site.xml and yarn-site.xml of that folder",
            ) from error
        yield client
    finally:
        client.stop()


def _configuration(wait_s: float, environ: Mapping[str, str]) -> Any:
    configuration = jpype.JClass("org.apache.hadoop.yarn.conf.YarnConfiguration")()
    if not add_sites(configuration, _SITES, environ):
        raise MachineError(
            "nothing says where YARN's ResourceManager is",
            field="HADOOP_CONF_DIR",
            remedy="set it to the folder of the cluster's core-site.xml and yarn-site.xml",
        )
    # One that was stopped takes a connection, and never answers: Hadoop would wait for two minutes.
    answer_ms = int(_answer_s(wait_s) / _TRIES * 1000)
    times = {"ipc.client.connect.timeout": answer_ms, "ipc.client.rpc-timeout.ms": answer_ms}
    for name, value in (_QUICK | times).items():
        configuration.set(name, str(value))
    return configuration
