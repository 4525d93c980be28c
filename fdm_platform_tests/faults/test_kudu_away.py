"""A Kudu that goes away in the middle of work: nothing fails for it, no row is lost, none is doubled."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.changes import Watermark, changes
from fdm_platform.control.kudu import servers
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import open_store
from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.partitions import add_dates
from fdm_platform.errors import ControlUnavailableError
from fdm_platform.model.report import DriverDone, decode
from fdm_platform_tests.deployment import deploy
from fdm_platform_tests.faults.crashing import FDM, start, wait_for

RUN_WORKER = [sys.executable, "-m", "fdm_platform_tests.faults.run_worker"]
MASTER = "gels_fpms_t_contract_master"
DAY = date(2024, 5, 15)

pytestmark = [pytest.mark.kudu, pytest.mark.embedded]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a cluster of these tests' own: they kill it."""
    folder = tmp_path_factory.mktemp("kudu")
    servers.start(folder, fsync=False)
    yield folder
    servers.stop(folder)


def up(folder: Path) -> Servers:
    """The cluster, with whatever of it was killed started again, on the same ports and data."""
    return servers.start(folder, fsync=False)


@pytest.mark.spark
def test_a_job_outlives_a_kudu_that_is_stopped_while_it_runs(folder: Path, tmp_path: Path) -> None:
    deployment = deploy(tmp_path / "home", store_url=f"kudu://{up(folder).address}?prefix=job.")
    process = start([FDM, "materialize", MASTER, "--biz-dt", DAY.isoformat()], deployment.environ)
    wait_for(lambda: any(deployment.settings.work.glob("*/messages.jsonl")), process, told=process.said)
    servers.stop(folder)

    def spark_is_done() -> bool:
        (messages,) = deployment.settings.work.glob("*/messages.jsonl")
        lines = messages.read_text().rpartition("\n")[0].splitlines()
        return any(isinstance(decode(line), DriverDone) for line in lines)

    wait_for(spark_is_done, process, told=process.said)
    assert process.poll() is None
    up(folder)
    assert process.ended().code == 0, process.said()
    with deployment.platform() as platform:
        assert [row["status"] for row in platform.store.scan("execution_log")] == ["Completed"]
        assert platform.ledger.current_versions(MASTER, [DAY]) == {DAY: 1}


@pytest.mark.spark
def test_a_run_that_begins_while_kudu_is_away_waits_for_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy(tmp_path / "home", store_url=f"kudu://{up(folder).address}?prefix=begin.")
    environ = {**deployment.environ, **deployment.settings.child_environ}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with open_instance(deployment.settings) as instance:
        add_dates(instance, "gels_fpms", [DAY])
    servers.stop(folder)
    process = start([*RUN_WORKER, "gels/fpms/t_contract_master", DAY.isoformat()], environ)
    wait_for(lambda: "to see what is to be loaded, for" in process.said(), process, told=process.said)
    up(folder)
    assert process.ended().code == 0, process.said()
    with deployment.platform() as platform:
        assert platform.ledger.published(MASTER).keys() == {DAY}


def test_a_tablet_server_killed_while_rows_are_written_loses_and_doubles_none(folder: Path) -> None:
    cluster = up(folder)
    store = open_store(f"kudu://{cluster.address}?prefix=writes.")
    store.create(TABLES)
    micros = int(datetime.now(UTC).timestamp()) * 1_000_000
    acknowledged: list[str] = []

    def write() -> None:
        for n in range(300):
            row: dict[str, Any] = {"id": f"{micros + n}_{n:04}", "job_name": "load", "status": "Started"}
            while True:  # the answer may be lost with the server: an upsert of the same row settles it
                try:
                    store.upsert("execution_log", [row])
                    break
                except ControlUnavailableError:
                    continue
            acknowledged.append(row["id"])

    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(acknowledged) > 50)
    cluster.tserver.kill(signal.SIGKILL)
    up(folder)
    writer.join()
    stored = Counter(row["id"] for row in store.scan("execution_log", columns=["id"]))
    assert stored == Counter(acknowledged)
    assert len(stored) == 300
    store.close()


def test_a_master_killed_while_a_sensor_looks_costs_no_change_and_doubles_none(folder: Path) -> None:
    cluster = up(folder)
    store = open_store(f"kudu://{cluster.address}?prefix=ticks.")
    store.create(TABLES)
    now = datetime.now(UTC)

    def change(day: int) -> None:
        row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAY + timedelta(days=day)}
        store.upsert("process_control", [{**row, "last_update_ts": now + timedelta(seconds=day)}])

    found, watermark = Counter[date](), Watermark()
    for tick in range(40):
        if tick == 10:
            cluster.master.kill(signal.SIGKILL)
        if tick == 20:
            cluster = up(folder)
        try:
            change(tick)
            looked = changes(store, "GELS", "FPMS", watermark, now)
        except ControlUnavailableError:
            continue
        watermark = looked.watermark
        found.update(row.biz_dt for row in looked.rows)
    rest = changes(store, "GELS", "FPMS", watermark, now)
    found.update(row.biz_dt for row in rest.rows)
    stored = [row["biz_dt"] for row in store.scan("process_control", columns=["biz_dt"])]
    assert set(found.values()) == {1}
    assert sorted(found) == sorted(stored)
    store.close()


def test_a_cold_client_tells_a_master_that_is_away_by_its_address(folder: Path) -> None:
    address = up(folder).address
    servers.stop(folder)
    store = open_store(f"kudu://{address}")
    with pytest.raises(ControlUnavailableError) as caught:
        list(store.scan("job_master"))
    assert address in str(caught.value)
    assert caught.value.remedy
    store.close()
