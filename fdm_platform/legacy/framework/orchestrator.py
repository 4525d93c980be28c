"""Tasks in the order of their dependencies, inside one script. The contract names these; their arguments are our reading.

Jobs that depend on each other are the platform's business: job_dependency is known to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any


@dataclass
class Task:
    """A piece of work with a name, and the names of those that it comes after."""

    name: str
    func: Callable[..., Any] | None = None
    depends_on: Iterable[str] = ()
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> Any:
        """Do it; what it returns."""
        return self.func(*self.args, **self.kwargs) if self.func else None


def resolve_dependencies(tasks: Iterable[Task] | Mapping[str, Iterable[str]]) -> list[str]:
    """Names in an order in which each comes after those that it depends on; else as they were given.

    ValueError: a circle, or a name that no task has.
    """
    graph = dict(tasks) if isinstance(tasks, Mapping) else {t.name: t.depends_on for t in tasks}
    edges = {name: list(after) for name, after in graph.items()}
    unknown = sorted({a for after in edges.values() for a in after} - edges.keys())
    if unknown:
        raise ValueError(f"no task is called {', '.join(unknown)}; known: {', '.join(edges)}")
    try:
        return list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        raise ValueError(f"tasks depend on each other: {' -> '.join(error.args[1])}") from error


def run(tasks: Iterable[Task] | Task, *more: Task) -> dict[str, Any]:
    """Run tasks one after the other in the order of their dependencies; results by name. The first error ends it."""
    every = [*([tasks] if isinstance(tasks, Task) else tasks), *more]
    by_name = {t.name: t for t in every}
    if len(by_name) < len(every):
        raise ValueError("two tasks have the same name")
    return {name: by_name[name].run() for name in resolve_dependencies(every)}


def execute_jobs(
    jobs: Iterable[Any], runner: Callable[[Any], Any] | None = None, dependencies: Any = ()
) -> dict[str, Any]:
    """Run jobs by a function, in the order that rows of job_dependency ask for; results by name.

    `jobs` are names, or Tasks, which need no runner; of `dependencies` those rows count whose two jobs are here.
    """
    listed = list(jobs)
    if all(isinstance(job, Task) for job in listed):
        return run(listed)
    if runner is None:
        raise ValueError("execute_jobs needs a function that runs a job by its name")
    rows = [(r["dependent_job_name"], r["parent_job_name"]) for r in dependencies]
    tasks = [
        Task(str(job), runner, [p for d, p in rows if d == job and p in listed], args=(job,))
        for job in listed
    ]
    return run(tasks)
