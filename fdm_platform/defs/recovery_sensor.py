"""The daemon's own recovery: a sensor that looks every minute for what dead loads left."""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import dagster as dg

from fdm_platform.defs.liveness import CLOCK, Clock, Seen, Watch
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.telling import tell
from fdm_platform.errors import ControlError
from fdm_platform.model.recovered import Recovered
from fdm_platform.processes import this_host

EVERY_S = 60
LIST_ALL_S = 3_600.0
"""How often the folders of all tables are listed, and not only of those that a load is registered for."""
_RUN_ID_LENGTH = 36
_ENDED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def recovery_sensor(clock: Clock = CLOCK) -> dg.SensorDefinition:
    """It runs unless it is switched off, and requests no run."""

    @dg.sensor(
        name="recovery",
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Puts in order what loads left whose process died: finishes swaps, removes what is staged, "
        "closes attempts, frees dates.",
    )
    def recovery(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SkipReason:
        opened, before = platform.platform, _Cursor.of(context.cursor)
        watch = Watch(opened.settings.lease_s, clock, before.seen)
        is_all_due = before.listed_at is None or clock.now() - before.listed_at >= LIST_ALL_S
        try:
            done = recover(
                opened,
                also=None if is_all_due else before.left,
                is_patient=True,
                is_unwanted=_ended_run(context.instance),
                watch=watch,
            )
        except ControlError as error:
            raise dg.DagsterError(str(error)) from error
        tell(context.instance, opened, done)
        left = {r.table for r in done if r.what == "left"}
        listed_at = None if None in left else clock.now() if is_all_due else before.listed_at
        after = _Cursor(this_host(), watch.seen, listed_at, sorted(filter(None, left)))
        context.update_cursor(json.dumps(asdict(after)))
        return dg.SkipReason("; ".join(map(_line, done)) or "no load has left anything")

    return recovery


@dataclass(frozen=True)
class _Cursor:
    """What a tick hands on to the next, whose clock is the same on the same machine only."""

    host: str
    seen: Mapping[str, Seen] = field(default_factory=dict)
    """Of its watch."""
    listed_at: float | None = None
    """When all tables were listed, in seconds of the clock; None where one refused."""
    left: Sequence[str] = ()
    """Tables in which something could not be put in order."""

    @classmethod
    def of(cls, written: str | None) -> "_Cursor":
        before = cls(**json.loads(written)) if written else None
        return before if before and before.host == this_host() else cls(this_host())


def _ended_run(instance: dg.DagsterInstance) -> Callable[[str], bool]:
    """A load's id begins with its run's."""

    def is_ended(load_id: str) -> bool:
        run = instance.get_run_by_id(load_id[:_RUN_ID_LENGTH])
        return run is not None and run.status in _ENDED

    return is_ended


def _line(done: Recovered) -> str:
    return " ".join(str(part) for part in (done.what, done.table, done.biz_dt, done.load_id) if part)
