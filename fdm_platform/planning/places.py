r"""Where paths of another machine are on this one: `legacy.yaml`, and the folder that a table is published in.

    prefixes: {'C:\data\projects': /data/projects, '\\files\etl': /mnt/etl}
    roots: [/data/projects]
    variables: {PROJECT_HOME: 'C:\data\projects'}
    defaults: {entity: GELS, source_system: FPMS}

All of it is text: nothing is looked up on disk, and the process's environment is no variable.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, ValidationError

from fdm_platform.errors import DeclarationError, ParameterError
from fdm_platform.model.settings import Settings, is_uri
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.declaration import Declared
from fdm_platform.planning.document import Document, read_document
from fdm_platform.planning.findings import Findings
from fdm_platform.planning.names import suggest

PROJECT = "FDM_PROJECT"
"""The variable that is always known: the project's folder."""
DEFAULTS = ("entity", "source_system")
_JOB_OF_CONTRACT = "etl_lnd_"
_VARIABLE = re.compile(r"\$\{(?P<braced>[^{}]*)\}|%(?P<percent>[^%/\\:]+)%")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONG = re.compile(r"//[?.]/(?P<unc>UNC/)?", re.IGNORECASE)
_FILE = re.compile(r"^file:(?:/*(?=[A-Za-z]:[\\/])|(?=/)(?://(?=/))?)", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_UNC = re.compile(r"//[^/]")


class PlacesDeclaration(Declared):
    """The keys of legacy.yaml."""

    prefixes: dict[str, str] = Field(default_factory=dict)
    roots: list[str] = Field(default_factory=list)
    variables: dict[str, str] = Field(default_factory=dict)
    defaults: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """A table of prefixes, and the folders that job folders must be in. Paths are absolute and of this machine."""

    project: str
    file: str = "legacy.yaml"
    """Where a prefix would be added, for messages."""
    prefixes: tuple[tuple[str, str], ...] = ()
    """As declared, and the folder that each stands for; the longest that fits wins."""
    roots: tuple[str, ...] = ()
    """Empty: the project alone."""
    variables: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Of jobs whose row does not say its `entity` or `source_system`."""

    def local(self, path: str, *, what: str) -> str:
        """The path as an absolute one of this machine, without `.` and `..`; `what` names it in messages.

        ParameterError: it is none, it goes up beyond where it begins, its variable is unknown, or no prefix
        says where its drive or host is.
        """
        if _CONTROL.search(path):
            raise self._error(what, f"{path!r} holds a control character", "correct it")
        expanded = self.expanded(path, what=what)
        if not expanded:
            raise self._error(what, "is empty", "name a folder")
        if _is_elsewhere(expanded):
            raise self._error(what, f"{path!r} is no folder of this machine", "name a folder")
        written = _slashes(_FILE.sub("", expanded))
        place = self._above(written, path, what)
        if mapped := self._mapped(place):
            return mapped
        if _DRIVE.match(place) or _UNC.match(place):
            remedy = (
                f"add a prefix for it to {self.file}, such as prefixes: {{'{_first_of(place)}': /a/folder}}"
            )
            raise self._error(what, f"{path!r} is on a machine that is not known here", remedy)
        return place if place.startswith("/") else posixpath.join(self.project, place)

    def expanded(self, path: str, *, what: str) -> str:
        """The path with its variables' values in place of them."""
        return _VARIABLE.sub(lambda m: self._value(m, what), path.strip())

    def holds(self, path: str) -> bool:
        """The absolute path is a root, or below one; a symbolic link is taken as it is written."""
        roots = self.roots or (self.project,)
        return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)

    def require_held(self, path: str, *, what: str) -> None:
        """ParameterError if it does not."""
        if not self.holds(path):
            roots = ", ".join(self.roots or (self.project,))
            raise self._error(
                what,
                f"{path} is outside the folders of jobs: {roots}",
                f"move it, or add to roots in {self.file}",
            )

    def _value(self, match: re.Match[str], what: str) -> str:
        name = (match["braced"] if match["braced"] is not None else match["percent"]).strip()
        known = {PROJECT: self.project, **self.variables}
        by_name = {n.lower(): v for n, v in known.items()}
        if name.lower() not in by_name:
            remedy = f"{suggest(name, known)}; variables are declared in {self.file}"
            raise self._error(what, f"{match[0]} is not known", remedy)
        return by_name[name.lower()]

    def _above(self, written: str, path: str, what: str) -> str:
        """The path without `.`, `..` and doubled slashes."""
        start, parts = _start(written)
        if start is None:
            raise self._error(what, f"{path!r} is relative to a drive's current folder", "begin it with C:\\")
        kept: list[str] = []
        for part in parts:
            if part != "..":
                kept.append(part)
            elif kept:
                kept.pop()
            else:
                raise self._error(
                    what, f"{path!r} leaves the folder that it begins in", "write it without .."
                )
        return start + "/".join(kept) if kept or start else "."

    def _mapped(self, place: str) -> str | None:
        """Where the longest prefix of it is, and what follows the prefix."""
        fitting = [(p, to) for p, to in self._normal_prefixes() if _begins(place, p)]
        if not fitting:
            return None
        prefix, folder = max(fitting, key=lambda found: len(found[0]))
        rest = place[len(prefix) :].strip("/")
        return posixpath.join(folder, rest) if rest else folder

    def _normal_prefixes(self) -> list[tuple[str, str]]:
        return [(_slashes(prefix).rstrip("/"), folder) for prefix, folder in self.prefixes]

    def _error(self, what: str, message: str, remedy: str) -> ParameterError:
        return ParameterError(message, field=what, remedy=remedy)


def read_places(file: Path, project: Path, given: Mapping[str, str] | None = None) -> Places:
    """What `legacy.yaml` says; without the file, the project is all there is.

    `given` are further variables that are always known: a deployment's FDM_SOURCE_ROOT and FDM_LANDING_ROOT, so that
    one file serves several deployments. DeclarationError: a key, a prefix or a folder that cannot be meant.
    """
    if not file.is_file():
        return Places(str(project), str(file), variables=given or {})
    document = read_document(file, "prefixes and roots")
    findings = Findings(document, PlacesDeclaration)
    try:
        declared = PlacesDeclaration.model_validate(document.value)
    except ValidationError as error:
        findings.add_validation(error)
        raise findings.errors[0] from None
    variables = {**(given or {}), **_variables(declared.variables, str(project))}
    known = Places(str(project), str(file), variables=variables)
    _check(declared, findings)
    places = Places(
        str(project),
        str(file),
        prefixes=tuple(
            (k, _folder(known, v, ("prefixes", k), document)) for k, v in declared.prefixes.items()
        ),
        roots=tuple(_folder(known, v, ("roots", i), document) for i, v in enumerate(declared.roots)),
        variables=known.variables,
        defaults=declared.defaults,
    )
    if findings.errors:
        raise findings.errors[0]
    return places


def output_root(settings: Settings, spec: TableSpec) -> str:
    """The folder that a table is published in: a path of this machine, or a URI. Nothing else knows it.

    A legacy job's is what it declares, else the contract's `<entity>_<source_system>_<table>`, which is its
    name without `etl_lnd_`. DeclarationError if the name leads elsewhere than into the landing root.
    """
    if spec.legacy and spec.legacy.output:
        return spec.legacy.output
    name = spec.name
    if spec.legacy and spec.key[2].startswith(_JOB_OF_CONTRACT):
        name = spec.key[2].removeprefix(_JOB_OF_CONTRACT)
    if not name or "/" in name or name[0] in "._":
        raise DeclarationError(
            f"the table {name!r} would leave the landing root {settings.landing}",
            file=spec.file,
            remedy="use letters, digits and _ in entity, source_system and table",
        )
    return settings.table_root(name)


def _check(declared: PlacesDeclaration, findings: Findings) -> None:
    for prefix in declared.prefixes:
        written = _slashes(prefix)
        if not (written.startswith("/") or re.match(r"[A-Za-z]:(/|$)", written)):
            findings.add(
                ("prefixes", prefix), f"{prefix!r} is relative", "begin it with a drive, a host or /"
            )
    for key in declared.defaults:
        if key not in DEFAULTS:
            findings.add(("defaults", key), f"unknown key {key!r}", suggest(key, DEFAULTS))


def _variables(declared: Mapping[str, str], project: str) -> dict[str, str]:
    """Their values may name the project, and no other variable."""
    return {name: value.replace(f"${{{PROJECT}}}", project) for name, value in declared.items()}


def _folder(known: Places, text: str, place: tuple[str | int, ...], document: Document) -> str:
    """A folder of this machine; of what Spark writes, it may be one of another file system."""
    try:
        what = document.field(place)
        expanded = known.expanded(text, what=what)
        return expanded if _is_elsewhere(expanded) else known.local(text, what=what)
    except ParameterError as error:
        raise DeclarationError(
            error.message,
            file=document.file,
            line=document.line(place),
            field=document.field(place),
            remedy="write a folder of this machine, absolute or below the project",
        ) from None


def _is_elsewhere(path: str) -> bool:
    return is_uri(path) and not path.lower().startswith("file:")


def _slashes(path: str) -> str:
    r"""POSIX separators; `\\?\`, which Windows puts before long paths, says nothing."""
    turned = path.strip().replace("\\", "/")
    return _LONG.sub(lambda m: "//" if m["unc"] else "", turned, count=1) if _LONG.match(turned) else turned


def _start(written: str) -> tuple[str | None, Sequence[str]]:
    """What a path cannot go above (`/`, `C:/`, `//host/share/`, nothing), and its parts below; None: it has no such place."""
    rest, start = written, ""
    if _DRIVE.match(written):
        if written[2:3] not in ("", "/"):
            return None, ()
        start, rest = written[:2] + "/", written[2:]
    elif _UNC.match(written):
        host, _, rest = written[2:].partition("/")
        share, _, rest = rest.lstrip("/").partition("/")
        start = f"//{host}/{share}/" if share else f"//{host}/"
    elif written.startswith("/"):
        start = "/"
    return start, [part for part in rest.split("/") if part not in ("", ".")]


def _begins(place: str, prefix: str) -> bool:
    """On the boundary of a folder; Windows does not distinguish letter case, POSIX does."""
    is_windows = _DRIVE.match(prefix) or _UNC.match(prefix)
    one, other = (place.lower(), prefix.lower()) if is_windows else (place, prefix)
    return one.rstrip("/") == other or one.startswith(other + "/")


def _first_of(place: str) -> str:
    start, _ = _start(place)
    return (start or place).rstrip("/").replace("/", "\\")
