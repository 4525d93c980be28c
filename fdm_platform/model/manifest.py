"""What the driver staged for one date, and what became of each date of a load."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from fdm_platform import errors
from fdm_platform.model.codec import from_plain, to_sparse
from fdm_platform.model.table import ColumnSpec, Severity


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A data file; `path` is relative to the date's folder, with forward slashes."""

    path: str
    bytes: int
    rows: int


Scalar = int | float | str
"""A value as JSON holds it: decimals as strings, dates and times in ISO form."""


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """One data column over all files, by ORC's footers. None is what they do not say, or what nobody may see.

    Text is cut after 64 characters: then it is what the smallest or largest begins with. Times are as the clock
    showed where they were written.
    """

    nulls: int
    min: Scalar | None = None
    max: Scalar | None = None
    sum: Scalar | None = None


def digest_of_names(files: Iterable[str]) -> str:
    """What tells one set of data files from another: Spark gives no name twice. Names with `.` or `_` first are no data."""
    data = (f for f in files if not any(part.startswith((".", "_")) for part in f.split("/")))
    return hashlib.sha256("\n".join(sorted(data)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One staged date: its files and what ORC's footers say of them."""

    load_id: str
    table: str
    biz_dt: date
    folder: str
    """The date's folder name, `biz_dt=20240515`."""
    staging: str
    """The staging folder that holds `folder`."""
    files: tuple[StagedFile, ...]
    schema: tuple[ColumnSpec, ...]
    """Columns of the table as read: data columns, then partition columns."""
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict)
    """Data columns by name. Those declared confidential or restricted have their NULLs alone."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds of each phase: read, write, footers."""
    rejected: int = 0
    """Rows of its sources that were put aside."""
    rows_in: Mapping[str, int] = field(default_factory=dict)
    """Rows of each source, the rejected among them, as far as they are known; by view."""
    filtered: int | None = None
    """Rows that its SQL left out; None where rows in and out do not correspond, or nobody counted them."""
    control_version: str = ""
    """The control row that the load was of."""
    code_version: str = ""
    """Hash of the declaration and its SQL."""
    parameter_hash: str = ""
    """Hash of the SQL with its parameters bound, and of the parameters."""
    format: str = "orc"
    """What the files are, as Spark calls it. A legacy script may write any."""
    row_count: int | None = None
    """Rows in all files, counted while they were written, of a format whose files do not say."""
    added_to: str | None = None
    """`digest_of_names` of the live files that it has taken along; None where it takes their place."""

    @property
    def nulls(self) -> dict[str, int]:
        """NULLs of each data column."""
        return {name: column.nulls for name, column in self.columns.items()}

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(f.rows for f in self.files) if self.row_count is None else self.row_count

    @property
    def bytes(self) -> int:
        """Bytes in all files."""
        return sum(f.bytes for f in self.files)

    def to_json(self) -> str:
        """The manifest as one JSON object, with sorted keys and without what is as the class has it by default.

        The ledger keeps one for each version of each date.
        """
        return json.dumps(to_sparse(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The inverse of `to_json`; also of what earlier releases wrote, which knew of columns their NULLs alone."""
        plain: dict[str, Any] = json.loads(text)
        if nulls := plain.pop("nulls", None):
            plain["columns"] = {name: {"nulls": count} for name, count in nulls.items()}
        return from_plain(cls, plain)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check's outcome for one date; a failed check is a value, not an exception."""

    name: str
    biz_dt: date
    is_passed: bool
    severity: Severity
    description: str
    metadata: Mapping[str, int | float | str | bool] = field(default_factory=dict)

    @property
    def is_blocking(self) -> bool:
        """The date must not be published because of it."""
        return not self.is_passed and self.severity == "error"


@dataclass(frozen=True, slots=True)
class OutputStaged:
    """A write of a legacy script, redirected into staging: a manifest for each business date in it."""

    root: str
    """The live folder that it is for."""
    path: str
    """Where the script wrote, in its own words."""
    mode: str
    """Spark's: `overwrite`, `append`, `error` or `ignore`."""
    manifests: tuple[Manifest, ...]
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Why a date failed: the headline is the cause's own first line."""

    headline: str
    detail: str
    error: str
    """Name of the error's class in fdm_platform.errors."""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    field: str | None = None
    remedy: str | None = None

    def to_error(self, message: str) -> errors.FdmError:
        """The error that it was, with its place and remedy, and this message; a LoadError where it is none of ours."""
        named = getattr(errors, self.error, None)
        kind = named if isinstance(named, type) and issubclass(named, errors.FdmError) else errors.LoadError
        place = {n: getattr(self, n) for n in ("file", "line", "column", "field", "remedy")}
        return kind(message, **place)


@dataclass(frozen=True, slots=True)
class DateOutcome:
    """One date after the driver has dealt with it: staged, or failed."""

    biz_dt: date
    manifest: Manifest | None = None
    checks: tuple[CheckResult, ...] = ()
    failure: LoadFailure | None = None

    @property
    def is_publishable(self) -> bool:
        """It is staged and no check forbids it to be published."""
        return self.manifest is not None and not any(c.is_blocking for c in self.checks)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """All that a load answered: measured, not decided."""

    load_id: str
    outcomes: tuple[DateOutcome, ...]
    application_id: str | None = None
    ui_url: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the phases of the whole submit: start, session, stop, total."""
    metrics: Mapping[str, int | float] = field(default_factory=dict)
    """Spark's own accumulators, summed over the application."""
    extra: tuple[OutputStaged, ...] = ()
    """What a legacy script staged, in the order of its writes: the load's own date among it, and others."""

    def with_outcomes(self, dates: Iterable[date], more: Iterable[DateOutcome]) -> LoadReport:
        """The report with further outcomes, and an empty one for each date that has none."""
        known = {o.biz_dt: o for o in (*more, *self.outcomes)}
        return replace(self, outcomes=tuple(known.get(d, DateOutcome(d)) for d in dates))
