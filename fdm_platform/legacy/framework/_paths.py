"""Paths as scripts write them, often another machine's, as paths of this one."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Sequence

_URI = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:", re.IGNORECASE)
_OTHER_MACHINE = re.compile(r"[A-Za-z]:|\\\\|//")
_FILE = re.compile(r"^file:(?:/*(?=[A-Za-z]:[\\/])|(?:/{2}(?=/))?)", re.IGNORECASE)


def is_uri(path: str) -> bool:
    """The path is on a file system that Hadoop alone knows, such as `hdfs://…`."""
    return _URI.match(path) is not None


def mapped(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    """The path with the longest prefix that it begins with replaced by the folder which that stands for.

    Whatever the letter case and the separators where it has a drive or a host; at a separator. ValueError: it is on a
    drive or host that no prefix names. What its `..` lead to is decided there, before a prefix is looked for.
    """
    place = _FILE.sub("", path)
    is_elsewhere = _OTHER_MACHINE.match(place) is not None
    text = posixpath.normpath(place.replace("\\", "/")) if is_elsewhere else place
    known = [(p.replace("\\", "/").rstrip("/"), folder) for p, folder in prefixes]
    fitting = [(p, folder) for p, folder in known if _begins(text, p)]
    if fitting:
        prefix, folder = max(fitting, key=lambda found: len(found[0]))
        return posixpath.join(folder, text[len(prefix) :].strip("/")).rstrip("/") or "/"
    if is_elsewhere and not place.startswith("/") and sys.platform != "win32":
        raise ValueError(
            f"{path!r} is on a machine that is not known here: "
            "add its drive or host to `prefixes` in legacy.yaml, with the folder that it stands for"
        )
    return path


def absolute(path: str) -> str:
    """A path to write to: without `file:`, `.` and `..`, from the current folder on; a URI without its last slash."""
    if is_uri(path):
        return path.rstrip("/")
    return posixpath.normpath(posixpath.join(os.getcwd(), _FILE.sub("", path)))  # noqa: PTH109 - text to text


def _begins(path: str, prefix: str) -> bool:
    if _OTHER_MACHINE.match(prefix):
        path, prefix = path.lower(), prefix.lower()
    return path == prefix or path.startswith(prefix + "/")
