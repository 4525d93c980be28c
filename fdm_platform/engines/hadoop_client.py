"""Hadoop's own client in a JVM of this process: its jars out of Spark's, its configuration, and what its errors say.

HDFS is spoken to by it (engines/hadoop.py), and YARN (engines/yarn.py).
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jpype

from fdm_platform import jvm
from fdm_platform.engines.java import find_spark

FOLDERS = ("HADOOP_CONF_DIR", "YARN_CONF_DIR")
"""Variables that name folders of configuration, as Spark reads them."""
_JARS = ("hadoop-client-api", "hadoop-client-runtime", "slf4j-api", "jcl-over-slf4j", "log4j-")
"""Those of Spark's jars that the client needs."""
_of_thread = threading.local()
_ERRNOS: Mapping[str, int] = {
    "FileAlreadyExistsException": errno.EEXIST,
    "FileNotFoundException": errno.ENOENT,
    "ParentNotDirectoryException": errno.ENOTDIR,
    "PathIsNotDirectoryException": errno.ENOTDIR,
    "PathIsNotEmptyDirectoryException": errno.ENOTEMPTY,
    "AccessControlException": errno.EACCES,
    "DSQuotaExceededException": errno.EDQUOT,
    "NSQuotaExceededException": errno.EDQUOT,
    "QuotaByStorageTypeExceededException": errno.EDQUOT,
    "QuotaExceededException": errno.EDQUOT,
    "SafeModeException": errno.ECONNREFUSED,
    "StandbyException": errno.ECONNREFUSED,
    "RetriableException": errno.ECONNREFUSED,
    "ConnectException": errno.ECONNREFUSED,
    "NoRouteToHostException": errno.ECONNREFUSED,
    "UnknownHostException": errno.ECONNREFUSED,
    "SocketException": errno.ECONNRESET,
    "EOFException": errno.ECONNRESET,
    "ConnectTimeoutException": errno.ECONNREFUSED,
    "SocketTimeoutException": errno.ECONNRESET,
}
"""Java's and Hadoop's exceptions by their simple names; Python knows which OSError each number is."""


def start(environ: Mapping[str, str] = os.environ) -> None:
    """Have the client's classes in this process, for this thread. MachineError where there is no Java or Spark."""
    jvm.start([jar for jar in sorted(find_spark(environ).jars.glob("*.jar")) if jar.name.startswith(_JARS)])
    # Its warnings would come on stdout, among what a command answers.
    jpype.JClass("java.lang.System").setProperty("log4j2.level", "OFF")
    attach()


def attach() -> None:
    """This thread finds Hadoop's files in its jars, also where they came to a JVM that ran already."""
    jvm.attach()
    if not hasattr(_of_thread, "loader"):
        _of_thread.loader = jpype.JClass("org.apache.hadoop.conf.Configuration").class_.getClassLoader()
        jpype.JClass("java.lang.Thread").currentThread().setContextClassLoader(_of_thread.loader)


def add_sites(
    configuration: Any, names: Sequence[str], environ: Mapping[str, str] = os.environ
) -> list[Path]:
    """Add to a Configuration what stands under these names in the folders that Spark takes its own from: the files."""
    folders = [Path(environ[variable]) for variable in FOLDERS if environ.get(variable)]
    sites = [file for folder in folders for name in names if (file := folder / name).is_file()]
    for site in sites:
        configuration.addResource(jpype.JClass("org.apache.hadoop.fs.Path")(site.absolute().as_uri()))
    return sites


@contextmanager
def reported(place: str) -> Iterator[None]:
    """Java's exceptions as Python's, of a file or folder."""
    attach()
    try:
        yield
    except jpype.JException as error:
        names = (_name(e) for e in _chain(error))
        number = next((_ERRNOS[n] for n in names if n in _ERRNOS), errno.EIO)
        raise OSError(number, said(error), place) from error


def said(error: Any) -> str:
    """A Java error's simple name, and the first line of what it says."""
    first = str(error.getMessage() or "").strip().partition("\n")[0]
    return f"{_name(error)}: {first}" if first else _name(error)


def innermost(error: Any) -> Any:
    """What a Java error came of in the end."""
    return list(_chain(error))[-1]


def _chain(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.getCause()


def _name(error: Any) -> str:
    """The simple name of its class, of the server's where it comes from there."""
    name = str(error.getClass().getName())
    if name.endswith(".RemoteException"):
        name = str(error.getClassName())
    return name.rpartition(".")[2].rpartition("$")[2]
