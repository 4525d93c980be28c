"""Local folders as publishing and planning see them: list, move, exchange, remove."""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from fdm_platform.errors import SourceError
from fdm_platform.model.plan import SourceFile

AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""How a file system or system says that it has no such rename."""
WAITS_S = (0.1, 0.3, 0.6, 0.0)
"""After each look at a folder that somebody changes just then; the last is followed by an error."""


def list_files(pattern: str) -> tuple[SourceFile, ...]:
    """The visible files that a source path names: a file, a folder (recursively) or a glob pattern.

    Other file systems (`hdfs://…`) are left to Spark: the path itself, of unknown size (0). SourceError: it cannot be
    listed, or what is there goes while it is.
    """
    if "://" in pattern and not pattern.startswith("file://"):
        return (SourceFile(pattern, 0),)
    for wait_s in WAITS_S:
        try:
            return _list_local(pattern.removeprefix("file://"))
        except FileNotFoundError:
            time.sleep(wait_s)
        except OSError as error:
            what, remedy = f"cannot be listed: {error.strerror or error}", "have it mended, then load again"
            raise SourceError(what, file=str(error.filename or pattern), remedy=remedy) from error
    raise SourceError(
        "files go while it is listed",
        file=pattern,
        remedy="load again when its delivery is done; new files are best moved in under names of their own",
    )


def _list_local(local: str) -> tuple[SourceFile, ...]:
    roots = sorted(glob.glob(local)) if glob.has_magic(local) else [local]  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = (f for root in roots for f in _files_at(Path(root)))
    return tuple(SourceFile(str(p), p.stat().st_size) for p in found)


def visible_files(folder: Path) -> Iterator[Path]:
    """Data files below a folder, in order; what begins with `.` or `_` is invisible, as to Spark and Hive."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir():
            yield from visible_files(Path(entry.path))
        else:
            yield Path(entry.path)


def stamps(folder: str, also: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Visible files below a folder, and those called `also`, by path relative to it, with their size and time."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name.startswith((".", "_")) and entry.name != also:
            continue
        if entry.is_dir():
            yield from stamps(entry.path, also, f"{prefix}{entry.name}/")
            continue
        with suppress(FileNotFoundError):
            found = entry.stat()
            yield f"{prefix}{entry.name}", f"{found.st_size} {found.st_mtime_ns}"


def _files_at(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from visible_files(root)
    elif root.exists():
        yield root


def exchange(a: Path, b: Path) -> bool:
    """Swap two folders in one atomic step; False where the file system or system cannot."""
    code = _rename_with(RENAME_EXCHANGE, a, b)
    # EXDEV: of overlayfs, for a folder that lies in a lower layer.
    if code in (*_CANNOT, errno.EXDEV):
        return False
    _require(code, a, b)
    return True


def rename(a: Path, b: Path) -> None:
    """Move a folder to a name that is free. FileExistsError: it is not, be it an empty folder.

    FileNotFoundError: there is no `a`, or no folder to hold `b`.
    """
    code = _rename_with(RENAME_NOREPLACE, a, b)
    if code not in _CANNOT:
        _require(code, a, b)
        return
    if b.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(a), None, str(b))
    try:
        a.rename(b)
    except OSError as error:
        _require(errno.EEXIST if error.errno == errno.ENOTEMPTY else error.errno or errno.EIO, a, b)


def _rename_with(flag: int, a: Path, b: Path) -> int:
    """The error's number, 0 for none. Linux `renameat2`, https://man7.org/linux/man-pages/man2/rename.2.html ."""
    renameat2 = _of_libc("renameat2")
    if renameat2 is None:
        return errno.ENOSYS
    failed = renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), flag)
    return ctypes.get_errno() if failed else 0


def _require(code: int, a: Path, b: Path) -> None:
    if code:
        raise OSError(code, os.strerror(code), str(a), None, str(b))


@cache
def _of_libc(name: str) -> ctypes._CFuncPtr | None:  # type: ignore[name-defined]
    """A function of the C library; None where it has none of this name."""
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError, TypeError):
        return None


def copy_linked(a: Path, b: Path, *, but: str) -> None:
    """Copy a folder without files named `but`, whose files nobody changes: by hard links, where there are such."""
    shutil.copytree(a, b, ignore=shutil.ignore_patterns(but), copy_function=_link)


def _link(a: str, b: str) -> None:
    try:
        os.link(a, b)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        shutil.copy2(a, b)


def write_durably(path: Path, text: str) -> None:
    """Write a small file and wait until it is on disk."""
    with path.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def sync(folder: Path) -> None:
    """Wait until the file system of a folder has all on disk that was written so far. OSError if it lost something.

    Linux `syncfs`, https://man7.org/linux/man-pages/man2/sync.2.html ; elsewhere all file systems.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    syncfs = _of_libc("syncfs")
    try:
        if syncfs is None:
            os.sync()
        elif syncfs(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a folder and all below it, if it is there; another may do the same at the same time."""
    while path.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)


def remove_if_empty(path: Path) -> None:
    """Remove a folder that holds nothing any more."""
    try:
        path.rmdir()
    except OSError:
        return
