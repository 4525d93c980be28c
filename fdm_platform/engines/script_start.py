"""What the Python of a legacy job's script does for the platform, before the script's first line and beside it.

It ends with the load's worker (owner.py), tells when Spark is up and how far it is, and why the script failed.
Nothing of it asks anything of the script. lean_start.py calls `begin`; where spark-submit itself starts Python,
legacy/started/sitecustomize.py does. Standard library alone until there is something to tell.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fdm_platform.engines.messages import MessageWriter
    from fdm_platform.model.report import Message

LEGACY_PLAN = "FDM_LEGACY_PLAN"
"""Of a script's environment: its LoadPlan. Without it `framework` is a plain library."""
MESSAGES = "FDM_MESSAGES"
"""Of the same: the file of messages."""

_LOOK_S = 0.1
"""Between looks for a Spark that is not there yet."""


def begin() -> None:
    """Watch, tell of Spark, tell of a failure. Nothing where this process is no script's."""
    if LEGACY_PLAN not in os.environ or _Begun.is_so:
        return
    _Begun.is_so = True
    from fdm_platform.engines.owner import watch  # noqa: PLC0415 - the standard library alone until here

    watch()
    sys.excepthook = _telling_failure
    threading.Thread(target=_tell_of_spark, name="tells of Spark", daemon=True).start()


class _Begun:
    is_so = False


def tell(message: Message) -> None:
    """Write a message for who follows the load."""
    _writer(os.environ[MESSAGES], os.environ[LEGACY_PLAN]).write(message)


@cache
def _writer(messages: str, plan: str) -> MessageWriter:
    from fdm_platform.engines.messages import MessageWriter  # noqa: PLC0415 - as above
    from fdm_platform.engines.secrets import values_in  # noqa: PLC0415 - as above

    writer = MessageWriter(messages)
    writer.hidden = values_in(Path(plan).parent)
    return writer


def _telling_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As Python ends a script, but the load's worker is told as well: the exception, its place, its cause."""
    if isinstance(error, Exception):
        with suppress(Exception):
            from fdm_platform.engines.failure import to_failure  # noqa: PLC0415 - as above
            from fdm_platform.model.report import DriverDone  # noqa: PLC0415 - as above

            tell(DriverDone(failure=to_failure(error)))
    sys.__excepthook__(kind, error, trace)


def _tell_of_spark() -> None:
    """Once a SparkContext is there, whoever makes it: its application, and from then on its progress."""
    never = threading.Event()
    while (context := _running_context()) is None:
        never.wait(_LOOK_S)
    from fdm_platform.engines.progress import ProgressThread  # noqa: PLC0415 - as above
    from fdm_platform.model.report import ApplicationStarted  # noqa: PLC0415 - as above

    try:
        tell(ApplicationStarted(context.applicationId, context.uiWebUrl))
        with ProgressThread(context, tell):
            never.wait()
    except Exception:  # noqa: BLE001 - the script has ended Spark meanwhile; what it does is told by its own end
        return


def _running_context() -> Any:
    """The process's SparkContext, once Java has its part of it."""
    context_class = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    context = getattr(context_class, "_active_spark_context", None)
    return context if getattr(context, "_jsc", None) is not None else None
