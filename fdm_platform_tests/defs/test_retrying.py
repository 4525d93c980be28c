"""When a step is tried again, on real runs through spark-submit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

pytestmark = pytest.mark.spark

KEY = dg.AssetKey(["gels", "fpms", "t_payment"])
DAY = str(DAYS[-1])
FINDS_NOBODY = """
import pathlib, socket
import payment_as_it_was

def summarise(spark, inputs, params):
    away = pathlib.Path({away!r})
    left = int(away.read_text())
    away.write_text(str(left - 1))
    if left > 0:
        socket.create_connection(("127.0.0.1", 1))
    return payment_as_it_was.summarise(spark, inputs, params)
"""


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    made = deploy(tmp_path / "home", sql_root=shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql"))
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def declare(deployment: Deployment, text: str) -> Path:
    """Add a line to the table's YAML; its folder."""
    folder = deployment.settings.sql_root / "gels" / "fpms" / "t_payment"
    declared = folder / "table.yaml"
    declared.write_text(declared.read_text() + text)
    return folder


def run(deployment: Deployment, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    add_dates(instance, "gels_fpms", DAYS)
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=[KEY], partition_key=DAY, raise_on_error=False
    )


def attempts(deployment: Deployment) -> list[dict[str, Any]]:
    with deployment.platform() as platform:
        return sorted(platform.store.scan("fdm_attempts"), key=lambda r: r["start_time"])


def tries_again(result: dg.ExecuteInProcessResult) -> int:
    return sum(e.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY for e in result.all_events)


def test_what_was_away_is_tried_again_until_the_retries_are_used_up(
    deployment: Deployment, tmp_path: Path
) -> None:
    folder = declare(deployment, "\nretries: 1\n")
    (folder / "payment.py").rename(folder / "payment_as_it_was.py")
    away = tmp_path / "away"
    (folder / "payment.py").write_text(FINDS_NOBODY.format(away=str(away)))
    with dg.instance_for_test() as instance:
        away.write_text("1")
        result = run(deployment, instance)
        assert result.success
        assert tries_again(result) == 1
        assert instance.get_materialized_partitions(KEY) == {DAY}
        first, second = attempts(deployment)
        assert "ConnectionRefusedError: [Errno 111] Connection refused" in first["status"]
        assert second["status"] == "Completed"
        assert second["load_id"] == f"{first['load_id']}-r1"

        away.write_text("2")
        result = run(deployment, instance)
        assert not result.success
        assert tries_again(result) == 1
        assert [a["status"].partition(":")[0] for a in attempts(deployment)[2:]] == ["Failed", "Failed"]
        (failure,) = (e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure)
        assert failure
        assert "Connection refused" in str(failure.description)


def test_what_does_not_mend_itself_is_tried_once(deployment: Deployment) -> None:
    folder = declare(deployment, "\nretries: 2\n")
    (folder / "payment.py").write_text("def summarise(spark, inputs, params):\n    return inputs['nobody']\n")
    with dg.instance_for_test() as instance:
        result = run(deployment, instance)
    assert not result.success
    assert tries_again(result) == 0
    (attempt,) = attempts(deployment)
    assert "KeyError" in attempt["status"]
