"""A deployment with the UI as `fdm ui start` starts it, and Chromium in front of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from fdm_platform_tests.browser.contracts import ROWS
from fdm_platform_tests.browser.dagster_ui import DagsterUi
from fdm_platform_tests.deployment import Deployment, deploy
from fdm_platform_tests.processes import end_all_of, of_deployment

FDM = Path(sys.executable).with_name("fdm")
PATIENCE_MS = 120_000
"""For whatever the page is to show, on a busy machine."""
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no `chromium` on the PATH; install Debian's package chromium to run the browser tests")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=CHROMIUM) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment; whatever still runs on its settings in the end is stopped, however the tests went."""
    home = tmp_path_factory.mktemp("of_a_module") / "fdm"
    home.mkdir()
    made = deploy(home, rows=ROWS)
    yield made
    end_all_of(made.settings.home)


@pytest.fixture(scope="module")
def ui_url(deployment: Deployment) -> Iterator[str]:
    """The address that `fdm ui start` prints."""
    started = fdm(deployment, "ui", "start", "--port", "0")
    try:
        yield started.stdout.strip()
    finally:
        fdm(deployment, "ui", "stop")
    left = [Path(f"/proc/{p}/cmdline").read_text() for p in of_deployment(deployment.settings.home)]
    assert left == [], "`fdm ui stop` left processes behind"


@pytest.fixture(scope="module")
def ui(browser: Browser, ui_url: str) -> DagsterUi:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    # Dagster asks a new user once for a newsletter.
    page.add_locator_handler(
        page.get_by_text("Join the Dagster community"),
        lambda: page.get_by_role("button", name="Skip").click(),
    )
    return DagsterUi(page, ui_url)


def fdm(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real command on the deployment's settings."""
    return subprocess.run(
        [FDM, *arguments], env=deployment.environ, capture_output=True, text=True, check=True, timeout=300
    )
