"""Circuit breakers around a load: it waits where a source system or a cluster is away, and says what came of it.

What ended Spark itself, and a file system of the tables that is away, is put down to the cluster, what failed a date
in a Spark that lived to its source system.
The control store has no breaker: without it nothing could be known of any. No Dagster here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fdm_platform.defs.load import Load, error_of
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import ControlError, FdmError, StorageAwayError
from fdm_platform.model.breaker import Breaker
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.breaker import cluster_of, scopes_of

MOST_SLEEP_S = 5.0
"""Between two looks: another load's success is seen so soon."""

Log = logging.Logger | Any


def waiting(breakers: Sequence[Breaker], spec: TableSpec) -> str:
    """Why no load of this table may begin, by those breakers that are not closed; empty where it may."""
    mine = scopes_of(spec)
    return next((b.reason for b in breakers if b.must_wait and (b.scope, b.name) in mine), "")


def await_turn(log: Log, platform: Platform, spec: TableSpec, load_id: str, asked_by: str) -> None:
    """Wait until the table's source system and cluster may be tried: by all, or by this load alone.

    Whoever asks by hand has seen to it, and does not wait. A control store that is away meanwhile is waited for.
    """
    told, patience_s = "", platform.settings.commit_wait_s
    while blocking := patiently(lambda: _blocking(platform, spec, load_id), "see its turn", patience_s):
        if asked_by == "hand":
            log.warning("asked for by hand, it begins though %s", blocking[0].reason)
            return
        first = next((b for b in blocking if b.must_wait), None)
        if first is None:  # what is closed, or this load's to try, lets it pass at the next look
            patiently(lambda: _try(platform, blocking, load_id), "take its turn", patience_s)
            continue
        if first.reason != told:
            told = first.reason
            log.warning("it waits: %s", told)
        time.sleep(_seconds_until(first.until))  # Terminate and Ctrl-C raise here


def _blocking(platform: Platform, spec: TableSpec, load_id: str) -> list[Breaker]:
    """Those of the table's breakers that do not let this load pass."""
    breakers = platform.breakers
    mine = [breakers.of(scope, name) for scope, name in scopes_of(spec)]
    return [b for b in mine if b.state != "closed" and b.probe != load_id]


def _try(platform: Platform, blocking: Sequence[Breaker], load_id: str) -> None:
    """Be the one that tries, if nobody else is: what came of it, the next look tells."""
    for breaker in blocking:
        platform.breakers.take_probe(breaker, load_id)


def note_dates(log: Log, load: Load, spec: TableSpec) -> None:
    """What came of a load whose Spark lived to its end, or that needed none."""
    failures = [*(error_of(o) for o in load.outcomes if o.manifest is None), *load.failed.values()]
    storage = next((e for e in failures if isinstance(e, StorageAwayError)), None)
    away = next((e for e in failures if is_infrastructure(e) and not isinstance(e, StorageAwayError)), None)
    is_served = any(o.manifest for o in load.outcomes)
    told = {"source": True if is_served else away, "cluster": storage or bool(load.submission) or None}
    _note(log, load.platform, spec, load.load_id, told)


def note_spark(
    log: Log, platform: Platform, spec: TableSpec, load_id: str, error: BaseException | None
) -> None:
    """What came of a load that ended as a whole."""
    away = error if isinstance(error, FdmError) and is_infrastructure(error) else None
    _note(log, platform, spec, load_id, {"source": None, "cluster": away})


def is_infrastructure(error: FdmError) -> bool:
    """Something that loads depend on was away, other than the control store."""
    return error.kind == "infrastructure" and not isinstance(error, ControlError)


def _note(
    log: Log, platform: Platform, spec: TableSpec, load_id: str, told: Mapping[str, FdmError | bool | None]
) -> None:
    """An error is a failure, True a success, None neither."""
    breakers = platform.breakers
    try:
        for scope, name in scopes_of(spec):
            result = told[scope]
            if isinstance(result, FdmError):
                breakers.note_failure(scope, name, load_id, result.message.partition("\n")[0])
            elif result:
                breakers.note_success(scope, name, load_id)
            else:
                breakers.note_gone(scope, name, load_id)
    except ControlError as error:  # what the load came to is told elsewhere
        log.warning("what it says of %s and %s is not noted: %s", spec.partition_set, cluster_of(spec), error)


def _seconds_until(moment: datetime | None) -> float:
    left = (moment - datetime.now(UTC)).total_seconds() if moment else MOST_SLEEP_S
    return min(max(left, 0.1), MOST_SLEEP_S)
