"""`fdm kudu`: a Kudu master and tablet server of this project's own, for development."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from fdm_platform.control.kudu import servers
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.model.settings import Settings

DEFAULT_PORT = 7051
"""Kudu's own default for masters."""


@click.group()
def kudu() -> None:
    """A Kudu master and a tablet server on this machine, in the background, for development.

    Their data and logs are in the folder kudu of FDM_HOME. Linux on x86_64 only.

    \b
    Examples:
      fdm kudu start
      export FDM_CONTROL_URL=kudu://127.0.0.1:7051
      fdm kudu stop
    """  # noqa: D301 - click wants the backspace itself


@kudu.command(name="start")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=f"The master's. Default: that of the last start, at first {DEFAULT_PORT} or a free one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def start_command(port: int | None, as_json: bool) -> None:
    """Start both servers, or what is missing of them, and wait until they can be worked with.

    Data, and the ports of the last start, are kept. The first start fetches Kudu's programs (36 MB).

    \b
    Examples:
      fdm kudu start
      fdm kudu start --port 7151
    """  # noqa: D301 - click wants the backspace itself
    settings = Settings.from_environ()
    before = servers.status(_folder(settings))
    chosen = DEFAULT_PORT if port is None and before is None and servers.is_free(DEFAULT_PORT) else port
    with Console(stderr=True).status("starting Kudu"):
        now = servers.start(_folder(settings), master_port=chosen, settings=settings)
    if before is None and chosen is None:
        click.echo(f"port {DEFAULT_PORT} is in use: the master has {now.master.port}", err=True)
    if before == now:
        click.echo("it runs already", err=True)
    _print(now, as_json=as_json)


@kudu.command(name="stop")
def stop_command() -> None:
    """Stop both servers. Data, logs and ports are kept.

    \b
    Examples:
      fdm kudu stop
    """  # noqa: D301 - click wants the backspace itself
    folder = _folder(Settings.from_environ())
    click.echo(f"stopped; data and logs are in {folder}" if servers.stop(folder) else "it does not run")


@kudu.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; null if it was never started.")
def status_command(as_json: bool) -> None:
    """Say whether both servers run, and where; exit 1 if one does not.

    \b
    Examples:
      fdm kudu status
      fdm kudu status --json
    """  # noqa: D301 - click wants the backspace itself
    now = servers.status(_folder(Settings.from_environ()))
    if now is not None:
        _print(now, as_json=as_json)
    else:
        click.echo("null" if as_json else "it was never started: fdm kudu start")
    if now is None or not now.is_running:
        sys.exit(1)


def _folder(settings: Settings) -> Path:
    return settings.home / "kudu"


def _print(now: Servers, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_plain(now)))
        return
    if now.is_running:
        click.echo(f"FDM_CONTROL_URL={now.url}")
    for server in (now.master, now.tserver):
        state = f"pid {server.pid}  {server.web}" if server.is_running else "not running"
        click.echo(f"{server.name:<8} {server.address:<16} {state}")
    click.echo(f"logs     {now.logs}\ndata     {now.folder}")


def _plain(now: Servers) -> dict[str, Any]:
    both: dict[str, Any] = {
        server.name: {
            "running": server.is_running,
            "pid": server.pid if server.is_running else None,
            "address": server.address,
            "web": server.web,
        }
        for server in (now.master, now.tserver)
    }
    places = {"data": str(now.folder), "logs": str(now.logs)}
    return {"running": now.is_running, "FDM_CONTROL_URL": now.url, **places, **both}
