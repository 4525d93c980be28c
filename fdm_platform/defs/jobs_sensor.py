"""The sensor that keeps legacy jobs in step with job_master: it requests no run, it has definitions loaded anew."""

# Annotations stay real here: Dagster reads those of a sensor's function, and takes no strings.

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import dagster as dg

from fdm_platform.control.legacy_jobs import saved
from fdm_platform.defs.legacy_jobs import refresh_jobs
from fdm_platform.defs.reloading import is_outdated, reload_soon, reloader
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.errors import FdmError
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.processes import this_host

log = logging.getLogger(__name__)
EVERY_S = 60
LOCATION = "fdm_platform"
"""As workspace.yaml names it, where Dagster does not tell."""


@dataclass(frozen=True)
class _Cursor:
    """What a tick hands on to the next, perhaps in another process."""

    asked_at: float = 0.0
    """When a reload was asked for last, in seconds of the wall clock."""
    asked_by: str = ""
    """The process whose definitions were to be replaced, and which therefore should be another by now."""

    @classmethod
    def of(cls, written: str | None) -> "_Cursor":
        return cls(**json.loads(written)) if written else cls()


def jobs_sensor() -> dg.SensorDefinition:
    """It runs unless it is switched off, and requests no run."""

    @dg.sensor(
        name="legacy_jobs",
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks which jobs of job_master have their folder, and has the definitions loaded anew when "
        "they have changed: jobs come and go without a restart.",
    )
    def legacy_jobs(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SkipReason:
        opened, cursor = platform.platform, _Cursor.of(context.cursor)
        try:
            refresh_jobs(opened)
            jobs = saved(opened.settings.home)
        except FdmError as error:
            raise dg.DagsterError(str(error)) from error
        found = f"{len(jobs.jobs)} jobs, {len(jobs.findings)} that are none" if jobs else ""
        told, after = _keep_up(opened.settings, cursor, _location(context))
        context.update_cursor(json.dumps(asdict(after)))
        return dg.SkipReason(f"{found}; {told}" if told else found)

    return legacy_jobs


def _keep_up(settings: Settings, cursor: _Cursor, location: str) -> tuple[str, _Cursor]:
    """Ask for a reload where the definitions are outdated, at most so often as the settings say."""
    if not is_outdated(settings):
        return "", cursor
    reload, now = reloader(settings, location), time.time()
    if reload is None:
        return (
            "the definitions are not those of now: reload the code location; with FDM_CODE_SERVER or FDM_UI_URL "
            "set it is done by itself"
        ), cursor
    wait_s = cursor.asked_at + settings.reload_every_s - now
    if 0 < wait_s <= settings.reload_every_s:  # a clock that was set back makes it no longer
        return f"the definitions are loaded anew in {wait_s:.0f} s (FDM_RELOAD_EVERY_S)", cursor
    reload_soon(reload)
    this = f"{this_host()}/{os.getpid()}"
    told = "the definitions are loaded anew"
    if cursor.asked_by == this:
        told += "; the last time nothing came of it: see this process's log, it must be `dagster code-server start`"
    return told, _Cursor(now, this)


def _location(context: dg.SensorEvaluationContext) -> str:
    origin = context.code_location_origin
    return origin.location_name if origin else LOCATION


def buildable(specs: Iterable[TableSpec]) -> Iterator[TableSpec]:
    """Those that Dagster takes, and a warning for each other: one that it refuses would take all others down."""
    for spec in specs:
        try:
            dg.AssetSpec(
                spec.key,
                description=spec.description,
                group_name=spec.partition_set,
                code_version=spec.code_version,
                owners=[spec.owner] if spec.owner else None,
                tags={**spec.tags, "entity": spec.key[0], "source_system": spec.key[1]},
            )
        except (dg.DagsterError, ValueError, TypeError) as error:
            log.warning("%s is left out of the definitions: %s", spec.name, error)
        else:
            yield spec
