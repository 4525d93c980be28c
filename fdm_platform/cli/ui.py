"""`fdm ui`: Dagster's webserver and daemon in the background, on the settings of this project."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console

from fdm_platform.control.dependencies import refresh
from fdm_platform.defs.platform import open_platform
from fdm_platform.defs.reloading import PAST_PROXIES
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import Settings
from fdm_platform.processes import members_of

DEFAULT_PORT = 3000
READY_S = 120
STOP_S = 15


@dataclass(frozen=True, slots=True)
class RunningUi:
    """A UI that was started: the leader of its process group and where it listens."""

    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        """Address for the browser."""
        return f"http://{self.host}:{self.port}"


@click.group()
def ui() -> None:
    """Dagster's UI and daemon for this project, in the background.

    \b
    Examples:
      fdm ui start
      fdm ui start --port 3333
      fdm ui stop
    """  # noqa: D301 - click wants the backspace itself


@ui.command(name="start")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free."
)
@click.option("--host", default="127.0.0.1", show_default=True)
def start_command(port: int, host: str) -> None:
    """Start it and print its address."""
    click.echo(start_ui(Settings.from_environ(), host, port).url)


@ui.command(name="stop")
def stop_command() -> None:
    """Stop it, and all that it started but loads that run."""
    running = running_ui(Settings.from_environ())
    if running is None:
        click.echo("the UI is not running")
        return
    stop_ui(Settings.from_environ(), running)
    click.echo(f"stopped {running.url}")


@ui.command(name="status")
@click.option("--json", "as_json", is_flag=True)
def status_command(as_json: bool) -> None:
    """Print its address; exit 1 if it is not running."""
    running = running_ui(Settings.from_environ())
    if as_json:
        click.echo(json.dumps({**asdict(running), "url": running.url} if running else None))
    else:
        click.echo(running.url if running else "the UI is not running")
    if running is None:
        sys.exit(1)


def start_ui(settings: Settings, host: str, port: int) -> RunningUi:
    """Start the UI, or return the one that runs. MachineError when the port is in use or it does not come up."""
    if running := running_ui(settings):
        return running
    port = _free_port(host, port)
    sync_dates(settings)
    folder = settings.home / "ui"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ui.log").open("w") as log:
        process = subprocess.Popen(
            _command(settings, host, port),
            cwd=settings.project,
            env={**os.environ, **settings.child_environ, "FDM_UI_URL": RunningUi(0, host, port).url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = RunningUi(process.pid, host, port)
    (folder / "ui.json").write_text(json.dumps(asdict(running)))
    _wait_until_ready(running, process, folder / "ui.log")
    return running


def running_ui(settings: Settings) -> RunningUi | None:
    """The UI that this deployment has started, if its process still lives."""
    try:
        running = RunningUi(**json.loads((settings.home / "ui" / "ui.json").read_text()))
        os.kill(running.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return running


def stop_ui(settings: Settings, running: RunningUi) -> None:
    """End the UI's process group: politely, then by force."""
    _signal_group(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while members_of(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal_group(running.pid, signal.SIGKILL)
    (settings.home / "ui" / "ui.json").unlink(missing_ok=True)


def sync_dates(settings: Settings) -> None:
    """Bring what Dagster knows up to the control tables: legacy jobs, every business date, and job_dependency."""
    from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
    from fdm_platform.defs.partitions import add_dates  # noqa: PLC0415

    with open_platform(settings) as platform, open_instance(settings) as instance:
        platform.look_for_jobs()
        first_of_set = {spec.partition_set: spec for spec in platform.catalog.tables.values()}
        for name, spec in first_of_set.items():
            add_dates(instance, name, [r.biz_dt for r in platform.control_rows(spec)])
        refresh(platform.store, settings.home)


def _command(settings: Settings, host: str, port: int) -> list[str]:
    workspace = str(settings.project / "workspace.yaml")
    return [sys.executable, "-m", "dagster", "dev", "-w", workspace, "-h", host, "-p", str(port)]


def _free_port(host: str, port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise MachineError(
                f"port {port} of {host} cannot be had: {error.strerror}",
                field="--port",
                remedy="stop what uses it, or choose another: --port 3333, or --port 0 for any free one",
            ) from error
        number: int = probe.getsockname()[1]
        return number


def _wait_until_ready(running: RunningUi, process: subprocess.Popen[bytes], log: Path) -> None:
    with Console(stderr=True).status(f"starting the UI on port {running.port}"):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with PAST_PROXIES.open(f"{running.url}/server_info", timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
    raise MachineError(
        "the UI did not come up; the end of its log:\n" + log.read_text()[-2000:],
        file=str(log),
        remedy="mend what the log says and run `fdm ui start` again",
    )


def _signal_group(group: int, number: int) -> bool:
    """Signal a process group; False when it is gone."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
