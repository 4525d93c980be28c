"""What changed in process_control since the last look: each version of each row once, whatever the clocks do.

One source system's dates are one range of the key, so a look reads that range alone, however many rows
other sources have (docs/adr/0009). Writers set last_update_ts by their own clocks, and a row may become
visible after its time: every look therefore reads again what changed within the `overlap`, and the watermark
says which of it was returned before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from fdm_platform.control.rows import RowProblem, readable_rows, source_prefixes
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import EPOCH, Row
from fdm_platform.errors import ControlError
from fdm_platform.model.control import ProcessControlRow

OVERLAP = timedelta(hours=1)
"""How late a row may become visible after its own last_update_ts, and how far clocks may differ."""
LIMIT = 1000
"""Most rows of one look. More are told by `Changes.has_more`."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far one source's changes are known: all before `floor`, and from there on those `seen`."""

    floor: datetime = EPOCH
    seen: Mapping[date, str] = field(default_factory=dict)
    """Digests of the row versions returned, by business date."""

    def to_json(self) -> str:
        """A text to keep, for example as a sensor's cursor."""
        seen = {day.isoformat(): digest for day, digest in self.seen.items()}
        return json.dumps({"floor": self.floor.isoformat(), "seen": seen}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Watermark:
        """The inverse of `to_json`; ValueError or KeyError for something else."""
        plain = json.loads(text)
        seen = {date.fromisoformat(day): digest for day, digest in plain["seen"].items()}
        return cls(datetime.fromisoformat(plain["floor"]), seen)


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that are new or changed, by last_update_ts and then by date, and what to ask with next time."""

    rows: tuple[ProcessControlRow, ...]
    watermark: Watermark
    has_more: bool
    """There were more than the limit; the rest comes with the next look."""
    problems: tuple[RowProblem, ...] = ()
    """Rows that cannot be used. Their dates are not in the watermark: look at them again by date."""


def changes(
    store: ControlStore,
    entity: str,
    source_system: str,
    watermark: Watermark,
    now: datetime,
    *,
    limit: int = LIMIT,
    overlap: timedelta = OVERLAP,
) -> Changes:
    """The source's rows whose version was not returned before. Keep the new watermark with what you do of them.

    Asking again with the old watermark returns the same rows again. `Watermark()` returns every row. A row
    whose last_update_ts is NULL has no place in this order and is left out: see `unstamped_dates`.
    A row that cannot be used, or a date with two rows in two spellings, is a problem and stops no other.
    """
    # A clock that was ahead and is set right would hide what is written until it is there again.
    since = min(watermark.floor, now - overlap)
    windows = [
        _first_rows(store, p, since, limit + len(watermark.seen))
        for p in source_prefixes(entity, source_system)
    ]
    unreadable = [error for window, _ in windows for error in window.unreadable]
    found, problems = readable_rows((window.rows for window, _ in windows), unreadable)
    is_all = all(whole for _, whole in windows)
    new = sorted((r for r in found if watermark.seen.get(r.biz_dt) != _digest(r)), key=_order)
    returned, has_more = new[:limit], not is_all or len(new) > limit
    horizon = min(now - overlap, _stamp(returned[-1])) if has_more and returned else now - overlap
    floor = max(since, horizon)
    seen = {**watermark.seen, **{row.biz_dt: _digest(row) for row in returned}}
    # What was not read this time is still there, behind the window.
    stamps = {row.biz_dt: _stamp(row) for row in found}
    behind = EPOCH if is_all else floor
    kept = {day: seen[day] for day in sorted(seen) if stamps.get(day, behind) >= floor}
    return Changes(tuple(returned), Watermark(floor, kept), has_more, tuple(problems))


def unstamped_dates(
    store: ControlStore, entity: str, source_system: str, *, limit: int = LIMIT
) -> list[date]:
    """Dates of the source whose last_update_ts is NULL, at most `limit`: no change of them can be noticed."""
    return sorted(
        row["biz_dt"]
        for prefix in source_prefixes(entity, source_system)
        for row in store.scan(
            "process_control",
            [*prefix, Predicate("last_update_ts", "is_null", True)],
            ["biz_dt"],
            limit=limit,
        )
    )[:limit]


@dataclass(slots=True)
class _Window:
    """Stored rows of a window of time, and what was wrong with those that could not be read."""

    rows: list[Row]
    unreadable: list[ControlError]

    def __len__(self) -> int:
        return len(self.rows) + len(self.unreadable)


def _first_rows(
    store: ControlStore, prefix: Sequence[Predicate], since: datetime, limit: int
) -> tuple[_Window, bool]:
    """Rows from the floor on: all of them and True, or too many to read, the earliest of them and False.

    Kudu gives no order. A window of time with too many rows is cut at the median of those that came, until
    few enough are left: still more than `limit` new ones, since half of `most` is that and all that were
    seen. Rows of one microsecond cannot be cut; any of those will do.
    """
    most = 2 * (limit + 1)
    ceiling: datetime | None = None
    while True:
        window = _window(store, prefix, since, ceiling, most)
        if len(window) < most or not window.rows:
            return window, ceiling is None
        median = sorted(row["last_update_ts"] for row in window.rows)[(len(window.rows) - 1) // 2]
        if median != ceiling:
            ceiling = median
            continue
        earlier = _window(store, prefix, since, ceiling - _MICROSECOND, most)
        if len(earlier) < most:
            earlier.rows += [row for row in window.rows if row["last_update_ts"] == ceiling]
            return earlier, False
        ceiling -= _MICROSECOND


def _window(
    store: ControlStore, prefix: Sequence[Predicate], floor: datetime, ceiling: datetime | None, most: int
) -> _Window:
    where = [*prefix, Predicate("last_update_ts", ">=", floor)]
    if ceiling is not None:
        where.append(Predicate("last_update_ts", "<=", ceiling))
    unreadable: list[ControlError] = []
    rows = list(store.scan("process_control", where, limit=most, unreadable=unreadable.append))
    return _Window(rows, unreadable)


def _order(row: ProcessControlRow) -> tuple[datetime, date]:
    return _stamp(row), row.biz_dt


def _stamp(row: ProcessControlRow) -> datetime:
    return row.last_update_ts or EPOCH


def _digest(row: ProcessControlRow) -> str:
    return hashlib.blake2b(row.version.encode(), digest_size=6).hexdigest()
