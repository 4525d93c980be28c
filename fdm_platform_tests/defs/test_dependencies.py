"""Parents as Dagster sees them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from fdm_platform.control.dependencies import FILE, refresh
from fdm_platform.control.store import open_store
from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.engines.landed import LandedDates
from fdm_platform.planning.dependencies import newer_parents, reads_of, versions_read
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

MASTER, PAYMENT = (dg.AssetKey(["gels", "fpms", name]) for name in ("t_contract_master", "t_payment"))
CHILD = dg.AssetKey(["gels", "fpms", "t_child"])
FOREIGN = dg.AssetKey(["gels", "other", "t_foreign"])
ALL_DATES = ["2024-05-13", "2024-05-14", "2024-05-15"]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deploy(
        tmp_path / "home", rows=1, sql_root=shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    )


def declare(deployment: Deployment, source: str, table: str = "t_child", source_system: str = "FPMS") -> None:
    folder = deployment.settings.sql_root / "gels" / source_system.lower() / table
    folder.mkdir(parents=True)
    (folder / "out.hql").write_text("SELECT * FROM up")
    (folder / "table.yaml").write_text(
        f"entity: GELS\nsource_system: {source_system}\ntable: {table}\n"
        f"sources:\n  up: {source}\nsteps: [out.hql]\n"
    )


def wait_for(deployment: Deployment, child: str, parent: str, number: int = 1) -> None:
    row = {"dependent_job_id": f"X{number}", "dependent_job_name": child, "parent_job_name": parent}
    store = open_store(deployment.settings.control_url)
    store.upsert("job_dependency", [row])
    refresh(store, deployment.settings.home)
    store.close()


def targets(deployment: Deployment, keys: list[dg.AssetKey], date: str) -> dict[str, list[str]]:
    """What a backfill of these assets for one date loads, as the UI asks for it."""
    graph = build_definitions(deployment.settings).resolve_asset_graph()
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("gels_fpms", ALL_DATES)
        instance.add_dynamic_partitions("gels_other", ALL_DATES[1:])
        data = AssetBackfillData.from_asset_partitions(
            graph, [date], keys, instance, 0.0, all_partitions=False
        )
        subsets = data.target_subset.partitions_subsets_by_asset_key
        return {key.path[-1]: sorted(subset.get_partition_keys()) for key, subset in subsets.items()}


def parents_of(deployment: Deployment, key: dg.AssetKey) -> set[dg.AssetKey]:
    return set(build_definitions(deployment.settings).resolve_asset_graph().get(key).parent_keys)


def test_a_row_of_job_dependency_is_an_edge_of_the_graph(deployment: Deployment) -> None:
    assert parents_of(deployment, PAYMENT) == set()
    wait_for(deployment, "etl_lnd_gels_fpms_t_payment", "etl_lnd_gels_fpms_t_contract_master")
    assert parents_of(deployment, PAYMENT) == {MASTER}


def test_a_bad_row_is_told_in_the_log_and_the_tables_stand(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    wait_for(deployment, "etl_lnd_gels_fpms_t_payment", "etl_nowhere")
    wait_for(deployment, "etl_lnd_gels_fpms_t_contract_master", "etl_lnd_gels_fpms_t_contract_summary", 2)
    assert parents_of(deployment, PAYMENT) == set()
    assert parents_of(deployment, MASTER) == set()
    assert "etl_nowhere is the job of no declared table" in caplog.text
    assert "a cycle of 2 jobs" in caplog.text


def test_a_damaged_file_leaves_job_dependency_out(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    (deployment.settings.home / FILE).write_text("{")
    assert parents_of(deployment, PAYMENT) == set()
    assert "job_dependency is left out of the definitions" in caplog.text


@pytest.mark.parametrize("dates", ["same", "previous", "latest", "{window: 2}"])
def test_a_backfill_of_parent_and_child_is_of_the_dates_that_were_chosen(
    deployment: Deployment, dates: str
) -> None:
    declare(deployment, f"{{table: gels_fpms_t_payment, biz_dt: {dates}}}")
    assert parents_of(deployment, CHILD) == {PAYMENT}
    assert targets(deployment, [PAYMENT, CHILD], "2024-05-14") == {
        "t_payment": ["2024-05-14"],
        "t_child": ["2024-05-14"],
    }


@pytest.mark.parametrize("dates", ["previous", "latest", "{window: 2}"])
def test_a_parent_in_another_source_system_may_lack_the_date(deployment: Deployment, dates: str) -> None:
    """With an identity mapping Dagster would fail the whole backfill of the child."""
    declare(deployment, "{path: a.csv}", "t_foreign", "OTHER")
    declare(deployment, f"{{table: gels_other_t_foreign, biz_dt: {dates}}}")
    graph = build_definitions(deployment.settings).resolve_asset_graph()
    assert graph.get(CHILD).parent_keys == {FOREIGN}
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("gels_fpms", ALL_DATES)
        instance.add_dynamic_partitions("gels_other", ALL_DATES[1:])
        asked = graph.get(CHILD).partitions_def.subset_with_partition_keys(ALL_DATES)  # type: ignore[union-attr]
        mapped = graph.get_partition_mapping(
            CHILD, FOREIGN
        ).get_upstream_mapped_partitions_result_for_partitions(
            asked,
            graph.get(CHILD).partitions_def,
            graph.get(FOREIGN).partitions_def,  # type: ignore[arg-type]
            dynamic_partitions_store=instance,
        )
    assert len(mapped.required_but_nonexistent_subset) == 0


def test_the_ui_shows_which_dates_are_read(deployment: Deployment) -> None:
    declare(deployment, "{table: gels_fpms_t_payment, biz_dt: {window: 2}}")
    node = build_definitions(deployment.settings).resolve_asset_graph().get(CHILD)
    (record,) = node.metadata["parents"].records
    assert record.data == {"table": "gels_fpms_t_payment", "biz_dt": "window of 2", "by": "sources.up"}


READER_SQL = """\
SELECT 'before' AS rule, biz_dt AS read_dt, COUNT(*) AS contracts, CAST('${BIZ_DT}' AS DATE) AS biz_dt
FROM before GROUP BY before.biz_dt
UNION ALL
SELECT 'two', biz_dt, COUNT(*), CAST('${BIZ_DT}' AS DATE) FROM two GROUP BY two.biz_dt
"""


def declare_reader(deployment: Deployment) -> None:
    """A table that tells which dates of t_contract_master it has read."""
    folder = deployment.settings.sql_root / "gels" / "fpms" / "t_reader"
    folder.mkdir(parents=True)
    (folder / "out.hql").write_text(READER_SQL)
    (folder / "table.yaml").write_text(
        "entity: GELS\nsource_system: FPMS\ntable: t_reader\nsources:\n"
        "  before: {table: t_contract_master, biz_dt: previous}\n"
        "  two: {table: t_contract_master, biz_dt: {window: 2}}\n"
        "steps: [out.hql]\n"
    )


def load(
    deployment: Deployment, instance: dg.DagsterInstance, key: dg.AssetKey, *dates: str
) -> dg.ExecuteInProcessResult:
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    ends = {"dagster/asset_partition_range_start": dates[0], "dagster/asset_partition_range_end": dates[-1]}
    return job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False, tags=ends)


def publish_contracts() -> None:
    """One contract for each date, by a plain Python asset: how they got there is not what is tested."""

    @dg.asset(
        key=MASTER,
        partitions_def=dg.StaticPartitionsDefinition(ALL_DATES),
        metadata={"partition_by": ["biz_dt", "biz_status"]},
    )
    def contracts() -> Any:
        return pd.DataFrame({"contract_id": ["K1"], "biz_status": ["ACTIVE"]})

    platform = PlatformResource()
    resources = {"platform": platform, "io_manager": OrcIOManager(platform=platform)}
    for day in ALL_DATES:
        assert dg.materialize([contracts], partition_key=day, resources=resources).success


@pytest.mark.spark
def test_the_previous_date_and_a_window_are_read_and_remembered(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in deployment.environ.items():
        monkeypatch.setenv(name, value)
    declare_reader(deployment)
    reader = dg.AssetKey(["gels", "fpms", "t_reader"])
    with dg.instance_for_test() as instance:
        add_dates(instance, "gels_fpms", DAYS)
        publish_contracts()
        result = load(deployment, instance, reader, *ALL_DATES)
        assert instance.get_materialized_partitions(reader) == set(ALL_DATES[1:])
    (failure,) = (e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure)
    assert failure
    assert "no business date before 2024-05-13 in process_control" in str(failure.description)

    landed = LandedDates(deployment.settings.landing_root / "gels_fpms_t_reader", "yyyyMMdd", DAYS[1:])
    read: dict[str, list[tuple[str, str]]] = {}
    for row in landed.to_pandas().itertuples():
        assert row.contracts == 1
        read.setdefault(str(row.biz_dt), []).append((str(row.rule), str(row.read_dt)))
    assert {d: sorted(of) for d, of in read.items()} == {
        "2024-05-14": [("before", "2024-05-13"), ("two", "2024-05-13"), ("two", "2024-05-14")],
        "2024-05-15": [("before", "2024-05-14"), ("two", "2024-05-14"), ("two", "2024-05-15")],
    }
    assert recorded(deployment) == {"2024-05-13": 1, "2024-05-14": 1}


def recorded(deployment: Deployment) -> Any:
    """What the ledger says that t_reader has read for 14 May, and that nothing is newer."""
    with deployment.platform() as platform:
        record = platform.ledger.current("gels_fpms_t_reader", DAYS[1])
        assert record
        spec = platform.catalog.get("t_reader")
        parents = platform.parents_of(spec, [DAYS[1]], platform.job_rows(spec, [DAYS[1]]))
        read = json.loads(record.parents or "{}")
        assert newer_parents(read, versions_read(reads_of(spec), DAYS[1], parents.states)) == []
        return read["gels_fpms_t_contract_master"]
