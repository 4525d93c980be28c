"""Folders of legacy jobs: `{script_path}/{job_name}/scripts/{job_name}.py`, with `sql/` and `manifest/` beside.

All that is looked at is local. A folder that a symbolic link leads out of the configured roots is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fdm_platform.errors import FdmError, JobFolderError, ParameterError
from fdm_platform.model.control import JobMasterRow
from fdm_platform.model.legacy import JobFinding, LegacyJob, LegacyJobs
from fdm_platform.planning.places import Places
from fdm_platform.planning.rules import JOB_NAME

SCRIPTS, SQL, MANIFEST = "scripts", "sql", "manifest/manifest.json"
_PREFIX = "etl_lnd_"


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's folder with all that it must have."""

    base: str
    script: str
    code_files: tuple[tuple[str, str], ...]
    """Names below the folder and paths of scripts and HQL, what the job's rows depend on; in order."""
    hql: tuple[str, ...]
    warnings: tuple[str, ...]
    """What the contract lets a job be without."""
    stamp: str
    """Sizes and times of the code files."""


def require_job_folder(base: Path, job_name: str) -> JobFolder:
    """The job's folder. JobFolderError names the path that is missing: the folder, its scripts, or the script."""
    scripts = _listed(base / SCRIPTS)
    name = f"{job_name}.py"
    if scripts is None:
        raise _missing(base, base / SCRIPTS)
    if name not in scripts:
        raise _missing_script(base / SCRIPTS / name, scripts)
    sql = _listed(base / SQL)
    warnings = [f"{base / SQL} is missing: the job has no HQL"] if sql is None else []
    if not (base / MANIFEST).is_file():
        warnings.append(f"{base / MANIFEST} is missing")
    own = {f"{SCRIPTS}/{n}": e for n, e in scripts.items() if n.endswith(".py")}
    hql = {f"{SQL}/{n}": e for n, e in (sql or {}).items() if n.endswith(".hql")}
    code = sorted((own | hql).items())
    return JobFolder(
        base=str(base),
        script=str(base / SCRIPTS / name),
        code_files=tuple((n, e.path) for n, e in code),
        hql=tuple(sorted(n.removeprefix(f"{SQL}/") for n in hql)),
        warnings=tuple(warnings),
        stamp=_stamp(code),
    )


def code_of(base: Path, job_name: str) -> str:
    """Hash of the job's scripts and HQL as they are now. JobFolderError where they are not there."""
    folder = require_job_folder(base, job_name)
    try:
        return _code(folder)
    except OSError as error:
        raise JobFolderError(
            f"cannot be read: {error.strerror}", file=str(error.filename), remedy="mend or remove that file"
        ) from error


def look_at_all(
    rows: Iterable[JobMasterRow],
    places: Places,
    known: LegacyJobs | None,
    said: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> LegacyJobs:
    """What each row is: a job whose folder is there, or a finding why it is none.

    Of a job whose files are as in `known`, by size and time, the files are not read. `said` are entity and source system
    by the name or id of a job, in lower case, for a row that has none; they are remembered in what is `known` next.
    """
    rows = sorted(rows, key=lambda row: (row.job_name, row.job_id))
    before = {(job.job_id, job.base_dir): job for job in known.jobs} if known else {}
    counts = Counter(row.job_name.lower() for row in rows)
    remembered = {job.job_name.lower(): (job.entity, job.source_system) for job in before.values()}
    look = _Look(places, before, {**remembered, **said})
    jobs: list[LegacyJob] = []
    findings: list[JobFinding] = []
    for row in rows:
        try:
            if counts[row.job_name.lower()] > 1:
                raise ParameterError(
                    f"job_master has {counts[row.job_name.lower()]} jobs of this name",
                    remedy="rename all but one",
                )
            jobs.append(look.at(row))
        except FdmError as error:
            findings.append(JobFinding(row.job_id, row.job_name, _said(error), error.remedy or ""))
        except OSError as error:
            message = f"{error.filename} cannot be read: {error.strerror}"
            findings.append(JobFinding(row.job_id, row.job_name, message, "mend or remove that file"))
    return LegacyJobs(tuple(jobs), tuple(findings))


class _Look:
    """Listings of `script_path`s, once each, for a job whose folder is not there costs no look of its own."""

    def __init__(
        self,
        places: Places,
        before: Mapping[tuple[str, str], LegacyJob],
        said: Mapping[str, tuple[str, str]],
    ) -> None:
        self._places = places
        self._before = before
        self._said = said
        self._listings: dict[str, set[str] | None] = {}
        self._roots = tuple(os.path.realpath(root) for root in places.roots or (places.project,))

    def at(self, row: JobMasterRow) -> LegacyJob:
        """FdmError where the row is no job that can be run."""
        entity, source_system = self._source_of(row)
        base = self._base_of(row)
        folder = require_job_folder(base, row.job_name)
        self._require_held(folder.script, row)
        same = self._before.get((row.job_id, folder.base))
        code = same.code if same and same.stamp == folder.stamp else _code(folder)
        return LegacyJob(
            job_id=row.job_id,
            job_name=row.job_name,
            entity=entity,
            source_system=source_system,
            base_dir=folder.base,
            script=folder.script,
            hql=folder.hql,
            stamp=folder.stamp,
            code=code,
            comments=row.comments,
        )

    def _source_of(self, row: JobMasterRow) -> tuple[str, str]:
        """Of the row, else of its name `etl_lnd_<entity>_<source>_…`, else legacy.yaml's, else as a caller has said."""
        parts = row.job_name.lower().removeprefix(_PREFIX).split("_", 2)
        is_named = row.job_name.lower().startswith(_PREFIX) and all(parts) and parts[2:]
        named = (parts[0].upper(), parts[1].upper()) if is_named else ("", "")
        given = (row.entity, row.source_system)
        defaults = (self._places.defaults.get("entity"), self._places.defaults.get("source_system"))
        said = self._said.get(row.job_name.lower()) or self._said.get(row.job_id.lower()) or ("", "")
        entity, source = (
            next((x.strip() for x in of if x and x.strip()), "")
            for of in zip(given, named, defaults, said, strict=True)
        )
        if entity and source:
            return entity, source
        raise ParameterError(
            "nobody knows its entity or source_system",
            field="job_master.entity",
            remedy=f"fill these columns of the row, set defaults in {self._places.file}, or run it once by `fdm run` "
            "with --entity and --source-system",
        )

    def _base_of(self, row: JobMasterRow) -> Path:
        if not JOB_NAME.fullmatch(row.job_name):
            raise ParameterError(
                f"{row.job_name!r} is no name of a folder",
                field="job_master.job_name",
                remedy="use letters, digits, _, . and -",
            )
        if not (row.script_path or "").strip():
            raise ParameterError(
                "it has no script_path",
                field="job_master.script_path",
                remedy="name the folder of its folder",
            )
        path = self._places.local(row.script_path or "", what="job_master.script_path")
        self._places.require_held(path, what="job_master.script_path")
        names = self._listing(path)
        base = Path(path, row.job_name)
        if names is None or row.job_name not in names:
            raise _missing(Path(path) if names is None else base, base)
        return base

    def _listing(self, path: str) -> set[str] | None:
        if path not in self._listings:
            try:
                self._listings[path] = set(os.listdir(path))  # noqa: PTH208 - names alone, of thousands
            except OSError:
                self._listings[path] = None
        return self._listings[path]

    def _require_held(self, script: str, row: JobMasterRow) -> None:
        real = os.path.realpath(script)
        if not any(real.startswith(root.rstrip("/") + "/") for root in self._roots):
            raise JobFolderError(
                f"{script} is {real}, outside the folders of jobs: {', '.join(self._roots)}",
                field="job_master.script_path",
                remedy=f"copy {row.job_name} there instead of linking it, or add to roots in {self._places.file}",
            )


def _listed(folder: Path) -> dict[str, os.DirEntry[str]] | None:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise JobFolderError(
            f"cannot be read: {error.strerror}",
            file=str(folder),
            remedy="give the platform's user access to it",
        ) from error


def _missing(first: Path, last: Path) -> JobFolderError:
    """The highest folder that is not there, from `first` down to `last`."""
    chain = [p for p in (*reversed(last.parents), last) if p == first or first in p.parents]
    missing = next((p for p in chain if not p.is_dir()), last)
    return JobFolderError(
        f"the folder {missing} is missing",
        file=str(missing),
        remedy="copy the job's folder there, or correct script_path and job_name in job_master",
    )


def _missing_script(script: Path, there: Iterable[str]) -> JobFolderError:
    other = next((name for name in there if name.lower() == script.name.lower()), None)
    hint = f"{other} differs in letter case: rename it" if other else "the main script is named as the job is"
    return JobFolderError(f"the main script {script} is missing", file=str(script), remedy=hint)


def _stamp(code: Iterable[tuple[str, os.DirEntry[str]]]) -> str:
    seen = ((name, entry.stat()) for name, entry in code)
    return _digest("\0".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in seen).encode())


def _code(folder: JobFolder) -> str:
    digest = hashlib.sha256()
    for name, path in folder.code_files:
        data = Path(path).read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:16]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _said(error: FdmError) -> str:
    return (
        error.message if not error.file or error.file in error.message else f"{error.file}: {error.message}"
    )
