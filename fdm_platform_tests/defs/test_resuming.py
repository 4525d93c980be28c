"""What a retry of a run loads, on real runs through spark-submit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform_tests.deployment import DAYS, Deployment, deploy

TABLE = "gels_fpms_t_contract_master"
KEY = dg.AssetKey(["gels", "fpms", "t_contract_master"])
RANGE = {
    "dagster/asset_partition_range_start": "2024-05-13",
    "dagster/asset_partition_range_end": "2024-05-15",
}


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    made = deploy(tmp_path / "home")
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def run(deployment: Deployment, instance: dg.DagsterInstance, **tags: str) -> dg.ExecuteInProcessResult:
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=[KEY], raise_on_error=False, tags={**RANGE, **tags}
    )


def retry_of(first: dg.ExecuteInProcessResult, *, from_failure: bool) -> dict[str, str]:
    """The tags that Dagster gives to a run that re-executes another one."""
    parents = {"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id}
    return {**parents, **({"dagster/is_resume_retry": "true"} if from_failure else {})}


def versions(deployment: Deployment) -> list[int]:
    with deployment.platform() as platform:
        return [p.version for _, p in sorted(platform.ledger.published(TABLE).items())]


def attempted(deployment: Deployment) -> list[str]:
    with deployment.platform() as platform:
        rows = sorted(platform.store.scan("fdm_attempts"), key=lambda r: (r["start_time"], r["biz_dt"]))
    return [str(r["biz_dt"]) for r in rows]


def told(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[Any]:
    """Dates that a run materialized in Dagster, with their versions."""
    entries = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [m for e in entries if (m := e.asset_materialization)]
    return sorted((m.partition, m.metadata["version"].value) for m in events)


@pytest.mark.spark
def test_a_retry_loads_the_failed_date_alone_and_all_again_where_all_is_asked(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = deployment.source("customer_contract_{day}.csv", DAYS[1])
    good = source.read_text()
    source.write_text(good + "C1,K999999999,Active,a lot,1.00,GELS\n")
    with dg.instance_for_test() as instance:
        add_dates(instance, "gels_fpms", DAYS)
        first = run(deployment, instance)
        assert not first.success
        (failure,) = (e.step_failure_data.user_failure_data for e in first.all_events if e.is_step_failure)
        assert str(source) in str(failure and failure.description)
        assert "a lot" in str(failure and failure.description)
        assert told(instance, first) == [("2024-05-13", 1), ("2024-05-15", 1)]

        instance.wipe_assets([KEY])  # as if the process had died before it told of them
        source.write_text(good)
        again = run(deployment, instance, **retry_of(first, from_failure=True))
        assert again.success
        assert versions(deployment) == [1, 1, 1]
        assert attempted(deployment)[3:] == ["2024-05-14"]
        assert told(instance, again) == [("2024-05-13", 1), ("2024-05-14", 1), ("2024-05-15", 1)]

        nothing = run(deployment, instance, **retry_of(first, from_failure=True))
        assert nothing.success
        assert (told(instance, nothing), len(attempted(deployment))) == ([], 4)

        monkeypatch.setenv("JAVA_HOME", "/nowhere")  # what is to be loaded is decided before Spark is started
        assert not run(deployment, instance, **retry_of(first, from_failure=False)).success
        assert attempted(deployment)[4:] == [str(d) for d in DAYS]
        assert versions(deployment) == [1, 1, 1]
