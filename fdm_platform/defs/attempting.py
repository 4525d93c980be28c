"""An attempt at one date, from its first line in execution_log to its final one. No Dagster here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.load import reason
from fdm_platform.defs.platform import Platform
from fdm_platform.engines.publishing import PublishReport
from fdm_platform.errors import UnknownOutcomeError

Told = Callable[[PublishReport], object]
"""What `publish` tells as soon as the date is live."""


@contextmanager
def attempted(
    platform: Platform, of: DateAttempt, *, job_id: str, job_name: str, run_id: str | None = None
) -> Iterator[Told]:
    """The attempt ends as Completed when what is yielded is called, as Failed by whatever else ends the block.

    Of an outcome that nobody knows it has no final line: recovery can read the ledger, and writes it.
    """
    log = platform.execution_log
    attempt = log.start(job_id=job_id, job_name=job_name, run_id=run_id, of=of)
    try:
        yield lambda _: log.finish(attempt, status="Completed")
    except UnknownOutcomeError:
        log.leave(attempt)
        raise
    except BaseException as error:
        log.finish(attempt, status="Failed", error=str(reason(error)).partition("\n")[0])
        raise
