"""A job that is new becomes an asset by a real daemon and a real code server, of which neither is restarted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._grpc.client import DagsterGrpcClient

from fdm_platform.defs.legacy_jobs import refresh_jobs
from fdm_platform.defs.reloading import reloader
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import PROJECT, Deployment, project_in
from fdm_platform_tests.legacy_jobs import DAYS, add_row, make_job

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
LOCATION = "fdm_platform"
A, B = "etl_lnd_gels_fpms_t_a", "etl_lnd_gels_fpms_t_b"
WAITS_FOR_S = 600
SCRIPT = """
import pathlib, time
home = pathlib.Path({home!r})
(home / "begun").touch()
while not (home / "go_on").exists():
    time.sleep(0.1)
out = home / "fdm_landing" / "gels_fpms_t_a" / "biz_dt=20240515"
out.mkdir(parents=True)
(out / "part-0.txt").write_text("a\\n")
"""


def until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAITS_FOR_S
    while not is_so():
        assert time.monotonic() < deadline, f"it took more than {WAITS_FOR_S} s until {what}"
        time.sleep(0.2)


@contextmanager
def running(args: list[str], environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dagster's, ended at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *args],
            env=environ,
            cwd=PROJECT,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A job whose script goes on when it is told to, and a date to load."""
    (tmp_path / "sql").mkdir()
    made = project_in(tmp_path)
    own = {
        "DAGSTER_HOME": str(PROJECT),
        "FDM_DAGSTER_STORAGE": str(tmp_path / "dagster"),
        "FDM_SENSORS": "running",
        "FDM_CODE_SERVER": f"localhost:{_free_port()}",
        "FDM_RELOAD_EVERY_S": "0",
    }
    for name, value in {**made.environ, **own}.items():
        monkeypatch.setenv(name, value)
    with made.platform() as platform:
        make_job(tmp_path / "jobs", A, SCRIPT.format(home=str(tmp_path)))
        add_row(platform, "JOB_1", A, tmp_path / "jobs")
        row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAYS[1], "run_indicator": "Y"}
        platform.store.upsert("process_control", [{**row, "last_update_ts": datetime.now(UTC)}])
        refresh_jobs(platform)
    return Deployment(Settings.from_environ(), dict(os.environ))


def test_a_new_job_is_an_asset_while_daemon_and_runs_go_on(project: Deployment) -> None:
    home = project.settings.home
    host, _, port = project.settings.code_server.partition(":")
    workspace = home / "workspace.yaml"
    workspace.write_text(
        f"load_from: [{{grpc_server: {{host: {host}, port: {port}, location_name: {LOCATION}}}}}]\n"
    )
    server = ["dagster", "code-server", "start", "-m", "fdm_platform.definitions", "-p", port]
    with ExitStack() as stack:
        code_server = stack.enter_context(running(server, project.environ, home / "server.log"))
        instance = stack.enter_context(dg.DagsterInstance.get())
        until(lambda: _server_id(int(port)), "the code server answers")
        target = GrpcServerTarget(host=host, port=int(port), socket=None, location_name=LOCATION)
        seen = stack.enter_context(WorkspaceProcessContext(instance, target))
        until(lambda: _looked_at_anew(seen) == {A}, "the first job is an asset")
        # the row is new; the daemon's first tick sees it
        with project.platform() as platform:
            make_job(home / "jobs", B)
            add_row(platform, "JOB_2", B, home / "jobs")
        daemon = stack.enter_context(
            running(["dagster._daemon", "run", "-w", str(workspace)], project.environ, home / "daemon.log")
        )
        until(lambda: _jobs(seen) == {A, B}, "the new job is an asset")
        until((home / "begun").exists, "the script of the first job runs")
        # a run that is under way outlives a reload, whoever asks for it: here the webserver
        url = f"http://127.0.0.1:{_free_port()}"
        ui = ["dagster_webserver", "-w", str(workspace), "-p", url.rpartition(":")[2]]
        stack.enter_context(running(ui, project.environ, home / "ui.log"))
        until(lambda: _is_up(url), "the webserver answers")
        until(lambda: _server_id(int(port)), "the reloaded code server answers")
        before = _server_id(int(port))
        reload = reloader(replace(project.settings, code_server="", ui_url=url), LOCATION)
        assert reload
        reload()
        until(lambda: _server_id(int(port)) not in ("", before), "another server answers")
        (home / "go_on").touch()
        until(lambda: _ended(instance, A), "the run of the first job ends")
        assert _ended(instance, A) == [dg.DagsterRunStatus.SUCCESS]
        assert (code_server.poll(), daemon.poll()) == (None, None)


def _jobs(seen: WorkspaceProcessContext) -> set[str]:
    entry = seen.create_request_context().get_location_entry(LOCATION)
    if entry is None or entry.code_location is None:
        return set()
    (repository,) = entry.code_location.get_repositories().values()
    return {key.path[-1] for key in repository.asset_graph.materializable_asset_keys}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):  # noqa: S310 - our own address
            return True
    except OSError:
        return False


def _looked_at_anew(seen: WorkspaceProcessContext) -> set[str]:
    """Of a server that took its time to begin with."""
    seen.refresh_code_location(LOCATION)
    return _jobs(seen)


def _server_id(port: int) -> str:
    """Empty while it does not answer."""
    try:
        return DagsterGrpcClient(port, host="localhost").get_server_id()
    except DagsterUserCodeUnreachableError:
        return ""


def _ended(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRunStatus]:
    of_job = [r for r in instance.get_runs() if any(k.path[-1] == job for k in r.asset_selection or ())]
    return [run.status for run in of_job if run.is_finished]
