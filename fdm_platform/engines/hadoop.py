"""Folders of HDFS and what else Hadoop's client speaks to, by the jars that Spark has, in a JVM of this process.

FileContext, not FileSystem: of the two only its `rename` refuses a name that is taken, where the other moves the folder
into it. HDFS's NameNode does that rename in one step, for everybody; `file:` URIs are checked first and renamed then,
so they are for tests and for a machine of one's own.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import jpype

from fdm_platform import jvm
from fdm_platform.engines.java import find_spark
from fdm_platform.errors import MachineError

_JARS = ("hadoop-client-api", "hadoop-client-runtime", "slf4j-api", "jcl-over-slf4j", "log4j-")
"""Those of Spark's jars that Hadoop's client needs."""
_SITES = ("core-site.xml", "hdfs-site.xml", "viewfs-site.xml")
_MAX_WRITE = 1 << 20
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


class HadoopFolders:
    """A file system behind Hadoop's client; `context` is its FileContext."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._path = jpype.JClass("org.apache.hadoop.fs.Path")
        self._flags = jpype.JClass("org.apache.hadoop.fs.CreateFlag")
        self._set_of = jpype.JClass("java.util.EnumSet").of

    def children(self, folder: str) -> list[str]:
        """As in Folders."""
        try:
            return sorted(str(s.getPath().getName()) for s in self._listed(folder) if s.isDirectory())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def files(self, folder: str) -> dict[str, int]:
        """As in Folders."""
        prefix = self._path_of(folder).rstrip("/") + "/"
        found = {}
        with _reported(folder):
            below = self._context.util().listFiles(self._path(folder), True)
            while below.hasNext():
                status = below.next()
                path = str(status.getPath().toUri().getPath()).removeprefix(prefix)
                if not any(part.startswith((".", "_")) for part in path.split("/")):
                    found[path] = int(status.getLen())
        return dict(sorted(found.items()))

    def exists(self, place: str) -> bool:
        """As in Folders."""
        with _reported(place):
            return bool(self._context.util().exists(self._path(place)))

    def changed_at(self, place: str) -> float:
        """As in Folders."""
        with _reported(place):
            return int(self._context.getFileStatus(self._path(place)).getModificationTime()) / 1000

    def make(self, folder: str) -> None:
        """As in Folders."""
        with _reported(folder):
            self._context.mkdir(self._path(folder), None, True)

    def read_text(self, file: str) -> str:
        """As in Folders."""
        with self.reading(file) as stream:
            return stream.read().decode("utf-8")

    def write_durably(self, file: str, text: str) -> None:
        """As in Folders."""
        with self._writing(file, self._flags.CREATE, self._flags.OVERWRITE) as stream:
            stream.write(text.encode())

    def sync(self, folder: str) -> None:
        """As in Folders: nothing is left to do, a file that Spark has closed is on as many machines as it is to be."""

    @contextmanager
    def reading(self, file: str) -> Iterator[BinaryIO]:
        """As in Folders."""
        with _reported(file):
            path = self._path(file)
            size = int(self._context.getFileStatus(path).getLen())
            stream = _Source(self._context.open(path), size, file)
        with stream:
            yield stream  # type: ignore[misc]  # a RawIOBase is what BinaryIO describes

    @contextmanager
    def writing(self, file: str) -> Iterator[BinaryIO]:
        """As in Folders."""
        with self._writing(file, self._flags.CREATE) as stream:
            yield stream

    @contextmanager
    def _writing(self, file: str, *flags: Any) -> Iterator[BinaryIO]:
        with _reported(file):
            stream = _Sink(self._context.create(self._path(file), self._set_of(*flags)), file)
        with stream:
            yield stream  # type: ignore[misc]

    def rename(self, a: str, b: str) -> None:
        """As in Folders."""
        with _reported(a):
            self._context.rename(self._path(a), self._path(b))

    def exchange(self, a: str, b: str) -> bool:
        """As in Folders: Hadoop has no such step."""
        return False

    def copy(self, a: str, b: str, *, but: str) -> None:
        """As in Folders."""
        self.make(b)
        for status in self._listed(a):
            name = str(status.getPath().getName())
            if name != but:
                with _reported(f"{b}/{name}"):
                    self._context.util().copy(status.getPath(), self._path(f"{b}/{name}"))

    def remove(self, place: str) -> None:
        """As in Folders; past the trash."""
        with suppress(FileNotFoundError), _reported(place):
            self._context.delete(self._path(place), True)

    def remove_if_empty(self, folder: str) -> None:
        """As in Folders."""
        with suppress(OSError), _reported(folder):
            self._context.delete(self._path(folder), False)

    def _listed(self, folder: str) -> list[Any]:
        with _reported(folder):
            found, statuses = self._context.listStatus(self._path(folder)), []
            while found.hasNext():
                statuses.append(found.next())
            return statuses

    def _path_of(self, place: str) -> str:
        """A URI without its file system."""
        _attach()
        return str(self._path(place).toUri().getPath())


def open_hadoop(place: str) -> HadoopFolders:
    """The file system that a URI names, of HADOOP_CONF_DIR's configuration; one for each in a process.

    MachineError where there is no Java or Spark, or where Hadoop's client knows no such file system.
    """
    parts = urlsplit(place)
    return _opened(parts.scheme.lower(), parts.netloc)


@cache
def _opened(scheme: str, authority: str) -> HadoopFolders:
    jars = [j for j in sorted(find_spark(os.environ).jars.glob("*.jar")) if j.name.startswith(_JARS)]
    jvm.start(jars)
    # Hadoop's warnings would come on stdout, among what a command answers.
    jpype.JClass("java.lang.System").setProperty("log4j2.level", "OFF")
    where = f"{scheme}://{authority}/"
    try:
        _attach()
        uri = jpype.JClass("java.net.URI")(where)
        return HadoopFolders(
            jpype.JClass("org.apache.hadoop.fs.FileContext").getFileContext(uri, _configuration())
        )
    except jpype.JException as error:
        raise MachineError(
            f"Hadoop's client cannot open {where}: {_first_line(_innermost(error))}",
            field="FDM_LANDING_ROOT",
            remedy="correct it, or set HADOOP_CONF_DIR to the folder of the cluster's core-site.xml and hdfs-site.xml",
        ) from error


def _configuration() -> Any:
    """Hadoop's defaults, and what stands in the folders that Spark takes its own from."""
    configuration = jpype.JClass("org.apache.hadoop.hdfs.HdfsConfiguration")()
    folders = (os.environ.get(name) for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR"))
    for site in (Path(folder, name) for folder in folders if folder for name in _SITES):
        if site.is_file():
            configuration.addResource(jpype.JClass("org.apache.hadoop.fs.Path")(site.absolute().as_uri()))
    return configuration


class _Source(io.RawIOBase):
    """An open file of Hadoop's, as Python reads files."""

    def __init__(self, stream: Any, size: int, file: str) -> None:
        super().__init__()
        self._stream, self._size, self._file, self._position = stream, size, file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        count = max(0, min(len(buffer), self._size - self._position))
        if count:
            with _reported(self._file):
                block = jpype.JArray(jpype.JByte)(count)
                self._stream.readFully(self._position, block, 0, count)
                memoryview(buffer).cast("B")[:count] = memoryview(block).cast("B")
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            with _reported(self._file):
                self._stream.close()


class _Sink(io.RawIOBase):
    """A file of Hadoop's that is being written. What is closed is on disk."""

    def __init__(self, stream: Any, file: str) -> None:
        super().__init__()
        self._stream, self._file, self._position = stream, file, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any, /) -> int:
        given = memoryview(data).cast("B")
        with _reported(self._file):
            for start in range(0, len(given), _MAX_WRITE):
                self._stream.write(bytes(given[start : start + _MAX_WRITE]))
        self._position += len(given)
        return len(given)

    def close(self) -> None:
        if not self.closed:
            super().close()
            with _reported(self._file):
                try:
                    self._stream.hsync()
                finally:
                    self._stream.close()


@contextmanager
def _reported(place: str) -> Iterator[None]:
    """Java's exceptions as Python's."""
    _attach()
    try:
        yield
    except jpype.JException as error:
        raise _os_error(error, place) from error


def _attach() -> None:
    """This thread finds Hadoop's files in its jars, also where they came to a JVM that ran already."""
    jvm.attach()
    if not hasattr(_of_thread, "loader"):
        _of_thread.loader = jpype.JClass("org.apache.hadoop.conf.Configuration").class_.getClassLoader()
        jpype.JClass("java.lang.Thread").currentThread().setContextClassLoader(_of_thread.loader)


def _os_error(error: Any, place: str) -> OSError:
    names = (_name(e) for e in _chain(error))
    number = next((_ERRNOS[n] for n in names if n in _ERRNOS), errno.EIO)
    return OSError(number, _first_line(error), place)


def _chain(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.getCause()


def _innermost(error: Any) -> Any:
    return list(_chain(error))[-1]


def _name(error: Any) -> str:
    """The simple name of its class, of the server's where it comes from there."""
    name = str(error.getClass().getName())
    if name.endswith(".RemoteException"):
        name = str(error.getClassName())
    return name.rpartition(".")[2].rpartition("$")[2]


def _first_line(error: Any) -> str:
    said = str(error.getMessage() or "").strip().partition("\n")[0]
    return f"{_name(error)}: {said}" if said else _name(error)
