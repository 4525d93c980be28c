"""Comparing a published date with what the old system made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

ParityFormat = Literal["csv", "orc", "parquet", "hive"]
Difference = Literal["changed", "missing", "extra", "duplicated"]


@dataclass(frozen=True, slots=True)
class ParitySpec:
    """How two outputs are compared. Column names are the new table's."""

    keys: tuple[str, ...] = ()
    """What identifies a row; empty: rows are compared whole."""
    tolerance: Mapping[str, Decimal] = field(default_factory=dict)
    """By column, how far two numbers may differ and still count as equal."""
    ignore: tuple[str, ...] = ()
    against: str | None = None
    """Path or table of the old output, a template as a source's."""
    format: ParityFormat | None = None
    """None: by the extension of the path, else a Hive table."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of Spark's reader of the old output."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """New column names by the old output's."""


@dataclass(frozen=True, slots=True)
class ParitySample:
    """One row that differs: its keys, and of each column that differs the new and the old value as text."""

    difference: Difference
    keys: Mapping[str, str | None]
    values: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParityResult:
    """What a comparison found; counts are of rows, or of keys where several rows have one."""

    rows_new: int
    rows_old: int
    matched: int
    changed: int
    missing: int
    """In the old output alone."""
    extra: int
    """In the new output alone."""
    duplicated: int
    """Keys that either side has more than once: their rows cannot be paired."""
    by_column: Mapping[str, int] = field(default_factory=dict)
    """Rows in which this column differs."""
    samples: tuple[ParitySample, ...] = ()
    only_new_columns: tuple[str, ...] = ()
    only_old_columns: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Every row of either side has its like on the other, in all compared columns."""
        return not (self.changed or self.missing or self.extra or self.duplicated or self.only_old_columns)

    @property
    def counts(self) -> dict[str, Any]:
        """The figures without samples."""
        names = ("rows_new", "rows_old", "matched", "changed", "missing", "extra", "duplicated")
        return {name: getattr(self, name) for name in names}
