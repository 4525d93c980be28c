"""Folders of HDFS and what else Hadoop's client speaks to, by the jars that Spark has, in a JVM of this process.

FileContext, not FileSystem: of the two only its `rename` refuses a name that is taken, where the other moves the folder
into it. HDFS's NameNode does that rename in one step, for everybody; `file:` URIs are checked first and renamed then,
so they are for tests and for a machine of one's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import jpype

from fdm_platform.engines.hadoop_client import add_sites, attach, innermost, reported, said, start
from fdm_platform.engines.hadoop_streams import Sink, Source
from fdm_platform.errors import MachineError

_SITES = ("core-site.xml", "hdfs-site.xml", "viewfs-site.xml")


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
        return {path: int(status.getLen()) for path, status in self._below(folder)}

    def stamps(self, folder: str, *, also: str) -> dict[str, str]:
        """As in Folders."""
        try:
            found = self._below(folder, also)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {path: f"{int(s.getLen())} {int(s.getModificationTime())}" for path, s in found}

    def _below(self, folder: str, also: str = "") -> list[tuple[str, Any]]:
        """Data files below a folder, and those called `also`, in order of their paths relative to it."""
        prefix, found = self._path_of(folder).rstrip("/") + "/", {}
        with reported(folder):
            below = self._context.util().listFiles(self._path(folder), True)
            while below.hasNext():
                status = below.next()
                path = str(status.getPath().toUri().getPath()).removeprefix(prefix)
                if not any(p.startswith((".", "_")) and p != also for p in path.split("/")):
                    found[path] = status
        return sorted(found.items())

    def exists(self, place: str) -> bool:
        """As in Folders."""
        with reported(place):
            return bool(self._context.util().exists(self._path(place)))

    def changed_at(self, place: str) -> float:
        """As in Folders."""
        with reported(place):
            return int(self._context.getFileStatus(self._path(place)).getModificationTime()) / 1000

    def make(self, folder: str) -> None:
        """As in Folders."""
        with reported(folder):
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
        with reported(file):
            path = self._path(file)
            size = int(self._context.getFileStatus(path).getLen())
            stream = Source(self._context.open(path), size, file)
        with stream:
            yield stream  # type: ignore[misc]  # a RawIOBase is what BinaryIO describes

    @contextmanager
    def writing(self, file: str) -> Iterator[BinaryIO]:
        """As in Folders."""
        with self._writing(file, self._flags.CREATE) as stream:
            yield stream

    @contextmanager
    def _writing(self, file: str, *flags: Any) -> Iterator[BinaryIO]:
        with reported(file):
            stream = Sink(self._context.create(self._path(file), self._set_of(*flags)), file)
        with stream:
            yield stream  # type: ignore[misc]

    def rename(self, a: str, b: str) -> None:
        """As in Folders."""
        with reported(a):
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
                with reported(f"{b}/{name}"):
                    self._context.util().copy(status.getPath(), self._path(f"{b}/{name}"))

    def remove(self, place: str) -> None:
        """As in Folders; past the trash."""
        with suppress(FileNotFoundError), reported(place):
            self._context.delete(self._path(place), True)

    def remove_if_empty(self, folder: str) -> None:
        """As in Folders."""
        with suppress(OSError), reported(folder):
            self._context.delete(self._path(folder), False)

    def _listed(self, folder: str) -> list[Any]:
        with reported(folder):
            found, statuses = self._context.listStatus(self._path(folder)), []
            while found.hasNext():
                statuses.append(found.next())
            return statuses

    def _path_of(self, place: str) -> str:
        """A URI without its file system."""
        attach()
        return str(self._path(place).toUri().getPath())


def open_hadoop(place: str) -> HadoopFolders:
    """The file system that a URI names, of HADOOP_CONF_DIR's configuration; one for each in a process.

    MachineError where there is no Java or Spark, or where Hadoop's client knows no such file system.
    """
    parts = urlsplit(place)
    return _opened(parts.scheme.lower(), parts.netloc)


@cache
def _opened(scheme: str, authority: str) -> HadoopFolders:
    start()
    where = f"{scheme}://{authority}/"
    try:
        configuration = jpype.JClass("org.apache.hadoop.hdfs.HdfsConfiguration")()
        add_sites(configuration, _SITES)
        uri = jpype.JClass("java.net.URI")(where)
        return HadoopFolders(
            jpype.JClass("org.apache.hadoop.fs.FileContext").getFileContext(uri, configuration)
        )
    except jpype.JException as error:
        raise MachineError(
            f"Hadoop's client cannot open {where}: {said(innermost(error))}",
            field="FDM_LANDING_ROOT",
            remedy="correct it, or set HADOOP_CONF_DIR to the folder of the cluster's core-site.xml and hdfs-site.xml",
        ) from error
