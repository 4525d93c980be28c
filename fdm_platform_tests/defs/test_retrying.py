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

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

KEY, TABLE = dg.AssetKey(["gels", "fpms", "t_payment"]), "gels_fpms_t_payment"
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
EACH_DATE_ITS_OWN = """
import pathlib, socket
import payment_as_it_was

def summarise(spark, inputs, params):
    day, came_back = str(params["biz_dt"]), pathlib.Path({came_back!r})
    if day == {wrong!r}:
        return inputs["nobody"]
    if day == {away!r} and not came_back.exists():
        came_back.touch()
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


def run(
    deployment: Deployment, instance: dg.DagsterInstance, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    """Of the last date, or of those that the tags name."""
    add_dates(instance, "gels_fpms", DAYS)
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=[KEY],
        partition_key=None if tags else DAY,
        tags=tags,
        raise_on_error=False,
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


def test_of_three_dates_one_is_live_one_is_tried_again_and_one_is_parked(
    deployment: Deployment, tmp_path: Path
) -> None:
    good, away, wrong = map(str, DAYS)
    folder = declare(deployment, "\nretries: {limit: 2, delay_s: 0}\n")
    (folder / "payment.py").rename(folder / "payment_as_it_was.py")
    text = EACH_DATE_ITS_OWN.format(wrong=wrong, away=away, came_back=str(tmp_path / "came back"))
    (folder / "payment.py").write_text(text)
    tags = {"dagster/asset_partition_range_start": good, "dagster/asset_partition_range_end": wrong}
    with dg.instance_for_test() as instance:
        result = run(deployment, instance, tags)
        assert instance.get_materialized_partitions(KEY) == {good, away}
        again = {"dagster/parent_run_id": result.run_id, "dagster/root_run_id": result.run_id}
        by_dagster = {**tags, **again, "dagster/is_resume_retry": "true", "dagster/retry_number": "1"}
        assert not run(deployment, instance, by_dagster).success
    assert not result.success
    assert tries_again(result) == 1
    tried = [(str(a["biz_dt"]), a["status"].partition(":")[0]) for a in attempts(deployment)]
    assert sorted(tried[:3]) == [(good, "Completed"), (away, "Failed"), (wrong, "Failed")]
    assert tried[3:] == [(away, "Completed")], (
        "what is live or parked is left alone, by Dagster's retries too"
    )
    (failure,) = (e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure)
    assert failure
    assert failure.description == f"parked by an earlier try, see `fdm dead-letters`: {wrong}"
    with deployment.platform() as platform:
        assert {str(d): p.version for d, p in platform.ledger.published(TABLE).items()} == {good: 1, away: 1}
        assert platform.claims.all() == []
        (letter,) = platform.dead_letters.of_table(TABLE).values()
    assert (str(letter.biz_dt), letter.kind, letter.attempts) == (wrong, "code", 1)
    assert "KeyError" in letter.headline
