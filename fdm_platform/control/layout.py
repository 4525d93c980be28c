"""How a control table looks in one database: which of its columns are there, under which name and type.

Two generations of the legacy tables are in use, and deployments differ within each. A layout is read off
the table's own schema; nothing is ever altered to fit. Source: the legacy framework's contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fdm_platform.control.schema import ColumnType, ControlColumn, ControlTable
from fdm_platform.errors import ControlError

ACCEPTED: dict[ColumnType, tuple[str, ...]] = {
    "string": ("string", "varchar"),
    "date": ("date", "string"),
    "timestamp_micros": ("unixtime_micros",),
    "int32": ("int32", "int64", "int16", "int8"),
    "int64": ("int64",),
    "double": ("double", "float", "int64"),
}
"""Types of Kudu that can stand for a column's own, the platform's choice first. A date as a string is ISO,
`yyyy-MM-dd`; seconds as an int64 are rounded."""


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column as the database has it; `type` is Kudu's name in small letters."""

    name: str
    type: str
    is_key: bool = False
    is_nullable: bool = True
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a table is not as expected, and whether the platform copes with it."""

    column: str
    expected: str
    found: str
    is_fatal: bool
    consequence: str


@dataclass(frozen=True)
class TableLayout:
    """A control table in one database. Columns are named as in control.schema; `stored` says what stands for each."""

    table: ControlTable
    stored: dict[str, StoredColumn]
    extra: tuple[StoredColumn, ...] = ()
    """Columns that the contract does not know."""
    has_generations: bool = True
    """A column may have another name or be missing; False in a store that only the platform makes tables in."""

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The key's columns here."""
        return tuple(name for name, column in self.stored.items() if column.is_key)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that are here, in the schema's order."""
        return tuple(name for name in self.table.names if name in self.stored)

    def differences(self) -> list[Difference]:
        """What is not as in control.schema, column by column."""
        of_columns = [d for column in self.table.columns for d in self._of_column(column)]
        return [*of_columns, *self._of_key(), *(d for column in self.extra for d in _of_extra(column))]

    def usable(self, name: str, place: str) -> StoredColumn | None:
        """What stands for a column; None where it is missing and may be.

        ControlError naming `place` (the database) where it has to be there or has another type.
        """
        column, stored = self.table.column(name), self.stored.get(name)
        fatal = next((d for d in self._of_column(column) if d.is_fatal), None)
        if fatal is None:
            return stored
        raise ControlError(
            f"column {name} of {self.table.name} is {fatal.found}, expected {fatal.expected}",
            file=place,
            field=f"{self.table.name}.{name}",
            remedy="run `fdm control check`, and have the table mended or FDM_CONTROL_URL point to the right one",
        )

    def _of_column(self, column: ControlColumn) -> list[Difference]:
        expected, stored = ACCEPTED[column.type][0], self.stored.get(column.name)
        if stored is None:
            is_fatal = not (column.is_optional and self.has_generations)
            consequence = "whatever needs it fails" if is_fatal else "read as NULL"
            return [Difference(column.name, expected, "missing", is_fatal, consequence)]
        found: list[Difference] = []
        if stored.name != column.name:
            found.append(
                Difference(column.name, column.name, stored.name, False, "the other generation's name")
            )
        if stored.type not in ACCEPTED[column.type]:
            found.append(Difference(column.name, expected, stored.type, True, "whatever needs it fails"))
        elif stored.type != expected:
            found.append(Difference(column.name, expected, stored.type, False, "converted"))
        if not stored.is_nullable and column.is_nullable and not stored.is_key and not stored.has_default:
            found.append(
                Difference(column.name, "nullable", "not null", False, "a row without it is refused")
            )
        return found

    def _of_key(self) -> list[Difference]:
        if self.key == self.table.key:
            return []
        expected, found = ", ".join(self.table.key), ", ".join(self.key)
        known = {("job_master", ("job_id", "job_name")), ("execution_log", ("job_id",))}
        is_known = self.has_generations and (self.table.name, self.key) in known
        consequence = "generation 2" if is_known else "rows may be found twice, or replace each other"
        return [Difference("key", expected, found or "none", not is_known, consequence)]


def layout_of(
    table: ControlTable, stored: Sequence[StoredColumn], *, has_generations: bool = True
) -> TableLayout:
    """Match a table's columns, as the database lists them, to those of the schema. Names in any letter case."""
    by_name = {column.name.lower(): column for column in stored}
    matched: dict[str, StoredColumn] = {}
    for column in table.columns:
        names = (column.name, *column.other_names) if has_generations else (column.name,)
        found = next((by_name[n] for n in names if n in by_name), None)
        if found:
            matched[column.name] = found
    used = {column.name for column in matched.values()}
    extra = tuple(c for c in stored if c.name not in used)
    return TableLayout(table, matched, extra, has_generations)


def expected_layout(table: ControlTable) -> TableLayout:
    """The table as the platform creates it."""
    return layout_of(
        table, [StoredColumn(c.name, ACCEPTED[c.type][0], c.is_key, c.is_nullable) for c in table.columns]
    )


def _of_extra(column: StoredColumn) -> list[Difference]:
    is_fatal = not column.is_nullable and not column.has_default
    consequence = "rows cannot be added: it has no default" if is_fatal else "left alone"
    return [Difference(column.name, "absent", column.type, is_fatal, consequence)]
