"""What tables say of each other: one name to a table, parents that exist, no cycle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from fdm_platform.errors import DeclarationError
from fdm_platform.model.table import SourceSpec, TableSpec
from fdm_platform.planning.document import Place, read_document
from fdm_platform.planning.names import nearest

Key = tuple[str, str, str]
Broken = MutableMapping[Key, list[DeclarationError]]


def join_tables(specs: Iterable[TableSpec], broken: Broken) -> dict[str, TableSpec]:
    """The tables by name, those left out that cannot stand beside the others; their errors go to `broken`.

    A table whose parent is broken is left out too: its source could not be found.
    """
    tables = _distinct(specs, broken)
    tables = {n: _with_full_parent_names(s, tables) for n, s in sorted(tables.items())}
    while _drop_cycle(tables, broken) or _drop_orphans(tables, broken):
        pass
    return tables


def _distinct(specs: Iterable[TableSpec], broken: Broken) -> dict[str, TableSpec]:
    by_name: dict[str, list[TableSpec]] = defaultdict(list)
    for spec in specs:
        by_name[spec.name].append(spec)
    for name, same in by_name.items():
        if len(same) > 1:
            for spec in same:
                others = ", ".join(s.file for s in same if s is not spec)
                _report(spec, broken, ("table",), f"{name} is declared in {others} too", "rename one of them")
    return {name: same[0] for name, same in by_name.items() if len(same) == 1}


def _with_full_parent_names(spec: TableSpec, tables: Mapping[str, TableSpec]) -> TableSpec:
    """`table:` may be written as `gels/fpms/t_x`, or `t_x` where only one is; specs hold the full name."""
    if not spec.parents:
        return spec
    return replace(spec, sources=tuple(_with_full_name(s, tables) for s in spec.sources))


def _with_full_name(source: SourceSpec, tables: Mapping[str, TableSpec]) -> SourceSpec:
    if source.table is None:
        return source
    wanted = source.table.lower().replace("/", "_")
    bare = [n for n, s in tables.items() if s.key[2] == wanted] if wanted not in tables else []
    return replace(source, table=bare[0] if len(bare) == 1 else wanted)


def _drop_cycle(tables: dict[str, TableSpec], broken: Broken) -> bool:
    """Take out the tables of one cycle, if there is one."""
    try:
        TopologicalSorter({n: s.parents for n, s in tables.items()}).prepare()
    except CycleError as error:
        # graphlib names each before what waits for it; "reads" goes the other way.
        cycle: list[str] = list(reversed(error.args[1]))
        members = {n: tables.pop(n) for n in dict.fromkeys(cycle)}
        for name, spec in members.items():
            turned = _beginning_with(name, cycle)
            place = _place(spec, turned[1])
            _report(
                spec,
                broken,
                place,
                f"a cycle of tables: {' reads '.join(turned)}",
                "remove one of these sources",
            )
        return True
    return False


def _beginning_with(name: str, cycle: list[str]) -> list[str]:
    ring = cycle[:-1]
    i = ring.index(name)
    return [*ring[i:], *ring[:i], name]


def _drop_orphans(tables: dict[str, TableSpec], broken: Broken) -> bool:
    """Take out the tables with a parent that is not there."""
    names = {"_".join(k) for k in broken}
    orphans = [(spec, parent) for spec in tables.values() for parent in spec.parents if parent not in tables]
    for spec, parent in orphans:
        message, remedy = _missing(parent, tables, names)
        _report(spec, broken, _place(spec, parent), message, remedy)
    for spec, _ in orphans:
        tables.pop(spec.name, None)
    return bool(orphans)


def _missing(parent: str, tables: Mapping[str, TableSpec], broken_names: set[str]) -> tuple[str, str]:
    if parent in broken_names:
        return f"reads {parent}, which is broken itself", f"mend {parent} first"
    alike = sorted(n for n, s in tables.items() if s.key[2] == parent)
    if alike:
        return f"{parent!r} may be any of {len(alike)} tables", f"say which: {', '.join(alike)}"
    close = nearest(parent, tables)
    hint = f"did you mean {close}? " if close else ""
    return f"there is no landing table {parent!r}", f"{hint}`fdm list` lists the tables"


def _place(spec: TableSpec, parent: str) -> Place:
    view = next(s.view for s in spec.sources if s.table == parent)
    return ("sources", view, "table")


def _report(spec: TableSpec, broken: Broken, place: Place, message: str, remedy: str) -> None:
    document = read_document(Path(spec.file))
    error = DeclarationError(
        message,
        remedy=remedy,
        file=spec.file,
        line=document.line(place),
        field=document.field(place),
    )
    broken.setdefault(spec.key, []).append(error)
