"""Has Dagster load the definitions anew when what they were made of has changed, without a restart of the daemon.

`dagster code-server start` answers ReloadCode by starting a new process, to which webserver and daemon turn by
themselves; the old one ends when its runs have. Of that the client is private to Dagster, the webserver's GraphQL
is not, and asks the same. See docs/adr/0019-reload-by-the-code-server.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fdm_platform.control import dependencies
from fdm_platform.control.legacy_jobs import saved
from fdm_platform.errors import ControlError, FdmError, MachineError
from fdm_platform.model.settings import Settings

log = logging.getLogger(__name__)
RELOAD_S = 600
"""A new code server may take so long until it has its definitions."""
SOON_S = 2.0
"""A reload begins after so long: the tick that asks for it is answered by the process that it replaces."""
_MUTATION = """
mutation Reload($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    __typename
    ... on PythonError { message }
    ... on WorkspaceLocationEntry { locationOrLoadError { __typename ... on PythonError { message } } }
  }
}
"""
PAST_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens an address past any proxy of the environment, which knows the way out and not to the webserver beside this process."""
_made_of: dict[Path, str] = {}


def note_definitions(settings: Settings) -> None:
    """This process makes its definitions of what the files of the control tables say from now on."""
    _made_of[settings.home] = _state(settings)


def is_outdated(settings: Settings) -> bool:
    """The files say something else than when this process's definitions were made; not for a file's time alone."""
    before = _made_of.get(settings.home)
    return before is not None and before != _state(settings)


def reloader(settings: Settings, location: str) -> Callable[[], None] | None:
    """What has the code location loaded anew and returns when it is; None where nobody is known who could.

    FdmError where it cannot be asked, or where the new definitions cannot be loaded.
    """
    if settings.code_server:
        return lambda: _by_code_server(settings.code_server)
    if settings.ui_url:
        return lambda: _by_webserver(settings.ui_url, location)
    return None


def reload_soon(reload: Callable[[], None], after_s: float = SOON_S) -> None:
    """Do it in a thread, so that the tick is answered before its process is replaced. What goes wrong is logged."""

    def ask() -> None:
        try:
            reload()
        except FdmError as error:
            log.warning("the definitions were not loaded anew: %s", error)

    timer = threading.Timer(after_s, ask)
    timer.daemon = True
    timer.start()


def _by_code_server(address: str) -> None:
    from dagster._grpc.client import DagsterGrpcClient  # noqa: PLC0415 - private to Dagster: here alone

    host, _, port = address.rpartition(":")
    is_socket = not port.isdigit()
    client = (
        DagsterGrpcClient(socket=address)
        if is_socket
        else DagsterGrpcClient(int(port), host=host or "localhost")
    )
    try:
        client.reload_code(timeout=RELOAD_S)
    except Exception as error:  # of whatever kind that client has for it
        raise MachineError(
            f"the code server at {address} did not reload: {error}",
            field="FDM_CODE_SERVER",
            remedy="look at its log; it must be `dagster code-server start`",
        ) from error


def _by_webserver(url: str, location: str) -> None:
    body = json.dumps({"query": _MUTATION, "variables": {"location": location}}).encode()
    request = urllib.request.Request(  # noqa: S310 - the deployment's own
        f"{url}/graphql", body, {"Content-Type": "application/json"}
    )
    try:
        with PAST_PROXIES.open(request, timeout=RELOAD_S) as answer:
            told: dict[str, Any] = json.load(answer)
        found = told["data"]["reloadRepositoryLocation"]
        entry = found.get("locationOrLoadError") or found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MachineError(
            f"the webserver at {url} did not reload {location}: {error}",
            field="FDM_UI_URL",
            remedy="set it to the address of Dagster's webserver",
        ) from error
    if found["__typename"] != "WorkspaceLocationEntry" or entry["__typename"] == "PythonError":
        raise MachineError(
            f"{location} was not reloaded: {entry.get('message') or found['__typename']}",
            field="FDM_UI_URL",
            remedy="mend what it says; the location's name stands in workspace.yaml",
        )


def _state(settings: Settings) -> str:
    """Hash of what definitions depend on in the control tables' files."""
    try:
        jobs = saved(settings.home)
    except ControlError:
        jobs = None
    of_jobs = [replace(job, stamp="") for job in jobs.jobs] if jobs else []
    file = settings.home / dependencies.FILE
    of_dependencies = file.read_bytes() if file.exists() else b""
    return hashlib.sha256(repr(of_jobs).encode() + of_dependencies).hexdigest()
