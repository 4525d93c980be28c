"""OrcIOManager for plain Python assets: what one asset returns, another loads, by date and by type."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.registering import register
from fdm_platform.defs.resources import PlatformResource
from fdm_platform_tests.deployment import Deployment, deploy

PARTITIONS = dg.StaticPartitionsDefinition(["2024-05-14", "2024-05-15"])
ROWS = pd.DataFrame({"contract_id": ["K1", "K2", "K3"], "biz_status": ["ACTIVE", "ACTIVE", "LAPSED"]})


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    made = deploy(tmp_path / "home", rows=1)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def run(assets: list[dg.AssetsDefinition], key: str, select: Any = None) -> dg.ExecuteInProcessResult:
    platform = PlatformResource()
    resources = {"platform": platform, "io_manager": OrcIOManager(platform=platform)}
    return dg.materialize(
        assets, partition_key=key, resources=resources, selection=select, raise_on_error=True
    )


def producer(value: object, metadata: dict[str, Any] | None = None) -> dg.AssetsDefinition:
    @dg.asset(key=["gels", "py", "positions"], partitions_def=PARTITIONS, metadata=metadata)
    def positions() -> Any:
        return value

    return positions


@pytest.mark.parametrize(
    "value", [ROWS, pa.Table.from_pandas(ROWS, preserve_index=False)], ids=["pandas", "pyarrow"]
)
def test_a_returned_table_is_published_by_date_and_partition_columns(
    deployment: Deployment, value: object
) -> None:
    result = run([producer(value, {"partition_by": ["biz_dt", "biz_status"]})], "2024-05-15")
    root = deployment.settings.landing_root / "gels_py_positions"
    assert sorted(p.name for p in (root / "biz_dt=20240515").glob("*=*")) == [
        "biz_status=ACTIVE",
        "biz_status=LAPSED",
    ]
    (event,) = result.asset_materializations_for_node("gels__py__positions")
    assert event.metadata["dagster/row_count"].value == 3
    contract_id = {"nulls": 0, "min": "K1", "max": "K3"}
    assert event.metadata["column_statistics"].value == {"contract_id": contract_id}
    assert event.metadata["version"].value == 1
    assert attempts(deployment) == [("gels_py_positions", "Completed")]


def attempts(deployment: Deployment) -> list[tuple[str, str]]:
    """Each attempt's table and how it ended; execution_log and fdm_attempts agree."""
    with deployment.platform() as platform:
        logged = {r["id"]: r["status"] for r in platform.store.scan("execution_log")}
        rows = list(platform.store.scan("fdm_attempts"))
    assert {r["id"]: r["status"] for r in rows} == logged
    return [(r["table_name"], r["status"].partition(":")[0]) for r in rows]


def test_only_the_asked_for_date_is_loaded_in_the_annotated_type(deployment: Deployment) -> None:
    @dg.asset(
        partitions_def=PARTITIONS,
        ins={"rows": dg.AssetIn(["gels", "py", "positions"])},
        io_manager_key="plain",
    )
    def as_pandas(rows: pd.DataFrame) -> list[Any]:
        return [type(rows).__name__, sorted(rows.contract_id), [str(d) for d in rows.biz_dt.unique()]]

    @dg.asset(
        partitions_def=PARTITIONS,
        ins={"rows": dg.AssetIn(["gels", "py", "positions"])},
        io_manager_key="plain",
    )
    def as_arrow(rows: pa.Table) -> list[Any]:
        return [type(rows).__name__, rows.num_rows, rows.schema.field("biz_dt").type == pa.date32()]

    table = producer(ROWS)
    platform = PlatformResource()
    resources = {
        "platform": platform,
        "io_manager": OrcIOManager(platform=platform),
        "plain": dg.mem_io_manager,
    }
    assets = [table, as_pandas, as_arrow]
    dg.materialize([table], partition_key="2024-05-14", resources=resources)
    result = dg.materialize(assets, partition_key="2024-05-15", resources=resources)
    assert result.output_for_node("as_pandas") == ["DataFrame", ["K1", "K2", "K3"], ["2024-05-15"]]
    assert result.output_for_node("as_arrow") == ["Table", 3, True]


@pytest.mark.spark
def test_spark_frames_go_in_and_out(deployment: Deployment, spark: SparkSession) -> None:
    @dg.asset(key=["gels", "py", "positions"], partitions_def=PARTITIONS)
    def positions() -> DataFrame:
        return spark.createDataFrame(ROWS).repartition(1)

    @dg.asset(
        partitions_def=PARTITIONS,
        ins={"rows": dg.AssetIn(["gels", "py", "positions"])},
        io_manager_key="plain",
    )
    def as_spark(rows: DataFrame) -> list[Any]:
        return [sorted(r.contract_id for r in rows.collect()), rows.schema["biz_dt"].dataType.simpleString()]

    platform = PlatformResource()
    resources = {
        "platform": platform,
        "io_manager": OrcIOManager(platform=platform),
        "plain": dg.mem_io_manager,
    }
    result = dg.materialize([positions, as_spark], partition_key="2024-05-15", resources=resources)
    assert result.output_for_node("as_spark") == [["K1", "K2", "K3"], "date"]


@pytest.mark.parametrize(
    ("value", "partition_by", "message"),
    [
        (
            ROWS,
            ["biz_dt", "region"],
            r"gels_py_positions is partitioned by region, which its result does not have",
        ),
        (ROWS.assign(biz_status=None), ["biz_dt", "biz_status"], r"partition column biz_status has NULLs"),
        ("text", ["biz_dt"], r"returned str, which has no rows to land"),
    ],
)
def test_what_cannot_be_landed_is_refused(
    deployment: Deployment, value: object, partition_by: list[str], message: str
) -> None:
    with pytest.raises(Exception, match=message):
        run([producer(value, {"partition_by": partition_by})], "2024-05-15")
    root = deployment.settings.landing_root / "gels_py_positions"
    assert not list(root.glob("biz_dt=*"))
    assert not list(root.glob(".staging/*"))
    assert under_way(deployment) == []
    assert attempts(deployment) == [("gels_py_positions", "Failed")]


def under_way(deployment: Deployment) -> list[str]:
    """Loads that are registered, and claims."""
    with deployment.platform() as platform:
        claims = [f"claim of {claim.load_id}" for claim in platform.claims.all()]
        return claims + [row.load_id for row in platform.loads.open_ones()]


def test_a_plain_asset_has_its_date_to_itself(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FDM_LOCK_WAIT_S", "0")
    with deployment.platform() as platform:
        other = register(platform, "gels_py_positions", [date(2024, 5, 15)], "other", asked_by="hand")
        with pytest.raises(Exception, match="2024-05-15 is being loaded by load other"):
            run([producer(ROWS)], "2024-05-15")
        run([producer(ROWS)], "2024-05-14")
        platform.ledger.void("gels_py_positions", date(2024, 5, 15), 1, "other", "declared dead")
        other.release(date(2024, 5, 15))
    result = run([producer(ROWS)], "2024-05-15")
    (event,) = result.asset_materializations_for_node("gels__py__positions")
    assert event.metadata["version"].value == 2, "the first one is void"
    assert under_way(deployment) == []


def test_a_date_that_was_never_published_is_named(deployment: Deployment) -> None:
    @dg.asset(partitions_def=PARTITIONS, ins={"rows": dg.AssetIn(["gels", "py", "positions"])})
    def child(rows: pd.DataFrame) -> None: ...

    with pytest.raises(Exception, match="not published: 2024-05-15"):
        run([producer(ROWS), child], "2024-05-15", select=[child])
