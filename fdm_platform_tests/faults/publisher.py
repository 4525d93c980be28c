"""A process that loads one date of a counted table as the platform's worker does, with rows that need no Spark.

    python -m fdm_platform_tests.faults.publisher exchange|two TABLE DATE LOAD_ID

Registered, claimed, logged, staged, published and told by the platform's own code; FDM_CRASH_AT has it die in between.
"""

from __future__ import annotations

import sys
from datetime import date

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.attempting import attempted
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.defs.registering import registered
from fdm_platform.engines.publishing import PublishRequest, publish
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING
from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.table import TableSpec
from fdm_platform_tests.engines.publisher import forbid_renameat2
from fdm_platform_tests.faults.counted import rows_of, table_name


def load(platform: Platform, table: str, biz_dt: date, load_id: str) -> int:
    """Load a date as its control row says; the version that it was published as."""
    spec = platform.catalog.get(table_name(table))
    with registered(platform, spec.name, biz_dt, load_id, asked_by="hand") as version:
        (row,) = platform.control_rows(spec, [biz_dt])  # read when nobody else is at the date any more
        of, job = DateAttempt(spec.name, biz_dt, load_id, row.version, "hand"), spec.job_name
        with attempted(platform, of, job_id=job, job_name=job, run_id=row.run_id) as told:
            publish(_staged(platform, spec, row, load_id, version), platform.ledger, told)
    return version


def _staged(
    platform: Platform, spec: TableSpec, row: ProcessControlRow, load_id: str, version: int
) -> PublishRequest:
    root = platform.settings.landing_root / spec.name
    staging = root / STAGING / load_id / row.biz_dt.isoformat()
    area = StagingArea(load_id, spec.name, row.biz_dt, staging, spec.partition_by)
    manifest = stage_frame(rows_of(int(row.run_id or 0)), area)
    wait_s = platform.settings.commit_wait_s
    return PublishRequest(root, manifest, version, row.version, spec.keep_versions, commit_wait_s=wait_s)


def main(renames: str, table: str, biz_dt: str, load_id: str) -> None:
    if renames == "two":
        forbid_renameat2()
    with open_platform() as platform:
        load(platform, table, date.fromisoformat(biz_dt), load_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
