"""A project in a zip. The archive is judged as a whole before anything of it is read, and nothing is unpacked."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from pathlib import Path

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.xml import MOST_BYTES

MOST_MEMBERS = 100_000
MOST_UNPACKED = 4 << 30
MOST_RATIO = 200
_RATIO_FROM = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_REMEDY = "zip the project's folder anew, and trust no archive of unknown origin"


class Archive:
    """The members of a zip, by name with `/`. ImportRefusedError if any of them is dangerous."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self._refused(f"no zip archive that can be read: {error}") from None
        self._members = self._judged(self._zip.infolist())

    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        return tuple(sorted(self._members))

    def links(self) -> tuple[str, ...]:
        """None: an archive with one is refused."""
        return ()

    def read(self, name: str, most: int | None = None) -> bytes:
        """A member's first bytes, or all of it. ImportRefusedError: damaged, or larger than any Talend file."""
        member = self._members[name]
        if most is None and member.file_size > MOST_BYTES:
            raise self._refused(f"{name}: {member.file_size:,} bytes are more than any Talend file has")
        try:
            with self._zip.open(member) as stream:
                return stream.read(-1 if most is None else most)
        except (
            zipfile.BadZipFile,
            OSError,
            EOFError,
            zlib.error,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise self._refused(f"{name} is damaged: {error}") from None

    def _judged(self, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if len(members) > MOST_MEMBERS:
            raise self._refused(f"{len(members):,} members; {MOST_MEMBERS:,} are the most")
        if (size := sum(member.file_size for member in members)) > MOST_UNPACKED:
            raise self._refused(f"{size:,} bytes unpacked; {MOST_UNPACKED:,} are the most")
        judged: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.orig_filename.replace("\\", "/")
            if danger := _danger(member, name) or ("stands there twice" if name in judged else ""):
                raise self._refused(f"{member.orig_filename!r} {danger}")
            if not name.endswith("/"):
                judged[name] = member
        return judged

    def _refused(self, message: str) -> ImportRefusedError:
        return ImportRefusedError(message, remedy=_REMEDY, file=str(self._path))


def _danger(member: zipfile.ZipInfo, name: str) -> str:
    """Why a member is refused; empty if it is not. Its name has `/` alone."""
    is_large = member.file_size > _RATIO_FROM
    dangers = {
        "has no name, or one with a NUL": not name or "\0" in name,
        "is an absolute path": name.startswith("/") or _DRIVE.match(name) is not None,
        "leaves the archive": ".." in name.split("/"),
        "is a link": stat.S_ISLNK(member.external_attr >> 16),
        "is encrypted": bool(member.flag_bits & 1),
        f"unpacks to more than {MOST_RATIO} times its size": is_large
        and member.file_size > MOST_RATIO * max(member.compress_size, 1),
    }
    return next((text for text, is_so in dangers.items() if is_so), "")
