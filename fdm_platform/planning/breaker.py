"""A circuit breaker as a fold over what happened: no counter is kept, so none can be lost. Pure.

After so many infrastructure failures in a row it opens: nobody tries for a while. Then one load may, the probe.
Where it succeeds the breaker closes; where it fails everybody waits twice as long as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fdm_platform.model.breaker import Breaker, BreakerEvent, Scope
from fdm_platform.model.limits import BreakerLimits
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.backoff import doubled


def cluster_of(spec: TableSpec) -> str:
    """The Spark master that table.yaml names; the deployment's own, which job_master may name, is `default`."""
    return str(spec.launch.get("master") or spec.launch.get("spark.master") or "default")


def scopes_of(spec: TableSpec) -> tuple[tuple[Scope, str], ...]:
    """What a table's loads depend on."""
    return (("source", spec.partition_set), ("cluster", cluster_of(spec)))


def fold(
    scope: Scope, name: str, events: Iterable[BreakerEvent], limits: BreakerLimits, now: datetime
) -> Breaker:
    """How the breaker stands at `now` after these events of its scope and name, in whatever order they come."""
    failures = trips = seq = 0
    since: datetime | None = None
    opened: datetime | None = None
    probe: BreakerEvent | None = None
    error = ""
    for e in sorted(events, key=lambda e: e.seq):
        seq = e.seq
        if e.kind == "success":
            failures = trips = 0
            since = opened = probe = None
            error = ""
        elif opened is None:
            failures += e.kind == "failure"
            error = e.error or error
            if failures >= limits.failures:
                since = opened = e.at
                trips = 1
        elif e.kind == "probe":
            probe = e
        elif probe and e.load_id == probe.load_id:  # others began before it opened: they tell nothing new
            probe = None
            if e.kind == "failure":
                failures, trips, opened, error = failures + 1, trips + 1, e.at, e.error or error
    if since is None or opened is None:
        return Breaker(scope, name, failures=failures, error=error, seq=seq)
    until = opened + wait(trips, limits)
    is_trying = probe is not None and (probe.until is None or now < probe.until)
    if probe is not None and is_trying:
        return Breaker(
            scope, name, "half-open", failures, since, probe.until, error, probe.load_id or "?", seq
        )
    return Breaker(
        scope, name, "open" if now < until else "half-open", failures, since, until, error, None, seq
    )


def wait(trips: int, limits: BreakerLimits) -> timedelta:
    """How long it stays open when it opened for the n-th time in a row: twice as long each time, to a limit."""
    return timedelta(seconds=doubled(limits.cooldown_s, limits.longest_s, max(trips, 1) - 1))
