"""Legacy jobs as landing tables: each job of job_master whose folder is there, beside those that are declared.

A declared table whose `job_name` is the job's wins: then the row gives that table its parameters, and no script
is run. What cannot stand beside the others is left out and told as a finding; the others go on.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from fdm_platform.errors import DeclarationError, FdmError
from fdm_platform.model.legacy import JobFinding, LegacyJob, LegacyJobs, LegacySpec
from fdm_platform.model.settings import Settings, is_uri
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog, Key
from fdm_platform.planning.document import read_document
from fdm_platform.planning.names import nearest
from fdm_platform.planning.places import Places, output_root
from fdm_platform.planning.rules import ABSOLUTE, NAME
from fdm_platform.planning.specification import Refinement, default_job_name
from fdm_platform.planning.versions import legacy_code_version

_T = TypeVar("_T")
_LONGEST = 200
"""Of a folder's name a file system takes 255 bytes, and both of its parts stand in one."""
_NOT_OF_NAMES = re.compile(r"[.-]")


def with_jobs(catalog: Catalog, jobs: LegacyJobs | None, places: Places, settings: Settings) -> Catalog:
    """The catalog with the jobs' tables; unchanged where job_master was never read."""
    return catalog if jobs is None else _Joining(catalog, places, settings).join(jobs)


def table_of_job(job_name: str) -> str:
    """The last part of its asset key: Dagster's names have neither `.` nor `-`."""
    return _NOT_OF_NAMES.sub("_", job_name)


@dataclass(slots=True)
class _Joining:
    catalog: Catalog
    places: Places
    settings: Settings
    findings: list[JobFinding] = field(default_factory=list)
    errors: list[DeclarationError] = field(default_factory=list)
    broken: dict[Key, tuple[DeclarationError, ...]] = field(default_factory=dict)

    def join(self, jobs: LegacyJobs) -> Catalog:
        declared = _declared_jobs(self.catalog)
        self.findings += [f for f in jobs.findings if f.job_name.lower() not in declared]
        own = [job for job in jobs.jobs if job.job_name.lower() not in declared]
        refinements = _by_job(self.catalog.refinements)
        self._report_unused(refinements, own, declared)
        built = ((job, self._spec(job, _named_by(job, refinements))) for job in own)
        specs = [(job, spec) for job, spec in built if spec and self._has_output(job, spec)]
        tables = self._distinct(specs)
        joined = self.catalog.with_tables(tables)
        refined = {Path(s.file).parent: s.key for s in tables if s.legacy and s.file != s.legacy.script}
        # a deployment may have jobs and declare nothing
        errors = [e for e in joined.errors if not (tables and e.file == str(self.catalog.root))]
        return replace(
            joined,
            errors=tuple(sorted([*errors, *self.errors], key=lambda e: (e.file or "", e.line or 0))),
            broken={**joined.broken, **self.broken},
            calendars=joined.calendars.of_folders(refined),
            job_findings=tuple(sorted(self.findings, key=lambda f: (f.job_name, f.job_id))),
        )

    def _spec(self, job: LegacyJob, refinements: Sequence[Refinement]) -> TableSpec | None:
        """The job's table; None where a finding or an error says why there is none."""
        for name in (job.entity, job.source_system, table_of_job(job.job_name)):
            if not NAME.fullmatch(name):
                self._find(job, f"{name!r} is no part of an asset's name", "use letters, digits and _ in it")
                return None
            if len(name) > _LONGEST:
                self._find(job, f"{name!r} has more than {_LONGEST} characters", "shorten it")
                return None
        plain = self._plain(job)
        if wrong := _named_by(job, self.catalog.refused_jobs):
            self.broken[plain.key] = tuple(wrong)
            return None
        if len(refinements) > 1:
            files = " and ".join(r.file for r in refinements)
            self._refuse(plain, refinements, "legacy_job", f"refined by {files}", "keep one of them")
            return None
        try:
            return self._refined(plain, refinements[0]) if refinements else plain
        except FdmError as error:
            self._refuse(plain, refinements, error.field or "", error.message, error.remedy or "")
            return None

    def _plain(self, job: LegacyJob) -> TableSpec:
        return TableSpec(
            entity=job.entity,
            source_system=job.source_system,
            table=table_of_job(job.job_name),
            file=job.script,
            sources=(),
            steps=(),
            dates_per_run=1,
            job_name=job.job_name,
            description=job.comments,
            code_version=job.code,
            legacy=LegacySpec(
                job_id=job.job_id,
                base_dir=job.base_dir,
                script=job.script,
                sql_dir=posixpath.join(job.base_dir, "sql") if job.hql else None,
                prefixes=self.places.prefixes,
            ),
        )

    def _refined(self, plain: TableSpec, said: Refinement) -> TableSpec:
        """DeclarationError, ParameterError: it says another name than job_master, or no folder."""
        for key in ("entity", "source_system", "table"):
            here, there = getattr(said, key), getattr(plain, key)
            if here is not None and here.lower() != there.lower():
                raise DeclarationError(
                    f"{here!r} is not the job's, {there!r}",
                    field=key,
                    remedy="remove it, or correct job_master",
                )
        output = self._output(said.output)
        legacy = plain.legacy and replace(plain.legacy, output=output, append=said.append, declared=said.text)
        settings = {**said.settings, "description": said.settings["description"] or plain.description}
        code = legacy_code_version(plain.code_version, said.text)
        return replace(plain, file=said.file, legacy=legacy, code_version=code, **settings)

    def _output(self, output: str | None) -> str | None:
        """A name is below the landing root; a path, of this machine or the script's, is where it is.

        DeclarationError: readers do not see it, or other tables are in it. ParameterError: it is nowhere.
        """
        if output is None:
            return None
        place, landing = self._place_of(output), self.settings.landing
        if f"{landing}/".startswith(f"{place.rstrip('/')}/") or posixpath.basename(place).startswith(
            (".", "_")
        ):
            raise DeclarationError(
                f"{place} cannot be a table's: it holds others, or is hidden from readers",
                field="output",
                remedy=f"name a folder of its own below {landing}, or elsewhere",
            )
        return place

    def _place_of(self, output: str) -> str:
        if is_uri(output) and not output.startswith("file:"):
            return output.rstrip("/")
        if ABSOLUTE.match(output) or output.startswith(("\\", "$", "%")):
            return self.places.local(output, what="output")
        name, landing = posixpath.normpath(output.replace("\\", "/")), self.settings.landing
        return landing if name == "." else f"{landing}/{name}"

    def _has_output(self, job: LegacyJob, spec: TableSpec) -> bool:
        try:
            return bool(output_root(self.settings, spec))
        except DeclarationError as error:
            remedy = "rename the job, or declare its `output` in a table.yaml with `legacy_job`"
            self._find(job, error.message, remedy)
            return False

    def _distinct(self, specs: Sequence[tuple[LegacyJob, TableSpec]]) -> list[TableSpec]:
        """Without those that share name or output folder: a declared table stays, of two jobs none does.

        One whose output lies in another's is left out, too: that one is listed, replaced and kept as a whole.
        """
        by_name, by_root = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for spec in self.catalog.declared.specs:
            by_name[spec.name].append(spec.file)
            by_root[output_root(self.settings, spec)].append(spec.file)
        for key, errors in self.catalog.declared.broken.items():
            by_name["_".join(key)] += [e.file or "" for e in errors[:1]]
        for job, spec in specs:
            by_name[spec.name].append(job.job_id)
            by_root[output_root(self.settings, spec)].append(job.job_id)
        found = []
        for job, spec in specs:
            root = output_root(self.settings, spec)
            names = [x for x in by_name[spec.name] if x != job.job_id]
            roots = [x for place in _upwards(root) for x in by_root.get(place, ()) if x != job.job_id]
            if names:
                self._find(job, f"its table {spec.name} is that of {names[0]} too", "rename one of them")
            elif roots:
                remedy = "give one of them another `output` in a table.yaml with `legacy_job`"
                is_same = roots[0] in by_root[root]
                what = f"is that of {roots[0]} too" if is_same else f"lies in that of {roots[0]}"
                self._find(job, f"its output {root} {what}", remedy)
            else:
                found.append(spec)
        return found

    def _report_unused(
        self, refinements: Mapping[str, Sequence[Refinement]], own: Sequence[LegacyJob], declared: set[str]
    ) -> None:
        known = {name.lower() for job in own for name in (job.job_id, job.job_name)}
        why = {name.lower(): f for f in self.findings for name in (f.job_id, f.job_name)}
        for name in refinements.keys() - known:
            message, remedy = _why_unused(name, why.get(name), declared, own)
            self.errors += [_error(r, "legacy_job", message, remedy) for r in refinements[name]]

    def _refuse(
        self, spec: TableSpec, refinements: Sequence[Refinement], key: str, message: str, remedy: str
    ) -> None:
        found = [_error(r, key, message, remedy) for r in refinements]
        self.errors += found
        self.broken[spec.key] = tuple(found)

    def _find(self, job: LegacyJob, message: str, remedy: str) -> None:
        self.findings.append(JobFinding(job.job_id, job.job_name, message, remedy))


def _upwards(folder: str) -> Iterator[str]:
    """The folder and those that it is in."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _declared_jobs(catalog: Catalog) -> set[str]:
    """Names of jobs that declared tables have; of a broken table its default, which leaves it its row."""
    named = {spec.job_name.lower() for spec in catalog.declared.specs}
    return named | {default_job_name(*key) for key in catalog.declared.broken}


def _by_job(refinements: Iterable[Refinement]) -> dict[str, list[Refinement]]:
    found: dict[str, list[Refinement]] = {}
    for refinement in refinements:
        found.setdefault(refinement.job.lower(), []).append(refinement)
    return found


def _named_by(job: LegacyJob, by_name: Mapping[str, Sequence[_T]]) -> list[_T]:
    names = dict.fromkeys((job.job_id.lower(), job.job_name.lower()))
    return [value for name in names for value in by_name.get(name, ())]


def _why_unused(
    name: str, finding: JobFinding | None, declared: set[str], own: Iterable[LegacyJob]
) -> tuple[str, str]:
    """The message and the remedy of a refinement without a job."""
    if name in declared:
        return f"{name} is the job of a declared table", "remove this file, or that table's"
    if finding:
        return f"{finding.job_name} is no table: {finding.message}", finding.remedy
    close = nearest(name, (known for job in own for known in (job.job_id, job.job_name)))
    hint = f"did you mean {close}? " if close else ""
    return f"job_master has no job {name!r}", f"{hint}`fdm job list` lists the jobs"


def _error(refinement: Refinement, key: str, message: str, remedy: str) -> DeclarationError:
    document = read_document(Path(refinement.file))
    place = (key,) if key else ()
    return DeclarationError(
        message, file=refinement.file, line=document.line(place), field=key or None, remedy=remedy
    )
