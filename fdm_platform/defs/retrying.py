"""How a step ends whose dates failed: by another try, after a wait, where that can help, else by a failure.

Assets have no RetryPolicy: Dagster would retry whatever ends a step, also Terminate, and would wait before it in a
sleep that Terminate does not end. The wait here is part of the step, which a signal interrupts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import NoReturn

import dagster as dg

from fdm_platform.defs.breaking import note_dates
from fdm_platform.defs.limits import limits_of
from fdm_platform.defs.load import Load
from fdm_platform.defs.parking import clear, park
from fdm_platform.defs.platform import Platform
from fdm_platform.errors import ControlError, FdmError
from fdm_platform.model.limits import RetryLimits
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.retrying import delay_s, next_step

Context = dg.OutputContext | dg.AssetExecutionContext


def ended(context: Context, load: Load, table: str) -> None:
    """Nothing where every date of the load is live; else the step ends as `end_step` says."""
    spec = load.platform.catalog.tables[table]
    note_dates(context.log, load, spec)
    live = [o.biz_dt for o in load.outcomes if o.biz_dt not in load.failed]
    try:
        clear(load.platform, table, live)
    except ControlError as error:  # they are live, and older letters are of no account then
        context.log.warning("dead letters of dates that are live now stay: %s", error)
    if load.failed:
        end_step(context, load.platform, spec, load.failed, asked=len(load.outcomes), load=load)


def end_step(
    context: Context,
    platform: Platform,
    spec: TableSpec,
    failed: Mapping[date, FdmError],
    *,
    asked: int,
    load: Load | None,
) -> NoReturn:
    """End a step of `asked` dates some of which failed, as the last thing that it does.

    Dates that another try can help are tried again after a wait, where the table has retries left:
    dg.RetryRequested; a date that none can help is parked. Where nothing is tried again the step fails:
    dg.Failure. What the dates left is tidied up by then.
    """
    step = (
        context.step_context
        if isinstance(context, dg.OutputContext)
        else context.get_step_execution_context()
    )
    tried, limits = step.previous_attempt_count, limits_of(platform.settings).retries.of(spec.retries)
    if step.retry_mode.disabled:
        limits = replace(limits, limit=0)
    steps = {d: next_step(error.kind, tried, limits) for d, error in failed.items()}
    final = {d: failed[d] for d, s in steps.items() if s == "park"}
    _park(context, platform, spec, final, load=load, attempts=tried + 1)
    again = sorted(d for d, s in steps.items() if s == "retry")
    failure = dg.Failure(_summary(failed, asked), allow_retries=False)
    if not again:
        raise failure
    _wait(context, f"{failure.description}", again, tried, limits)
    raise dg.RetryRequested(max_retries=limits.limit, seconds_to_wait=0) from failure


def fail_parked(parked: Collection[date]) -> NoReturn:
    """End a retry whose own dates are live: others failed for good in an earlier try."""
    dates = ", ".join(map(str, sorted(parked)))
    raise dg.Failure(f"parked by an earlier try, see `fdm dead-letters`: {dates}", allow_retries=False)


def _park(
    context: Context,
    platform: Platform,
    spec: TableSpec,
    failed: Mapping[date, FdmError],
    *,
    load: Load | None,
    attempts: int,
) -> None:
    if not failed:
        return
    try:
        letters = park(platform, spec, failed, load, attempts)
    except FdmError as error:  # the load's own error must be told
        context.log.warning("dates that failed could not be parked: %s", error)
        return
    for biz_dt, letter in letters.items():
        context.log.warning("%s is %s", biz_dt, letter.reason)


def _wait(context: Context, why: str, dates: Collection[date], tried: int, limits: RetryLimits) -> None:
    wait_s = delay_s(tried, limits, random.random())  # noqa: S311 - not for secrets
    text = "%s\n%s: tried again in %.0f s, retry %d of %d"
    context.log.warning(text, why, ", ".join(map(str, dates)), wait_s, tried + 1, limits.limit)
    time.sleep(wait_s)  # Terminate and Ctrl-C raise here


def _summary(errors: Mapping[date, FdmError], asked: int) -> str:
    lines = [f"{biz_dt}: {error}" for biz_dt, error in sorted(errors.items())]
    if asked == 1:
        head = "the business date was not published"
    elif len(errors) == asked:
        head = f"none of the {asked} business dates was published"
    else:
        head = f"{len(errors)} of {asked} business dates were not published; the others are live"
    return "\n".join([head, *lines])
