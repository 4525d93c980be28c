"""A person loads, follows, inspects and reloads business dates in the UI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from playwright.sync_api import expect
from pyarrow import dataset
from pyspark.sql import SparkSession

from fdm_platform_tests.browser.contracts import ROWS, expected, plain
from fdm_platform_tests.browser.dagster_ui import LOAD_MS, DagsterUi
from fdm_platform_tests.deployment import DAYS, Deployment

pytestmark = [pytest.mark.browser, pytest.mark.spark]

TABLE = "gels_fpms_t_contract_master"
FIRST, SECOND, THIRD = DAYS
Snapshot = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def loaded(ui: DagsterUi) -> list[str]:
    """2024-05-15 loaded from the dialog; lines of the log, as they were read while it ran."""
    ui.materialize([THIRD.isoformat()], shot="materialize-dialog")
    words = ("spark-submit is process", "Spark application", "tasks", "staged", "Spark is done")
    lines = [ui.log_line(w) for w in words]
    ui.wait_for_run("Success")
    ui.toggle_events()
    expect(ui.page.get_by_text("RUN_SUCCESS")).to_be_hidden()
    expect(ui.log_lines().filter(has_text="staged").first).to_be_visible()
    ui.shoot("run-log")
    ui.toggle_events()
    return lines


@pytest.fixture(scope="module")
def all_loaded(ui: DagsterUi, loaded: list[str]) -> None:
    """The two earlier dates loaded too, both chosen in one dialog."""
    ui.materialize([FIRST.isoformat(), SECOND.isoformat()])
    ui.open_asset("partitions")
    expect(ui.page.get_by_text("Materialized (3)")).to_be_visible(timeout=LOAD_MS)


def test_log(ui: DagsterUi, loaded: list[str]) -> None:
    submit, application, progress, staged, done = loaded
    assert "its logs are in" in submit
    assert "local-" in application
    assert " of " in progress
    assert f"{THIRD} staged: {ROWS} rows" in staged
    assert "2 files" in staged
    assert "session" in done


def test_metadata_of_a_date(ui: DagsterUi, deployment: Deployment, all_loaded: None) -> None:
    ui.open_asset("partitions", partition=THIRD.isoformat())
    shown = ui.metadata()
    folder = _folder(deployment, THIRD)
    files = [f for f in folder.rglob("*.orc") if not f.name.startswith(".")]
    assert shown["dagster/row_count"] == shown["rows"] == str(ROWS)
    assert shown["files"] == str(len(files)) == "2"
    assert shown["bytes"] == str(sum(f.stat().st_size for f in files))
    assert shown["path"] == str(folder)
    assert shown["spark_application_id"].startswith("local-")
    with deployment.platform() as platform:
        row = next(r for r in platform.control_rows(platform.catalog.get(TABLE)) if r.biz_dt == THIRD)
        assert shown["control_row_version"] == row.version.rstrip("/")
    assert "CAST('2024-05-15' AS DATE)" in shown["sql"]
    ui.shoot("metadata")
    ui.page.get_by_text("Show Table Schema").click()
    expect(ui.page.get_by_text("premium_amt").last).to_be_visible()


def test_plots_over_dates(ui: DagsterUi, all_loaded: None) -> None:
    ui.open_asset()
    ui.shoot("asset")
    ui.page.get_by_role("button", name="Plots").click()
    for name in ("rows", "bytes", "seconds"):
        title = ui.page.get_by_text(name, exact=True)
        expect(title).to_be_visible()
    drawn = ui.page.locator("canvas").evaluate_all(
        "all => all.map(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(p => p > 0))"
    )
    assert len(drawn) >= 5
    assert all(drawn)
    ui.page.get_by_text("rows", exact=True).evaluate("title => title.scrollIntoView({block: 'center'})")
    ui.shoot("plots")


def test_engines_read_the_expected_rows(
    deployment: Deployment, all_loaded: None, spark: SparkSession
) -> None:
    root = deployment.settings.landing_root / TABLE
    whole = dataset.dataset(root, format="orc", partitioning="hive")
    frame = spark.read.orc(str(root))
    for day in DAYS:
        number = int(f"{day:%Y%m%d}")
        rows = expected(deployment, day)
        assert len(rows) == ROWS
        arrow = whole.to_table(filter=dataset.field("biz_dt") == number)
        pd.testing.assert_frame_equal(plain(_from_arrow(arrow)), rows)
        pd.testing.assert_frame_equal(plain(_read_with_pandas(_folder(deployment, day))), rows)
        pd.testing.assert_frame_equal(plain(frame.where(frame.biz_dt == number).toPandas()), rows)


def test_the_same_date_again_changes_that_date_alone(
    ui: DagsterUi, deployment: Deployment, all_loaded: None
) -> None:
    before = {day: _snapshot(deployment, day) for day in DAYS}
    versions = _versions(deployment)
    ui.materialize([THIRD.isoformat()])
    ui.wait_for_run("Success")
    after = {day: _snapshot(deployment, day) for day in DAYS}
    assert [after[day] == before[day] for day in DAYS] == [True, True, False]
    assert _versions(deployment) == {**versions, THIRD: versions[THIRD] + 1}
    ui.open_asset("partitions", partition=THIRD.isoformat())
    expect(ui.page.get_by_text("Materialized (3)")).to_be_visible()
    assert ui.metadata()["version"] == str(versions[THIRD] + 1)


@pytest.fixture
def broken(deployment: Deployment, all_loaded: None) -> Iterator[Path]:
    """The contracts of 2024-05-14, whose third line has a word for its amount."""
    path = deployment.source("customer_contract_{day}.csv", SECOND)
    text = path.read_text()
    lines = text.splitlines()
    cells = lines[2].split(",")
    cells[lines[0].replace('"', "").split(",").index("amount")] = "twelve"
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    yield path
    path.write_text(text)


def test_a_failed_load_says_why_and_changes_nothing(
    ui: DagsterUi, deployment: Deployment, broken: Path
) -> None:
    before = {day: _snapshot(deployment, day) for day in DAYS}
    versions = _versions(deployment)
    ui.materialize([SECOND.isoformat()])
    ui.wait_for_run("Failure")
    told = ui.log_line("was not published", typed="Execution of step")
    assert f"{SECOND}: {broken}:3: sources.row1.columns.amount" in told
    assert "'twelve' is not of type decimal(18,2)" in told
    assert "remedy: mend the file" in told
    ui.toggle_events()
    expect(ui.log_lines().filter(has_text=f"{SECOND} failed: ").first).to_be_visible()
    ui.shoot("failed-run")
    assert {day: _snapshot(deployment, day) for day in DAYS} == before
    assert _versions(deployment) == versions


def _folder(deployment: Deployment, day: date) -> Path:
    return deployment.settings.landing_root / TABLE / f"biz_dt={day:%Y%m%d}"


def _snapshot(deployment: Deployment, day: date) -> Snapshot:
    """Name, inode and time of each file of a date."""
    files = (f for f in _folder(deployment, day).rglob("*") if f.is_file())
    return {str(f): (f.stat().st_ino, f.stat().st_mtime_ns) for f in files}


def _versions(deployment: Deployment) -> dict[date, int]:
    with deployment.platform() as platform:
        return dict(platform.ledger.current_versions(TABLE, list(DAYS)))


def _from_arrow(table: pa.Table) -> pd.DataFrame:
    return pd.DataFrame(table.to_pylist())


def _read_with_pandas(folder: Path) -> pd.DataFrame:
    """File by file, as the README shows; the status stands in the folder's name."""
    frames = [
        pd.read_orc(file).assign(biz_status=file.parent.name.partition("=")[2])
        for file in sorted(folder.rglob("*.orc"))
    ]
    return pd.concat(frames, ignore_index=True)
