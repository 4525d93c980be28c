"""Date order on a real PostgreSQL, where the extra `postgres` and a server are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.defs.partitions import add_dates

pytest.importorskip("dagster_postgres", reason="needs the extra `postgres`")
DAYS = [date(2024, 1, d) for d in range(1, 10)]


def _as_server(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """PostgreSQL refuses to be root's."""
    user = "nobody" if os.geteuid() == 0 else None
    return subprocess.Popen(command, user=user, cwd=folder, stdout=subprocess.DEVNULL)


@pytest.fixture
def url() -> Iterator[str]:
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("needs a PostgreSQL server")
    folder = Path(tempfile.mkdtemp())  # not below pytest's own, which nobody else may enter
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    data = folder / "data"
    assert _as_server(["initdb", "-D", str(data), "-U", "fdm", "-A", "trust"], folder).wait() == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = _as_server(["postgres", "-D", str(data), "-p", str(port), "-k", str(folder)], folder)
    while not (folder / f".s.PGSQL.{port}").exists():
        assert server.poll() is None
        time.sleep(0.05)
    yield f"postgresql+psycopg2://fdm@127.0.0.1:{port}/postgres"
    server.terminate()
    server.wait()
    shutil.rmtree(folder)


def test_sets_of_dates_are_read_and_paged_in_date_order(url: str, tmp_path: Path) -> None:
    config = {"postgres_url": url}
    module = "fdm_platform.defs.postgres_storage"
    sorted_storage = {"custom": {"module": module, "class": "SortedPostgresStorage", "config": config}}
    with dg.instance_for_test(overrides={"storage": {"postgres": config}}, temp_dir=str(tmp_path)) as own:
        own.add_dynamic_partitions("s", ["2024-01-09"])
        own.add_dynamic_partitions("s", ["2024-01-01"])
        assert own.get_dynamic_partitions("s") == ["2024-01-09", "2024-01-01"]
        own.add_dynamic_partitions("words", ["b", "a"])
    with dg.instance_for_test(overrides={"storage": sorted_storage}, temp_dir=str(tmp_path)) as instance:
        add_dates(instance, "s", DAYS[4:])
        add_dates(instance, "s", DAYS)
        keys = [day.isoformat() for day in DAYS]
        assert instance.get_dynamic_partitions("s") == keys
        first = instance.get_paginated_dynamic_partitions("s", 5, ascending=False)
        rest = instance.get_paginated_dynamic_partitions("s", 5, ascending=False, cursor=first.cursor)
        assert [*first.results, *rest.results] == keys[::-1]
        assert (first.has_more, rest.has_more) == (True, False)
        assert instance.get_dynamic_partitions("words") == ["b", "a"]
