"""Parking of dates that failed for good: which are, and clearing them when they are live. No Dagster here."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime

from fdm_platform.crash import reached
from fdm_platform.defs.load import Load
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.follow import TAIL_LINES, tail
from fdm_platform.engines.secrets import values_of
from fdm_platform.errors import FdmError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.table import TableSpec

_MOST_MESSAGE = 4_000
"""Characters of an error's message: the log's end, which it may quote, has a column of its own."""


def park(
    platform: Platform,
    spec: TableSpec,
    failed: Mapping[date, FdmError],
    load: Load | None,
    attempts: int,
    *,
    load_id: str = "",
) -> dict[date, DeadLetter]:
    """Park these dates: nothing but people and a changed control row has them loaded again.

    `load` is the last that tried, None where none began, or where only its id is known any more. A date without a
    control row cannot be parked, and needs not be: nothing loads it.
    """
    of = load.load_id if load else load_id
    letters = {x.biz_dt: x for x in _letters(platform, spec, failed, load, attempts=attempts, load_id=of)}
    platform.dead_letters.park(letters.values())
    reached("park.written")
    return letters


def parked(
    platform: Platform, spec: TableSpec, dates: Collection[date] | None = None, *, is_whole: bool = False
) -> dict[date, DeadLetter]:
    """The letters of these dates, or of all, that hold, in order of date.

    Without parameters and logs unless `is_whole`.
    """
    letters = platform.dead_letters.of_table(spec.name, dates, is_whole=is_whole)
    if not letters:
        return {}
    versions = {row.biz_dt: row.version for row in platform.usable_control_rows(spec, letters)}
    published = platform.ledger.published(spec.name, letters)
    return {d: x for d, x in sorted(letters.items()) if x.holds(versions.get(d), published.get(d))}


def clear(platform: Platform, table: str, published: Collection[date]) -> None:
    """Forget the letters of dates that are live now."""
    letters = platform.dead_letters
    if published and (known := letters.of_table(table, published, is_whole=False)):
        letters.clear(table, known)


def _letters(
    platform: Platform,
    spec: TableSpec,
    failed: Mapping[date, FdmError],
    load: Load | None,
    *,
    attempts: int,
    load_id: str,
) -> Iterator[DeadLetter]:
    planned = {d: p for d in failed if load and (p := load.planned(d))}
    versions = {d: p.control_version for d, p in planned.items()}
    if unplanned := [d for d in failed if d not in planned]:
        versions |= {row.biz_dt: row.version for row in platform.usable_control_rows(spec, unplanned)}
    log, now = _log_tail(load), datetime.now(UTC)
    details = _details(load) if load else {}
    for biz_dt, error in failed.items():
        if biz_dt in versions:
            parameters = planned[biz_dt].parameters if biz_dt in planned else None
            yield DeadLetter(
                table_name=spec.name,
                biz_dt=biz_dt,
                load_id=load_id,
                control_version=versions[biz_dt],
                attempts=attempts,
                kind=error.kind,
                error=_error(error),
                parked_at=now,
                parameters=None if parameters is None else json.dumps(to_plain(parameters)),
                log_tail=details.get(biz_dt) or log,
            )


def _error(error: FdmError) -> str:
    fields = error.to_json()
    return json.dumps(
        {**fields, "error": type(error).__name__, "message": str(fields["message"])[:_MOST_MESSAGE]}
    )


def _details(load: Load) -> dict[date, str]:
    """The end of what the driver said of each date that failed in it, secrets concealed: Python's and Spark's traces."""
    failures = {o.biz_dt: o.failure for o in load.outcomes if o.failure}
    return {d: "\n".join(f.detail.rstrip().splitlines()[-TAIL_LINES:]) for d, f in failures.items()}


def _log_tail(load: Load | None) -> str | None:
    """Of a load whose Spark was started. The driver hides secrets in what it says, Java's own words may hold one."""
    if load is None or load.submission is None:
        return None
    folder = load.submission.folder
    lines = tail(folder / "stderr.log") or tail(folder / "stdout.log")
    return _concealed("\n".join(lines), load.submission.plan) or None


def _concealed(text: str, plan: LoadPlan) -> str:
    try:
        secrets = values_of(plan, os.environ).values()
    except FdmError:  # one cannot be looked up any more: then nothing can be said to hold none
        return "not kept: a secret that it may hold cannot be looked up"
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text
