"""Declared tables: the only reader of sql/. One broken folder never takes down the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from fdm_platform.errors import DeclarationError, UnknownTableError
from fdm_platform.model.legacy import JobFinding
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.calendars import CALENDAR_FILE, Calendars, read_calendars
from fdm_platform.planning.declaration import LegacyJobDeclaration, TableDeclaration
from fdm_platform.planning.document import Document, read_document
from fdm_platform.planning.findings import Findings
from fdm_platform.planning.relations import join_tables
from fdm_platform.planning.rules import check_legacy_job, check_table
from fdm_platform.planning.specification import Refinement, build_refinement, build_spec
from fdm_platform.planning.versions import code_version

TABLE_FILE = "table.yaml"
_MISNAMED = ("table.yml", "tables.yaml", "tables.yml", "calendar.yml", "calendars.yaml", "calendars.yml")

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Declared:
    """What files say, each by itself: before tables are held against each other."""

    specs: tuple[TableSpec, ...] = ()
    broken: Mapping[Key, tuple[DeclarationError, ...]] = field(default_factory=dict)
    errors: tuple[DeclarationError, ...] = ()
    """Of calendars, and of what is no table."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every declared table. Parents of a table in `tables` are in `tables` too, and there is no cycle."""

    root: Path
    tables: Mapping[str, TableSpec]
    """By TableSpec.name, in order of name."""
    errors: tuple[DeclarationError, ...]
    """Everything that is wrong below the root, by file and line."""
    broken: Mapping[Key, tuple[DeclarationError, ...]]
    """The errors of each table that is therefore not in `tables`."""
    calendars: Calendars = field(default_factory=Calendars)
    refinements: tuple[Refinement, ...] = ()
    """What is declared of legacy jobs' tables, which are in `tables` when job_master is known: `legacy_tables`."""
    refused_jobs: Mapping[str, tuple[DeclarationError, ...]] = field(default_factory=dict)
    """What is wrong with those that are therefore not in `refinements`, by job_id or job_name in small letters."""
    job_findings: tuple[JobFinding, ...] = ()
    """Why jobs of job_master are no tables."""
    declared: Declared = field(default_factory=Declared)

    def with_tables(self, more: Iterable[TableSpec]) -> Catalog:
        """The declared tables joined anew with tables that have no table.yaml, whose names are none of theirs."""
        broken = {key: list(errors) for key, errors in self.declared.broken.items()}
        tables = join_tables([*self.declared.specs, *more], broken)
        every = [e for found in broken.values() for e in found] + list(self.declared.errors)
        errors = sorted(every, key=lambda e: (e.file or "", e.line or 0))
        return replace(
            self, tables=tables, errors=tuple(errors), broken={k: tuple(v) for k, v in broken.items()}
        )

    def get(self, name: str) -> TableSpec:
        """The table called `gels_fpms_t_x`, `gels/fpms/t_x` or, where only one is, `t_x`; or by its job's name or id.

        Raises UnknownTableError, or a broken table's own first error.
        """
        key = self.key_of(name)
        if key in self.broken:
            raise self.broken[key][0]
        return self.tables["_".join(key)]

    def key_of(self, name: str) -> Key:
        """The key of the sound or broken table with this name; UnknownTableError if there is none."""
        wanted = name.strip().strip("/").lower().replace("/", "_")
        keys = [spec.key for spec in self.tables.values()] + list(self.broken)
        found = [k for k in keys if "_".join(k) == wanted] or [k for k in keys if k[2] == wanted]
        found = found or [spec.key for spec in self.tables.values() if _is_job(spec, name.strip().lower())]
        if not found:
            raise self._unknown(name, wanted, keys)
        if len(names := sorted({"_".join(k) for k in found})) > 1:
            raise UnknownTableError(
                f"{name!r} may be any of {len(names)} tables", remedy=f"say which: {', '.join(names)}"
            )
        return found[0]

    def _unknown(self, name: str, wanted: str, keys: Sequence[Key]) -> DeclarationError:
        if not keys and self.errors:
            return self.errors[0]
        by_spelling = {"_".join(k): k for k in keys} | {k[2]: k for k in keys}
        near = [by_spelling[m] for m in get_close_matches(wanted, by_spelling, n=3, cutoff=0.6)]
        names = list(dict.fromkeys("_".join(k) for k in near))
        close = f"did you mean {' or '.join(names)}? " if names else ""
        return UnknownTableError(f"no table is called {name!r}", remedy=f"{close}`fdm list` lists the tables")


def _is_job(spec: TableSpec, name: str) -> bool:
    return name in (spec.job_name.lower(), spec.legacy.job_id.lower() if spec.legacy else None)


def load_catalog(sql_root: Path) -> Catalog:
    """Read every table.yaml below the root, with its HQL. Raises nothing: errors are in the catalog."""
    if not sql_root.is_dir():
        none = (_no_root(sql_root),)
        return Catalog(sql_root, {}, none, {}, declared=Declared(errors=none))
    specs: list[TableSpec] = []
    refinements: list[Refinement] = []
    refused: dict[str, tuple[DeclarationError, ...]] = {}
    broken: dict[Key, list[DeclarationError]] = {}
    stray: list[DeclarationError] = []
    calendar_files: list[Path] = []
    keys: dict[Path, Key] = {}
    for file in _files(sql_root):
        if file.name == CALENDAR_FILE:
            calendar_files.append(file)
            continue
        if file.name != TABLE_FILE:
            stray.append(_misnamed(file))
            continue
        spec, key, errors, job = _read(file)
        keys[file.parent] = key
        if isinstance(spec, Refinement):
            refinements.append(spec)
        elif spec:
            specs.append(spec)
        elif job:
            refused[job.lower()] = (*refused.get(job.lower(), ()), *errors)
        else:
            broken.setdefault(key, []).extend(errors)
    calendars, wrong = read_calendars(sql_root, calendar_files, keys)
    others = [*stray, *wrong, *(e for errors in refused.values() for e in errors)]
    declared = Declared(tuple(specs), {k: tuple(v) for k, v in broken.items()}, tuple(others))
    return Catalog(
        sql_root, {}, (), {}, calendars, tuple(refinements), refused, declared=declared
    ).with_tables(())


def read_table(table_yaml: Path) -> TableSpec:
    """One declared table by itself; raises its first DeclarationError. What concerns others is not checked."""
    spec, _, errors, _ = _read(table_yaml)
    if isinstance(spec, TableSpec):
        return spec
    raise errors[0] if errors else _refines(table_yaml)


class _Read(NamedTuple):
    """The table, or None with all its errors; its key, or the job that it refines, as far as the file tells it."""

    spec: TableSpec | Refinement | None
    key: Key
    errors: list[DeclarationError]
    job: str | None = None


def _read(file: Path) -> _Read:
    try:
        document = read_document(file)
    except DeclarationError as error:
        return _Read(None, _folder_key(file), [error])
    job = document.value.get("legacy_job")
    build = _build_refinement if "legacy_job" in document.value else _build_table
    spec, errors = build(document, file)
    return _Read(
        None if errors else spec, _key(document, file), errors, job if isinstance(job, str) else None
    )


def _build_table(document: Document, file: Path) -> tuple[TableSpec | None, list[DeclarationError]]:
    findings = Findings(document)
    try:
        declaration = TableDeclaration.model_validate(document.value)
    except ValidationError as error:
        findings.add_validation(error)
        return None, findings.errors
    check_table(declaration, findings)
    spec = build_spec(declaration, file, findings)
    return replace(spec, code_version=code_version(document.text, spec.steps)), findings.errors


def _build_refinement(document: Document, file: Path) -> tuple[Refinement | None, list[DeclarationError]]:
    findings = Findings(document, LegacyJobDeclaration)
    try:
        declaration = LegacyJobDeclaration.model_validate(document.value)
    except ValidationError as error:
        findings.add_validation(error)
        return None, findings.errors
    check_legacy_job(declaration, findings)
    return build_refinement(declaration, file, document.text), findings.errors


def _key(document: Document, file: Path) -> Key:
    match document.value:
        case {"entity": str(entity), "source_system": str(source_system), "table": str(table)}:
            return (entity.lower(), source_system.lower(), table.lower())
    return _folder_key(file)


def _folder_key(file: Path) -> Key:
    parts = ("", "", *file.parent.parts)[-3:]
    return (parts[0].lower(), parts[1].lower(), parts[2].lower())


def _files(root: Path) -> Iterator[Path]:
    """Every table.yaml and calendar.yaml, or a file that is probably meant to be one, in order of path."""
    for folder, folders, files in os.walk(root):
        if CALENDAR_FILE in files:
            yield Path(folder, CALENDAR_FILE)
        if TABLE_FILE in files:
            folders.clear()
            yield Path(folder, TABLE_FILE)
            continue
        folders[:] = sorted(f for f in folders if not f.startswith((".", "_")))
        yield from (Path(folder, f) for f in _MISNAMED if f in files)


def _refines(file: Path) -> DeclarationError:
    return DeclarationError(
        "refines a legacy job and is no table by itself",
        file=str(file),
        field="legacy_job",
        remedy="give the job's name; `fdm list` lists the jobs",
    )


def _no_root(sql_root: Path) -> DeclarationError:
    return DeclarationError(
        "there is no such folder of declared tables",
        file=str(sql_root),
        remedy="run from the project's root, or set FDM_PROJECT or FDM_SQL_ROOT; `fdm new table` declares a first table",
    )


def _misnamed(file: Path) -> DeclarationError:
    right = CALENDAR_FILE if file.name.startswith("calendar") else TABLE_FILE
    return DeclarationError("is not read", file=str(file), remedy=f"rename it to {right}")
