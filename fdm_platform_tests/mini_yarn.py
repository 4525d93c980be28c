"""A small YARN: ResourceManager and NodeManager in a process, of Hadoop's own mini cluster from Maven Central."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jpype

from fdm_platform.control.kudu.maven import Artifact, resolve
from fdm_platform.engines.java import find_spark
from fdm_platform.model.settings import Settings
from fdm_platform_tests.hdfs import JUNIT, MINI_CLUSTER

JARS = (
    MINI_CLUSTER,
    # What it needs and does not hold.
    JUNIT,
    Artifact(
        "org.bouncycastle",
        "bcprov-jdk15on",
        "1.60",
        "7f1a0e6badab38666f8467a9a0ee96656b2f8ec8623867ed34f3cdc173b7ee07",
    ),
    Artifact(
        "org.bouncycastle",
        "bcpkix-jdk15on",
        "1.60",
        "a82ac5bc24bcbf6ba9eb70f334d6782e25245c8da36d9848ad553b5b7b68efd1",
    ),
)
_OF_SPARK = (
    "hadoop-client-",
    "slf4j-",
    "jcl-",
    "log4j-",
    "commons-",
    "javax",
    "jakarta",
    "jackson",
    "jersey",
)
_OF_JAVA_8 = ("activation", "jaxb", "istack")
_OPENED = ("java.lang", "java.lang.reflect", "java.util", "java.io", "java.net")
_SETTINGS = {
    "fs.defaultFS": "file:///",
    "yarn.is.minicluster": "true",
    "yarn.nodemanager.resource.memory-mb": "4096",
    "yarn.nodemanager.resource.cpu-vcores": "4",
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.pmem-check-enabled": "false",
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
    "yarn.scheduler.minimum-allocation-mb": "256",
    "yarn.scheduler.capacity.maximum-am-resource-percent": "1.0",
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": "100",
}
_CONNECT_MS = 60_000


def fetch_jars() -> list[Path]:
    """The class path of a cluster. MachineError where what Spark lacks cannot be had."""
    settings = Settings.from_environ()
    fetched = [resolve(jar, settings.cache, settings.maven_repository) for jar in JARS]
    spark = find_spark(os.environ).jars.glob("*.jar")
    return [*fetched, *sorted(j for j in spark if j.name.startswith(_OF_SPARK + _OF_JAVA_8))]


@contextmanager
def mini_yarn(folder: Path, jars: list[Path]) -> Iterator[Path]:
    """The folder of its configuration, for HADOOP_CONF_DIR, while it runs."""
    conf = folder / "conf"
    conf.mkdir(parents=True)
    command = [sys.executable, __file__, str(folder), *map(str, jars)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout
        assert any(line == "up\n" for line in process.stdout), (folder / "log").read_text()[-4000:]
    try:
        yield conf
    finally:
        process.communicate()  # it ends when its standard input does


def _serve(folder: str, jars: list[str]) -> None:
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    quick = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    jpype.startJVM(*quick, *opened, f"-Dtest.build.data={folder}", classpath=jars, convertStrings=False)
    conf = jpype.JClass("org.apache.hadoop.yarn.conf.YarnConfiguration")()
    for name, value in _SETTINGS.items():
        conf.set(name, value)
    cluster = jpype.JClass("org.apache.hadoop.yarn.server.MiniYARNCluster")("fdm", 1, 1, 1)
    cluster.init(conf)
    cluster.start()
    assert cluster.waitForNodeManagersToConnect(_CONNECT_MS)
    site = jpype.JClass("java.io.FileOutputStream")(f"{folder}/conf/yarn-site.xml")
    cluster.getConfig().writeXml(site)
    site.close()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.stop()
    os._exit(0)  # threads of Hadoop's would keep the process


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
