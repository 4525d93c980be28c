"""When a step is tried again, on real runs through spark-submit."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

KEY, TABLE = dg.AssetKey(["gels", "fpms", "t_payment"]), "gels_fpms_t_payment"
DAY = str(DAYS[-1])
GOOD, BACK, GONE, WRONG = map(str, (*DAYS, date(2024, 5, 16)))
EACH_DATE_ITS_OWN = """
import pathlib, socket
import payment_as_it_was

def summarise(spark, inputs, params):
    day, came_back = str(params["biz_dt"]), pathlib.Path({came_back!r})
    if day == {wrong!r}:
        return inputs["nobody"]
    if day == {gone!r} or day == {back!r} and not came_back.exists():
        if day == {back!r}:
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


def add_a_date(deployment: Deployment, day: str) -> None:
    """Control row and source of one more date, as the last one has them."""
    with deployment.platform() as platform:
        (row,) = (r for r in platform.store.scan("process_control") if r["biz_dt"] == DAYS[-1])
        platform.store.insert("process_control", {**row, "biz_dt": date.fromisoformat(day)})
    source = deployment.source("payments_{day}.orc")
    shutil.copyfile(source, deployment.source("payments_{day}.orc", date.fromisoformat(day)))


def run(deployment: Deployment, instance: dg.DagsterInstance, **tags: str) -> dg.ExecuteInProcessResult:
    """Of all four dates."""
    add_dates(instance, "gels_fpms", map(date.fromisoformat, (GOOD, BACK, GONE, WRONG)))
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    ends = {"dagster/asset_partition_range_start": GOOD, "dagster/asset_partition_range_end": WRONG}
    return job.execute_in_process(
        instance=instance, asset_selection=[KEY], tags={**ends, **tags}, raise_on_error=False
    )


def attempts(deployment: Deployment) -> list[tuple[str, str, str, bool]]:
    """In the order in which they began: date, how it ended, the load, and whether a connection was refused."""
    with deployment.platform() as platform:
        rows = sorted(platform.store.scan("fdm_attempts"), key=lambda r: (r["start_time"], r["biz_dt"]))
    refused = "ConnectionRefusedError: [Errno 111] Connection refused"
    return [
        (str(r["biz_dt"]), r["status"].partition(":")[0], r["load_id"], refused in r["status"]) for r in rows
    ]


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = (e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure)
    return str(failure and failure.description)


def test_of_four_dates_two_are_live_one_of_them_by_a_retry_and_two_are_parked(
    deployment: Deployment, tmp_path: Path
) -> None:
    add_a_date(deployment, WRONG)
    folder = deployment.settings.sql_root / "gels" / "fpms" / "t_payment"
    declared = folder / "table.yaml"
    declared.write_text(declared.read_text() + "\nretries: {limit: 1, delay_s: 0}\n")
    (folder / "payment.py").rename(folder / "payment_as_it_was.py")
    text = EACH_DATE_ITS_OWN.format(wrong=WRONG, gone=GONE, back=BACK, came_back=str(tmp_path / "came back"))
    (folder / "payment.py").write_text(text)
    with dg.instance_for_test() as instance:
        result = run(deployment, instance)
        assert not result.success
        assert instance.get_materialized_partitions(KEY) == {GOOD, BACK}
        again = {"dagster/parent_run_id": result.run_id, "dagster/root_run_id": result.run_id}
        resumes = {"dagster/is_resume_retry": "true", "dagster/retry_number": "1"}
        by_dagster = run(deployment, instance, **again, **resumes)
        assert not by_dagster.success
    assert sum(e.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY for e in result.all_events) == 1
    load = f"{result.run_id}-{TABLE}"
    assert attempts(deployment) == [
        (GOOD, "Completed", load, False),
        (BACK, "Failed", load, True),
        (GONE, "Failed", load, True),
        (WRONG, "Failed", load, False),
        (BACK, "Completed", f"{load}-r1", False),
        (GONE, "Failed", f"{load}-r1", True),
    ], "what is live or parked is left alone, by Dagster's retries too"
    assert "1 of 2 business dates were not published" in failure_of(result)
    assert "Connection refused" in failure_of(result)
    parked = f"parked by an earlier try, see `fdm dead-letters`: {GONE}, {WRONG}"
    assert failure_of(by_dagster) == parked
    with deployment.platform() as platform:
        assert {str(d): p.version for d, p in platform.ledger.published(TABLE).items()} == {GOOD: 1, BACK: 1}
        assert platform.claims.all() == []
        letters = {str(x.biz_dt): x for x in platform.dead_letters.of_table(TABLE).values()}
    told = {day: (x.kind, x.attempts) for day, x in letters.items()}
    assert told == {GONE: ("infrastructure", 2), WRONG: ("code", 1)}
    assert "KeyError" in letters[WRONG].headline
