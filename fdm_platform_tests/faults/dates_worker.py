"""A process that loads dates of a counted table as a worker does, and one that recovers; neither needs Spark.

    python -m fdm_platform_tests.faults.dates_worker load TABLE LOAD_ID DATE...
    python -m fdm_platform_tests.faults.dates_worker recover

The load owns its folder, with secrets in it, and has started a process that stands for its Spark. It stages all of its
dates and then publishes them in turn. The recoverer says `ready`, and recovers at each line that it is told, which is
answered by what it did, as JSON. FDM_CRASH_AT has either die.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import date

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.registering import Registration, register
from fdm_platform.engines.load_folder import LoadFolder, folder_of
from fdm_platform.engines.orphan import write_down
from fdm_platform.engines.owner import VARIABLE, Owner
from fdm_platform.engines.publishing import PublishRequest, publish
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING
from fdm_platform.model.codec import to_plain
from fdm_platform.model.table import TableSpec
from fdm_platform_tests.faults.counted import offered, rows_of, table_name


def start_spark(folder: LoadFolder) -> Owner:
    """Own the load's folder, and leave in it what a worker leaves; what stands for Spark does nothing for ever."""
    folder.path.mkdir(parents=True)
    owner = Owner(folder.path)
    for file in (folder.secrets, folder.secret_properties):
        file.write_text("secret")
    spark = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(10_000)"],
        env={VARIABLE: str(folder.path)},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    write_down(folder, spark.pid)
    return owner


def load(platform: Platform, table: str, load_id: str, dates: Sequence[date]) -> None:
    """Load the dates; a signal that kills leaves all as it is."""
    spec = platform.catalog.get(table_name(table))
    place = register(platform, spec.name, dates, load_id, asked_by="hand")
    log, attempts = platform.execution_log, {}
    for day in dates:
        of = DateAttempt(spec.name, day, load_id, "row", "hand")
        attempts[day] = log.start(job_id=spec.job_name, job_name=spec.job_name, run_id=None, of=of)
    owner = start_spark(folder_of(platform.settings.work, load_id))
    staged = {day: _stage(platform, spec, table, place, day) for day in dates}
    for day in dates:
        publish(staged[day], platform.ledger)
        log.finish(attempts[day], status="Completed")
        place.release(day)
    owner.let_go()


def _stage(platform: Platform, spec: TableSpec, table: str, place: Registration, day: date) -> PublishRequest:
    root = platform.settings.landing_root / spec.name
    staging = root / STAGING / place.load_id / day.isoformat()
    area = StagingArea(place.load_id, spec.name, day, staging, spec.partition_by)
    manifest = stage_frame(rows_of(offered(platform, table, day)), area)
    return PublishRequest(root, manifest, place.versions[day], "row", spec.keep_versions)


def recover_when_told(platform: Platform) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        done = [to_plain(r) for r in recover(platform)]
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


def main(action: str, *of: str) -> None:
    with open_platform() as platform:
        if action == "recover":
            recover_when_told(platform)
        else:
            load(platform, of[0], of[1], [date.fromisoformat(day) for day in of[2:]])


if __name__ == "__main__":
    main(*sys.argv[1:])
