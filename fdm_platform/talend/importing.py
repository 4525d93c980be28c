"""A Talend project becomes declared tables: job by job, all of them written aside before the first comes to its place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from fdm_platform.errors import FdmError, ImportRefusedError, MachineError
from fdm_platform.planning.specification import default_job_name
from fdm_platform.talend.chains import Chains, JobChain, chain_of, chains, without_detours
from fdm_platform.talend.components import HANDLERS
from fdm_platform.talend.components.handler import Handler
from fdm_platform.talend.contexts import read_contexts
from fdm_platform.talend.conversion import ConversionOptions, JobPlan, convert_job
from fdm_platform.talend.declaring import job_files, job_name, tag_of
from fdm_platform.talend.documents import to_yaml
from fdm_platform.talend.fixtures import step_tests
from fdm_platform.talend.migration import Verdict, migration, verdicts
from fdm_platform.talend.model import TalendJob
from fdm_platform.talend.naming import job_names, table_name
from fdm_platform.talend.plan import Residue
from fdm_platform.talend.project import ItemRef, Project
from fdm_platform.talend.reading import read_job
from fdm_platform.talend.seeds import Seeds, job_seeds
from fdm_platform.talend.writing import PAPERS, Staging, staging
from fdm_platform.talend.xml import parse

_LEFT_OVER = "an import before this one made it of an output that the job has no more, and it is still loaded"
_WORD = re.compile(r"\w+")
_BRACED = re.compile(r"\{(\w+)[:}]")
MIGRATION, SEEDS = "MIGRATION.md", "seeds.yaml"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What is asked of an import."""

    conversion: ConversionOptions
    out: Path
    """The folder of declared tables, e.g. sql/landing."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Environments of contexts by name, where the names do not say."""
    labels: tuple[str, ...] = ()
    """Only these jobs; none: all."""
    may_replace: bool = False
    is_strict: bool = False
    """Nothing is written if a job is refused."""
    is_dry: bool = False
    """Nothing is written at all; everything is made and checked as if it were."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: `done` of `total` jobs, the last of which is `label`."""

    label: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class JobSummary:
    """How much of a job came over."""

    label: str
    file: str
    tables: tuple[str, ...]
    """Names as `fdm list` has them."""
    components: Mapping[Verdict, int]
    residues: int
    settings: int = 0
    """What is to be done besides: secrets to be set, values to be looked at, an order of jobs that has no row."""
    places: tuple[str, ...] = ()
    """Folders that were written."""

    @property
    def verdict(self) -> Literal["whole", "partly", "none"]:
        """Whole: nothing is left to a person. None: it is no table, and nothing else came of it."""
        if not (self.tables or self.components.get("whole")):
            return "none"
        return "partly" if self.residues else "whole"


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import made of a project."""

    jobs: tuple[JobSummary, ...]
    refused: tuple[FdmError, ...]
    """One for each job that was not imported."""
    warnings: tuple[str, ...]
    kinds: Counter[tuple[str, Verdict]]
    """Components by kind and by how much of them came over."""
    residues: Counter[str]
    """By reason, names of things within it taken out."""
    older: tuple[str, ...] = ()
    """Paths of older versions of jobs, which are not imported."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Files of the project that are no jobs, counted by what they are; nothing is made of them."""
    is_written: bool = False

    @property
    def components(self) -> Counter[Verdict]:
        """All components by how much of them came over."""
        counted: Counter[Verdict] = Counter()
        for (_, verdict), number in self.kinds.items():
            counted[verdict] += number
        return counted


def import_project(
    project: Project,
    options: ImportOptions,
    tell: Callable[[Progress], None] = lambda _: None,
    handlers: Mapping[str, Handler] = HANDLERS,
) -> ImportSummary:
    """Import the project's jobs. A job that cannot be imported is in `refused`; the others go on.

    MachineError: the disk refuses a file; then nothing was written. ImportRefusedError: a label that no job has.
    """
    refs = _chosen(project, options.labels)
    with staging(options.out, is_dry=options.is_dry) as stage:
        run = _Run(project, options, handlers, stage)
        run.read_chains()
        for number, ref in enumerate(refs, 1):
            run.take(ref)
            tell(Progress(ref.label, number, len(refs)))
        is_wanted = not options.is_dry and not (options.is_strict and run.refused)
        is_written = is_wanted and bool(stage.folders)
        if is_written:
            stage.place()
    return replace(run.summary(), is_written=is_written)


def _chosen(project: Project, labels: Sequence[str]) -> tuple[ItemRef, ...]:
    known = {ref.label.lower() for ref in project.jobs}
    for label in labels:
        if label.lower() not in known:
            raise ImportRefusedError(
                f"no job is called {label!r}", file=project.name, remedy=f"one of: {', '.join(sorted(known))}"
            )
    wanted = {label.lower() for label in labels}
    return tuple(ref for ref in project.jobs if not wanted or ref.label.lower() in wanted)


@dataclass(slots=True)
class _Run:
    """An import under way; of jobs that are done only the summary is kept."""

    project: Project
    options: ImportOptions
    handlers: Mapping[str, Handler]
    stage: Staging
    names: Mapping[str, str] = field(default_factory=dict)
    """Slugs of jobs by path."""
    order: Chains = field(default_factory=Chains)
    groups: Mapping[str, ItemRef] = field(default_factory=dict)
    """Context groups by id."""
    refused: list[FdmError] = field(default_factory=list)
    jobs: list[JobSummary] = field(default_factory=list)
    kinds: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    residues: Counter[str] = field(default_factory=Counter)
    _broken: set[str] = field(default_factory=set)

    def read_chains(self) -> None:
        """Which job runs which, and which contexts groups have: of all jobs, before the first is converted."""
        self.groups = {ref.id: ref for ref in self.project.items if ref.kind == "context" and ref.id}
        refs = self.project.jobs
        options = self.options.conversion
        self.names = job_names(_labels(refs), options.entity, options.source_system)
        self.order = chains(list(self._chains(refs)))

    def _chains(self, refs: Iterable[ItemRef]) -> Iterator[JobChain]:
        for ref in refs:
            try:
                yield chain_of(self._read(ref), ref.path)
            except ImportRefusedError:
                self._broken.add(ref.path)

    def _read(self, ref: ItemRef) -> TalendJob:
        job = read_job(parse(self.project.read(ref), ref.path), ref)
        return job if job.product_version else replace(job, product_version=self.project.version or "")

    def take(self, ref: ItemRef) -> None:
        """Convert and stage one job."""
        places: list[str] = []
        try:
            conversion = replace(self.options.conversion, routines=self.project.routines)
            plan = convert_job(self._read(ref), self.names[ref.path], conversion, self.handlers)
            further = (*self.order.residues.get(ref.path, ()), *self._left_over(plan))
            plan = replace(plan, residues=(*plan.residues, *further))
            seeds = self._write(plan, ref, places)
        except MachineError:
            raise
        except FdmError as error:
            self._refuse(ref, error, places)
            return
        self._count(plan, ref, len(seeds.residues), places)

    def _left_over(self, plan: JobPlan) -> Iterator[Residue]:
        """Tables that an earlier import of the job made, and that it makes no more."""
        made = {table.name for table in plan.tables}
        for name in self.stage.tables_of(self._home, tag_of(plan)):
            if name not in made:
                yield Residue(
                    "",
                    f"table {name}",
                    "",
                    _LEFT_OVER,
                    "Remove its folder; or take the tag `talend_job` out of it and keep it as your own.",
                )

    @property
    def _home(self) -> str:
        options = self.options.conversion
        return f"{options.entity}/{options.source_system}".lower()

    def _refuse(self, ref: ItemRef, error: FdmError, places: list[str]) -> None:
        self.stage.forget(places)
        if error.file is None:
            error = ImportRefusedError(**{**error.to_json(), "file": ref.path})
        self.refused.append(error)

    def _write(self, plan: JobPlan, ref: ItemRef, places: list[str]) -> Seeds:
        """Stage the job's files; `places` are the folders that were staged."""
        options = self.options.conversion
        files = job_files(plan, options, step_tests(plan, self.handlers))
        seeds = self._seeds(plan, ref, files)
        flat = {f"{table}/{name}": text for table, of in files.items() for name, text in of.items()}
        files[f"{PAPERS}/{plan.name}"] = {
            MIGRATION: migration(plan, options, seeds, flat),
            **({SEEDS: to_yaml(seeds.rows, _seeds_comment(plan))} if seeds.rows else {}),
        }
        for folder, texts in files.items():
            place = f"{self._home}/{folder}"
            self.stage.stage(place, texts, may_replace=self.options.may_replace)
            places.append(place)
            if not folder.startswith(PAPERS):
                self.stage.check(place)
        return seeds

    def _seeds(self, plan: JobPlan, ref: ItemRef, files: Mapping[str, Mapping[str, str]]) -> Seeds:
        options = self.options.conversion
        parents = [self._job_name(path) for path in without_detours(self.order.waits, ref.path)]
        names = {job_name(table, options): _names_in(files[table.name].values()) for table in plan.tables}
        seeds = job_seeds(plan.job, plan.name, names, parents, self.options.contexts)
        for group in sorted(plan.job.context_groups & self.groups.keys()):
            self._say_missing(seeds, plan.job, self.groups[group])
        return seeds

    def _say_missing(self, seeds: Seeds, job: TalendJob, group: ItemRef) -> None:
        """A job has copies of its groups' variables; of a context that only the group has, it has none."""
        try:
            known = read_contexts(parse(self.project.read(group), group.path))
        except ImportRefusedError as error:
            seeds.say(
                f"The context group `{group.label}` cannot be read: {error.message}; the job's own copy of it counts."
            )
            return
        missing = [name for name, variables in known.items() if variables and name not in job.contexts]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            seeds.say(
                f"The context group `{group.label}` of the project has {names}, too, of which the job has no values: none are seeded."
            )

    def _job_name(self, path: str) -> str:
        """Of the main table of another job."""
        options = self.options.conversion
        table = table_name(self.names[path], options.entity, options.source_system)
        return default_job_name(options.entity, options.source_system, table)

    def _count(self, plan: JobPlan, ref: ItemRef, settings: int, places: Sequence[str]) -> None:
        options = self.options.conversion
        prefix = f"{options.entity}_{options.source_system}_".lower()
        said = verdicts(plan)
        self.jobs.append(
            JobSummary(
                plan.job.label,
                ref.path,
                tuple(f"{prefix}{t.name}" for t in plan.tables),
                Counter(said.values()),
                len(plan.residues),
                settings,
                tuple(places),
            )
        )
        kinds = {c.unique_name: c.kind for c in plan.job.components}
        self.kinds.update((kinds[name], verdict) for name, verdict in said.items())
        self.residues.update(
            f"{kinds.get(r.component, 'the job')}: {_general(r.reason, kinds)}" for r in plan.residues
        )

    def summary(self) -> ImportSummary:
        """What was made so far."""
        return ImportSummary(
            tuple(self.jobs),
            tuple(self.refused),
            (*self.project.warnings, *self.stage.said),
            self.kinds,
            self.residues,
            tuple(ref.path for ref in self.project.older if ref.kind == "job"),
            self.project.others,
        )


def _labels(refs: Iterable[ItemRef]) -> dict[str, str]:
    """A label for each path: two jobs of one label, in two folders, are told apart by the folder."""
    counted = Counter(ref.label.lower() for ref in refs)
    return {
        ref.path: ref.label if counted[ref.label.lower()] == 1 else f"{ref.folder}/{ref.label}"
        for ref in refs
    }


def _names_in(texts: Iterable[str]) -> frozenset[str]:
    """Everything in braces: among them, the parameters that HQL and paths ask for."""
    return frozenset(name for text in texts for name in _BRACED.findall(text))


def _general(reason: str, kinds: Mapping[str, str]) -> str:
    """A reason without the names of this job's components, so that like ones are counted together."""
    return _WORD.sub(lambda word: kinds.get(word[0], word[0]), reason)


def _seeds_comment(plan: JobPlan) -> str:
    return (
        f"Contexts of Talend's job {plan.job.label} {plan.job.version}, for the control tables.\n"
        f"  fdm control seed {SEEDS} --dry-run"
    )


def to_json(summary: ImportSummary) -> dict[str, Any]:
    """The summary as plain JSON."""
    kinds: dict[str, dict[str, int]] = {}
    for (kind, verdict), number in summary.kinds.most_common():
        kinds.setdefault(kind, {})[verdict] = number
    return {
        "is_written": summary.is_written,
        "jobs": [
            {
                "label": j.label,
                "file": j.file,
                "verdict": j.verdict,
                "tables": list(j.tables),
                "components": dict(j.components),
                "residues": j.residues,
                "settings": j.settings,
                "places": list(j.places),
            }
            for j in summary.jobs
        ],
        "refused": [{"error": type(e).__name__, **e.to_json()} for e in summary.refused],
        "warnings": list(summary.warnings),
        "older": list(summary.older),
        "others": dict(summary.others),
        "components": dict(summary.components),
        "kinds": kinds,
        "residues": dict(summary.residues.most_common()),
    }
