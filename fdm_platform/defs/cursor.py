"""What a sensor of process_control knows between two ticks. Dagster keeps it as text, with what the tick requested."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from fdm_platform.control.changes import Watermark
from fdm_platform.model.request import RunOfDates
from fdm_platform.planning.requests import Decision

UNSURE = timedelta(minutes=5)
"""Without a cursor, requests of this age may have been lost: they are made again, under their keys."""


@dataclass(frozen=True, slots=True)
class SensorCursor:
    """The state of one source's sensor."""

    watermark: Watermark
    requested_at: datetime
    """Stamp of the last requests that are known to have reached Dagster."""
    again: tuple[date, ...] = ()
    """Dates that were beyond the cap."""
    later: tuple[date, ...] = ()
    """Dates that had not come."""
    broken: tuple[date, ...] = ()
    """Dates whose control row cannot be used until somebody corrects it."""
    run_keys: tuple[str, ...] = ()
    """Of the last tick that requested any."""
    started: float | None = None
    """When the sensor was last switched on, as of that tick."""
    synced: datetime | None = None
    """When all dates were last compared with the partition set."""

    @classmethod
    def read(cls, text: str | None, now: datetime, log: logging.Logger | Any) -> SensorCursor:
        """The cursor of a text; a new one where there is none, or none of ours."""
        new = cls(Watermark(), now - UNSURE)
        if not text:
            return new
        try:
            return cls._parse(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("the cursor is not one of this sensor's, it begins anew: %.200s", text)
            return new

    @classmethod
    def _parse(cls, plain: dict[str, Any]) -> SensorCursor:
        return cls(
            Watermark.from_json(plain["watermark"]),
            datetime.fromisoformat(plain["requested_at"]),
            _dates(plain["again"]),
            _dates(plain["later"]),
            _dates(plain["broken"]),
            tuple(plain["run_keys"]),
            plain["started"],
            datetime.fromisoformat(plain["synced"]) if plain["synced"] else None,
        )

    def to_json(self) -> str:
        """A text to keep."""
        plain = {**asdict(self), "watermark": self.watermark.to_json()}
        return json.dumps(plain, default=lambda moment: moment.isoformat(), separators=(",", ":"))

    def with_watermark(self, watermark: Watermark) -> SensorCursor:
        """What changed up to there is decided upon by this tick."""
        return replace(self, watermark=watermark)

    def with_sync(self, now: datetime, again: Iterable[date]) -> SensorCursor:
        """All dates were compared now; some are to be looked at, although no change of theirs is to be seen."""
        return replace(self, synced=now, again=tuple(sorted({*self.again, *again})))

    def with_broken(self, dates: Iterable[date]) -> SensorCursor:
        """Dates to look at until their rows can be used."""
        return replace(self, broken=tuple(sorted(dates)))

    def with_decision(
        self,
        decision: Decision,
        runs: Iterable[RunOfDates],
        stamp: datetime,
        today: date,
        started: float | None,
    ) -> SensorCursor:
        """After a tick: what it requested is Dagster's, what it put off is looked at again."""
        keys = tuple(run.run_key for run in runs)
        later = sorted({*(d for d in self.later if d > today), *decision.later})
        return replace(
            self,
            requested_at=stamp if keys else self.requested_at,
            again=decision.again,
            later=tuple(later),
            run_keys=keys or self.run_keys,
            started=started,
        )


def _dates(texts: Iterable[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)
