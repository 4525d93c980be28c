"""A small HDFS: one NameNode and one DataNode in a process, of Hadoop's own mini cluster from Maven Central."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jpype

from fdm_platform.control.kudu.maven import Artifact, resolve
from fdm_platform.engines.folders import open_folders
from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.model.settings import Settings

MINI_CLUSTER = Artifact(
    "org.apache.hadoop",
    "hadoop-client-minicluster",
    "3.3.4",  # of the client in Spark's jars
    "cd8a1703393946c302bb3a52d0fcd23f6f8ded4554bc0dac5d2ee673dbe2b40e",
)
JUNIT = Artifact(
    "junit", "junit", "4.13.2", "8e495b634469d64fb8acfa3495a065cbacc8a0fff55ce1e31007be4c16dc57d3"
)
"""Which the mini cluster names its folders by."""
_OF_SPARK = ("commons-logging", "hadoop-client-", "slf4j-api", "log4j-")
_START_S = 180


def fetch_jars() -> list[Path]:
    """The class path of a cluster. MachineError where what Spark lacks cannot be had."""
    settings = Settings.from_environ()
    fetched = [resolve(jar, settings.cache, settings.maven_repository) for jar in (MINI_CLUSTER, JUNIT)]
    jars = find_spark(os.environ).jars.glob("*.jar")
    return [*sorted(j for j in jars if j.name.startswith(_OF_SPARK)), *fetched]


@contextmanager
def mini_hdfs(folder: Path, jars: list[Path]) -> Iterator[str]:
    """Its address, `hdfs://127.0.0.1:<port>`, while it runs; its folder is removed at the end."""
    details = folder / "details.json"
    command = [
        *(str(find_jdk(os.environ).java), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *(f"-Dtest.build.data={folder / 'data'}", "-cp", os.pathsep.join(map(str, jars))),
        *("org.apache.hadoop.test.MiniDFSClusterManager", "-format", "-datanodes", "1", "-nnport", "0"),
        *("-writeDetails", str(details)),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"hdfs://127.0.0.1:{_port(details, process, folder / 'log')}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def operator_of(address: str) -> Iterator[Any]:
    """HDFS's own file system, a Java object, as its operator has it."""
    open_folders(address)  # starts the JVM
    conf = jpype.JClass("org.apache.hadoop.conf.Configuration")()
    opened = jpype.JClass("org.apache.hadoop.fs.FileSystem").newInstance
    with opened(jpype.JClass("java.net.URI")(address), conf) as system:
        yield system


@contextmanager
def safe_mode(system: Any) -> Iterator[None]:
    """While the block runs the NameNode takes no changes."""
    action = jpype.JClass("org.apache.hadoop.hdfs.protocol.HdfsConstants$SafeModeAction")
    system.setSafeMode(action.SAFEMODE_ENTER)
    try:
        yield
    finally:
        system.setSafeMode(action.SAFEMODE_LEAVE)


def _port(details: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            return int(json.loads(details.read_text())["namenode_port"])
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())
