"""Whether this is a script of the platform's, and what it then stages and tells. `fdm_platform` is imported here alone,
when it is needed, and by the modules that only this one imports: _staging, _targets, _manifests.
"""  # noqa: D205 - one sentence

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import _paths

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fdm_platform.model.plan import DatePlan, LoadPlan
    from fdm_platform.model.report import Message

    from ._options import How


@dataclass(frozen=True)
class Context:
    """The load that this process runs the script of."""

    plan: LoadPlan
    date: DatePlan
    messages: Path
    """The file in which it is told what happens."""


@dataclass(frozen=True)
class Part:
    """Paths to read together."""

    paths: list[str]
    base: str | None = None
    """The folder whose own folders are partitions, where they are to be columns and `paths` do not say it."""
    but: Sequence[str] = ()
    """Business dates to leave out, as the folders have them."""


def current() -> Context | None:
    """The load, in the process of its script; None in one of Spark's workers, and without the platform."""
    plan, messages = os.environ.get("FDM_LEGACY_PLAN"), os.environ.get("FDM_MESSAGES")
    return _context(plan, messages) if plan and messages and not _is_worker() else None


def send(message: Message) -> None:
    """Tell the load's follower."""
    from fdm_platform.engines.script_start import tell  # noqa: PLC0415 - with the platform only

    tell(message)


def send_log(level: str, text: str) -> None:
    """A line for the run's log, where there is a run."""
    if current():
        from fdm_platform.model.report import LogLine  # noqa: PLC0415 - with the platform only

        send(LogLine(level, text))


def send_metric(name: str, value: float) -> None:
    """A figure for the load's report, where there is a load."""
    if current():
        from fdm_platform.model.report import Metric  # noqa: PLC0415 - with the platform only

        send(Metric(name, value))


def local_path(path: str) -> str:
    """A path of a script as this machine has it, by the platform's table of prefixes."""
    context = current()
    legacy = context.plan.legacy if context else None
    return _paths.mapped(path, legacy.prefixes) if legacy else path


def stage(df: DataFrame, path: str, how: How) -> bool:
    """Stage a write to be published. False where that is not for the platform: no load, or a folder of the script's own."""
    context = current()
    if context is None:
        return False
    from ._staging import stage as stage_with  # noqa: PLC0415 - with the platform only

    return stage_with(context, df, path, how)


def rows_staged() -> int:
    """Rows in all that this run has staged so far."""
    context = current()
    if context is None:
        return 0
    from ._staging import run_of  # noqa: PLC0415 - with the platform only

    return sum(staged.total for staged in run_of(context).staged.values())


def staged_under(spark: SparkSession, path: str) -> list[Part]:
    """What to read in place of a path, parts of which this run has staged; nothing where it has not."""
    context = current()
    if context is None:
        return []
    from ._staging import staged_under as under  # noqa: PLC0415 - with the platform only

    return under(context, spark, path)


def _is_worker() -> bool:
    return "pyspark.worker" in sys.modules


@cache
def _context(plan_file: str, messages: str) -> Context:
    from fdm_platform.model.plan import LoadPlan  # noqa: PLC0415 - with the platform only

    plan = LoadPlan.from_json(Path(plan_file).read_text(encoding="utf-8"))
    return Context(plan, plan.dates[0], Path(messages))
