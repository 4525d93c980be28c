"""The folders of published tables behind one interface, on this machine or on an HDFS-like file system.

A place is a path of this machine, or a URI such as `hdfs://nameservice/landing`, with forward slashes; parts are
joined by one slash. What goes wrong is an OSError, whatever the file system calls it: FileExistsError, FileNotFoundError
and PermissionError as Python has them, ConnectionError where the file system is away, and others by their `errno`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from fdm_platform.engines import filesystem
from fdm_platform.errors import PublishError, StorageAwayError
from fdm_platform.model.causes import find_cause
from fdm_platform.model.settings import is_uri

Where = str | Path
"""A place as callers have it."""


class Folders(Protocol):
    """What publishing needs of a file system."""

    def children(self, folder: str) -> list[str]:
        """Names of the folders in a folder, in order; none where it is not there."""

    def files(self, folder: str) -> dict[str, int]:
        """Bytes of the data files below a folder, by path relative to it; names with `.` or `_` first are no data."""

    def stamps(self, folder: str, *, also: str) -> dict[str, str]:
        """Size and time of each data file below a folder, and of those called `also`, by path relative to it.

        Two that are equal are of a file that nobody has changed between. Nothing where there is no such folder; a
        file that goes meanwhile is left out.
        """

    def exists(self, place: str) -> bool:
        """There is a file or folder of this name."""

    def changed_at(self, place: str) -> float:
        """When it last changed, in seconds of the file system's clock."""

    def make(self, folder: str) -> None:
        """Make a folder and those above it, where they are not there."""

    def read_text(self, file: str) -> str:
        """The text of a small file."""

    def write_durably(self, file: str, text: str) -> None:
        """Write a small file, in place of one that is there, and wait until it will survive a loss of power."""

    def sync(self, folder: str) -> None:
        """Wait until all that was written below a folder will survive a loss of power."""

    def reading(self, file: str) -> AbstractContextManager[BinaryIO]:
        """An open file to read, and to seek in."""

    def writing(self, file: str) -> AbstractContextManager[BinaryIO]:
        """A new file to write into."""

    def rename(self, a: str, b: str) -> None:
        """Move a folder to a name that is free. FileExistsError: it is not, be it an empty folder.

        FileNotFoundError: there is no `a`, or no folder to hold `b`.
        """

    def exchange(self, a: str, b: str) -> bool:
        """Swap two folders in one atomic step; False where the file system cannot."""

    def copy(self, a: str, b: str, *, but: str) -> None:
        """Copy a folder, whose files nobody changes, without files named `but`."""

    def remove(self, place: str) -> None:
        """Remove a folder and all below it, if it is there."""

    def remove_if_empty(self, folder: str) -> None:
        """Remove a folder that holds nothing any more."""


class LocalFolders:
    """Folders of this machine's own file systems."""

    def children(self, folder: str) -> list[str]:
        """As in Folders."""
        try:
            with os.scandir(folder) as entries:
                return sorted(e.name for e in entries if e.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []  # also one that another has just removed

    def files(self, folder: str) -> dict[str, int]:
        """As in Folders."""
        start = Path(folder)
        found = filesystem.visible_files(start)
        return {p.relative_to(start).as_posix(): p.stat().st_size for p in found}

    def stamps(self, folder: str, *, also: str) -> dict[str, str]:
        """As in Folders."""
        return dict(filesystem.stamps(folder, also))

    def exists(self, place: str) -> bool:
        """As in Folders."""
        return Path(place).exists()

    def changed_at(self, place: str) -> float:
        """As in Folders."""
        return Path(place).stat().st_mtime

    def make(self, folder: str) -> None:
        """As in Folders."""
        Path(folder).mkdir(parents=True, exist_ok=True)

    def read_text(self, file: str) -> str:
        """As in Folders."""
        return Path(file).read_text(encoding="utf-8")

    def write_durably(self, file: str, text: str) -> None:
        """As in Folders."""
        filesystem.write_durably(Path(file), text)

    def sync(self, folder: str) -> None:
        """As in Folders; the whole file system at once, which takes a millisecond where nothing is left to write."""
        filesystem.sync(Path(folder))

    @contextmanager
    def reading(self, file: str) -> Iterator[BinaryIO]:
        """As in Folders; open, because pyarrow maps a path into memory, and the kernel then reads megabytes ahead."""
        with Path(file).open("rb") as stream:
            yield stream

    @contextmanager
    def writing(self, file: str) -> Iterator[BinaryIO]:
        """As in Folders."""
        with Path(file).open("xb") as stream:
            yield stream

    def rename(self, a: str, b: str) -> None:
        """As in Folders."""
        filesystem.rename(Path(a), Path(b))

    def exchange(self, a: str, b: str) -> bool:
        """As in Folders."""
        return filesystem.exchange(Path(a), Path(b))

    def copy(self, a: str, b: str, *, but: str) -> None:
        """As in Folders; by hard links, where there are such."""
        filesystem.copy_linked(Path(a), Path(b), but=but)

    def remove(self, place: str) -> None:
        """As in Folders."""
        filesystem.remove_tree(Path(place))

    def remove_if_empty(self, folder: str) -> None:
        """As in Folders."""
        filesystem.remove_if_empty(Path(folder))


def open_folders(place: Where) -> Folders:
    """The file system of a place: this machine's for a path, Hadoop's client for a URI.

    MachineError where Hadoop's client does not start, or knows no such file system.
    """
    if isinstance(place, Path) or not is_uri(place):
        return LocalFolders()
    from fdm_platform.engines.hadoop import open_hadoop  # noqa: PLC0415 - tables of this machine need no JVM

    return open_hadoop(place)


def refusal(what: str, error: OSError, place: str, then: str) -> PublishError:
    """What to tell of a file system that refuses: StorageAwayError, which another try can help, where it is away.

    `what` was not done, at `place` if the error names none; `then` ends the remedy.
    """
    cause, is_away = find_cause(str(error)), isinstance(error, ConnectionError)
    mend = cause.remedy if cause else "free disk space or mend the permissions"
    return (StorageAwayError if is_away else PublishError)(
        f"{what}: {error.strerror or error}", file=error.filename or place, remedy=f"{mend}{then}"
    )


def text_of(place: Where) -> str:
    """A place as text, with forward slashes."""
    return place.as_posix() if isinstance(place, Path) else place.rstrip("/")


def parent_of(place: str) -> str:
    """The folder that holds a place."""
    return place.rpartition("/")[0]


def name_of(place: str) -> str:
    """The last part of a place."""
    return place.rpartition("/")[2]
