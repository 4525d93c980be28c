"""A person runs the sample legacy job in the UI: nothing was declared of it but columns and checks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from fdm_platform_tests.browser.conftest import fdm
from fdm_platform_tests.browser.dagster_ui import LOAD_MS, DagsterUi
from fdm_platform_tests.deployment import DAYS, Deployment
from fdm_platform_tests.trees import tree

pytestmark = [pytest.mark.browser, pytest.mark.spark]

JOB = "etl_lnd_gels_fpms_t_contract_legacy"
FIRST, SECOND = DAYS[:2]


@pytest.fixture(scope="module")
def job(deployment: Deployment, browser: object, request: pytest.FixtureRequest) -> DagsterUi:
    """The job's page, of a UI that is started when what the job waits for is loaded."""
    fdm(deployment, "materialize", "t_contract_master", "--from", str(FIRST), "--to", str(SECOND))
    ui: DagsterUi = request.getfixturevalue("ui")
    return replace(ui, asset=f"/assets/gels/fpms/{JOB}")


def test_two_dates_are_run_and_run_again_one_by_one(job: DagsterUi, deployment: Deployment) -> None:
    root = deployment.settings.landing_root / "gels_fpms_t_contract_legacy"
    for day, other in ((FIRST, SECOND), (SECOND, FIRST), (FIRST, SECOND), (SECOND, FIRST)):
        before = tree(root, other)
        job.materialize([str(day)])
        job.wait_for_run("Success")
        assert tree(root, day)
        assert tree(root, other) == before
    job.open_asset("partitions")
    expect(job.page.get_by_text("Materialized (2)")).to_be_visible(timeout=LOAD_MS)
    with deployment.platform() as platform:
        published = platform.ledger.published(f"gels_fpms_{JOB}")
    assert {d: p.version for d, p in published.items()} == {FIRST: 2, SECOND: 2}


def test_its_page_tells_where_it_comes_from(job: DagsterUi) -> None:
    job.open_asset("overview")
    page = job.page
    expect(page.get_by_text("by a script of the legacy framework").first).to_be_visible()
    expect(
        page.get_by_text("paid_is_not_negative").or_(page.get_by_text("contract_id")).first
    ).to_be_visible()
