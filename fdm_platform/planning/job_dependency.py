"""The graph of tables: what their SQL reads, and what job_dependency adds, as far as its rows hold.

A row that names no job, its own job, or that closes a cycle is left out and told; the others stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from fdm_platform.errors import ControlError
from fdm_platform.model.control import JobDependencyRow
from fdm_platform.model.dependency import SAME, Dependency, DependencyRows
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.dependencies import reads_of
from fdm_platform.planning.names import nearest


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What each table waits for. There is no cycle."""

    of: Mapping[str, tuple[Dependency, ...]]
    """By TableSpec.name: what it reads, and then what job_dependency adds."""
    told_twice: Mapping[str, tuple[Dependency, ...]]
    """By TableSpec.name: rows whose parent is read anyhow. They say nothing more."""
    jobs: Mapping[str, tuple[Dependency, ...]]
    """By TableSpec.name: parents that are jobs without a table. The platform does not wait for those."""
    findings: tuple[ControlError, ...]
    """What is wrong with job_dependency, by row."""

    def not_read_by(self, name: str) -> tuple[Dependency, ...]:
        """What the table only runs after."""
        return tuple(d for d in self.of.get(name, ()) if not d.is_read)


def dependencies(tables: Mapping[str, TableSpec], rows: DependencyRows) -> Dependencies:
    """The graph of these tables, by name, whose sources are sound, and of job_dependency's rows."""
    return _Graph(tables, rows).build()


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    """As its table or job_master spells it."""
    nodes: tuple[str, ...]
    """Its tables; without any, its name."""
    is_table: bool


@dataclass(frozen=True, slots=True)
class _Link:
    """A row that holds: the jobs on its two ends."""

    row: JobDependencyRow
    child: _Job
    parent: _Job

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Child and parent nodes."""
        return [(c, p) for c in self.child.nodes for p in self.parent.nodes if c != p]


@dataclass(slots=True)
class _Graph:
    tables: Mapping[str, TableSpec]
    of_jobs: DependencyRows
    findings: list[ControlError] = field(default_factory=list)
    jobs: dict[str, _Job] = field(init=False)
    """By name in small letters."""
    ids: dict[str, str] = field(init=False)
    reads: dict[str, tuple[Dependency, ...]] = field(init=False)

    def build(self) -> Dependencies:
        self.ids = dict(self.of_jobs.jobs)
        self.jobs = _jobs(self.tables, self.of_jobs)
        self.reads = {name: reads_of(spec) for name, spec in self.tables.items()}
        links = self._without_cycles(
            [link for row in _in_order(self.of_jobs.rows) if (link := self._link(row))]
        )
        self._check_levels(links)
        return self._result(links)

    def _result(self, links: Iterable[_Link]) -> Dependencies:
        of = {name: list(found) for name, found in self.reads.items()}
        twice: dict[str, list[Dependency]] = defaultdict(list)
        jobs: dict[str, list[Dependency]] = defaultdict(list)
        for link in links:
            for child, parent in link.pairs if link.child.is_table else ():
                is_read = any(d.parent == parent for d in self.reads[child])
                target = jobs if not link.parent.is_table else twice if is_read else of
                target[child].append(Dependency(child, parent, SAME, origin(link.row), is_read=False))
        return Dependencies(_frozen(of), _frozen(twice), _frozen(jobs), tuple(self.findings))

    def _link(self, row: JobDependencyRow) -> _Link | None:
        child = self._job(row, "dependent", row.dependent_job_id, row.dependent_job_name)
        parent = self._job(row, "parent", row.parent_job_id, row.parent_job_name)
        if child is None or parent is None:
            return None
        if child == parent:
            self._report(row, f"{child.name} waits for itself", "delete this row", "parent_job_name")
            return None
        return _Link(row, child, parent)

    def _job(self, row: JobDependencyRow, end: str, job_id: str | None, name: str | None) -> _Job | None:
        """The job on one end of a row: by its name, else by its id."""
        column, named = f"{end}_job_name", (name or "").strip()
        by_name = self.jobs.get(named.lower())
        by_id = self.jobs.get(self.ids.get(job_id or "", "").lower())
        if by_name and by_id and by_name != by_id:
            message = f"{named} is not the job {job_id}: that is {by_id.name}; the name counts"
            self._report(row, message, f"correct {end}_job_id or {column}", column)
        if by_name and by_name.name != named:
            message = f"{named} is spelt {by_name.name} elsewhere: letter case differs"
            self._report(row, message, f"write {by_name.name}", column)
        if named and not by_name:
            self._report(row, *self._unknown(named, by_id), column)
            return None
        if by_name is None and by_id is None:
            message = f"no job is named: {column} is empty, and job_master has no job_id {job_id!r}"
            self._report(row, message, f"name the {end} job, or delete this row", column)
        return by_name or by_id

    def _unknown(self, named: str, by_id: _Job | None) -> tuple[str, str]:
        close = by_id.name if by_id else nearest(named, (job.name for job in self.jobs.values()))
        hint = f"did you mean {close}? " if close else ""
        return (
            f"{named} is the job of no declared table, and job_master does not have it",
            f"{hint}correct this row, or add the job",
        )

    def _without_cycles(self, links: list[_Link]) -> list[_Link]:
        """The links that are left when those on cycles are taken out; reads stay, they have no cycle."""
        while True:
            try:
                TopologicalSorter(self._predecessors(links)).prepare()
            except CycleError as error:
                ring: list[str] = error.args[1][:-1]
                start = ring.index(min(ring))
                cycle = [*ring[start:], *ring[:start], ring[start]]
                on_it = self._report_cycle(cycle, links)
                links = [link for link in links if link not in on_it]
            else:
                return links

    def _predecessors(self, links: Iterable[_Link]) -> dict[str, set[str]]:
        found = {name: {d.parent for d in reads} for name, reads in self.reads.items()}
        for link in links:
            for child, parent in link.pairs:
                found.setdefault(child, set()).add(parent)
        return found

    def _report_cycle(self, cycle: list[str], links: Iterable[_Link]) -> list[_Link]:
        """Tell a cycle in full, which goes from parent to child; the links on it."""
        by_pair: dict[tuple[str, str], list[_Link]] = defaultdict(list)
        for link in links:
            for pair in link.pairs:
                by_pair[pair].append(link)
        steps, on_it = [], []
        for parent, child in pairwise(cycle):
            read = [d.origin for d in self.reads.get(child, ()) if d.parent == parent]
            rows = by_pair[child, parent]
            where = f"its {read[0]}" if read else origin(rows[0].row)
            steps.append(f"{self._job_name(child)} waits for {self._job_name(parent)} ({where})")
            on_it += [] if read else rows
        self.findings.append(
            ControlError(
                f"a cycle of {len(steps)} jobs: {', '.join(reversed(steps))}; none of these rows counts",
                field="job_dependency",
                remedy="delete or correct one of these rows",
            )
        )
        return on_it

    def _job_name(self, node: str) -> str:
        return self.tables[node].job_name if node in self.tables else node

    def _check_levels(self, links: list[_Link]) -> None:
        """dependency_level must grow from parent to child, also past jobs that have none."""
        own: dict[str, tuple[int, str]] = {}
        rows: dict[str, JobDependencyRow] = {}
        for link in links:
            level = link.row.dependency_level
            if level is None:
                continue
            for node in link.child.nodes:
                own[node] = max(own.get(node, (level, node)), (level, node))
                rows[node] = link.row
        before = self._predecessors(links)
        above: dict[str, tuple[int, str]] = {}
        for node in TopologicalSorter(before).static_order():
            highest = [own.get(p) or above.get(p) for p in before.get(node, ())]
            found = [h for h in highest if h is not None]
            if found:
                above[node] = max(found)
            if found and node in own and own[node][0] <= max(found)[0]:
                self._report_level(rows[node], node, own[node][0], max(found), before[node])

    def _report_level(
        self, row: JobDependencyRow, node: str, level: int, above: tuple[int, str], parents: set[str]
    ) -> None:
        relation = "parent" if above[1] in parents else "ancestor"
        self._report(
            row,
            f"dependency_level {level} of {self._job_name(node)} but its {relation} "
            f"{self._job_name(above[1])} has {above[0]}",
            f"set it above {above[0]}; what counts is the graph, not the level",
            "dependency_level",
        )

    def _report(self, row: JobDependencyRow, message: str, remedy: str, column: str) -> None:
        self.findings.append(
            ControlError(f"{origin(row)}: {message}", field=f"job_dependency.{column}", remedy=remedy)
        )


def origin(row: JobDependencyRow) -> str:
    """The row by its key, for people."""
    return f"job_dependency {row.dependent_job_id}/{row.dependent_job_name}"


def _jobs(tables: Mapping[str, TableSpec], of_jobs: DependencyRows) -> dict[str, _Job]:
    by_name: dict[str, list[TableSpec]] = defaultdict(list)
    for spec in tables.values():
        by_name[spec.job_name.lower()].append(spec)
    jobs = {name.lower(): _Job(name, (name,), is_table=False) for _, name in of_jobs.jobs}
    for key, specs in by_name.items():
        jobs[key] = _Job(specs[0].job_name, tuple(s.name for s in specs), is_table=True)
    return jobs


def _in_order(rows: Iterable[JobDependencyRow]) -> list[JobDependencyRow]:
    return sorted(
        rows,
        key=lambda r: (
            r.dependent_job_name,
            r.dependent_job_id,
            r.parent_job_name or "",
            r.parent_job_id or "",
        ),
    )


def _frozen(found: Mapping[str, list[Dependency]]) -> dict[str, tuple[Dependency, ...]]:
    """Without rows that say what another has said."""
    return {name: tuple(_distinct(of)) for name, of in found.items() if of}


def _distinct(of: Iterable[Dependency]) -> Iterator[Dependency]:
    told: set[str] = set()
    for dependency in of:
        if dependency.is_read or dependency.parent not in told:
            yield dependency
        told.add(dependency.parent)
