"""What loads left on purpose, long ago."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fdm_platform.defs.platform import Platform
from fdm_platform.defs.pruning import KEPT_FOR
from fdm_platform.defs.recovery import recover
from fdm_platform.engines.owner import Owner
from fdm_platform.model.claim import LoadRow
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform_tests.deployment import DAYS, deploy

NOW = datetime.now(UTC)
OLD = NOW - KEPT_FOR - timedelta(hours=1)
DECLARED = "gels_fpms_t_contract_master"


def folder(platform: Platform, load_id: str, changed_at: datetime) -> Path:
    made = platform.settings.work / load_id
    made.mkdir(parents=True)
    (made / "stderr.log").touch()
    (made / "owner.lock").touch()
    os.utime(made, (changed_at.timestamp(), changed_at.timestamp()))
    return made


def test_folders_of_loads_and_letters_of_tables_that_went_go_when_they_are_old(tmp_path: Path) -> None:
    with deploy(tmp_path).platform() as platform:
        for load_id in ("over", "registered", "owned"):
            folder(platform, load_id, OLD)
        folder(platform, "new", NOW)
        platform.loads.open(LoadRow("registered", DECLARED, "elsewhere", 1, 1, NOW, NOW))
        owner = Owner(platform.settings.work / "owned")
        gone = DeadLetter("gone", DAYS[0], "load", "1", 3, "data", "{}", OLD)
        fresh = replace(gone, biz_dt=DAYS[1], parked_at=NOW)
        platform.dead_letters.park([gone, fresh, replace(gone, table_name=DECLARED)])
        recover(platform, is_dry_run=True)
        recover(platform, [DECLARED])
        assert len(list(platform.settings.work.iterdir())) == 4
        assert recover(platform) == []
        assert {f.name for f in platform.settings.work.iterdir()} == {"registered", "owned", "new"}
        letters = platform.dead_letters.all()
        assert {(table, d) for table, of in letters.items() for d in of} == {
            ("gone", DAYS[1]),
            (DECLARED, DAYS[0]),
        }
        owner.let_go()
        platform.loads.end("registered")
        recover(platform)
        assert {f.name for f in platform.settings.work.iterdir()} == {"new"}
