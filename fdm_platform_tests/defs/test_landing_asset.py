"""Declared tables as assets: real runs through spark-submit into published ORC."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pandas as pd
import pytest

from fdm_platform.control.requests import Requests
from fdm_platform.control.store import open_store
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform.engines.landed import LandedDates
from fdm_platform.model.request import DateRequest
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

MASTER = dg.AssetKey(["gels", "fpms", "t_contract_master"])
SUMMARY = dg.AssetKey(["gels", "fpms", "t_contract_summary"])
TABLE = "gels_fpms_t_contract_master"


def deployment_in(folder: Path, environ: pytest.MonkeyPatch) -> Deployment:
    made = deploy(folder / "home", sql_root=shutil.copytree(PROJECT / "sql" / "landing", folder / "sql"))
    for name, value in made.environ.items():
        environ.setenv(name, value)
    return made


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deployment_in(tmp_path, monkeypatch)


@pytest.fixture
def instance() -> Any:
    with dg.instance_for_test() as instance:
        add_dates(instance, "gels_fpms", DAYS)
        yield instance


class Loaded(NamedTuple):
    """A deployment whose contracts one run has loaded for all dates."""

    deployment: Deployment
    instance: dg.DagsterInstance
    by: dg.ExecuteInProcessResult

    @property
    def root(self) -> Path:
        return self.deployment.settings.landing_root / TABLE


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with pytest.MonkeyPatch.context() as environ, dg.instance_for_test() as instance:
        made = deployment_in(tmp_path_factory.mktemp("loaded"), environ)
        add_dates(instance, "gels_fpms", DAYS)
        yield Loaded(made, instance, run(made, instance, MASTER, "2024-05-13", "2024-05-15"))


def run(
    deployment: Deployment, instance: dg.DagsterInstance, key: dg.AssetKey, *days: str
) -> dg.ExecuteInProcessResult:
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    chosen: dict[str, Any] = {"partition_key": days[0]}
    if len(days) > 1:
        ends = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
        chosen = {"tags": ends}
    return job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False, **chosen)


def execution_log(deployment: Deployment, application: str | None = None) -> list[dict[str, Any]]:
    """All rows in their order, or those of a Spark application."""
    store = open_store(deployment.settings.control_url)
    rows = sorted(store.scan("execution_log"), key=lambda r: (r["start_time"], r["run_id"]))
    store.close()
    return [r for r in rows if application in (None, r["spark_app_id"])]


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = (e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure)
    assert failure is not None
    return str(failure.description)


def files_of(root: Path, folder: str) -> dict[str, int]:
    return {p.relative_to(root).as_posix(): p.stat().st_mtime_ns for p in (root / folder).rglob("*.orc")}


def expected_contracts(deployment: Deployment, day: str) -> pd.DataFrame:
    """The table's rows, worked out from its sources without the platform."""
    contracts = pd.read_csv(deployment.settings.source_root / f"customer_contract_{day}.csv", dtype=str)
    lookup = pd.read_csv(deployment.settings.source_root / "customer_contract_fallback_lkp.csv", dtype=str)
    rows: pd.DataFrame = contracts.merge(lookup, on="contract_id", how="left")
    rows["biz_status"] = rows.status.isin(["Active", "A", "Inforce"]).map({True: "ACTIVE", False: "INACTIVE"})
    rows["premium_amt"] = rows.premium_amt.fillna(rows.premium_fallback)
    rows["entity_new"] = rows.entity_new.fillna(rows.entity)
    return rows.sort_values("contract_id", ignore_index=True)


@pytest.mark.spark
def test_dates_go_through_one_submit_into_orc(loaded: Loaded) -> None:
    assert loaded.by.success
    assert len(list(loaded.deployment.settings.work.glob(f"{loaded.by.run_id}*"))) == 1

    landed = LandedDates(loaded.root, "yyyyMMdd", (DAYS[2],)).to_pandas()
    landed = landed.sort_values("contract_id", ignore_index=True)
    expected = expected_contracts(loaded.deployment, "20240515")
    for column in ("customer_id", "contract_id", "status", "biz_status", "entity_new"):
        assert landed[column].tolist() == expected[column].tolist(), column
    assert [str(v) for v in landed.premium_amt] == expected.premium_amt.tolist()
    assert {str(d) for d in landed.biz_dt} == {"2024-05-15"}

    dates = {"2024-05-13", "2024-05-14", "2024-05-15"}
    assert loaded.instance.get_materialized_partitions(MASTER) == dates


@pytest.mark.spark
def test_metadata_and_attempts(loaded: Loaded) -> None:
    materializations = {
        m.partition: m.metadata
        for m in loaded.by.asset_materializations_for_node("gels__fpms__t_contract_master")
    }
    metadata: dict[str, Any] = {k: v.value for k, v in materializations["2024-05-13"].items()}
    assert metadata["dagster/row_count"] == metadata["rows"] == 60
    assert metadata["files"] == 2
    assert metadata["version"] == 1
    assert metadata["bytes"] == sum(p.stat().st_size for p in Path(metadata["path"]).rglob("*.orc"))
    statistics = metadata["column_statistics"]
    assert statistics["contract_id"]["min"] < statistics["contract_id"]["max"]
    assert statistics["customer_id"] == {"nulls": 0}  # which is declared confidential
    assert metadata["spark_application_id"].startswith("local-")
    assert metadata["control_row_version"].startswith("20")
    assert "CAST('2024-05-13' AS DATE)" in metadata["sql"]
    assert [c.name for c in metadata["dagster/column_schema"].columns][-2:] == ["biz_dt", "biz_status"]
    assert {"read", "write", "footers", "verify", "sync", "commit", "swap"} == set(
        metadata["seconds_by_phase"]["date"]
    )
    assert {"session", "total"} <= set(metadata["seconds_by_phase"]["submit"])

    log = execution_log(loaded.deployment, metadata["spark_application_id"])
    assert [(r["run_id"], r["status"], r["job_id"]) for r in log] == [
        ("20240513", "Completed", "JOB_1001"),
        ("20240514", "Completed", "JOB_1001"),
        ("20240515", "Completed", "JOB_1001"),
    ]


@pytest.mark.spark
def test_a_date_that_is_loaded_again_leaves_the_others(loaded: Loaded) -> None:
    other, same = files_of(loaded.root, "biz_dt=20240514"), files_of(loaded.root, "biz_dt=20240515")
    assert run(loaded.deployment, loaded.instance, MASTER, "2024-05-15").success
    assert files_of(loaded.root, "biz_dt=20240514") == other
    assert not set(files_of(loaded.root, "biz_dt=20240515")) & set(same)


@pytest.mark.spark
def test_a_child_reads_what_was_loaded(loaded: Loaded) -> None:
    child = run(loaded.deployment, loaded.instance, SUMMARY, "2024-05-14")
    assert child.success
    root = loaded.deployment.settings.landing_root / "gels_fpms_t_contract_summary"
    expected = expected_contracts(loaded.deployment, "20240514").groupby(["entity_new", "biz_status"]).size()
    counted = LandedDates(root, "yyyyMMdd", (DAYS[1],)).to_pandas().set_index(["entity_new", "biz_status"])
    assert counted.contracts.sort_index().to_dict() == expected.to_dict()


@pytest.mark.spark
def test_each_date_stands_or_falls_by_itself(deployment: Deployment, instance: dg.DagsterInstance) -> None:
    """One has no source, one is refused by a check; one whose values do not fit is test_resuming's."""
    declared = deployment.settings.sql_root / "gels" / "fpms" / "t_contract_master" / "table.yaml"
    declared.write_text(declared.read_text().replace("severity: warn", "severity: error"))
    missing = deployment.source("customer_contract_{day}.csv", DAYS[1])
    missing.unlink()
    negative = deployment.source("customer_contract_{day}.csv", DAYS[2])
    negative.write_text(negative.read_text() + "C1,K999999999,Active,-5.00,1.00,GELS\n")

    result = run(deployment, instance, MASTER, "2024-05-13", "2024-05-15")
    assert not result.success
    told = failure_of(result)
    assert told.startswith("2 of 3 business dates were not published; the others are live")
    assert "2024-05-14" in told
    assert str(missing) in told
    assert "check amount_is_not_negative failed" in told

    root = deployment.settings.landing_root / TABLE
    assert [p.name for p in root.glob("biz_dt=*")] == ["biz_dt=20240513"]
    assert instance.get_materialized_partitions(MASTER) == {"2024-05-13"}
    assert not any((root / ".staging").glob("*/*"))
    outcomes = [r["status"].partition(":")[0] for r in execution_log(deployment)]
    assert outcomes == ["Completed", "Failed", "Failed"]
    (check,) = (e for e in result.get_asset_check_evaluations() if e.check_name == "amount_is_not_negative")
    assert not check.passed

    observed = {
        o.partition: {k: str(v.value) for k, v in o.metadata.items()}
        for r in instance.fetch_observations(MASTER, limit=9).records
        if (o := r.asset_observation)
    }
    assert set(observed) == {"2024-05-14", "2024-05-15"}
    assert str(missing) in observed["2024-05-14"]["error"]
    assert observed["2024-05-14"]["error_type"] == "SourceError"
    (record,) = instance.fetch_materializations(MASTER, limit=9).records
    materialized = record.asset_materialization
    assert materialized is not None
    shown = {k: v.value for k, v in materialized.metadata.items()}
    assert (shown["dates_published"], shown["dates_failed"], shown["dates_missing"]) == (1, 2, 0)
    assert shown["last_date_published"] == "2024-05-13"


@pytest.mark.spark
def test_a_sensors_run_loads_what_was_requested_and_is_not_loaded_yet(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    """A date came into its range while it waited; the date of another run was loaded from the row as it is."""
    with deployment.platform() as platform:
        rows = {r.biz_dt: r.version for r in platform.control_rows(platform.catalog.get("t_contract_master"))}
        requests = Requests(platform.store)
        for day, key in ((DAYS[0], "range"), (DAYS[1], "its own"), (DAYS[2], "range")):
            requests.remember(
                [DateRequest("gels_fpms", day, "_".join(MASTER.path), rows[day], key, datetime.now(UTC))]
            )
    job = build_definitions(deployment.settings).resolve_implicit_global_asset_job_def()
    sensor = {"dagster/sensor_name": "process_control_gels_fpms", "dagster/run_key": "range"}
    ends = {
        "dagster/asset_partition_range_start": "2024-05-13",
        "dagster/asset_partition_range_end": "2024-05-15",
    }
    for _ in range(2):  # the second time there is nothing left to do
        result = job.execute_in_process(
            instance=instance, asset_selection=[MASTER], tags={**sensor, **ends}, raise_on_error=False
        )
        assert result.success
        assert instance.get_materialized_partitions(MASTER) == {"2024-05-13", "2024-05-15"}
    with deployment.platform() as platform:
        published = platform.ledger.published("_".join(MASTER.path))
        assert {d: p.version for d, p in published.items()} == {DAYS[0]: 1, DAYS[2]: 1}


def test_a_broken_table_does_not_take_the_others_down(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    (deployment.settings.sql_root / "gels" / "fpms" / "t_payment" / "table.yaml").write_text("entity: [")
    keys = build_definitions(deployment.settings).resolve_asset_graph().get_all_asset_keys()
    assert {MASTER, SUMMARY} <= keys
    assert dg.AssetKey(["gels", "fpms", "t_payment"]) not in keys
    assert "t_payment/table.yaml" in caplog.text


def test_definitions_show_the_table_as_declared(deployment: Deployment) -> None:
    graph = build_definitions(deployment.settings).resolve_asset_graph()
    node = graph.get(MASTER)
    assert node.kinds == {"spark", "orc"}
    assert node.group_name == "gels_fpms"
    assert node.owners == ["team:fpms-data"]
    assert node.tags["domain"] == "contracts"
    assert "LEFT JOIN row2" in (node.description or "")
    assert graph.get(SUMMARY).parent_keys == {MASTER}
    schema = node.metadata["dagster/column_schema"]
    assert next(c for c in schema.columns if c.name == "contract_id").tags == {
        "key": "",
        "sensitivity": "internal",
    }
