"""How a step ends whose dates failed: by another try, after a wait, where that can help, else by a failure.

Assets have no RetryPolicy: Dagster would retry whatever ends a step, also Terminate, and would wait before it in a
sleep that Terminate does not end. The wait here is part of the step, which a signal interrupts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import date
from typing import NoReturn

import dagster as dg

from fdm_platform.defs.load import Load
from fdm_platform.errors import FdmError
from fdm_platform.model.limits import RetryLimits
from fdm_platform.planning.retrying import delay_s, next_step

Context = dg.OutputContext | dg.AssetExecutionContext


def ended(context: Context, load: Load, limits: RetryLimits) -> None:
    """Nothing where every date of the load is live; else the step ends as `end_step` says."""
    if load.failed:
        end_step(context, load.failed, len(load.outcomes), limits)


def end_step(context: Context, failed: Mapping[date, FdmError], asked: int, limits: RetryLimits) -> NoReturn:
    """End a step of `asked` dates some of which failed, as the last thing that it does.

    Where each failed for a reason that another try can help, and the table has retries left, the step is tried
    again after a wait: dg.RetryRequested. Else it fails: dg.Failure. What the dates left is tidied up by then.
    """
    failure = dg.Failure(_summary(failed, asked), allow_retries=False)
    step = (
        context.step_context
        if isinstance(context, dg.OutputContext)
        else context.get_step_execution_context()
    )
    tried = step.previous_attempt_count
    steps = {next_step(error.kind, tried, limits) for error in failed.values()}
    if steps != {"retry"} or step.retry_mode.disabled:
        raise failure
    wait_s = delay_s(tried, limits, random.random())  # noqa: S311 - not for secrets
    context.log.warning(
        "%s\nis tried again in %.0f s: retry %d of %d", failure.description, wait_s, tried + 1, limits.limit
    )
    time.sleep(wait_s)  # Terminate and Ctrl-C raise here
    raise dg.RetryRequested(max_retries=limits.limit, seconds_to_wait=0) from failure


def _summary(errors: Mapping[date, FdmError], asked: int) -> str:
    lines = [f"{biz_dt}: {error}" for biz_dt, error in sorted(errors.items())]
    if asked == 1:
        head = "the business date was not published"
    elif len(errors) == asked:
        head = f"none of the {asked} business dates was published"
    else:
        head = f"{len(errors)} of {asked} business dates were not published; the others are live"
    return "\n".join([head, *lines])
