"""Brings the files of imported jobs to their place: all are written aside and checked before the first one is moved.

A disk that fills up, or a process that dies while files are written, leaves nothing but a hidden folder that nobody
reads. Each folder of a job comes by one rename; if one fails, those that came before it are taken back.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fdm_platform.errors import DeclarationError, ImportRefusedError, MachineError
from fdm_platform.planning.catalog import read_table
from fdm_platform.planning.sql import placeholders
from fdm_platform.talend.declaring import TABLE_FILE

_TODO = re.compile(r"/\* TODO ")


@dataclass(slots=True)
class Staging:
    """Files on their way into a folder of declared tables, by folder."""

    out: Path
    aside: Path
    folders: list[str] = field(default_factory=list)
    """Below `out`, in the order in which they were staged."""

    def stage(self, folder: str, files: Mapping[str, str], *, may_replace: bool) -> None:
        """Write a folder's files aside. ImportRefusedError: it is there already; MachineError: the disk refuses."""
        target = self.out / folder
        if target.exists() and not may_replace:
            raise ImportRefusedError(
                "is there already",
                file=str(target),
                remedy="import with --replace, which drops what was changed there, or remove it",
            )
        if folder in self.folders:
            raise ImportRefusedError(
                "two jobs would be one table", file=str(target), remedy="rename one of them in Talend Studio"
            )
        for name, text in files.items():
            path = self.aside / "new" / folder / name
            with _told(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        self.folders.append(folder)

    def check(self, folder: str) -> None:
        """What `fdm validate` would say of a staged table, but for its TODOs. ImportRefusedError: it is not sound."""
        staged = self.aside / "new" / folder
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

    def forget(self, folders: list[str]) -> None:
        """Take staged folders back: their job is refused."""
        for folder in folders:
            shutil.rmtree(self.aside / "new" / folder, ignore_errors=True)
            self.folders.remove(folder)

    def place(self) -> None:
        """Move every staged folder to its place; all of them or none."""
        done: list[tuple[Path, Path | None]] = []
        try:
            for folder in self.folders:
                with _told(self.out / folder):
                    done.append(self._place(folder))
        except MachineError:
            for target, old in reversed(done):
                _take_back(target, old)
            raise

    def _place(self, folder: str) -> tuple[Path, Path | None]:
        """The target, and where what was there has gone."""
        target, old = self.out / folder, None
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            old = self.aside / "old" / folder
            old.parent.mkdir(parents=True, exist_ok=True)
            target.rename(old)
        try:
            (self.aside / "new" / folder).rename(target)
        except OSError:
            _take_back(target, old)
            raise
        return target, old


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
    aside = out / f".import-{os.getpid()}"
    try:
        with _told(out):
            aside.mkdir(parents=True)
        yield Staging(out, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if is_new and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


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


def _take_back(target: Path, old: Path | None) -> None:
    """What came is removed, what was there comes back."""
    shutil.rmtree(target, ignore_errors=True)
    if old is not None and old.exists():
        old.rename(target)


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
