"""A process that publishes dates of a counted table as `fdm materialize` does, in a run of Dagster; without Spark.

    python -m fdm_platform_tests.faults.staged_command TABLE LOAD_ID DATE...

What Spark would have staged is staged here, and the load is handed to the run as one whose Spark is done.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date

from fdm_platform.cli.console import RunLog
from fdm_platform.cli.load import ended_by_signals
from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.load import Load
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.defs.registering import register
from fdm_platform.defs.run import run_load
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.model.manifest import DateOutcome, LoadReport
from fdm_platform.model.plan import DatePlan
from fdm_platform.model.table import TableSpec
from fdm_platform_tests.faults.counted import offered, rows_of, table_name


def staged_load(platform: Platform, spec: TableSpec, load_id: str, dates: Sequence[date]) -> Load:
    """A load that has followed its Spark to the end."""
    place = register(platform, spec.name, dates, load_id, asked_by="hand")
    rows = platform.job_rows(spec, dates)
    plan, refused = platform.plan_each(spec, dates, load_id, rows, place.versions)
    assert plan, refused
    log, load = platform.execution_log, Load(platform, load_id, tuple(dates), LoadReport(load_id, ()), plan)
    load.place, load.is_followed = place, True
    for planned in plan.dates:
        of = DateAttempt(spec.name, planned.biz_dt, load_id, planned.control_version, "hand")
        load.open[planned.biz_dt] = log.start(
            job_id=spec.job_name, job_name=spec.job_name, run_id=None, of=of
        )
    load.report = LoadReport(load_id, tuple(_staged(platform, spec, load_id, d) for d in plan.dates))
    return load


def _staged(platform: Platform, spec: TableSpec, load_id: str, planned: DatePlan) -> DateOutcome:
    day = planned.biz_dt
    area = StagingArea(load_id, spec.name, day, planned.staging, spec.partition_by)
    return DateOutcome(day, stage_frame(rows_of(offered(platform, spec.table, day)), area))


def main(table: str, load_id: str, *dates: str) -> None:
    with open_platform() as platform, ended_by_signals() as raise_again:
        spec = platform.catalog.get(table_name(table))
        load = staged_load(platform, spec, load_id, [date.fromisoformat(day) for day in dates])
        try:
            with open_instance(platform.settings) as instance:
                run_load(instance, load, spec, RunLog(), raise_if_stopped=raise_again)
            raise_again()
        except BaseException as error:
            load.abandon(error)
            raise_again()
            raise
        sys.exit(5 if load.all_failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
