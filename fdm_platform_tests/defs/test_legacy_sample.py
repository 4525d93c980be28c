"""The sample's legacy jobs by a sensor: each version of a date's control row is one run of the script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.defs.legacy_jobs import refresh_jobs
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resources import PlatformResource
from fdm_platform_tests.deployment import DAYS, Deployment, deploy
from fdm_platform_tests.trees import tree

pytestmark = pytest.mark.spark

SAMPLE = "etl_lnd_gels_fpms_t_contract_legacy"
PLAIN = "etl_lnd_gels_fpms_t_contract_plain"
FIRST, SECOND = DAYS[1:]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The sample's jobs, without what they wait for, and two dates."""
    made = deploy(tmp_path / "home", rows=40)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    with made.platform() as platform:
        for row in list(platform.store.scan("job_dependency")):
            key = ("dependent_job_id", "dependent_job_name")
            platform.store.delete("job_dependency", [{k: row[k] for k in key}])
        first = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAYS[0]}
        platform.store.delete("process_control", [first])
        (row,) = (r for r in platform.store.scan("job_master") if r["job_name"] == PLAIN)
        here = row["context_params"].replace("../../../../.fdm/fdm_landing", str(made.settings.landing_root))
        platform.store.upsert("job_master", [{**row, "context_params": here}])
        refresh_jobs(platform)
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


class Daemon:
    """What Dagster's daemon does with the sensor of the source system, of one job."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance, job: str) -> None:
        self.definitions = build_definitions(deployment.settings)
        self.instance = instance
        self.key = dg.AssetKey(["gels", "fpms", job])
        self.cursor: str | None = None

    def tick(self) -> dict[str, dg.ExecuteInProcessResult]:
        """Evaluate the sensor and carry out what it requests of the job: by date."""
        sensor = self.definitions.get_repository_def().get_sensor_def("process_control_gels_fpms")
        resources = {"platform": PlatformResource()}
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=resources
        ) as context:
            data = sensor(context)
        assert isinstance(data, dg.SensorResult)
        self.cursor = data.cursor
        for request in data.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        own = [r for r in data.run_requests or () if r.asset_selection == [self.key]]
        return {str(r.partition_key): self.run(r) for r in own}

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_implicit_global_asset_job_def()
        sensor = {"dagster/sensor_name": "process_control_gels_fpms", "dagster/run_key": str(request.run_key)}
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[self.key],
            partition_key=request.partition_key,
            tags={**request.tags, **sensor},
            raise_on_error=False,
        )


def touch(platform: Platform, day: date) -> None:
    """Somebody changed the date's control row."""
    of = {"entity": "GELS", "source_system": "FPMS", "biz_dt": day}
    platform.store.upsert("process_control", [{**of, "last_update_ts": datetime.now(UTC)}])


def test_a_sensor_runs_the_sample_twice_for_two_dates(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(deployment, instance, SAMPLE)
    root = deployment.settings.landing_root / "gels_fpms_t_contract_legacy"
    done = daemon.tick()
    assert {day: r.success for day, r in done.items()} == {str(FIRST): True, str(SECOND): True}
    for day, other in ((FIRST, SECOND), (SECOND, FIRST)):
        before, own = tree(root, other), tree(root, day)
        with deployment.platform() as platform:
            touch(platform, day)
        again = daemon.tick()
        assert {d: r.success for d, r in again.items()} == {str(day): True}
        assert tree(root, other) == before
        assert tree(root, day) != own
    assert daemon.tick() == {}
    (event,) = again[str(SECOND)].asset_materializations_for_node(f"gels__fpms__{SAMPLE}")
    assert event.metadata["version"].value == 2
    checks = {e.check_name: e.passed for e in again[str(SECOND)].get_asset_check_evaluations()}
    assert checks == {"paid_is_not_negative": True, "has_contracts": True}


def test_a_write_past_the_framework_is_left_alone_and_told(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(deployment, instance, PLAIN)
    root = deployment.settings.landing_root / "gels_fpms_t_contract_plain"
    done = daemon.tick()
    assert {day: r.success for day, r in done.items()} == {str(FIRST): True, str(SECOND): True}
    before = tree(root, FIRST)
    assert before
    for day, result in done.items():
        (said,) = result.asset_observations_for_node(f"gels__fpms__{PLAIN}")
        assert said.partition == day
        assert "past the framework" in (said.description or "")
        assert f"biz_dt={day.replace('-', '')}" in (said.description or "")
        (event,) = result.asset_materializations_for_node(f"gels__fpms__{PLAIN}")
        assert event.metadata["rows"].value == 2, "a row for each currency"
    with deployment.platform() as platform:
        published = platform.ledger.published(f"gels_fpms_{PLAIN}")
    assert {p.kind for p in published.values()} == {"unmanaged"}
