"""A real master and tablet server: started, killed, started again, stopped; and where they cannot start."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fdm_platform.control.kudu import servers
from fdm_platform.control.kudu.binaries import find_binaries, find_sasl, require_platform
from fdm_platform.control.kudu.maven import KUDU_BINARY
from fdm_platform.control.kudu.servers import Server, Servers
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of a cluster that is stopped at the end, however the test ends."""
    yield tmp_path / "kudu"
    servers.stop(tmp_path / "kudu")


def _kudu(*arguments: str) -> str:
    binaries = find_binaries(Settings.from_environ())
    command = [binaries.program("kudu"), *arguments]
    done = subprocess.run(command, env=binaries.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _create_table(cluster: Servers) -> None:
    schema = {
        "columns": [{"column_name": "id", "column_type": "INT64", "is_nullable": False}],
        "key_column_names": ["id"],
    }
    partition = {"hash_partitions": [{"columns": ["id"], "num_buckets": 2}]}
    table = {"table_name": "t", "schema": schema, "partition": partition, "num_replicas": 1}
    _kudu("table", "create", cluster.address, json.dumps(table))


def _rows(cluster: Servers) -> int:
    return sum("int64 id=" in line for line in _kudu("table", "scan", cluster.address, "t").splitlines())


@pytest.mark.kudu
def test_a_cluster_is_ready_when_start_returns_and_gone_when_stop_does(folder: Path) -> None:
    assert servers.status(folder) is None
    cluster = servers.start(folder, fsync=False)
    assert cluster.is_running
    assert servers.status(folder) == cluster
    assert cluster.tserver.address in _kudu("tserver", "list", cluster.address)
    _create_table(cluster)
    assert servers.stop(folder)
    after = servers.status(folder)
    assert after is not None
    assert (after.master.is_running, after.tserver.is_running) == (False, False)
    assert list((cluster.logs / "tserver").glob("*INFO*"))
    assert servers.stop(folder) is False


@pytest.mark.kudu
def test_a_second_start_is_the_same_cluster(folder: Path) -> None:
    assert servers.start(folder, fsync=False) == servers.start(folder, fsync=False)


@pytest.mark.kudu
@pytest.mark.parametrize("killed", [["tserver"], ["master"], ["master", "tserver"]])
def test_what_was_killed_comes_back_with_its_data_and_ports(folder: Path, killed: list[str]) -> None:
    first = servers.start(folder)
    _create_table(first)
    options = ("-table_name=t", "-num_rows_per_thread=500", "-num_threads=2")
    _kudu("perf", "loadgen", first.address, *options)
    for name in killed:
        getattr(first, name).kill(signal.SIGKILL)
    assert not first.is_running
    second = servers.start(folder)
    for name in ("master", "tserver"):
        before, after = getattr(first, name), getattr(second, name)
        assert (after.address, after.web) == (before.address, before.web)
        assert (after.pid != before.pid) == (name in killed)
    assert _rows(second) == 1000


def test_a_pid_that_another_process_has_by_now_is_neither_running_nor_killed(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        gone = dataclasses.asdict(Server("master", bystander.pid, 1, 1, 2))
        folder.mkdir()
        state = {"master": gone, "tserver": {**gone, "name": "tserver"}}
        (folder / "servers.json").write_text(json.dumps(state))
        assert servers.stop(folder) is False
        Server("master", bystander.pid, 1, 1, 2).kill(signal.SIGKILL)
        bystander.terminate()
    assert bystander.returncode == -signal.SIGTERM


@pytest.mark.kudu
def test_a_port_in_use_is_named_and_nothing_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(MachineError, match=rf"port {port} of 127\.0\.0\.1, for Kudu's master, is in use"):
            servers.start(folder, master_port=port)
    assert servers.status(folder) is None


@pytest.mark.kudu
def test_a_server_that_dies_is_told_with_its_last_words_and_the_other_is_ended(folder: Path) -> None:
    (folder / "tserver").mkdir(parents=True)
    (folder / "tserver" / "instance").write_text("no instance of Kudu's")
    with pytest.raises(MachineError, match="Kudu's tserver ended while it started") as caught:
        servers.start(folder)
    assert "Invalid magic number" in caught.value.message
    assert caught.value.file == str(folder / "logs" / "tserver.out")
    left = servers.status(folder)
    assert left is not None
    assert not left.master.is_running


def test_a_state_that_is_no_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text("{}")
    with pytest.raises(MachineError, match=r"servers\.json"):
        servers.status(tmp_path)


def test_a_damaged_download_is_refused_before_anything_is_started(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    jar = tmp_path / "repository" / KUDU_BINARY.path
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"no jar")
    own = {"FDM_CACHE": str(tmp_path / "cache"), "FDM_MAVEN_REPOSITORY": (tmp_path / "repository").as_uri()}
    with pytest.raises(MachineError, match=r"is not org\.apache\.kudu:kudu-binary:1\.18\.0:linux-x86_64"):
        servers.start(folder, settings=Settings.from_environ({**os.environ, **own}))
    assert not folder.exists()


@pytest.mark.parametrize("where", [("Darwin", "arm64"), ("Linux", "aarch64"), ("Windows", "AMD64")])
def test_another_platform_is_told_its_alternatives(where: tuple[str, str]) -> None:
    with pytest.raises(MachineError, match=f"this is {where[0]} on {where[1]}") as caught:
        require_platform(*where)
    for way in ("FDM_CONTROL_URL", "kudu://host:7051", "SQLite", "container"):
        assert way in str(caught.value.remedy)


def test_a_missing_sasl_plugin_is_told_with_the_package(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=str(tmp_path)) as caught:
        find_sasl({"SASL_PATH": "/nowhere"}, [tmp_path])
    assert "apt-get install libsasl2-modules" in str(caught.value.remedy)
    assert "cyrus-sasl-plain" in str(caught.value.remedy)
    (tmp_path / "libplain.so").touch()
    assert find_sasl({"SASL_PATH": f"/nowhere:{tmp_path}"}, []) == tmp_path
