"""Terminate in Dagster's UI means stop, and a killed worker does not: its run is started again, and goes on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.faults.crashing import DEADLINE_S, FDM, wait_for
from fdm_platform_tests.faults.transforms import FINDS_NOBODY, WORKS_FOR_EVER, WORKS_UNTIL_TOLD
from fdm_platform_tests.processes import end_all_of, of_deployment

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

TABLE, KEY = "gels_fpms_t_payment", ["gels", "fpms", "t_payment"]
DAY = DAYS[-1].isoformat()
PUBLISHED = DAYS[0]
OF_IT = {"dagster/partition": PUBLISHED.isoformat()}
"""Tag of a run of the one date that is published here."""
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename } }"
AGAIN = """
query($tag: ExecutionTag!) {
  runsOrError(filter: {tags: [$tag]}) { ... on Runs { results { runId } } }
}"""
LOG = """
query($run: ID!) {
  logsForRun(runId: $run, limit: 10000) {
    ... on EventConnection { events { __typename ... on MessageEvent { message } } }
  }
}"""


@dataclass
class Ui:
    """The UI of a deployment whose table has two retries, spoken to as a browser does."""

    deployment: Deployment
    url: str

    def transform(self, text: str, **values: str) -> None:
        """Let the table's transform be this one from now on."""
        file = self.deployment.settings.sql_root / "gels/fpms/t_payment/payment.py"
        file.write_text(text.format(**values))

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        asked = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=120) as answer:  # noqa: S310 - the same
            return json.load(answer)["data"]

    def launch(self, tags: Mapping[str, str] | None = None) -> str:
        """Materialize the table's last date; the run's id."""
        selector = {
            "repositoryLocationName": "fdm_platform",
            "repositoryName": "__repository__",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": KEY}],
        }
        given = {"dagster/partition": DAY, **(tags or {})}
        metadata = {"tags": [{"key": key, "value": value} for key, value in given.items()]}
        params = {"selector": selector, "runConfigData": {}, "mode": "default", "executionMetadata": metadata}
        answer = self.ask(LAUNCH, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def status(self, run: str) -> str:
        answer = self.ask("query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }", run=run)
        return str(answer["runOrError"]["status"])

    def started_again(self, run: str) -> list[str]:
        """The runs that Dagster has started in a run's place."""
        answer = self.ask(AGAIN, tag={"key": "dagster/root_run_id", "value": run})["runsOrError"]
        return [str(found["runId"]) for found in answer["results"] if found["runId"] != run]

    def loads(self) -> list[str]:
        """Which load made each version of the date that is published here, newest first."""
        with self.deployment.platform() as platform:
            return [v.load_id for v in platform.ledger.versions(TABLE, PUBLISHED)]

    def says(self, run: str, text: str) -> bool:
        return any(text in event["message"] for event in self.events(run))

    def terminate(self, run: str) -> None:
        answer = self.ask(TERMINATE, run=run)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def events(self, run: str) -> list[dict[str, str]]:
        """The run's log, each line with its kind."""
        answer = self.ask(LOG, run=run)["logsForRun"]
        return [{"__typename": e["__typename"], "message": e.get("message", "")} for e in answer["events"]]

    def attempts(self, run: str) -> list[str]:
        """Statuses of the run's attempts."""
        with self.deployment.platform() as platform:
            rows = [r for r in platform.store.scan("fdm_attempts") if r["load_id"].startswith(run)]
            logged = {r["id"]: r["status"] for r in platform.store.scan("execution_log")}
        assert {r["id"]: r["status"] for r in rows}.items() <= logged.items()
        return [str(r["status"]) for r in rows]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("stopping", numbered=False)
    deployment = deploy(
        folder / "home", sql_root=shutil.copytree(PROJECT / "sql" / "landing", folder / "sql")
    )
    declared = deployment.settings.sql_root / "gels/fpms/t_payment/table.yaml"
    declared.write_text(declared.read_text() + "\nretries: 2\n")
    # What could be adopted is left to be, however long this machine takes to start a run again.
    deployment.environ["FDM_LEASE_S"] = "3600"
    start = [FDM, "ui", "start", "--port", "0"]
    told = subprocess.run(
        start, env=deployment.environ, capture_output=True, text=True, check=True, timeout=300
    )
    yield Ui(deployment, told.stdout.strip())
    subprocess.run([FDM, "ui", "stop"], env=deployment.environ, check=True, timeout=300)
    end_all_of(folder)


def processes_of(ui: Ui, run: str) -> set[int]:
    """What the run has started and still lives."""
    return of_deployment(ui.deployment.settings.work / f"{run}-{TABLE}")


def assert_stopped_for_good(ui: Ui, run: str, attempts: list[str]) -> None:
    """The run is canceled, and what it had begun ended in one final line each."""
    wait_for(lambda: ui.status(run) == "CANCELED")
    kinds = {event["__typename"] for event in ui.events(run)}
    assert "ExecutionStepStartEvent" in kinds
    assert not kinds & {"ExecutionStepUpForRetryEvent", "ExecutionStepRestartEvent"}
    assert [status.partition(":")[0] for status in ui.attempts(run)] == attempts
    wait_for(lambda: not processes_of(ui, run))
    root = ui.deployment.settings.landing_root / TABLE
    assert not list(root.glob(".staging/*/*"))
    with ui.deployment.platform() as platform:
        assert platform.claims.all() == []


def test_terminate_while_spark_works_starts_no_retry(ui: Ui, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    ui.transform(WORKS_FOR_EVER, begun=str(begun))
    run = ui.launch()
    wait_for(begun.exists)
    assert processes_of(ui, run), "nothing is there to be stopped"
    ui.terminate(run)
    assert_stopped_for_good(ui, run, ["Failed"])
    assert "cancelled before it was published" in ui.attempts(run)[0]


def test_terminate_while_a_retry_is_waited_for_starts_none(ui: Ui) -> None:
    ui.transform(FINDS_NOBODY)
    run = ui.launch()
    wait_for(lambda: any(": tried again in" in event["message"] for event in ui.events(run)))
    ui.terminate(run)
    assert_stopped_for_good(ui, run, ["Failed"])
    assert "Connection refused" in ui.attempts(run)[0]


def test_runs_that_wait_for_another_load_end_at_terminate_and_leave_out_what_it_has_loaded(
    ui: Ui, tmp_path: Path
) -> None:
    begun, gate, before = tmp_path / "begun", tmp_path / "gate", ui.loads()
    ui.transform(WORKS_UNTIL_TOLD, begun=str(begun), gate=str(gate))
    first = ui.launch(OF_IT)
    wait_for(begun.exists)
    stopped = ui.launch(OF_IT)
    wait_for(lambda: ui.says(stopped, "waiting for it, at most"))
    ui.terminate(stopped)
    wait_for(lambda: ui.status(stopped) == "CANCELED")
    with ui.deployment.platform() as platform:
        assert [claim.load_id for claim in platform.claims.all()] == [f"{first}-{TABLE}"]
    patient = ui.launch({**OF_IT, "dagster/sensor_name": "control_changes"})
    wait_for(lambda: ui.says(patient, "waiting for it, at most"))
    gate.touch()
    wait_for(lambda: {ui.status(first), ui.status(patient)} == {"SUCCESS"})
    assert ui.loads() == [f"{first}-{TABLE}", *before]
    assert [ui.attempts(run) for run in (first, stopped, patient)] == [["Completed"], [], []]


def test_the_run_that_dagster_starts_again_adopts_the_spark_of_the_killed_one(ui: Ui, tmp_path: Path) -> None:
    begun, gate, before = tmp_path / "begun", tmp_path / "gate", ui.loads()
    ui.transform(WORKS_UNTIL_TOLD, begun=str(begun), gate=str(gate))
    run = ui.launch(OF_IT)
    wait_for(begun.exists)
    begun.unlink()
    with ui.deployment.platform() as platform:
        (row,) = platform.loads.open_ones()
    os.kill(row.pid, signal.SIGKILL)
    gate.touch()
    wait_for(lambda: ui.status(run) == "FAILURE")
    wait_for(lambda: [ui.status(again) for again in ui.started_again(run)] == ["SUCCESS"])
    (again,) = ui.started_again(run)
    assert ui.says(again, f"load {run}-{TABLE}, whose process {row.pid} is gone, is adopted")
    assert ui.loads() == [f"{run}-{TABLE}", *before]
    assert (ui.attempts(run), ui.attempts(again)) == (["Completed"], [])
    assert not begun.exists(), "the date was worked on a second time"
    kinds = [event["__typename"] for event in ui.events(again)]
    assert kinds.count("MaterializationEvent") == 1


def test_a_command_that_waits_for_a_retry_ends_at_a_signal_and_submits_no_more(
    ui: Ui, tmp_path: Path
) -> None:
    """Ctrl-C here; SIGTERM goes the same way (cli/test_load.py)."""
    ui.transform(FINDS_NOBODY)
    said = tmp_path / "said"
    with said.open("wb") as file:
        dates = ["--from", str(DAYS[0]), "--to", DAY, "--dates-per-run", "1"]
        command = [FDM, "backfill", TABLE, *dates, "--yes"]
        process = subprocess.Popen(command, env=ui.deployment.environ, stderr=file, stdout=file)
    wait_for(lambda: ": tried again in" in said.read_text(), process, told=said.read_text)
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 130
    (load,) = re.findall(r": load ([\w-]{36})", said.read_text())
    assert [status.partition(":")[0] for status in ui.attempts(load)] == ["Failed"]


def test_terminate_while_a_breaker_is_waited_for_ends_at_once(ui: Ui) -> None:
    with ui.deployment.platform() as platform:
        breakers = platform.breakers
        for n in range(5):
            breakers.note_failure("source", "gels_fpms", f"load-{n}", "no route to host")
        run = ui.launch({"dagster/sensor_name": "process_control_gels_fpms"})
        wait_for(lambda: any("it waits: the breaker of source" in e["message"] for e in ui.events(run)))
        ui.terminate(run)
        assert_stopped_for_good(ui, run, [])
        breakers.note_success("source", "gels_fpms", "another load")
