"""Any exception as a LoadFailure: the cause's own first line, where it happened, what to do."""

from __future__ import annotations

import os
import re
import shutil
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fdm_platform.engines.raised import find_raised
from fdm_platform.errors import FdmError, LoadError, MachineError, SqlError
from fdm_platform.model.causes import FULL_DISK, Cause, find_cause
from fdm_platform.model.manifest import LoadFailure
from fdm_platform.model.settings import is_uri

_JAVA_FRAME = re.compile(r"^\s+(at .*\(.*\)|\.\.\. \d+ more)$")
_ERROR_CLASS = re.compile(r"^\[[A-Z0-9_.]+\]")
_PARSE_PLACE = re.compile(r"\(line (\d+), pos (\d+)\)")
_ANALYSIS_PLACE = re.compile(r"; line (\d+) pos (\d+)")
_MAX_DETAIL = 4000
_MAX_CAUSES = 20


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of a chain: its class without package, and its message without Java's stack."""

    kind: str
    message: str


def to_failure(error: BaseException, folders: Sequence[str] = ()) -> LoadFailure:
    """What to tell of an exception; `folders` are those written to, for a disk that is full."""
    chain = causes(error)
    text = "\n".join(f"{c.kind}: {c.message}" for c in chain)
    known, cause = error if isinstance(error, FdmError) else find_raised(text), find_cause(text)
    if cause is FULL_DISK:
        known = _disk_full(folders)
    if known is None:
        known = _unknown(error, chain, cause)
    detail = text if not isinstance(error, FdmError) else ""
    return replace(describe(known), detail=detail[:_MAX_DETAIL])


def describe(error: FdmError) -> LoadFailure:
    """The failure that an error of the platform is."""
    return LoadFailure(
        headline=error.message.strip().split("\n")[0],
        detail="",
        error=type(error).__name__,
        file=error.file,
        line=error.line,
        column=error.column,
        field=error.field,
        remedy=error.remedy,
    )


def sql_error(error: BaseException, file: str) -> SqlError:
    """What Spark's parser or analyser says of an HQL file, with its line and column (1-based)."""
    return sql_error_of(causes(error)[0].message, file)


def sql_error_of(said: str, file: str) -> SqlError:
    """The same of the message alone."""
    message = said.strip()
    place = _PARSE_PLACE.search(message) or _ANALYSIS_PLACE.search(message)
    headline = message.split("\n")[0]
    for mark in (_PARSE_PLACE, _ANALYSIS_PLACE):
        headline = mark.sub("", headline)
    return SqlError(
        headline.rstrip(" ;"),
        file=file,
        line=int(place[1]) if place else None,
        column=int(place[2]) + 1 if place else None,
        remedy="correct the HQL; `fdm validate --analyze` checks it without a load",
    )


def causes(error: BaseException) -> list[Raised]:
    """The chain of an exception, outermost first: Java's where Java raised it, else Python's."""
    java = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    if java is None:
        return [Raised(type(error).__name__, _python_text(error))]
    found: list[Raised] = []
    while java is not None and len(found) < _MAX_CAUSES:
        found.append(_java_cause(java))
        java = java.getCause()
    return found


def root_cause(chain: Sequence[Raised]) -> Raised:
    """The cause to name: the deepest with one of Spark's error classes, else the deepest that speaks."""
    speaking = [c for c in chain if c.message] or list(chain)
    classed = [c for c in speaking if _ERROR_CLASS.match(c.message) and "TASK_WRITE_FAILED" not in c.message]
    return classed[-1] if classed else speaking[-1]


def _java_cause(java: Any) -> Raised:
    kind = str(java.getClass().getName()).rpartition(".")[2]
    lines = str(java.getMessage() or "").strip().split("\n")
    return Raised(kind, "\n".join(x for x in lines if not _JAVA_FRAME.match(x)).strip())


def _python_text(error: BaseException) -> str:
    return error.message if isinstance(error, FdmError) else str(error)


def _unknown(error: BaseException, chain: Sequence[Raised], cause: Cause | None) -> FdmError:
    root = root_cause(chain)
    first = _first_line(root)
    headline = first if _ERROR_CLASS.match(first) else f"{root.kind}: {first}"
    frames = [x for x in traceback.extract_tb(error.__traceback__) if _is_users(x.filename)]
    place = frames[-1] if frames else None
    kind, remedy = (cause.error, cause.remedy) if cause else (LoadError, None)
    file, line = (place.filename, place.lineno) if place else (None, None)
    return kind(headline, file=file, line=line, remedy=remedy)


def _first_line(cause: Raised) -> str:
    """A Python worker's traceback says last what the matter is, everything else says it first."""
    lines = [x for x in cause.message.split("\n") if x.strip()] or [""]
    return (lines[-1] if cause.kind == "PythonException" else lines[0]).strip()


def _is_users(file: str) -> bool:
    """Not the platform's, Spark's or Python's own code."""
    ours = Path(__file__).resolve().parents[1]
    is_library = any(x in Path(file).parts for x in ("pyspark", "py4j")) or file == os.__file__
    return not is_library and ours not in Path(file).resolve().parents and not file.startswith("<")


def _disk_full(folders: Sequence[str]) -> MachineError:
    """Names the fullest of the disks that Spark writes to: the staging folders' and its scratch folder's."""
    scratch = os.environ.get("SPARK_LOCAL_DIRS") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - named, not used
    existing = [p for f in (*folders, scratch.split(",")[0]) if (p := _nearest_existing(f))]
    fullest = min(existing, key=_room, default=None)
    where = f"the disk that holds {fullest}" if fullest else "the disk"
    return MachineError(
        FULL_DISK.texts[0],
        file=str(fullest) if fullest else None,
        remedy=f"free space on {where}{_left(fullest)}, or point spark.local.dir and the landing root to a larger one",
    )


def _room(path: Path) -> int:
    """Bytes that are free; 0 where no inode is."""
    return 0 if _lacks_inodes(path) else shutil.disk_usage(path).free


def _left(path: Path | None) -> str:
    if path is None:
        return ""
    free = f"{shutil.disk_usage(path).free >> 20} MB free"
    return f" ({free}, but no inode: remove files)" if _lacks_inodes(path) else f" ({free})"


def _lacks_inodes(path: Path) -> bool:
    of = os.statvfs(path)
    return of.f_files > 0 and of.f_favail == 0  # none at all: the file system makes them as it needs them


def _nearest_existing(folder: str) -> Path | None:
    """None of what is on no disk of this machine."""
    if is_uri(folder) and not folder.startswith("file:"):
        return None
    path = Path(urlsplit(folder).path if is_uri(folder) else folder)
    return next((p for p in (path, *path.parents) if p.exists()), None)
