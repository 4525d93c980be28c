"""Files and tables by which one component hands rows to another, of the same job or of another one.

An output becomes a table of the platform: nobody writes its file, or its table in the database, any more. A source that
reads it would find what Talend's last run left there, and say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fdm_platform.talend.java import constant
from fdm_platform.talend.model import Component, ContextVariable, TalendJob

Key = tuple[str, ...]
"""The same for the same file, or for the same table of the same database."""
_CONNECTION = ("HOST", "PORT", "DBNAME", "JDBC_URL", "URL")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Writing:
    """What an output writes; `target` is its name for people."""

    component: str
    target: str
    key: Key


@dataclass(frozen=True, slots=True)
class Reading:
    """What an input may read: of a query each of its words may be a table."""

    component: str
    keys: frozenset[Key]


def writings(job: TalendJob) -> tuple[Writing, ...]:
    """What the job's active outputs write, as far as its parameters say."""
    named = _Named.of(job)
    return tuple(x for c in job.components if c.is_active and (x := named.written_by(c)))


def readings(job: TalendJob) -> tuple[Reading, ...]:
    """What the job's active inputs may read."""
    named = _Named.of(job)
    found = (Reading(c.unique_name, frozenset(named.read_by(c))) for c in job.components if c.is_active)
    return tuple(reading for reading in found if reading.keys)


@dataclass(frozen=True, slots=True)
class _Named:
    """A job's parameters as its default context has them."""

    file: str
    components: Mapping[str, Component]
    context: Mapping[str, ContextVariable]

    @classmethod
    def of(cls, job: TalendJob) -> _Named:
        context = {v.name: v for v in job.contexts.get(job.default_context, ())}
        return cls(job.file, {c.unique_name: c for c in job.components}, context)

    def written_by(self, component: Component) -> Writing | None:
        if component.kind.startswith("tFileOutput") and (path := self._value(component, "FILENAME")):
            return Writing(component.unique_name, path, _of_file(path))
        database = self._database(component, "Output")
        table = self._value(component, "TABLE") if database else ""
        return Writing(component.unique_name, table, (*database, table.lower())) if table else None

    def read_by(self, component: Component) -> Iterator[Key]:
        if component.kind.startswith("tFileInput") and (path := self._value(component, "FILENAME")):
            yield _of_file(path)
        elif database := self._database(component, "Input"):
            for word in set(_WORD.findall(component.text("QUERY").lower())):
                yield (*database, word)

    def _database(self, component: Component, end: str) -> Key:
        """Its kind and where it is; nothing where that is not said."""
        if not component.kind.endswith(end):
            return ()
        is_shared = component.flag("USE_EXISTING_CONNECTION")
        said = self.components.get(component.text("CONNECTION").strip()) if is_shared else component
        where = tuple(self._value(said, name) for name in _CONNECTION) if said else ()
        return (component.kind.removesuffix(end), *where) if any(where) else ()

    def _value(self, component: Component, name: str) -> str:
        """As the context has it; what is made at run time is the same in one job where the Java is."""
        java = " ".join(component.text(name).split())
        found = constant(java, self.context) if java else ""
        return f"{java} in {self.file}" if found is None else str(found).strip()


def _of_file(path: str) -> Key:
    return ("file", path.replace("\\", "/"))
