"""A Talend project: one `.item`, a folder, or a zip of one. Nothing is unpacked; files are read one at a time.

The kind of an item is what its root element says. Folders named `code` hold Java, not XML, in files called `.item`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn, Protocol

from fdm_platform.errors import FdmError, ImportRefusedError
from fdm_platform.talend.archive import Archive
from fdm_platform.talend.xml import MOST_BYTES, Node, outline, parse

Kind = Literal["job", "context", "joblet", "metadata", "routine", "other"]

_HEAD = 64 << 10
_VERSIONED = re.compile(r"(.+)_(\d{1,6})\.(\d{1,6})\.item", re.DOTALL)
_ROOTS: Mapping[str, Kind] = {"ProcessType": "job", "ContextType": "context", "JobletProcess": "joblet"}
_SYSTEM = "system"
"""The folder of Studio's own routines, such as TalendDate."""
_CODE = frozenset({"code", "routines", "beans"})
_KNOWN_MAJORS = range(5, 9)


@dataclass(frozen=True, slots=True)
class ItemRef:
    """One version of one item, and what its `.properties` say of it."""

    path: str
    """Within what was opened, with `/`."""
    kind: Kind
    label: str
    version: tuple[int, int] = (0, 1)
    id: str = ""
    folder: str = ""
    """Below `process/`, `context/` …; for people, and for places of output."""
    product_version: str = ""
    purpose: str = ""
    description: str = ""

    @property
    def dotted(self) -> str:
        """The version as Studio shows it: `0.1`."""
        return f"{self.version[0]}.{self.version[1]}"


class Files(Protocol):
    """Where a project's files lie. Names are relative, with `/`."""

    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        ...

    def links(self) -> tuple[str, ...]:
        """What is a link, and so no part of the project; known once the names are."""
        ...

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's first bytes, or all of it. ImportRefusedError if it cannot be read or is too large."""
        ...


@dataclass(frozen=True, slots=True)
class Project:
    """What there is to import. `items` has the newest version of each, by path; `older` the others."""

    name: str
    version: str | None
    """Of the Studio, as talend.project has it; None without one."""
    items: tuple[ItemRef, ...]
    older: tuple[ItemRef, ...]
    others: Mapping[str, int]
    """Files that are no items, and items that are no XML, counted by what they are."""
    warnings: tuple[str, ...]
    files: Files = field(repr=False, compare=False)

    @property
    def jobs(self) -> tuple[ItemRef, ...]:
        """The newest version of every job."""
        return tuple(item for item in self.items if item.kind == "job")

    @property
    def routines(self) -> frozenset[str]:
        """Names of the project's own Java classes. Studio's, which it copies into each project, are not among them."""
        items = (item for item in (*self.items, *self.older) if item.kind == "routine")
        return frozenset(item.label for item in items if _SYSTEM not in PurePosixPath(item.path).parts)

    def read(self, ref: ItemRef) -> bytes:
        """The item's bytes. ImportRefusedError as `Files.read`."""
        return self.files.read(ref.path)


def open_project(path: Path) -> Project:
    """What lies there. ImportRefusedError: nothing there, an archive that is damaged or dangerous, no item at all."""
    files, only = _files(path)
    names = frozenset(files.names())
    warnings = [f"{link}: a link, which is not followed" for link in files.links()]
    refs = [_ref(name, files, names, warnings) for name in sorted(names) if name.endswith(".item")]
    if only is not None:
        refs = [replace(ref, kind="job") for ref in refs if ref.path == only]
    if not refs:
        raise ImportRefusedError(
            "no .item file of Talend Studio is here",
            remedy="name an .item file, a project's folder, or a zip of one",
            file=str(path),
        )
    newest, older = _newest(refs)
    version = _product(files, names)
    return Project(
        name=only or path.name,
        version=version,
        items=newest,
        older=older,
        others=_others(names if only is None else frozenset(), refs),
        warnings=(*warnings, *_unknown_versions(newest, version)),
        files=files,
    )


def major_of(product_version: str) -> int | None:
    """Talend's major version of `7.3.1.20200219_1130`; None if the text has none."""
    found = re.match(r"(?:.*-)?(\d+)\.\d+", product_version)
    return int(found[1]) if found else None


class _Folder:
    """Files below a folder. Links are not followed: what lies outside is no part of the project; nor is a pipe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._links: list[str] = []

    def names(self) -> tuple[str, ...]:
        self._links.clear()
        return tuple(sorted(self._walk()))

    def links(self) -> tuple[str, ...]:
        return tuple(sorted(self._links))

    def _walk(self) -> Iterator[str]:
        for place, folders, names in os.walk(self._root, onerror=_refuse_unreadable):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in (*folders, *names):
                path = Path(place, name)
                if path.is_symlink():
                    self._links.append(path.relative_to(self._root).as_posix())
                elif path.is_file():
                    yield path.relative_to(self._root).as_posix()

    def read(self, name: str, most: int | None = None) -> bytes:
        path = self._root / name
        try:
            if most is None and path.stat().st_size > MOST_BYTES:
                raise too_large(str(path), path.stat().st_size)
            with path.open("rb") as stream:
                return stream.read(-1 if most is None else most)
        except OSError as error:
            raise _unreadable(error, str(path)) from None


def _refuse_unreadable(error: OSError) -> NoReturn:
    raise _unreadable(error, str(error.filename)) from None


def _unreadable(error: OSError, file: str) -> ImportRefusedError:
    return ImportRefusedError(
        f"cannot be read: {error.strerror or error}", remedy="check its permissions", file=file
    )


def too_large(file: str, size: int) -> ImportRefusedError:
    """The refusal of a file that no Studio wrote."""
    return ImportRefusedError(
        f"{size:,} bytes are more than any Talend file has ({MOST_BYTES:,})",
        remedy="export the project anew from Talend Studio",
        file=file,
    )


def _files(path: Path) -> tuple[Files, str | None]:
    """Where to read, and the one item that was asked for by name."""
    if path.is_dir():
        return _Folder(path), None
    if path.suffix == ".item" and path.is_file():
        return _Siblings(path), path.name
    if path.suffix.lower() == ".zip" and path.is_file():
        return Archive(path), None
    raise ImportRefusedError(
        "neither an .item file, a folder nor a .zip" if path.exists() else "no such file or folder",
        remedy="name an .item file, a project's folder, or a zip of one",
        file=str(path),
    )


class _Siblings(_Folder):
    """One item with its own `.properties`, and talend.project if it lies beside."""

    def __init__(self, item: Path) -> None:
        super().__init__(item.parent)
        self._names = (item.name, item.with_suffix(".properties").name, "talend.project")

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in self._names if (self._root / name).is_file()))


def _ref(path: str, files: Files, names: frozenset[str], warnings: list[str]) -> ItemRef:
    found = _VERSIONED.fullmatch(PurePosixPath(path).name)
    label = found[1] if found else PurePosixPath(path).stem
    version = (int(found[2]), int(found[3])) if found else (0, 1)
    folders = PurePosixPath(path).parts[:-1]
    kind = _kind(path, folders, files)
    known = _properties(path, files, names, warnings) if kind in ("job", "joblet", "context") else _NOTHING
    return ItemRef(
        path=path,
        kind=kind,
        label=known.get("label", "") or label,
        version=version,
        id=known.get("id", ""),
        folder="/".join(_below(folders)),
        product_version=known.get("product_version", ""),
        purpose=known.get("purpose", ""),
        description=known.get("description", ""),
    )


def _below(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The folders below the project's own `process` or `context`."""
    for at in range(len(folders) - 1, -1, -1):
        if folders[at].split("_")[0] in ("process", "context", "joblets", "metadata"):
            return folders[at + 1 :]
    return folders


def _kind(path: str, folders: tuple[str, ...], files: Files) -> Kind:
    """By the root element. What cannot be read and may be a job counts as one: refused by name, and not passed over."""
    if _CODE.intersection(folders):
        return "routine"
    head = files.read(path, _HEAD)
    if not _is_xml(head):
        return "job" if _is_among_jobs(folders) or not head.strip(b"\0 \t\r\n") else "other"
    try:
        root, first = outline(head, path)
        if not root and len(head) == _HEAD:
            root, first = outline(files.read(path), path)
    except ImportRefusedError:
        return "job"
    if root == "XMI" and first == "ContextType":
        return "context"
    return _ROOTS.get(root, "metadata" if root == "XMI" or root.endswith("Connection") else "other")


def _is_among_jobs(folders: tuple[str, ...]) -> bool:
    return any(folder.split("_")[0] == "process" for folder in folders)


def _is_xml(head: bytes) -> bool:
    return b"<?xml" in head[:400].replace(b"\0", b"")


_NOTHING: Mapping[str, str] = {}


def _properties(path: str, files: Files, names: frozenset[str], warnings: list[str]) -> Mapping[str, str]:
    """What the item's `.properties` say; nothing, with a warning, if they are missing or cannot be read."""
    name = path.removesuffix(".item") + ".properties"
    if name not in names:
        warnings.append(f"{path}: no .properties beside it: its id and Talend version are unknown")
        return _NOTHING
    try:
        root = parse(files.read(name), name)
    except ImportRefusedError as error:
        warnings.append(f"{name}: {error.message}; its id and Talend version are unknown")
        return _NOTHING
    nodes = (root, *root.children) if root.tag == "XMI" else (root,)
    return next((_property(node) for node in nodes if node.tag == "Property"), _NOTHING)


def _property(node: Node) -> dict[str, str]:
    """Of several product versions the one that saved it last."""
    keys = {extra.get("key"): extra.get("value") for extra in node.all("additionalProperties")}
    version = keys.get("modified_product_version") or keys.get("created_product_version") or ""
    names = ("id", "label", "purpose", "description")
    return {"product_version": version, **{name: node.get(name) for name in names}}


def _newest(refs: list[ItemRef]) -> tuple[tuple[ItemRef, ...], tuple[ItemRef, ...]]:
    """By place and label; two files of one version, which Studio does not make, are both kept."""
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for ref in refs:
        key = (str(PurePosixPath(ref.path).parent), ref.label)
        newest[key] = max(newest.get(key, (0, 0)), ref.version)
    chosen = {
        ref.path for ref in refs if newest[str(PurePosixPath(ref.path).parent), ref.label] == ref.version
    }
    return tuple(r for r in refs if r.path in chosen), tuple(r for r in refs if r.path not in chosen)


def _product(files: Files, names: frozenset[str]) -> str | None:
    """The Studio's version of the topmost talend.project."""
    found = sorted(
        (name for name in names if PurePosixPath(name).name == "talend.project"),
        key=lambda n: (n.count("/"), n),
    )
    for name in found:
        try:
            root = parse(files.read(name), name)
        except FdmError:
            continue
        for node in (root, *root.children):
            if node.tag == "Project":
                return node.get("productVersion") or None
    return None


def _others(names: frozenset[str], refs: list[ItemRef]) -> Mapping[str, int]:
    counted = Counter(PurePosixPath(name).suffix or "no suffix" for name in names)
    del counted[".item"], counted[".properties"]
    counted.update(
        f".item: {ref.kind}" for ref in refs if ref.kind in ("routine", "other", "metadata", "joblet")
    )
    return dict(counted)


def _unknown_versions(refs: tuple[ItemRef, ...], project: str | None) -> Iterator[str]:
    for ref in refs:
        version = ref.product_version or project or ""
        major = major_of(version)
        if ref.kind == "job" and major not in _KNOWN_MAJORS:
            yield f"{ref.path}: Talend version {version or 'unknown'}; 5 to 8 are known. It is read as those are"
