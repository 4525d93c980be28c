"""Which job waits for which: tRunJob, and the triggers around it, as edges between jobs.

A job that runs another is no job of the platform's own if it writes nothing: what it orders is told to those that do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fdm_platform.talend.components.trunjob import child_of
from fdm_platform.talend.handing_over import Reading, Writing, readings, writings
from fdm_platform.talend.model import Component, TalendJob
from fdm_platform.talend.plan import Residue

RUN_JOB = "tRunJob"
_OWN = ""
"""Stands for what a job writes itself, among the components that run others."""
_FAILURES = frozenset({"SUBJOB_ERROR", "COMPONENT_ERROR"})


@dataclass(frozen=True, slots=True)
class Run:
    """A component that runs another job."""

    component: str
    target_id: str
    target_label: str


@dataclass(frozen=True, slots=True)
class JobChain:
    """What one job says of the order of jobs."""

    path: str
    label: str
    id: str
    runs: tuple[Run, ...]
    writes: bool
    """It has an output of its own."""
    order: tuple[tuple[str, str], ...]
    """(before, after) of components that run jobs; the empty name is the job's own output."""
    written: tuple[Writing, ...] = ()
    read: tuple[Reading, ...] = ()


@dataclass(slots=True)
class Chains:
    """The order of all jobs of a project. There is no cycle in it."""

    waits: dict[str, list[str]] = field(default_factory=dict)
    """By a job's path, the paths of the jobs that it waits for."""
    residues: dict[str, list[Residue]] = field(default_factory=dict)
    """What could not be told, by a job's path."""

    def says(self, path: str, component: str, reason: str, todo: str, expression: str = "") -> None:
        """Leave something to a person."""
        found = Residue(component, "", expression, reason, todo)
        known = self.residues.setdefault(path, [])
        if found not in known:
            known.append(found)


def chain_of(job: TalendJob, path: str) -> JobChain:
    """What the job says of others."""
    active = [c for c in job.components if c.is_active]
    names = {c.unique_name for c in active}
    links = [
        k for k in job.links if k.is_active and k.connector not in _FAILURES and {k.source, k.target} <= names
    ]
    before: dict[str, list[str]] = {}
    for link in links:
        before.setdefault(link.target, []).append(link.source)
    runs = tuple(_run(c) for c in active if c.kind == RUN_JOB)
    outputs = {c.unique_name for c in active if "Output" in c.kind and c.unique_name in before}
    things = {r.component: r.component for r in runs} | dict.fromkeys(outputs, _OWN)
    order = dict.fromkeys(
        (earlier, things[component])
        for component in things
        for earlier in _nearest(component, before, things)
        if earlier != things[component]
    )
    return JobChain(path, job.label, job.id, runs, bool(outputs), tuple(order), writings(job), readings(job))


def _run(component: Component) -> Run:
    child = child_of(component)
    return Run(component.unique_name, child.id if child else "", child.label if child else "")


def _nearest(start: str, before: Mapping[str, list[str]], things: Mapping[str, str]) -> Iterator[str]:
    """The things that come before this one without another between."""
    seen, pending = {start}, list(before.get(start, ()))
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in things:
            yield things[current]
        else:
            pending += before.get(current, ())


def chains(jobs: Iterable[JobChain]) -> Chains:
    """The order of these jobs, as far as it has no cycle."""
    by_path = {job.path: job for job in jobs}
    resolve = _Targets(by_path.values())
    found = Chains()
    called = {p: {r.component: resolve.path_of(r) for r in job.runs} for p, job in by_path.items()}
    for path, job in by_path.items():
        for run in job.runs:
            _check(found, path, run, called, by_path)
    for path, job in by_path.items():
        for earlier, later in job.order:
            firsts = _writers(path, earlier, called, by_path, {path})
            lasts = _writers(path, later, called, by_path, {path})
            for child in lasts:
                for parent in firsts:
                    _add(found, path, child, parent, by_path)
    _tell_handed_over(found, by_path.values())
    return found


def _tell_handed_over(found: Chains, jobs: Iterable[JobChain]) -> None:
    """Inputs that read what an output of one of the jobs writes."""
    written = {writing.key: (job, writing) for job in jobs for writing in job.written}
    for job in jobs:
        for reading in job.read:
            for writer, writing in (written[key] for key in sorted(reading.keys & written.keys())):
                whose = "" if writer is job else f" of {writer.label}"
                todo = f"Read the table of {writing.component}{whose} in its place: table: below the source."
                found.says(job.path, reading.component, _PARTED, todo, writing.target)


_PARTED = (
    "it reads what an output writes in Talend: that is a table of the platform now, and nobody writes the other"
    " any more"
)


@dataclass(slots=True)
class _Targets:
    """Jobs by what tRunJob calls them."""

    jobs: Iterable[JobChain]
    by_id: dict[str, str] = field(init=False)
    by_label: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {job.id: job.path for job in self.jobs if job.id}
        self.by_label = {job.label: job.path for job in self.jobs}

    def path_of(self, run: Run) -> str | None:
        return self.by_id.get(run.target_id) or self.by_label.get(run.target_label)


_Called = Mapping[str, Mapping[str, str | None]]


def _check(found: Chains, path: str, run: Run, called: _Called, jobs: Mapping[str, JobChain]) -> None:
    """A target that is missing, or that runs this job in turn."""
    target = called[path][run.component]
    if target is None and run.target_label:
        reason = f"the job that it runs, {run.target_label}, is not in the project"
        found.says(path, run.component, reason, "Import it, too, or say which tables this one waits for.")
    # That a job runs itself, and that nobody knows which one it runs, its handler says.
    way = _way(target, path, called) if target not in (None, path) else None
    if way:
        through = " → ".join(jobs[p].label for p in (path, *way))
        reason = f"jobs run one another in a circle: {through}"
        found.says(path, run.component, reason, "Break the circle: no job of the platform waits for itself.")


def _way(start: str | None, end: str, called: _Called) -> list[str] | None:
    """The jobs from one to another along their calls; None if there is no way."""
    ways: dict[str, list[str]] = {start: [start]} if start else {}
    pending = list(ways)
    while pending:
        current = pending.pop(0)
        if current == end:
            return ways[current]
        for target in called.get(current, {}).values():
            if target is not None and target not in ways:
                ways[target] = [*ways[current], target]
                pending.append(target)
    return None


def _writers(
    path: str, thing: str, called: _Called, jobs: Mapping[str, JobChain], seen: set[str]
) -> list[str]:
    """The jobs with outputs that a component stands for; of a job that writes nothing, those that it runs."""
    target = path if thing == _OWN else called[path].get(thing)
    if target is None or (thing != _OWN and target in seen):
        return []
    if jobs[target].writes:
        return [target]
    inner = {*seen, target}
    return [w for r in jobs[target].runs for w in _writers(target, r.component, called, jobs, inner)]


def _add(found: Chains, said_by: str, child: str, parent: str, jobs: Mapping[str, JobChain]) -> None:
    """An edge, unless it closes a cycle or is there already."""
    known = found.waits.setdefault(child, [])
    if child == parent or parent in known:
        return
    if _reaches(found.waits, parent, child):
        labels = f"{jobs[child].label} would wait for {jobs[parent].label}, which waits for it"
        found.says(said_by, "", f"the order of jobs is a circle: {labels}", "Say which of them is first.")
        return
    known.append(parent)


def _reaches(waits: Mapping[str, list[str]], start: str, end: str) -> bool:
    seen, pending = set[str](), [start]
    while pending:
        current = pending.pop()
        if current == end:
            return True
        if current not in seen:
            seen.add(current)
            pending += waits.get(current, ())
    return False


def without_detours(waits: Mapping[str, list[str]], child: str) -> list[str]:
    """The jobs for which one waits, but for those for which another of them waits."""
    parents = waits.get(child, [])
    return [p for p in parents if not any(other != p and _reaches(waits, other, p) for other in parents)]
