"""What a sensor of process_control knows between two ticks.

Dagster keeps a cursor with what the tick requested, and a copy of it in the record of every tick: so the cursor is
a few words and names the rest, which stands in Dagster's storage once. The rest has an entry for each date of which
something is known: 25,000 of them where all rows of a source changed within the hour.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

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
    def new(cls, now: datetime) -> SensorCursor:
        """Nothing is known but fdm_requests."""
        return cls(Watermark(), now - UNSURE)

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


class CursorStorage(Protocol):
    """Of Dagster's instance: its `daemon_cursor_storage`."""

    def get_cursor_values(self, keys: set[str]) -> Mapping[str, str]:
        """Those of the keys that there are."""
        ...

    def set_cursor_values(self, pairs: Mapping[str, str]) -> None:
        """Write them."""
        ...


@dataclass(frozen=True, slots=True)
class KeptCursor:
    """Where one sensor's cursor is kept, but for the few words that Dagster keeps.

    There are two places for it, and a tick writes to the one that the cursor which it was given does not name. A
    tick whose answer is lost has thereby overwritten nothing: the next one is given the same cursor. A cursor
    whose place was overwritten all the same, by an older tick that was still at work, begins anew.
    """

    storage: CursorStorage
    name: str
    """The sensor's."""

    def read(self, text: str | None, now: datetime, log: logging.Logger | Any) -> SensorCursor:
        """The cursor of a text; a new one where there is none, none of ours, or the rest of it is gone."""
        if not text:
            return SensorCursor.new(now)
        try:
            words = json.loads(text)
            place, digest = words["place"], words["digest"]
            rest = self.storage.get_cursor_values({self._key(place)}).get(self._key(place), "")
            if _digest(rest) == digest:
                return _parsed(words, json.loads(rest))
            log.warning("what the cursor names is not kept any more, it begins anew")
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("the cursor is not one of this sensor's, it begins anew: %.200s", text)
        return SensorCursor.new(now)

    def write(self, cursor: SensorCursor, before: str | None) -> str:
        """Keep the cursor; the text that names it. `before` is the text that the tick was given.

        Where nothing changed but the few words, nothing is written.
        """
        rest = _rest(cursor)
        digest = _digest(rest)
        place, before_digest = _place(before)
        if digest != before_digest:
            place = 1 - place
            self.storage.set_cursor_values({self._key(place): rest})
        words = {
            "place": place,
            "digest": digest,
            "floor": cursor.watermark.floor.isoformat(),
            "requested_at": cursor.requested_at.isoformat(),
            "started": cursor.started,
            "synced": cursor.synced.isoformat() if cursor.synced else None,
        }
        return json.dumps(words, separators=(",", ":"))

    def _key(self, place: int) -> str:
        return f"fdm/{self.name}/{place:d}"


def _rest(cursor: SensorCursor) -> str:
    """All that has an entry for each date, or for each run."""
    rest = {
        "seen": {day.isoformat(): digest for day, digest in cursor.watermark.seen.items()},
        "again": cursor.again,
        "later": cursor.later,
        "broken": cursor.broken,
        "run_keys": cursor.run_keys,
    }
    return json.dumps(rest, default=lambda day: day.isoformat(), separators=(",", ":"))


def _parsed(words: Mapping[str, Any], rest: Mapping[str, Any]) -> SensorCursor:
    seen = {date.fromisoformat(day): digest for day, digest in rest["seen"].items()}
    return SensorCursor(
        Watermark(datetime.fromisoformat(words["floor"]), seen),
        datetime.fromisoformat(words["requested_at"]),
        _dates(rest["again"]),
        _dates(rest["later"]),
        _dates(rest["broken"]),
        tuple(rest["run_keys"]),
        words["started"],
        datetime.fromisoformat(words["synced"]) if words["synced"] else None,
    )


def _place(text: str | None) -> tuple[int, str]:
    """Where the cursor of this text is kept, and its digest; of one that is not ours, any place and none."""
    try:
        words = json.loads(text or "")
        return int(words["place"]), str(words["digest"])
    except (ValueError, KeyError, TypeError):
        return 1, ""


def _digest(rest: str) -> str:
    return hashlib.blake2b(rest.encode(), digest_size=16).hexdigest()


def _dates(texts: Iterable[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)
