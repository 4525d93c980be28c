"""Dagster's UI as a person uses it: pages, dialogs and what is read on them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

LOAD_MS = 300_000
"""How long a load may take, with the queue before it, on a busy machine."""
TICKS = """
query Ticks($sensor: SensorSelector!) {
  sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState { ticks(limit: 5) { tickId status } } } }
}
"""
ASSET = "/assets/gels/fpms/t_contract_master"


@dataclass(frozen=True, slots=True)
class DagsterUi:
    """One browser page on the UI of a deployment."""

    page: Page
    url: str
    asset: str = ASSET
    """The path of the asset's page."""

    def open_asset(self, view: str = "overview", **query: str) -> None:
        """The page of the asset, at one of its tabs."""
        parts = "&".join(f"{k}={v}" for k, v in {"view": view, **query}.items())
        self.page.goto(f"{self.url}{self.asset}?{parts}")
        expect(self.page.get_by_role("button", name="Materialize…")).to_be_enabled()

    def materialize(self, days: Sequence[str], shot: str = "") -> None:
        """Choose dates in the dialog of the Materialize button, launch, and follow the link to the run."""
        self.open_asset()
        self.page.get_by_role("button", name="Materialize…").click()
        self.page.get_by_text("Select a partition or create one").click()
        for day in days:
            self.page.get_by_role("menuitem").filter(has_text=day).click()
        self.page.keyboard.press("Escape")
        chosen = f"{len(days)} partition" + ("s" if len(days) > 1 else "")
        expect(self.page.get_by_text(chosen, exact=True)).to_be_visible()
        if shot:
            self.shoot(shot)
        self.page.get_by_role("button", name=re.compile("^Launch")).click()
        # Opened by its address: a click is lost when the page behind redraws itself at that moment.
        run = self.page.get_by_role("link", name="View", exact=True).get_attribute("href")
        assert run, "the note about the launched run has no link"
        self.page.goto(f"{self.url}{run}")

    def wait_for_run(self, outcome: str) -> None:
        """Wait until the run that the page shows has come to an end, which must be this outcome."""
        ended = self.page.get_by_text(re.compile("^(Success|Failure|Canceled)$")).first
        expect(ended).to_be_visible(timeout=LOAD_MS)
        expect(ended).to_have_text(outcome)

    def log_line(self, words: str, typed: str | None = None) -> str:
        """The first line of the run's log that has these words; waits for it while the run goes on.

        `typed` is what is filtered by where that is something else: the filter looks at an event's own
        message, not at the error below it.
        """
        self.filter_log(words if typed is None else typed)
        line = self.log_lines().filter(has_text=words).first
        expect(line).to_be_visible(timeout=LOAD_MS)
        return line.inner_text()

    def filter_log(self, words: str) -> None:
        """What a person types above the log."""
        self.page.get_by_placeholder("Filter…").fill(words)
        self.page.keyboard.press("Enter")

    def toggle_events(self) -> None:
        """Leave Dagster's own events out of the log, or take them in again; the UI remembers it."""
        self.page.get_by_placeholder("Filter…").fill("")
        self.page.get_by_role("button", name="Levels").click()
        self.page.get_by_role("menuitem").filter(has_text=re.compile("event", re.IGNORECASE)).click()
        self.page.keyboard.press("Escape")

    def log_lines(self) -> Locator:
        return self.page.locator("[class*=CellTruncation], [class*=LogsRow], [class*=logsRow]")

    def metadata(self) -> dict[str, str]:
        """Keys and values of the metadata table on the page."""
        rows = self.page.locator("tr:has(td:nth-child(2))")
        expect(rows.filter(has_text="spark_application_id")).to_be_visible()
        cells = [row.locator("td").all_inner_texts() for row in rows.all()]
        return {row[0].strip(): row[1].strip() for row in cells}

    def launch_all_of(self, which: str, shot: str = "") -> None:
        """In the dialog of the Materialize button: all dates, or all that failed; then launch."""
        self.page.get_by_role("button", name="Materialize…").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name=which, exact=True).click()
        expect(dialog.get_by_text(re.compile(r"^[1-9]\d* partitions?$")).first).to_be_visible()
        if shot:
            self.shoot(shot)
        dialog.get_by_role("button", name=re.compile("^Launch")).click()
        expect(dialog).to_be_hidden()

    def expect_dates(self, **counts: int) -> None:
        """Wait until the partitions page, which follows the runs, counts so many dates of each state."""
        for state, count in counts.items():
            expect(self.page.get_by_text(f"{state} ({count})")).to_be_visible(timeout=LOAD_MS)

    def switch_on(self, *sensors: str, shot: str = "") -> None:
        """On the page of automations."""
        self.page.goto(f"{self.url}/automation")
        for name in sensors:
            row = self.page.locator(f"a[href$='/sensors/{name}']").locator("xpath=..")
            row.locator("label[class*=formatSwitch]").click()
            expect(row.locator("label[class*=formatSwitch] input")).to_be_checked()
        if shot:
            self.shoot(shot)

    def wait_for_ticks(self, *sensors: str) -> None:
        """Until each sensor has begun and ended another tick."""
        before = {name: self._last_tick(name) for name in sensors}
        what = f"another tick of {', '.join(sensors)}"
        self.wait_until(lambda: all(self._last_tick(name) > last for name, last in before.items()), what)

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Look every second, as long as a load may take."""
        deadline = time.monotonic() + LOAD_MS / 1000
        while not is_so():
            assert time.monotonic() < deadline, f"there is still not {what}"
            time.sleep(1)

    def _last_tick(self, sensor: str) -> int:
        """The id of the sensor's newest tick that has ended; 0 before the first."""
        where = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "fdm_platform",
            "sensorName": sensor,
        }
        answer = self.page.request.post(
            f"{self.url}/graphql", data={"query": TICKS, "variables": {"sensor": where}}
        ).json()
        ticks = answer["data"]["sensorOrError"]["sensorState"]["ticks"]
        return max((int(t["tickId"]) for t in ticks if t["status"] != "STARTED"), default=0)

    def open_lineage(self) -> None:
        """The graph of all assets."""
        self.page.goto(f"{self.url}/asset-groups")
        expect(self.page.get_by_text("t_contract_summary").first).to_be_visible()

    def shoot(self, name: str) -> None:
        """A screenshot for the documentation, where FDM_SCREENSHOTS names a folder for them."""
        if folder := os.environ.get("FDM_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")
