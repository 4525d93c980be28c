"""Brings the files of imported jobs to their place: all are written aside and checked before the first one is moved.

A disk that fills up, or a process that dies while files are written, leaves nothing but a hidden folder that nobody
reads. Each folder of a job comes by one rename. If one fails, those that came before it are taken back; if the process
dies between two, the next import moves the rest. What is replaced and was not the same is kept aside.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from fdm_platform.errors import DeclarationError, ImportRefusedError, MachineError
from fdm_platform.planning.catalog import read_table
from fdm_platform.planning.sql import placeholders
from fdm_platform.talend.declaring import TABLE_FILE, TAG
from fdm_platform.talend.naming import unused

PAPERS = "_talend"
"""The folder beside a source system's tables that holds each job's MIGRATION.md and seeds; no table is looked for there."""
_REPLACED = "_replaced"
_ASIDE = ".import"
_NEW, _READY, _OLD = "new", "ready", "old"
"""Below it: what is being written; what is whole and on its way; what it takes the place of."""
_TAG = re.compile(rb"^tags:.*\b%s: ([a-z0-9_]+)" % TAG.encode(), re.MULTILINE)
"""As an import writes it, on one line."""
_TODO = re.compile(r"/\* TODO ")


@dataclass(slots=True)
class Staging:
    """Files on their way into a folder of declared tables, by folder: `<entity>/<source system>/<table>` and the like."""

    out: Path
    aside: Path
    folders: list[str] = field(default_factory=list)
    """Below `out`, in the order in which they were staged."""
    said: list[str] = field(default_factory=list)
    """What a person is to know of what was there before."""
    _tagged: dict[str, list[str]] | None = None
    """Tables by their tag, once somebody has asked."""

    def stage(self, folder: str, files: Mapping[str, str], *, may_replace: bool) -> None:
        """Write a folder's files aside. ImportRefusedError: it is there already; MachineError: the disk refuses."""
        target = self.out / folder
        if target.exists() and not may_replace:
            raise ImportRefusedError(
                "is there already",
                file=str(target),
                remedy="import with --replace, which keeps a copy of what was changed there, or remove it",
            )
        if folder in self.folders:
            raise ImportRefusedError(
                "two jobs would be one table", file=str(target), remedy="rename one of them in Talend Studio"
            )
        for name, text in files.items():
            path = self.aside / _NEW / folder / name
            with _told(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        self.folders.append(folder)

    def check(self, folder: str) -> None:
        """What `fdm validate` would say of a staged table, but for its TODOs. ImportRefusedError: it is not sound."""
        staged = self.aside / _NEW / folder
        checked = self.aside / "checked"
        with _told(checked):
            shutil.copytree(staged, checked, ignore=shutil.ignore_patterns("tests"))
            try:
                _finish(checked)
                spec = read_table(checked / TABLE_FILE)
                for step in spec.steps:
                    _require_placeholders(step.sql)
            except DeclarationError as error:
                message = f"what it became is not sound: {error.field or error.file}: {error.message}"
                raise ImportRefusedError(message, remedy="report it with the job's file") from None
            finally:
                shutil.rmtree(checked)

    def tables_of(self, home: str, tag: str) -> list[str]:
        """The tables of a job, by its tag, that are already below a source system's folder."""
        if self._tagged is None:
            self._tagged = {}
            for file in sorted((self.out / home).glob(f"*/{TABLE_FILE}")):
                if found := _TAG.search(file.read_bytes()):
                    self._tagged.setdefault(found[1].decode(), []).append(file.parent.name)
        return self._tagged.get(tag, [])

    def forget(self, folders: list[str]) -> None:
        """Take staged folders back: their job is refused."""
        for folder in folders:
            shutil.rmtree(self.aside / _NEW / folder, ignore_errors=True)
            self.folders.remove(folder)

    def place(self) -> None:
        """Move every staged folder to its place; all of them or none."""
        done: list[str] = []
        with _told(self.out):
            (self.aside / _NEW).rename(self.aside / _READY)
            try:
                for folder in self.folders:
                    self._place(folder)
                    done.append(folder)
            except OSError:
                for folder in reversed(done):
                    (self.out / folder).rename(self.aside / _READY / folder)
                    self._restore(folder)
                raise
        try:
            self._keep()
        except OSError as error:
            self.said.append(
                f"what was replaced could not be kept elsewhere ({error}): {self.aside / _OLD} has it"
            )

    def finish(self) -> None:
        """Do what is left of an import that died: what it had wholly staged comes to its place, the rest goes."""
        ready, old = self.aside / _READY, self.aside / _OLD
        if ready.exists():
            for folder in _staged(ready):
                self._place(folder)
            self.said.append(
                "an import before this one had died while it moved tables: the rest was moved now"
            )
        for folder in _staged(old):
            if not (self.out / folder).exists():
                self._restore(folder)
        self._keep()
        self.clear()

    def clear(self) -> None:
        """Remove what is aside, but for what was replaced and could not be kept.

        What dies within this is never taken for wholly staged.
        """
        shutil.rmtree(self.aside / _NEW, ignore_errors=True)
        if (self.aside / _READY).exists():
            (self.aside / _READY).rename(self.aside / _NEW)
        if any(True for _ in _staged(self.aside / _OLD)):
            shutil.rmtree(self.aside / _NEW, ignore_errors=True)
        else:
            shutil.rmtree(self.aside, ignore_errors=True)

    def _place(self, folder: str) -> None:
        target, old = self.out / folder, self.aside / _OLD / folder
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            old.parent.mkdir(parents=True, exist_ok=True)
            target.rename(old)
        try:
            (self.aside / _READY / folder).rename(target)
        except OSError:
            self._restore(folder)
            raise

    def _restore(self, folder: str) -> None:
        old = self.aside / _OLD / folder
        if old.exists():
            old.rename(self.out / folder)

    def _keep(self) -> None:
        """Keep what was replaced and is not what came: a person may have worked on it."""
        for folder in _staged(self.aside / _OLD):
            old = self.aside / _OLD / folder
            if _content(old) == _content(self.out / folder):
                shutil.rmtree(old)
                continue
            home = self.out.joinpath(*PurePosixPath(folder).parts[:2], PAPERS, _REPLACED)
            home.mkdir(parents=True, exist_ok=True)
            kept = home / unused(old.name, [other.name for other in home.iterdir()])
            old.rename(kept)
            self.said.append(
                f"{self.out / folder} was replaced; what was there differs and is kept as {kept}"
            )


def _staged(root: Path) -> Iterator[str]:
    """The folders of tables and of papers below a part of what is aside."""
    for place in sorted(root.glob("*/*/*")):
        each = sorted(place.iterdir()) if place.name == PAPERS else [place]
        yield from (one.relative_to(root).as_posix() for one in each)


def _content(place: Path) -> dict[str, bytes]:
    """Every file below a folder, or the file itself."""
    files = place.rglob("*") if place.is_dir() else [place]
    return {f.relative_to(place).as_posix(): f.read_bytes() for f in files if f.is_file()}


@contextmanager
def staging(out: Path, *, is_dry: bool = False) -> Iterator[Staging]:
    """A staging folder below `out`, which goes with what is left in it; so does `out`, if it was made and stays empty.

    Where nothing is to be written, it is elsewhere.
    """
    if is_dry:
        with tempfile.TemporaryDirectory() as elsewhere:
            yield Staging(out, Path(elsewhere))
        return
    is_new = not out.exists()
    with _told(out):
        out.mkdir(parents=True, exist_ok=True)
    stage = Staging(out, out / _ASIDE)
    with _alone(out):
        with _told(stage.aside):
            stage.finish()
            (stage.aside / _NEW).mkdir(parents=True)
        try:
            yield stage
        finally:
            stage.clear()
            if is_new and not any(out.iterdir()):
                out.rmdir()


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """A lock that goes with the process. Where the file system has none, two imports at once are not told apart."""
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise ImportRefusedError(
            "another import is writing here", file=str(out), remedy="wait until it has ended"
        ) from None
    except OSError:  # NFS locks no folder
        pass
    try:
        yield
    finally:
        os.close(folder)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the machine refuses, as an error that says so."""
    try:
        yield
    except OSError as error:
        raise MachineError(
            f"cannot be written: {error.strerror or error}; nothing was imported",
            file=str(path),
            remedy="free disk space, or mend the folder's permissions, and import again",
        ) from error


@lru_cache(maxsize=256)
def _require_placeholders(sql: str) -> None:
    """SqlError where it cannot be read. A job's tables share most of their steps: each is read once."""
    placeholders(sql)


def _finish(folder: Path) -> None:
    """Without its TODOs, which break a table on purpose, the rest of it can be checked."""
    for file in folder.glob("*.hql"):
        text = file.read_text(encoding="utf-8")
        if _TODO.search(text):
            file.write_text(_TODO.sub("/* to do ", text), encoding="utf-8")
