"""Hadoop's client: where it takes its configuration from, what it says of a file system that is not to be had."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import open_store
from fdm_platform.engines.folders import open_folders, refusal
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.publishing import publish
from fdm_platform.errors import MachineError, StorageAwayError
from fdm_platform_tests.engines.publisher import DAY, TABLE, staged
from fdm_platform_tests.hdfs import operator_of, safe_mode

SITE = """<configuration><property>
<name>fs.viewfs.mounttable.{name}.link./land</name><value>{target}</value>
</property></configuration>"""


def test_the_configuration_is_that_of_hadoop_conf_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"cluster{time.time_ns()}"  # a file system that is open already stays as it is
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "core-site.xml").write_text(
        SITE.format(name=name, target=(tmp_path / "there").as_uri())
    )
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "conf"))
    folders = open_folders(f"viewfs://{name}/land")
    folders.make(f"viewfs://{name}/land/t/.staging")
    assert (tmp_path / "there" / "t" / ".staging").is_dir()
    folders.rename(f"viewfs://{name}/land/t/.staging", f"viewfs://{name}/land/t/live")
    assert folders.children(f"viewfs://{name}/land/t") == ["live"]


def test_a_file_system_that_nothing_configures_is_told_with_what_to_set() -> None:
    with pytest.raises(MachineError, match="cannot open hdfs://no-such-nameservice/") as caught:
        open_folders("hdfs://no-such-nameservice/land")
    assert caught.value.field == "FDM_LANDING_ROOT"
    assert "HADOOP_CONF_DIR" in str(caught.value.remedy)


def test_a_name_node_that_is_away_is_an_error_that_another_try_can_help() -> None:
    place = "hdfs://127.0.0.1:9/land"  # nobody listens there
    with pytest.raises(ConnectionError) as caught:
        open_folders(place).make(place)
    told = refusal("the table cannot be written", caught.value, place, ", then load again")
    assert isinstance(told, StorageAwayError)
    assert (told.kind, told.file) == ("infrastructure", place)
    assert "ConnectException" in told.message


@pytest.mark.hdfs
def test_a_staged_date_waits_for_a_name_node_in_safe_mode(
    hdfs: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'control.db'}")
    store.create(["fdm_publishes"])
    root = f"{hdfs}{tmp_path.as_posix()}/landing/{TABLE}"
    publish(staged(root, "a", "load-1", 1), Ledger(store))
    request = staged(root, "b", "load-2", 2)
    with operator_of(hdfs) as system, ThreadPoolExecutor(1) as pool:
        with safe_mode(system):
            waiting = pool.submit(publish, request, Ledger(store))
            deadline = time.monotonic() + 120
            while not any("SafeModeException" in r.getMessage() for r in caplog.records):
                assert time.monotonic() < deadline
                assert not waiting.done(), waiting.result()
                time.sleep(0.05)
            assert LandedDates(root, "yyyyMMdd", (DAY,)).to_arrow()["v"].to_pylist() == ["a", "a"]
        assert waiting.result(timeout=120).version == 2
    assert LandedDates(root, "yyyyMMdd", (DAY,)).to_arrow()["v"].to_pylist() == ["b", "b"]

    hasty = replace(staged(root, "c", "load-3", 3), commit_wait_s=0)
    with operator_of(hdfs) as system, safe_mode(system), pytest.raises(StorageAwayError, match="SafeMode"):
        publish(hasty, Ledger(store))
    assert Ledger(store).current_versions(TABLE, [DAY]) == {DAY: 2}


NOBODY = (
    "<configuration><property><name>yarn.resourcemanager.address</name><value>127.0.0.1:1</value></property>"
    "</configuration>"
)
BESIDE_KUDU = """
import sys
from fdm_platform import jvm
from fdm_platform.control.kudu.opening import client_jars
from fdm_platform.engines.folders import open_folders
def kudu():
    jvm.start(client_jars())
    import jpype
    jpype.JClass("org.apache.kudu.client.KuduClient$KuduClientBuilder")("127.0.0.1:1").build().close()
def hadoop():
    open_folders(sys.argv[1]).write_durably(sys.argv[1] + "/f", "x")
def yarn():
    from fdm_platform.engines.yarn import applications
    from fdm_platform.errors import ConnectionLostError
    try:
        applications("x", 0)
    except ConnectionLostError as error:
        assert "ConnectException: " in error.message, error
for part in sys.argv[2].split():
    {"kudu": kudu, "hadoop": hadoop, "yarn": yarn}[part]()
print(open_folders(sys.argv[1]).files(sys.argv[1]))
"""


@pytest.mark.parametrize("order", ["kudu yarn hadoop", "hadoop yarn kudu"])
def test_it_shares_the_process_with_kudus_client(tmp_path: Path, order: str) -> None:
    conf, tables = tmp_path / "conf", tmp_path / "tables"
    conf.mkdir()
    tables.mkdir()
    (conf / "yarn-site.xml").write_text(NOBODY)
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_KUDU, tables.as_uri(), order],
        env={**os.environ, "HADOOP_CONF_DIR": str(conf)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{'f': 1}\n", "")


LOCAL = """
import sys
from fdm_platform.engines import landed, publishing, rejected, staging
from fdm_platform.engines.folders import open_folders
open_folders(sys.argv[1]).make(sys.argv[1] + "/t")
print("jpype" in sys.modules)
"""


def test_tables_of_this_machine_need_no_jvm(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOCAL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
