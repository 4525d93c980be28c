"""Folders of a path's file system: this machine's through Python, all others through the session's Hadoop client."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Store(Protocol):
    """What writers need of a file system. Places are joined by one slash; what goes wrong is an OSError."""

    def children(self, folder: str) -> list[str]:
        """Names of the folders in a folder, in order; none where it is not there."""
        ...

    def files(self, folder: str) -> list[str]:
        """Files below a folder, hidden ones too, relative to it."""
        ...

    def exists(self, place: str) -> bool:
        """There is a file or folder of this name."""
        ...

    def move(self, a: str, b: str) -> None:
        """Rename a file or folder to a name that is free; folders above it are made."""
        ...

    def copy(self, a: str, b: str) -> None:
        """Copy a folder, whose files nobody changes, to a name that is free; by hard links where there are such."""
        ...

    def make(self, folder: str) -> None:
        """Make a folder and those above it, where they are not there."""
        ...

    def remove(self, place: str) -> None:
        """Remove a file or folder and all below it, if it is there."""
        ...


def store_of(spark: SparkSession, path: str) -> Store:
    """The file system of a path, as Spark would take it."""
    scheme = _SCHEME.match(path)
    if scheme:
        return Local() if scheme[1].lower() == "file" else Hadoop(spark)
    context: Any = spark.sparkContext._jsc  # noqa: SLF001 - no public way
    is_local = str(context.hadoopConfiguration().get("fs.defaultFS", "file:///")).startswith("file:")
    return Local() if is_local else Hadoop(spark)


class Local:
    """This machine's own file systems."""

    def children(self, folder: str) -> list[str]:
        """As in Store."""
        return sorted(e.name for e in os.scandir(folder) if e.is_dir()) if Path(folder).is_dir() else []

    def files(self, folder: str) -> list[str]:
        """As in Store."""
        start = Path(folder)
        return sorted(
            Path(at, n).relative_to(start).as_posix() for at, _, names in os.walk(start) for n in names
        )

    def exists(self, place: str) -> bool:
        """As in Store."""
        return Path(place).exists()

    def move(self, a: str, b: str) -> None:
        """As in Store."""
        if Path(b).exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), b)
        Path(b).parent.mkdir(parents=True, exist_ok=True)
        Path(a).rename(b)

    def copy(self, a: str, b: str) -> None:
        """As in Store."""
        shutil.copytree(a, b, copy_function=_link)

    def make(self, folder: str) -> None:
        """As in Store."""
        Path(folder).mkdir(parents=True, exist_ok=True)

    def remove(self, place: str) -> None:
        """As in Store."""
        if Path(place).is_dir():
            shutil.rmtree(place)
        else:
            Path(place).unlink(missing_ok=True)


class Hadoop:
    """File systems that Hadoop knows, by py4j."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - no public way
        context: Any = spark.sparkContext._jsc  # noqa: SLF001 - no public way
        self._configuration = context.hadoopConfiguration()

    def children(self, folder: str) -> list[str]:
        """As in Store."""
        system, place = self._at(folder)
        if not system.exists(place):
            return []
        return sorted(str(s.getPath().getName()) for s in system.listStatus(place) if s.isDirectory())

    def files(self, folder: str) -> list[str]:
        """As in Store."""
        system, place = self._at(folder)
        start = str(system.makeQualified(place).toUri().getPath()).rstrip("/") + "/"
        found, listed = [], system.listFiles(place, True)
        while listed.hasNext():
            found.append(str(listed.next().getPath().toUri().getPath()).removeprefix(start))
        return sorted(found)

    def exists(self, place: str) -> bool:
        """As in Store."""
        system, path = self._at(place)
        return bool(system.exists(path))

    def move(self, a: str, b: str) -> None:
        """As in Store."""
        system, new = self._at(b)
        if system.exists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), b)
        system.mkdirs(new.getParent())
        if not system.rename(self._at(a)[1], new):
            raise OSError(errno.EIO, "Hadoop's file system did not rename it", a, None, b)

    def copy(self, a: str, b: str) -> None:
        """As in Store."""
        system, new = self._at(b)
        system.mkdirs(new.getParent())
        util = self._jvm.org.apache.hadoop.fs.FileUtil
        if not util.copy(system, self._at(a)[1], system, new, False, self._configuration):
            raise OSError(errno.EIO, "Hadoop's file system did not copy it", a, None, b)

    def make(self, folder: str) -> None:
        """As in Store."""
        system, place = self._at(folder)
        system.mkdirs(place)

    def remove(self, place: str) -> None:
        """As in Store."""
        system, path = self._at(place)
        system.delete(path, True)

    def _at(self, place: str) -> tuple[Any, Any]:
        """Its file system, and the place as Hadoop has it."""
        path = self._jvm.org.apache.hadoop.fs.Path(place)
        return path.getFileSystem(self._configuration), path


def _link(a: str, b: str) -> None:
    try:
        os.link(a, b)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(a, b)


def merge(store: Store, a: str, b: str) -> None:
    """Move what is in folder `a` into folder `b`: all of it in one step where there is no `b`, else file by file."""
    if not store.exists(b):
        store.move(a, b)
        return
    for file in store.files(a):
        store.move(f"{a}/{file}", f"{b}/{file}")
