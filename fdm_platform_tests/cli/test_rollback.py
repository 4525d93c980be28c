"""fdm rollback: a kept version is published once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.status import Statuses
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.publishing import PublishRequest, publish, unfinished
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import kept_versions
from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import DAYS, Deployment, deploy
from fdm_platform_tests.faults.crashing import FDM, die, run

MASTER = "gels_fpms_t_contract_master"
DAY = DAYS[-1]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home", rows=1)


def publish_version(platform: Platform, version: int) -> None:
    """`version` rows, as from the control row as it is now."""
    spec = platform.catalog.get(MASTER)
    root, load_id = platform.settings.landing_root / MASTER, f"load-{version}"
    area = StagingArea(load_id, MASTER, DAY, root / ".staging" / load_id / str(DAY), ("biz_dt",))
    manifest = stage_frame(pd.DataFrame({"contract_id": [f"v{version}"] * version}), area)
    (row,) = platform.control_rows(spec, [DAY])
    parents = {"another": {str(DAY): version}}
    publish(PublishRequest(root, manifest, version, row.version, 2, parents=parents), platform.ledger)


def rows(deployment: Deployment) -> list[str]:
    landed = LandedDates(deployment.settings.landing_root / MASTER, "yyyyMMdd", (DAY,))
    found: list[str] = landed.to_arrow()["contract_id"].to_pylist()
    return found


def test_rollback_is_a_publish(deployment: Deployment) -> None:
    root = deployment.settings.landing_root / MASTER
    with deployment.platform() as platform:
        for version in (1, 2, 3):
            publish_version(platform, version)
        before = platform.ledger.published(MASTER)[DAY]
    done = fdm(deployment, "rollback", MASTER, "--biz-dt", str(DAY), "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert {k: told[k] for k in ("version", "restored", "replaced", "rows")} == {
        "version": 4,
        "restored": 2,
        "replaced": 3,
        "rows": 2,
    }
    assert rows(deployment) == ["v2", "v2"]
    assert list(unfinished(root)) == []
    with deployment.platform() as platform:
        after = platform.ledger.published(MASTER)[DAY]
        assert (after.version, after.kind) == (4, "rollback of 2")
        assert (after.control_version, after.parents) == (before.control_version, before.parents)
        (attempt,) = [r for r in platform.store.scan("fdm_attempts") if r["load_id"] == after.load_id]
        assert (attempt["status"], attempt["biz_dt"]) == ("Completed", DAY)
        (log,) = platform.store.scan("execution_log")
        assert log["status"] == "Completed"
        assert list(platform.store.scan("fdm_claims")) == list(platform.store.scan("fdm_loads")) == []
        spec = platform.catalog.get(MASTER)
        with open_instance(platform.settings) as instance:
            event = instance.get_latest_data_version_record(dg.AssetKey(spec.key), partition_key=str(DAY))
            assert event
            assert event.asset_materialization
            assert event.asset_materialization.metadata["version"].value == 4
    # The one before can be had again, with the kept version's own marker.
    assert (
        "version 3 is live again, as version 5"
        in fdm(deployment, "rollback", MASTER, "--biz-dt", str(DAY), "--to", "3").stdout
    )
    assert rows(deployment) == ["v3"] * 3
    assert kept_versions(root, f"biz_dt={DAY:%Y%m%d}").keys() >= {4}


def test_a_rollback_that_is_killed_once_it_is_live_is_told_by_recovery(deployment: Deployment) -> None:
    with deployment.platform() as platform:
        publish_version(platform, 1)
        publish_version(platform, 2)
        die([FDM, "rollback", MASTER, "--biz-dt", str(DAY)], deployment.environ, "publish.cleaned")
        assert run([FDM, "recover"], deployment.environ).code == 0
        key = dg.AssetKey(platform.catalog.get(MASTER).key)
        with open_instance(platform.settings) as instance:
            (told,) = instance.fetch_materializations(key, limit=9).records
        assert told.asset_materialization
        assert told.asset_materialization.metadata["version"].value == 3
        assert list(platform.store.scan("fdm_loads")) == []


def test_a_rollback_is_not_undone_by_the_sensor(deployment: Deployment) -> None:
    with deployment.platform() as platform:
        publish_version(platform, 1)
        publish_version(platform, 2)
        spec = platform.catalog.get(MASTER)
        before = Statuses(platform, [spec]).of_dates(spec, [DAY]).dates[DAY]
    assert fdm(deployment, "rollback", MASTER, "--biz-dt", str(DAY)).returncode == 0
    with deployment.platform() as platform:
        assert Statuses(platform, [spec]).of_dates(spec, [DAY]).dates[DAY] == before


@pytest.mark.parametrize(("versions", "to", "kept"), [(0, None, "none"), (1, None, "none"), (2, "7", "1")])
def test_a_rollback_of_a_version_that_is_not_kept(
    deployment: Deployment, versions: int, to: str | None, kept: str
) -> None:
    with deployment.platform() as platform:
        for version in range(1, versions + 1):
            publish_version(platform, version)
    done = fdm(deployment, "rollback", MASTER, "--biz-dt", str(DAY), *(("--to", to) if to else ()))
    assert done.returncode == 6
    assert f"to go back to is kept; kept: {kept}" in done.stderr
    with deployment.platform() as platform:
        assert platform.ledger.current_versions(MASTER, [DAY]) == ({DAY: versions} if versions else {})
        assert list(platform.store.scan("fdm_claims")) == []
