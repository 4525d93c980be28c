"""Three months of business dates in the UI: a backfill with one poisoned date, rows that appear, a reprocessed date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fdm_platform.cli.sample import write_sources
from fdm_platform_tests.browser.conftest import fdm
from fdm_platform_tests.browser.dagster_ui import LOAD_MS, DagsterUi
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.processes import end_all_of

pytestmark = [pytest.mark.browser, pytest.mark.spark, pytest.mark.embedded]

PARENT, CHILD = "t_contract_master", "t_contract_summary"
FIRST = date(2024, 2, 1)
QUARTER = [d for n in range(90) if (d := FIRST + timedelta(n)).weekday() < 5]
POISONED, NEW = date(2024, 2, 29), date(2024, 5, 2)
ROWS = 20


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A parent and its child with a quarter of dates, one of which has an amount that is no number."""
    home = tmp_path_factory.mktemp("quarter", numbered=False)
    sql_root = shutil.copytree(PROJECT / "sql" / "landing", home / "sql")
    for folder in ("t_payment", "contract_legacy"):
        shutil.rmtree(next(sql_root.glob(f"*/*/{folder}")))
    made = deploy(home, rows=ROWS, sql_root=sql_root)
    write_sources(made.settings.source_root, [*QUARTER, NEW], ROWS)
    keys = [{"entity": "GELS", "source_system": "FPMS", "biz_dt": d} for d in DAYS]
    with made.platform() as platform:
        platform.store.delete("process_control", keys)
        platform.store.delete("job_master", [{"job_id": job_id} for job_id in ("JOB_2001", "JOB_2002")])
        legacy = "etl_lnd_gels_fpms_t_contract_legacy"
        platform.store.delete(
            "job_dependency", [{"dependent_job_id": "JOB_2001", "dependent_job_name": legacy}]
        )
    write_rows(made, *QUARTER, at=datetime.now(UTC) - timedelta(hours=2))
    poison(made.source("customer_contract_{day}.csv", POISONED))
    yield made
    end_all_of(made.settings.home)


def write_rows(deployment: Deployment, *days: date, at: datetime | None = None, **changes: object) -> None:
    """Control rows as a team writes them."""
    row = {"entity": "GELS", "source_system": "FPMS", "run_indicator": "Y"}
    stamp = {"last_update_ts": at or datetime.now(UTC)}
    with deployment.platform() as platform:
        platform.store.upsert("process_control", [{**row, "biz_dt": d, **stamp, **changes} for d in days])


def poison(file: Path) -> None:
    lines = file.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:3], "much", *cells[4:]])
    file.with_suffix(".good").write_text(file.read_text())
    file.write_text("\n".join(lines) + "\n")


def versions(deployment: Deployment, table: str) -> dict[date, int]:
    """What is published of a table."""
    with deployment.platform() as platform:
        published = platform.ledger.published(platform.catalog.get(table).name)
        return {d: p.version for d, p in published.items()}


def why(deployment: Deployment, table: str, day: date) -> str:
    """The verdict of `fdm why`, and its first explanation."""
    told = fdm(deployment, "why", table, "--biz-dt", day.isoformat()).stdout
    return " ".join(told.split("\n\n")[0].split())


@pytest.fixture(scope="module")
def backfilled(ui: DagsterUi, deployment: Deployment) -> None:
    """All dates of the quarter, launched in the dialog of the asset."""
    ui.open_asset("partitions")
    ui.launch_all_of("All", shot="backfill-dialog")
    ui.expect_dates(Failed=1, Materialized=len(QUARTER) - 1, Materializing=0, Missing=0)


def test_a_poisoned_date_fails_alone(ui: DagsterUi, deployment: Deployment, backfilled: None) -> None:
    ui.open_asset("partitions", partition=POISONED.isoformat())
    expect(ui.page.get_by_text("failed, and did not materialize this asset")).to_be_visible()
    ui.shoot("backfill-one-failed")
    assert versions(deployment, PARENT) == {d: 1 for d in QUARTER if d != POISONED}
    told = why(deployment, PARENT, POISONED)
    assert f"{POISONED}: failed" in told
    assert "column amount: 'much' is not of type decimal(18,2)" in told
    assert "published" in why(deployment, PARENT, QUARTER[0])


def test_its_error_stands_beside_the_date(ui: DagsterUi, backfilled: None) -> None:
    ui.open_asset("partitions", partition=POISONED.isoformat())
    ui.page.get_by_role("button", name="View all historical events (1)").click()
    ui.page.get_by_role("dialog").get_by_text("Observation").click()
    error = ui.page.get_by_text("'much' is not of type decimal(18,2)").first
    expect(error).to_be_visible(timeout=LOAD_MS)
    ui.shoot("date-error")


@pytest.fixture(scope="module")
def mended(ui: DagsterUi, deployment: Deployment, backfilled: None) -> None:
    """The source delivered again, and what failed run again from the dialog."""
    source = deployment.source("customer_contract_{day}.csv", POISONED)
    source.with_suffix(".good").replace(source)
    ui.open_asset("partitions")
    ui.launch_all_of("Failed")
    ui.expect_dates(Failed=0, Materialized=len(QUARTER), Materializing=0, Missing=0)


def test_what_failed_runs_again_and_nothing_else(deployment: Deployment, mended: None) -> None:
    assert versions(deployment, PARENT) == dict.fromkeys(QUARTER, 1)


@pytest.fixture(scope="module")
def appeared(ui: DagsterUi, deployment: Deployment, mended: None) -> None:
    """The sensors switched on, and a row that appears in process_control."""
    ui.switch_on("process_control_gels_fpms", "dependents_gels_fpms", shot="automation")
    ui.wait_for_ticks("process_control_gels_fpms", "dependents_gels_fpms")
    write_rows(deployment, NEW)
    ui.wait_until(lambda: versions(deployment, CHILD).get(NEW) == 1, "a child of the new date")


def test_a_row_that_appears_is_loaded_parent_then_child(
    ui: DagsterUi, deployment: Deployment, appeared: None
) -> None:
    assert versions(deployment, PARENT) == dict.fromkeys([*QUARTER, NEW], 1)
    assert versions(deployment, CHILD) == {NEW: 1}
    for table, asked_by in ((PARENT, "sensor"), (CHILD, "automation")):
        told = json.loads(fdm(deployment, "why", table, "--biz-dt", str(NEW), "--json").stdout)
        attempts = told["evidence"]["attempts"]
        assert [(a["asked_by"], a["status"]) for a in attempts] == [(asked_by, "Completed")]
    ui.open_lineage()
    ui.shoot("lineage")


def test_a_reprocessed_date_and_its_child_are_loaded_once(
    ui: DagsterUi, deployment: Deployment, appeared: None
) -> None:
    write_rows(deployment, NEW, reprocess_dt=date(2024, 6, 3))
    ui.wait_until(lambda: versions(deployment, CHILD).get(NEW) == 2, "a second version of the child")
    ui.wait_for_ticks("process_control_gels_fpms", "dependents_gels_fpms")
    ui.wait_for_ticks("process_control_gels_fpms", "dependents_gels_fpms")
    assert versions(deployment, PARENT) == {**dict.fromkeys(QUARTER, 1), NEW: 2}
    assert versions(deployment, CHILD) == {NEW: 2}


def test_why_tells_each_of_these(deployment: Deployment, appeared: None) -> None:
    write_rows(deployment, date(2024, 5, 3), run_indicator="N")
    assert f"{date(2024, 5, 3)}: held" in why(deployment, PARENT, date(2024, 5, 3))
    assert "expected and absent: process_control has no row for it" in why(
        deployment, PARENT, date(2024, 5, 6)
    )
    assert "not a business day: holiday Ascension Day" in why(deployment, PARENT, date(2024, 5, 9))
    assert f"{QUARTER[0]}: missing" in why(deployment, CHILD, QUARTER[0])
