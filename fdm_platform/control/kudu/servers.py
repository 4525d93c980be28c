"""A Kudu for development and tests: one master and one tablet server, on loopback.

    servers = start(settings.home / "kudu")
    open_store(servers.url)
    stop(settings.home / "kudu")

The folder holds data and write-ahead logs (`master`, `tserver`), `logs`, and `servers.json`, which says
who runs where. The servers outlive the process that started them, and keep their ports when started again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from fdm_platform.control.kudu.binaries import Binaries, find_binaries
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import Settings

HOST = "127.0.0.1"
READY_S = 60.0
"""Longest wait for the servers to answer; 3 seconds is usual."""
STOP_S = 15.0
"""Longest wait for a clean end; SIGKILL follows."""

_POLL_S = 0.05
_TAIL_LINES = 20
# Below Linux's ephemeral ports, so that no connection takes a port while its server is down.
_FREE_PORTS = range(20_000, 32_000)
_COMMON_FLAGS = (
    f"--webserver_interface={HOST}",
    # A machine of development need not run an NTP client that Kudu knows.
    "--time_source=system_unsync",
    "--unlock_unsafe_flags",
    "--unlock_experimental_flags",
    # Small disks: nothing kept free for others, nothing allocated ahead.
    "--fs_wal_dir_reserved_bytes=0",
    "--fs_data_dirs_reserved_bytes=0",
    "--log_preallocate_segments=false",
    "--log_container_preallocate_bytes=0",
    "--block_cache_capacity_mb=64",
    "--max_log_files=3",
)
_FLAGS = {
    "master": ("--default_num_replicas=1", f"--memory_limit_hard_bytes={512 << 20}"),
    "tserver": ("--maintenance_manager_num_threads=1", f"--memory_limit_hard_bytes={2 << 30}"),
}
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Servers that this process started: it has to wait for them when they end."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server: its process, told from a later one of the same pid by when it started, and its ports."""

    name: Literal["master", "tserver"]
    pid: int
    started: int
    """Start of the process, in clock ticks since the machine's boot."""
    port: int
    web_port: int

    @property
    def address(self) -> str:
        """host:port of its RPC service."""
        return f"{HOST}:{self.port}"

    @property
    def web(self) -> str:
        """URL of its status pages."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def is_running(self) -> bool:
        """Its process is there."""
        return self.pid > 0 and _started(self.pid) == self.started

    def kill(self, number: int = signal.SIGTERM) -> None:
        """Send a signal, if it runs; after SIGKILL, wait until it is gone."""
        if self.is_running:
            os.kill(self.pid, number)
        if number == signal.SIGKILL:
            self.wait(STOP_S)

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False after the timeout."""
        end = time.monotonic() + timeout_s
        while self.is_running:
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL_S)
        return True


@dataclass(frozen=True, slots=True)
class Servers:
    """The cluster of a folder, as it was started last."""

    folder: Path
    master: Server
    tserver: Server

    @property
    def address(self) -> str:
        """host:port of the master, as clients want it."""
        return self.master.address

    @property
    def url(self) -> str:
        """The value for FDM_CONTROL_URL."""
        return f"kudu://{self.address}"

    @property
    def logs(self) -> Path:
        """Folder of the servers' logs."""
        return self.folder / "logs"

    @property
    def is_running(self) -> bool:
        """Both processes are there."""
        return self.master.is_running and self.tserver.is_running


def start(
    folder: Path, *, master_port: int | None = None, fsync: bool = True, settings: Settings | None = None
) -> Servers:
    """Start what does not run, and return when it can be worked with. What runs is left as it is.

    Ports are those of the last start; for the first one `master_port` and free ones. Without `fsync` a power
    failure may cost data: for tests. `settings` say where Kudu's programs come from. MachineError when
    they cannot run here, a port is taken, or a server does not come up.
    """
    binaries = find_binaries(settings or Settings.from_environ())
    with _locked(folder):
        servers = _with_ports(status(folder) or _unborn(folder), master_port)
        missing = {server.name for server in (servers.master, servers.tserver) if not server.is_running}
        if "master" in missing:
            servers = replace(servers, master=_launch(binaries, servers, servers.master, fsync=fsync))
            _write(servers)
        if "tserver" in missing:
            servers = replace(servers, tserver=_launch(binaries, servers, servers.tserver, fsync=fsync))
            _write(servers)
        try:
            _wait_until_ready(binaries, servers)
        except BaseException:
            _end([server for server in (servers.tserver, servers.master) if server.name in missing])
            raise
        return servers


def stop(folder: Path) -> bool:
    """End the servers of a folder, the tablet server first; False if none ran. Data, logs and ports are kept."""
    if not folder.is_dir():
        return False
    with _locked(folder):
        servers = status(folder)
        running = [s for s in (servers.tserver, servers.master) if s.is_running] if servers else []
        _end(running)
        return bool(running)


def status(folder: Path) -> Servers | None:
    """The servers of a folder, running or not; None if none was ever started there."""
    try:
        state = json.loads((folder / "servers.json").read_text())
        return Servers(folder, Server(**state["master"]), Server(**state["tserver"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MachineError(
            f"cannot be read: {error}",
            file=str(folder / "servers.json"),
            remedy="end kudu-master and kudu-tserver if they run, delete this file, and start again",
        ) from error


def is_free(port: int) -> bool:
    """A server can listen at this port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _unborn(folder: Path) -> Servers:
    ports = random.sample(_FREE_PORTS, len(_FREE_PORTS))  # so that clusters begun at once do not meet
    free = (port for port in ports if is_free(port))
    master = Server("master", 0, 0, next(free), next(free))
    return Servers(folder, master, Server("tserver", 0, 0, next(free), next(free)))


def _with_ports(servers: Servers, master_port: int | None) -> Servers:
    """The servers at the ports they are to have; MachineError when one is taken by something else."""
    if master_port is not None and not servers.master.is_running:
        servers = replace(servers, master=replace(servers.master, port=master_port))
    for server in (servers.master, servers.tserver):
        for port in (server.port, server.web_port):
            if not server.is_running and not is_free(port):
                raise MachineError(
                    f"port {port} of {HOST}, for Kudu's {server.name}, is in use",
                    file=str(servers.folder),
                    field="--port" if server.name == "master" else None,
                    remedy="stop what uses it; the master's can be chosen: fdm kudu start --port 7151",
                )
    return servers


def _launch(binaries: Binaries, servers: Servers, server: Server, *, fsync: bool) -> Server:
    data = servers.folder / server.name
    for folder in (data, servers.logs / server.name):
        folder.mkdir(parents=True, exist_ok=True)
    command = [binaries.program(f"kudu-{server.name}"), *_flags(binaries, servers, server, fsync=fsync)]
    try:
        with _output(servers, server.name).open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=data,
                env=binaries.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C of a terminal, and its end, are not for the servers
            )
    except OSError as error:
        raise MachineError(
            f"cannot start {command[0]}: {error.strerror}",
            remedy=f"delete {binaries.home}; on a Linux without glibc use a container of another",
        ) from error
    _CHILDREN[process.pid] = process
    return replace(server, pid=process.pid, started=_started(process.pid) or 0)


def _flags(binaries: Binaries, servers: Servers, server: Server, *, fsync: bool) -> list[str]:
    data = servers.folder / server.name
    flags = [
        *_COMMON_FLAGS,
        *_FLAGS[server.name],
        f"--rpc_bind_addresses={server.address}",
        f"--webserver_port={server.web_port}",
        f"--webserver_doc_root={binaries.home / 'www'}",
        f"--fs_wal_dir={data}",
        f"--fs_data_dirs={data}",
        f"--log_dir={servers.logs / server.name}",
    ]
    if server.name == "tserver":
        flags.append(f"--tserver_master_addrs={servers.address}")
    return flags if fsync else [*flags, "--never_fsync=true"]


def _wait_until_ready(binaries: Binaries, servers: Servers) -> None:
    """Until ksck finds the tablet server registered and every tablet in order."""
    end = time.monotonic() + READY_S
    command = [binaries.program("kudu"), "cluster", "ksck", servers.address]
    while True:
        for server in (servers.master, servers.tserver):
            if not server.is_running:
                raise _failure(f"Kudu's {server.name} ended while it started", servers, server.name)
        check = subprocess.run(
            command, env=binaries.environ, capture_output=True, text=True, errors="replace", check=False
        )
        if check.returncode == 0 and servers.tserver.address in check.stdout:
            return
        if time.monotonic() >= end:
            told = "\n".join((check.stdout + check.stderr).splitlines()[-_TAIL_LINES:])
            raise _failure(f"Kudu is not ready after {READY_S:.0f} s; ksck says:\n{told}", servers, "tserver")
        time.sleep(_POLL_S)


def _failure(message: str, servers: Servers, name: str) -> MachineError:
    output = _output(servers, name)
    lines = "\n".join(output.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
    return MachineError(
        f"{message}; the end of its output:\n{lines}",
        file=str(output),
        remedy=f"mend what it says (all of its log is in {servers.logs / name}) and start again",
    )


def _end(servers: list[Server]) -> None:
    for server in servers:
        server.kill(signal.SIGTERM)
        if not server.wait(STOP_S):
            server.kill(signal.SIGKILL)


def _output(servers: Servers, name: str) -> Path:
    return servers.logs / f"{name}.out"


def _started(pid: int) -> int | None:
    """When a living process started, in ticks since boot; None if there is none."""
    if pid in _CHILDREN and _CHILDREN[pid].poll() is not None:
        del _CHILDREN[pid]
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        # A main thread that ended is Z at once; ports and locks are held until the last thread has ended.
        if fields[0] not in "ZX" or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1:
            return int(fields[19])
    return None


def _write(servers: Servers) -> None:
    state = {"master": asdict(servers.master), "tserver": asdict(servers.tserver)}
    temporary = servers.folder / ".servers.json"
    temporary.write_text(json.dumps(state, indent=2))
    temporary.replace(servers.folder / "servers.json")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone with the folder: two starts at once make one cluster."""
    import fcntl  # noqa: PLC0415 - not on Windows, where this is never reached

    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / "lock").open("w")
    except OSError as error:
        raise MachineError(
            f"cannot write {folder}: {error.strerror}",
            field="FDM_HOME",
            remedy="set FDM_HOME to a folder that can be written",
        ) from error
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
