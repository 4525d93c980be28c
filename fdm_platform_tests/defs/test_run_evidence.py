"""What Dagster knows of a business date, from a real instance."""

# Annotations stay real here: Dagster reads those of an asset's function, and takes no strings.

import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import FileCodePointer
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster._time import get_current_timestamp
from dagster_shared.error import SerializableErrorInfo

from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resuming import LOAD
from fdm_platform.defs.run_evidence import read_dagster
from fdm_platform.defs.why import read_evidence
from fdm_platform.planning.evidence import DagsterFacts
from fdm_platform_tests.deployment import DAYS, deploy
from fdm_platform_tests.records import attempt

CONTRACTS = "gels_fpms_t_contract_master"
POOL = "gels_fpms"
KEY = dg.AssetKey(["gels", "fpms", "t_contract_master"])
QUEUED, STARTED, SUCCESS = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with deploy(tmp_path / "home", rows=1).platform() as platform:
        yield platform


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    limits = {"concurrency": {"pools": {"default_limit": 2}}}
    with dg.instance_for_test(overrides=limits) as instance:
        yield instance


@dg.asset(key=KEY)
def contracts() -> None: ...


@dg.asset
def other() -> None: ...


def origin() -> RemoteRepositoryOrigin:
    target = LoadableTargetOrigin(python_file="none.py")
    return RemoteRepositoryOrigin(
        ManagedGrpcPythonEnvCodeLocationOrigin(target, "location"), "__repository__"
    )


def add_run(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus,
    key: dg.AssetKey | None = KEY,
    **tags: str,
) -> str:
    job = dg.Definitions([contracts, other]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(
        job,
        run_id=str(uuid.uuid4()),
        status=status,
        tags={name if "/" in name else f"dagster/{name}": value for name, value in tags.items()},
        asset_selection=frozenset({key}) if key else None,
        remote_job_origin=RemoteJobOrigin(origin(), job.name),
        job_code_origin=JobPythonOrigin(
            job.name, RepositoryPythonOrigin(sys.executable, FileCodePointer("none.py", "none"))
        ),
    )
    return run.run_id


def facts(
    instance: dg.DagsterInstance, platform: Platform, day: date = DAYS[1], table: str = CONTRACTS
) -> DagsterFacts:
    spec = platform.catalog.get(table)
    return read_dagster(instance, platform, spec, read_evidence(platform, spec, day))


def test_an_instance_that_knows_nothing_says_so(instance: dg.DagsterInstance, platform: Platform) -> None:
    found = facts(instance, platform)
    assert list(found.runs) == []
    assert (found.sensor.name, found.sensor.is_running) == ("process_control_gels_fpms", None)
    assert (found.pool.name, found.pool.slots, found.pool.in_use) == (POOL, 2, 0)
    assert (found.is_daemon_alive, found.daemon_seen_at) == (False, None)


def test_runs_of_the_date_alone_by_partition_and_by_range(
    instance: dg.DagsterInstance, platform: Platform
) -> None:
    in_range = add_run(
        instance,
        STARTED,
        asset_partition_range_start="2024-05-13",
        asset_partition_range_end="2024-05-15",
    )
    mine = {in_range, add_run(instance, QUEUED, partition="2024-05-14")}
    add_run(instance, QUEUED, partition="2024-05-13")
    add_run(instance, SUCCESS, partition="2024-05-14")
    add_run(instance, QUEUED, dg.AssetKey("other"), partition="2024-05-14")
    assert {r.run_id for r in facts(instance, platform).runs} == mine


def test_a_run_of_a_command_is_told_by_its_load(instance: dg.DagsterInstance, platform: Platform) -> None:
    """It runs all assets of its own definitions, which is the one table."""
    mine = add_run(instance, STARTED, None, partition="2024-05-14", **{LOAD: f"load-{CONTRACTS}"})
    add_run(instance, STARTED, None, partition="2024-05-14", **{LOAD: "load-gels_fpms_t_payment"})
    add_run(instance, STARTED, None, partition="2024-05-14")
    assert [r.run_id for r in facts(instance, platform).runs] == [mine]


def test_the_queue_goes_by_priority_and_then_by_age(instance: dg.DagsterInstance, platform: Platform) -> None:
    add_run(instance, QUEUED, partition="2024-05-13")
    mine = add_run(instance, QUEUED, partition="2024-05-14")
    add_run(instance, QUEUED, partition="2024-05-15", priority="10")
    add_run(instance, QUEUED, partition="2024-05-15", priority="-10")
    (run,) = facts(instance, platform).runs
    assert (run.run_id, run.position, run.queue_length, run.priority) == (mine, 3, 4, 0)


def test_the_run_of_the_newest_attempt_is_told_when_it_is_over(
    instance: dg.DagsterInstance, platform: Platform
) -> None:
    run_id = add_run(instance, SUCCESS, partition="2024-05-14")
    attempt(platform, CONTRACTS, DAYS[1], "Started", load_id=f"{run_id}-{CONTRACTS}")
    (run,) = facts(instance, platform).runs
    assert (run.run_id, run.status, run.is_ended) == (run_id, "SUCCESS", True)


def test_started_runs_of_the_source_are_in_its_pool(instance: dg.DagsterInstance, platform: Platform) -> None:
    for status, pool in ((STARTED, POOL), (STARTED, "another"), (QUEUED, POOL)):
        run = instance.get_run_by_id(add_run(instance, status, partition="2024-05-13"))
        assert run
        instance.delete_run(run.run_id)
        concurrency = RunOpConcurrency(
            root_key_counts={pool: 1}, has_unconstrained_root_nodes=False, all_pools={pool}
        )
        instance.add_run(run._replace(run_op_concurrency=concurrency))
    found = facts(instance, platform).pool
    assert (found.slots, found.in_use) == (2, 1)


def add_sensor(
    instance: dg.DagsterInstance, name: str, status: InstigatorStatus = InstigatorStatus.RUNNING
) -> InstigatorState:
    data = SensorInstigatorData()
    state = InstigatorState(RemoteInstigatorOrigin(origin(), name), InstigatorType.SENSOR, status, data)
    return instance.add_instigator_state(state)


def add_tick(instance: dg.DagsterInstance, state: InstigatorState, at: int, **changes: object) -> None:
    tick = TickData(
        state.instigator_origin_id,
        state.instigator_name,
        InstigatorType.SENSOR,
        timestamp=float(at),
        selector_id=state.selector_id,
        **changes,  # type: ignore[arg-type]
    )
    instance.create_tick(tick)


def test_the_sensors_last_tick_is_told(instance: dg.DagsterInstance, platform: Platform) -> None:
    add_sensor(instance, "process_control_other", InstigatorStatus.STOPPED)
    state = add_sensor(instance, "process_control_gels_fpms")
    assert facts(instance, platform).sensor.is_running is True
    add_tick(instance, state, 1000, status=TickStatus.SUCCESS, run_ids=[])
    add_tick(instance, state, 2000, status=TickStatus.SKIPPED, skip_reason="nothing to load")
    found = facts(instance, platform).sensor
    assert (found.last_tick, found.words) == ("SKIPPED", "nothing to load")
    assert found.last_tick_at == datetime.fromtimestamp(2000, UTC)
    error = SerializableErrorInfo("KuduFailure: no master\n  more", [], None)
    add_tick(instance, state, 3000, status=TickStatus.FAILURE, error=error)
    assert facts(instance, platform).sensor.words == "KuduFailure: no master"


def test_a_table_with_parents_has_another_sensor(instance: dg.DagsterInstance, platform: Platform) -> None:
    found = facts(instance, platform, table="t_contract_summary").sensor
    assert found.name == "dependents_gels_fpms"


def test_a_stopped_sensor_is_told(instance: dg.DagsterInstance, platform: Platform) -> None:
    add_sensor(instance, "process_control_gels_fpms", InstigatorStatus.STOPPED)
    assert facts(instance, platform).sensor.is_running is False


@pytest.mark.parametrize(("age_s", "is_alive"), [(5, True), (3600, False)])
def test_the_daemon_is_there_while_it_gives_signs_of_life(
    instance: dg.DagsterInstance, platform: Platform, *, age_s: int, is_alive: bool
) -> None:
    heartbeat = DaemonHeartbeat(get_current_timestamp() - age_s, "SENSOR", None, None)
    instance.add_daemon_heartbeat(heartbeat)
    found = facts(instance, platform)
    assert found.is_daemon_alive == is_alive
    assert found.daemon_seen_at
