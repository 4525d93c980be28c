"""Messages from the driver while it runs: one JSON object a line, in the form of Dagster Pipes.

`log` carries {"message", "level"}; every other kind is a `report_custom_message` whose payload
is {"kind": …, …}. https://docs.dagster.io/guides/build/external-pipelines/dagster-pipes-details-and-customization
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fdm_platform.model.codec import from_plain, to_plain
from fdm_platform.model.manifest import DateOutcome, LoadFailure, OutputStaged

PIPES_VERSION = "0.1"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the run's log; `level` is Python's name of it, e.g. `INFO`."""

    level: str
    message: str


@dataclass(frozen=True, slots=True)
class ApplicationStarted:
    """Spark's context is up."""

    application_id: str
    ui_url: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Tasks done of the tasks known so far."""

    tasks_done: int
    tasks_total: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class DateDone:
    """A date is staged, or has failed."""

    outcome: DateOutcome


@dataclass(frozen=True, slots=True)
class DriverDone:
    """The driver's last word; `failure` is set when it failed as a whole."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, int | float] = field(default_factory=dict)
    failure: LoadFailure | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that a legacy script reports, e.g. rows processed."""

    name: str
    value: int | float


Message = LogLine | ApplicationStarted | Progress | DateDone | DriverDone | OutputStaged | Metric

_KINDS: dict[str, type[Any]] = {
    "application_started": ApplicationStarted,
    "progress": Progress,
    "date_done": DateDone,
    "driver_done": DriverDone,
    "output_staged": OutputStaged,
    "metric": Metric,
}
_NAMES = {cls: kind for kind, cls in _KINDS.items()}


def encode(message: Message) -> str:
    """The message as one line, without its line feed."""
    if isinstance(message, LogLine):
        return _line("log", {"message": message.message, "level": message.level})
    payload = {"kind": _NAMES[type(message)], **to_plain(message)}
    return _line("report_custom_message", {"payload": payload})


def decode(line: str) -> Message | None:
    """The message in a line; None for a method or kind that this version does not know."""
    plain = json.loads(line)
    params = plain.get("params") or {}
    if plain.get("method") == "log":
        return LogLine(params["level"], params["message"])
    payload = params.get("payload") or {}
    cls = _KINDS.get(payload.get("kind", "")) if isinstance(payload, dict) else None
    return from_plain(cls, payload) if cls else None


def _line(method: str, params: dict[str, Any]) -> str:
    return json.dumps({"__dagster_pipes_version": PIPES_VERSION, "method": method, "params": params})
