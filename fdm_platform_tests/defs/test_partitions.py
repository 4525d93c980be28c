# Annotations stay real here: Dagster reads those of an asset's function, and takes no strings.

import logging
import subprocess
import sys
from datetime import date

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from fdm_platform.defs.partitions import add_dates, dates_of_run, partitions_of, remove_date, users_of

DAYS = [date(2024, 1, d) for d in range(1, 29)]


def test_dates_are_added_in_order_and_told() -> None:
    with dg.instance_for_test() as instance:
        assert add_dates(instance, "s", [DAYS[2], DAYS[0]]) == ["2024-01-01", "2024-01-03"]
        assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-03"]
        assert add_dates(instance, "s", [DAYS[0]]) == []


def test_a_storage_that_does_not_sort_is_told_of_when_a_date_comes_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with dg.instance_for_test() as instance, caplog.at_level(logging.WARNING):
        add_dates(instance, "s", [DAYS[2]])
        add_dates(instance, "s", [DAYS[3]])
        assert not caplog.records
        assert add_dates(instance, "s", [DAYS[0]]) == ["2024-01-01"]
    (record,) = caplog.records
    assert "partition set s is not in date order" in record.message
    assert "module: fdm_platform.defs.storage" in record.message


ADDING = """
import sys
from datetime import date, timedelta
import dagster as dg
from fdm_platform.defs.partitions import add_dates
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    sys.stdin.read()
    for n in range(60):
        add_dates(instance, "s", [date(2024, 1, 1) + timedelta(days=n)])
"""


def test_processes_that_add_the_same_dates_at_once_all_succeed() -> None:
    with dg.instance_for_test() as instance:
        command = [sys.executable, "-c", ADDING, instance.root_directory]
        adding = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
        for process in adding:
            assert process.stdin
            process.stdin.close()
        assert [process.wait() for process in adding] == [0, 0]
        assert len(instance.get_dynamic_partitions("s")) == 60


A = dg.AssetKey("a")
RANGE = {
    "dagster/asset_partition_range_start": "2024-01-01",
    "dagster/asset_partition_range_end": "2024-01-03",
}


@dg.asset(partitions_def=partitions_of("s"), output_required=False)
def a(context: dg.AssetExecutionContext) -> None:
    for day in dates_of_run(context):
        context.log_event(dg.AssetMaterialization(A, partition=day.isoformat()))


JOB = dg.Definitions([a], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()


def waiting(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.DagsterRun:
    add_dates(instance, "s", DAYS[:3])
    return instance.create_run_for_job(JOB, tags=tags, asset_selection={A})


@pytest.mark.parametrize(
    ("tags", "day", "loaded"),
    [
        ({"dagster/partition": "2024-01-02"}, DAYS[1], None),
        (RANGE, DAYS[0], None),
        (RANGE, DAYS[1], {"2024-01-01", "2024-01-03"}),
        (RANGE, DAYS[2], None),
    ],
)
def test_a_run_whose_date_was_removed_while_it_waited_says_so_or_runs_the_others(
    tags: dict[str, str], day: date, loaded: set[str] | None
) -> None:
    with dg.instance_for_test() as instance:
        run = waiting(instance, tags)
        remove_date(instance, "s", day)
        result = execute_run(InMemoryJob(JOB), run, instance, raise_on_error=False)
        assert instance.get_materialized_partitions(A) == (loaded or set())
        if loaded is None:
            (failed,) = (e for e in result.all_events if e.is_step_failure)
            error = failed.step_failure_data.error
            assert error
            cause = error.cause
            assert cause
            assert "is not in its partition set any more" in cause.message
            assert f"Nonexistent partition keys: ['{day}']" in cause.message
            assert "fdm partitions sync" in cause.message


def test_runs_that_wait_for_a_date_are_found() -> None:
    with dg.instance_for_test() as instance:
        one = waiting(instance, {"dagster/partition": "2024-01-02"})
        several = waiting(instance, RANGE)
        other = dg.AssetKey("b")
        assert users_of(instance, {A}, DAYS[1]) == [
            f"run {several.run_id}, not_started",
            f"run {one.run_id}, not_started",
        ]
        assert users_of(instance, {A}, DAYS[2]) == [f"run {several.run_id}, not_started"]
        assert users_of(instance, {A}, DAYS[3]) == users_of(instance, {other}, DAYS[1]) == []
        for run in (one, several):
            instance.report_run_canceled(run)
        assert users_of(instance, {A}, DAYS[1]) == []
