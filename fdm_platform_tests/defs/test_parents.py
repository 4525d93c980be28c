"""What a plan finds of its parents where a publisher died half way."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.publishing import PublishRequest, publish
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import version_of
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.plan import DatePlan
from fdm_platform_tests.deployment import DAYS, Deployment, deploy

MASTER = "gels_fpms_t_contract_master"
DAY = DAYS[1]


class DiesAfterCommit:
    """A ledger whose user is killed when its commit has come through."""

    def __init__(self, platform: Platform) -> None:
        self.ledger = platform.ledger

    def current(self, table_name: str, biz_dt: date) -> PublishRecord | None:
        return self.ledger.current(table_name, biz_dt)

    def find(self, table_name: str, biz_dt: date, version: int) -> PublishRecord | None:
        raise SystemExit

    def commit(self, record: PublishRecord) -> None:
        self.ledger.commit(record)
        raise SystemExit

    def void(self, table_name: str, biz_dt: date, version: int, load_id: str, why: str) -> bool:
        raise SystemExit


def publish_version(platform: Platform, version: int, *, dies: bool = False) -> None:
    """`version` rows of t_contract_master for the day."""
    root, load_id = platform.settings.landing_root / MASTER, f"load-{version}"
    area = StagingArea(load_id, MASTER, DAY, root / ".staging" / load_id / str(DAY), ("biz_dt",))
    manifest = stage_frame(pd.DataFrame({"contract_id": ["K"] * version}), area)
    request = PublishRequest(root, manifest, version, control_version="", keep_versions=1)
    publish(request, DiesAfterCommit(platform) if dies else platform.ledger)


def plan_of_child(platform: Platform) -> DatePlan:
    return platform.plan(platform.catalog.get("t_contract_summary"), [DAY], "load-9").dates[0]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home", rows=1)


@pytest.mark.parametrize("first", [1, 2])
def test_what_was_committed_and_is_not_live_is_brought_live_before_it_is_read(
    deployment: Deployment, first: int
) -> None:
    with deployment.platform() as platform:
        for version in range(1, first):
            publish_version(platform, version)
        with pytest.raises(SystemExit):
            publish_version(platform, first, dies=True)
        live = platform.settings.landing_root / MASTER / f"biz_dt={DAY:%Y%m%d}"
        assert version_of(live) == first - 1
        day = plan_of_child(platform)
    assert version_of(live) == first
    assert day.parents == {MASTER: {DAY.isoformat(): first}}
    assert [Path(f.path).parent for f in day.sources[0].files] == [live]
    assert pd.read_orc(day.sources[0].files[0].path).shape[0] == first


def test_what_something_else_has_put_there_is_read_as_it_is(deployment: Deployment) -> None:
    with deployment.platform() as platform:
        publish_version(platform, 1)
        marker = platform.settings.landing_root / MASTER / f"biz_dt={DAY:%Y%m%d}" / "_fdm_version.json"
        marker.unlink()
        assert len(plan_of_child(platform).sources[0].files) == 1
