"""How a job's components hang together: which rows flow where, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.model import Component, Link, TalendJob

_REJECT = "REJECT"


@dataclass(frozen=True, slots=True)
class JobFlow:
    """The job's active flows of rows, sorted. Made by `flow_of`."""

    job: TalendJob
    ordered: tuple[Component, ...]
    """Every component, those that rows come from before those that they flow to, else as the job has them."""
    inputs: Mapping[str, tuple[Link, ...]]
    outputs: Mapping[str, tuple[Link, ...]]

    def inputs_of(self, component: str) -> tuple[Link, ...]:
        """Flows into it: the main one, then lookups, or merged ones in their order."""
        return self.inputs.get(component, ())

    def outputs_of(self, component: str) -> tuple[Link, ...]:
        """Flows out of it, in the job's order."""
        return self.outputs.get(component, ())

    def ancestors(self, component: str) -> frozenset[str]:
        """The components whose rows reach this one, by any flow; not itself."""
        return frozenset(_reached(component, lambda name: (link.source for link in self.inputs_of(name))))

    def is_rejected(self, component: str) -> bool:
        """Whether all rows that reach it were rejected somewhere, by a reject link or a tMap's reject output."""
        flows = self.inputs_of(component)
        main = [link for link in flows if not link.is_lookup] or flows
        return bool(main) and all(self._carries_rejects(link) for link in main)

    def _carries_rejects(self, link: Link) -> bool:
        data = self.job.component(link.source).map
        tables = [each for each in data.outputs if each.name == link.name] if data else []
        is_reject = any(t.is_reject or t.is_inner_reject or t.is_error_reject for t in tables)
        return link.connector == _REJECT or is_reject or self.is_rejected(link.source)


def flow_of(job: TalendJob) -> JobFlow:
    """The job's flows; ImportRefusedError if rows flow in a circle, with the components on it."""
    active = {component.unique_name for component in job.components if component.is_active}
    links = [k for k in job.links if k.is_active and k.source in active and k.target in active]
    data = [link for link in links if link.is_data]
    return JobFlow(
        job=job,
        ordered=_ordered(job, data),
        inputs={
            name: tuple(sorted(_at(data, name), key=_place(job, name))) for name in {k.target for k in data}
        },
        outputs={name: tuple(k for k in data if k.source == name) for name in {k.source for k in data}},
    )


def hash_writers(job: TalendJob, component: Component) -> tuple[Component, ...]:
    """The tHashOutputs whose rows a tHashInput reads: the one that it names, and those that add to that one."""
    if component.kind != "tHashInput":
        return ()
    named = component.text("LIST")
    outputs = (c for c in job.components if c.kind == "tHashOutput" and c.is_active)
    return tuple(
        c for c in outputs if c.unique_name == named or (c.flag("LINK_WITH") and c.text("LIST") == named)
    )


def _at(links: Iterable[Link], name: str) -> Iterator[Link]:
    return (link for link in links if link.target == name)


def _place(job: TalendJob, component: str) -> Callable[[Link], tuple[bool, int, int]]:
    """Main before lookups; among them the order of merging, else that of tMap's tables, else the job's own."""
    data = job.component(component).map
    tables = [each.name for each in data.inputs] if data else []

    def key(link: Link) -> tuple[bool, int, int]:
        table = tables.index(link.name) if link.name in tables else len(tables)
        return link.is_lookup, link.order, table

    return key


def _ordered(job: TalendJob, data: list[Link]) -> tuple[Component, ...]:
    """Topologically; of those that are ready the first in the job."""
    at = {component.unique_name: place for place, component in enumerate(job.components)}
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(at, ()))
    for link in data:
        sorter.add(link.target, link.source)
    for component in job.components:
        for writer in hash_writers(job, component):
            sorter.add(component.unique_name, writer.unique_name)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ImportRefusedError(
            f"rows flow in a circle: {' ← '.join(error.args[1])}",
            remedy="open the job in Talend Studio, mend and save it",
            file=job.file,
        ) from None
    names: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=at.__getitem__)
        names += ready
        sorter.done(*ready)
    return tuple(job.components[at[name]] for name in names)


def _reached(start: str, step: Callable[[str], Iterable[str]]) -> set[str]:
    """Everything that `step` leads to, from `start`, which is not in it unless it leads back."""
    found: set[str] = set()
    pending = list(step(start))
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += step(name)
    return found
