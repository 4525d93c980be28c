"""`fdm partitions` as its user calls it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fdm_platform_tests import command
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(tmp_path / "home")


def fdm(deployment: Deployment, *args: str) -> subprocess.CompletedProcess[str]:
    return command.fdm(deployment, "partitions", *args)


def shown(deployment: Deployment) -> dict[str, Any]:
    done = fdm(deployment, "show", "gels/fpms", "--json")
    assert done.returncode == 0, done.stderr
    (state,) = json.loads(done.stdout)
    assert isinstance(state, dict)
    return state


def test_a_set_is_shown_synced_and_a_date_removed_from_it(deployment: Deployment) -> None:
    days = [str(day) for day in DAYS]
    before = shown(deployment)
    assert "t_contract_master" in before.pop("tables")
    assert before == {
        "partition_set": "gels_fpms",
        "dates": [],
        "without_control_row": [],
        "not_in_set": days,
    }
    synced = fdm(deployment, "sync")
    assert (synced.returncode, synced.stdout) == (0, "gels_fpms: 3 added\n")
    with deployment.platform() as platform:
        (row,) = (r for r in platform.store.scan("process_control") if r["biz_dt"] == DAYS[1])
        layout = platform.store.layout("process_control")
        platform.store.delete("process_control", [{name: row[name] for name in layout.key}])
    assert (shown(deployment)["dates"], shown(deployment)["without_control_row"]) == (days, [days[1]])
    assert "process_control has no row of 2024-05-14" in fdm(deployment, "sync").stderr

    removed = fdm(deployment, "remove", "t_contract_master", "--biz-dt", "2024-05-14")
    assert removed.returncode == 0, removed.stderr
    assert (
        "2024-05-14 is no longer in gels_fpms; what is published of it, and its history, stay"
        in removed.stdout
    )
    assert removed.stderr == ""
    assert shown(deployment)["dates"] == [days[0], days[2]]
    assert (
        "it comes back with the next sync"
        in fdm(deployment, "remove", "gels_fpms", "--biz-dt", days[0]).stderr
    )
    assert fdm(deployment, "sync").stdout == "gels_fpms: 1 added\n"


def test_a_source_without_control_rows_has_the_dates_of_its_calendar(tmp_path: Path) -> None:
    sql = shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    text = "control_rows: false\nstart: 2024-05-09\nend: 2024-05-15\n"
    (sql / "gels" / "fpms" / "calendar.yaml").write_text(text)
    deployment = deploy(tmp_path / "home", sql_root=sql)
    assert fdm(deployment, "sync").stdout == "gels_fpms: 5 added\n"
    state = shown(deployment)
    assert state["dates"] == ["2024-05-09", "2024-05-10", *(str(day) for day in DAYS)]
    assert (state["without_control_row"], state["not_in_set"]) == ([], [])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["remove", "gels_fpms", "--biz-dt", "2024-05-18"], "partition set gels_fpms has no 2024-05-18"),
        (["show", "gels/fpm"], "gels/fpm"),
        (["remove", "gels_fpms", "--biz-dt", "today"], "'today' is not a business date"),
    ],
)
def test_what_is_not_there_is_told_with_a_remedy(
    deployment: Deployment, args: list[str], message: str
) -> None:
    done = fdm(deployment, *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert "remedy: " in done.stderr


QUEUE = """
import sys
from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.location import build_definitions
from fdm_platform.model.settings import Settings
import dagster as dg
settings = Settings.from_environ()
with open_instance(settings) as instance:
    run = instance.create_run_for_job(
        build_definitions(settings).resolve_implicit_global_asset_job_def(),
        tags={"dagster/partition": "2024-05-14"},
        asset_selection={dg.AssetKey(["gels", "fpms", "t_contract_master"])},
    )
    print(run.run_id)
"""


def test_a_date_with_a_run_that_waits_is_removed_by_force_alone(deployment: Deployment) -> None:
    fdm(deployment, "sync")
    queued = subprocess.run(
        [sys.executable, "-c", QUEUE], env=deployment.environ, capture_output=True, text=True, check=False
    )
    assert queued.returncode == 0, queued.stderr
    run_id = queued.stdout.split()[-1]
    refused = fdm(deployment, "remove", "gels_fpms", "--biz-dt", "2024-05-14")
    assert refused.returncode == 2
    assert f"2024-05-14 of gels_fpms is in use: run {run_id}, not_started" in refused.stderr
    assert fdm(deployment, "remove", "gels_fpms", "--biz-dt", "2024-05-14", "--force").returncode == 0
    assert shown(deployment)["dates"] == ["2024-05-13", "2024-05-15"]
