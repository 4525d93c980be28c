"""The calendars of all source systems and tables: which calendar.yaml holds for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fdm_platform.errors import DeclarationError
from fdm_platform.model.calendar import Calendar
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.calendar_file import read_calendar

CALENDAR_FILE = "calendar.yaml"
_DEFAULT = Calendar()

Key = tuple[str, ...]
"""Entity and source system, and of a table's own calendar the table: in lower case."""


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendars below the SQL root."""

    by_key: Mapping[Key, Calendar] = field(default_factory=dict)
    broken: Mapping[Key, tuple[DeclarationError, ...]] = field(default_factory=dict)
    """What is wrong with those that are therefore not in `by_key`."""

    def of(self, spec: TableSpec) -> Calendar:
        """The table's calendar: its own, else its source's, else Monday to Friday in UTC."""
        return self.by_key.get(spec.key) or self.of_source(spec.entity, spec.source_system)

    def of_source(self, entity: str, source_system: str) -> Calendar:
        """The source system's calendar, else Monday to Friday in UTC, where it is broken too: ask `errors`."""
        return self.by_key.get((entity.lower(), source_system.lower()), _DEFAULT)

    def errors(self, key: Key) -> tuple[DeclarationError, ...]:
        """What is wrong with the calendar of a source system, or with a table's own and its source's."""
        return self.broken.get(key[:2], ()) + (self.broken.get(key, ()) if key[2:] else ())

    def of_folders(self, keys: Mapping[Path, Key]) -> Calendars:
        """With those in these folders as calendars of these tables: a table.yaml that refines a job is anywhere."""
        found: dict[Key, Calendar] = {}
        broken: dict[Key, tuple[DeclarationError, ...]] = {}
        for key, calendar in self.by_key.items():
            new = keys.get(Path(calendar.file or "").parent, key)
            base = self.of_source(*new[:2])
            again = read_calendar(Path(calendar.file), base)[0] if calendar.file and new != key else calendar
            found[new] = again or calendar
        for key, errors in self.broken.items():
            broken[keys.get(Path(errors[0].file or "").parent, key)] = errors
        return Calendars(found, broken)

    def files(self, key: Key) -> tuple[Path, ...]:
        """The files that hold for a source system or a table, the table's own first."""
        found = (self.by_key.get(k) for k in dict.fromkeys((key, key[:2])))
        return tuple(Path(calendar.file) for calendar in found if calendar and calendar.file)


def read_calendars(
    sql_root: Path, files: Iterable[Path], tables: Mapping[Path, Key]
) -> tuple[Calendars, list[DeclarationError]]:
    """The calendars of these files, and what is wrong with others: one broken file takes down no other.

    `tables` are the declared tables' keys by folder. A calendar is a table's where it stands beside its
    table.yaml, and a source system's in the folder above.
    """
    found: dict[Key, Calendar] = {}
    broken: dict[Key, tuple[DeclarationError, ...]] = {}
    stray: list[DeclarationError] = []
    for file in sorted(files, key=lambda f: (len(f.parts), f)):
        try:
            key = _key(sql_root, file, tables)
        except DeclarationError as error:
            stray.append(error)
            continue
        base = found.get(key[:2], _DEFAULT) if len(key) > len(key[:2]) else None
        calendar, errors = read_calendar(file, base)
        if first := found.get(key):
            stray.append(_second(file, key, first))
        elif calendar:
            found[key] = calendar
        else:
            broken[key] = tuple(errors)
    return Calendars(found, broken), stray + [error for errors in broken.values() for error in errors]


def _key(sql_root: Path, file: Path, tables: Mapping[Path, Key]) -> Key:
    """Whose calendar it is; DeclarationError where it is nobody's."""
    folder = file.parent
    if folder in tables:
        return tables[folder]
    sources = sorted({key[:2] for place, key in tables.items() if place.parent == folder})
    if len(sources) == 1:
        return sources[0]
    if len(sources) > 1:
        names = ", ".join("/".join(source) for source in sources)
        raise DeclarationError(
            f"it stands beside tables of several source systems: {names}",
            file=str(file),
            remedy="give each source system a folder of its own",
        )
    parts = folder.relative_to(sql_root).parts
    if len(parts) == len(("entity", "source_system")):
        return tuple(part.lower() for part in parts)
    raise DeclarationError(
        "is not read: it is neither in a source system's folder nor beside a table.yaml",
        file=str(file),
        remedy="move it to <entity>/<source system>/, above the folders of the tables",
    )


def _second(file: Path, key: Key, first: Calendar) -> DeclarationError:
    return DeclarationError(
        f"{'/'.join(key)} has another calendar, {first.file}", file=str(file), remedy="keep one of them"
    )
