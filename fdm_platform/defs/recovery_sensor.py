"""The daemon's own recovery: a sensor that looks every minute for what dead loads left."""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

from collections.abc import Callable, Iterable

import dagster as dg

from fdm_platform.defs.platform import Platform
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.defs.rollback import materialize
from fdm_platform.errors import ControlError
from fdm_platform.model.recovered import Recovered

EVERY_S = 60
_RUN_ID_LENGTH = 36
_ENDED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def recovery_sensor() -> dg.SensorDefinition:
    """It runs unless it is switched off, and requests no run."""

    @dg.sensor(
        name="recovery",
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Puts in order what loads left whose process died: finishes swaps, removes what is staged, "
        "closes attempts, frees dates.",
    )
    def recovery(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SkipReason:
        try:
            done = recover(platform.platform, is_patient=True, is_unwanted=_ended_run(context.instance))
        except ControlError as error:
            raise dg.DagsterError(str(error)) from error
        tell(context.instance, platform.platform, done)
        return dg.SkipReason("; ".join(map(_line, done)) or "no load has left anything")

    return recovery


def tell(instance: dg.DagsterInstance, platform: Platform, done: Iterable[Recovered]) -> None:
    """Materialize what dead loads published and did not live to tell: tables that follow wait for that."""
    told = {(r.table, r.biz_dt) for r in done if r.is_published}
    for table, biz_dt in sorted(told, key=str):
        spec = platform.catalog.tables.get(table or "")
        if spec and biz_dt:
            materialize(instance, platform, spec, biz_dt)


def _ended_run(instance: dg.DagsterInstance) -> Callable[[str], bool]:
    """A load's id begins with its run's."""

    def is_ended(load_id: str) -> bool:
        run = instance.get_run_by_id(load_id[:_RUN_ID_LENGTH])
        return run is not None and run.status in _ENDED

    return is_ended


def _line(done: Recovered) -> str:
    return " ".join(str(part) for part in (done.what, done.table, done.biz_dt, done.load_id) if part)
