"""What kudu-python does differently from the Java client; that both keep the contract is test_store.py's to show."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.kudu.client import KuduFailure, NewTable, ScanPredicate
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.layout import StoredColumn

kudu = pytest.importorskip("kudu", reason="kudu-python is not installed here: it needs Kudu's headers")
native = pytest.importorskip("fdm_platform.control.kudu.native")

pytestmark = pytest.mark.kudu

COLUMNS = ("id", "number", "text")
BOUND = "7"
"""Ids from here on are in no range partition."""


@pytest.fixture
def client(kudu_servers: Servers) -> Iterator[Any]:
    opened = native.NativeClient([kudu_servers.address])
    yield opened
    opened.close()


@pytest.fixture
def table(client: Any) -> str:
    """Four tablets, for ids below BOUND."""
    name = f"native_{secrets.token_hex(6)}"
    columns = (
        StoredColumn("id", "string", is_key=True, is_nullable=False),
        StoredColumn("number", "int64"),
        StoredColumn("text", "string"),
    )
    client.create(NewTable(name, columns, ("id",), 4, "of a test", 1, "id", ((None, BOUND),)))
    return name


def ids(client: Any, table: str, **options: Any) -> list[str]:
    chosen = {"at": None, "limit": None} | options
    return [row[0] for row in client.scan(table, ["id"], [], **chosen)]


def rows(count: int, text: str = "x") -> list[tuple[str, int, str]]:
    return [(f"{n:06}", n, text) for n in range(count)]


def refusal(act: Any) -> KuduFailure:
    with pytest.raises(KuduFailure) as caught:
        act()
    return caught.value


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process of which no thread runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        tasks = Path(f"/proc/{pid}/task")
        while any(stat.read_text().rpartition(") ")[2][0] != "T" for stat in tasks.glob("*/stat")):
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_rows_beyond_the_librarys_own_buffer_are_written(client: Any, table: str) -> None:
    """A full buffer of 7 MiB ends the process: an operation that is not accepted is freed twice."""
    client.write("upsert", table, COLUMNS, rows(150, "\N{MUSICAL SYMBOL G CLEF}" * 16_000))
    assert sorted(ids(client, table)) == [key for key, _, _ in rows(150)]


def test_a_row_without_its_key_is_refused_before_the_library_sees_it(client: Any, table: str) -> None:
    failure = refusal(lambda: client.write("upsert", table, ["number"], [(1,)]))
    assert (failure.status, failure.message) == ("Illegal state", "Key not specified: id")


def test_a_refused_row_is_told_in_kudus_own_words(client: Any, table: str) -> None:
    client.write("insert", table, COLUMNS, rows(1))
    failure = refusal(lambda: client.write("insert", table, COLUMNS, rows(1)))
    assert (failure.status, failure.message) == ("Already present", "key already present")


@pytest.mark.parametrize("keys", [[(BOUND,), ("1",)], [("1",), (BOUND,)]])
def test_a_key_that_is_not_there_hides_no_other_fault_of_a_delete(
    client: Any, table: str, keys: list[tuple[str]]
) -> None:
    client.write("delete", table, ["id"], [("1",)])
    failure = refusal(lambda: client.write("delete", table, ["id"], keys))
    assert failure.status == "Not found"
    assert "range partition" in failure.message


@pytest.mark.parametrize("place", ["projection", "condition", "row"])
def test_an_unknown_column_is_told_by_its_name(client: Any, table: str, place: str) -> None:
    acts = {
        "projection": lambda: client.scan(table, ["nope"], [], at=None, limit=None),
        "condition": lambda: client.scan(
            table, ["id"], [ScanPredicate("nope", "=", "1")], at=None, limit=None
        ),
        "row": lambda: client.write("upsert", table, ["id", "nope"], [("1", "2")]),
    }
    failure = refusal(acts[place])
    assert failure.status == "Not found"
    assert "nope" in failure.message


@pytest.mark.parametrize("value", ["text", 1 << 70])
def test_a_value_that_does_not_fit_its_column_is_refused(client: Any, table: str, value: Any) -> None:
    where = [ScanPredicate("number", "=", value)]
    assert refusal(lambda: client.write("upsert", table, COLUMNS, [("1", value, "")])).status == (
        "Invalid argument"
    )
    assert refusal(lambda: client.scan(table, ["id"], where, at=None, limit=None)).status == (
        "Invalid argument"
    )


@pytest.mark.parametrize("limit", [1, 39, 40, 41])
def test_a_limit_is_of_all_tablets_together(client: Any, table: str, limit: int) -> None:
    client.write("upsert", table, COLUMNS, rows(40))
    found = ids(client, table, limit=limit)
    assert len(found) == len(set(found)) == min(limit, 40)


def test_a_scan_of_several_tablets_reads_one_state(client: Any, table: str, kudu_servers: Servers) -> None:
    client.write("upsert", table, COLUMNS, rows(40, "before"))
    scan = client.scan(table, ["text"], [], at=None, limit=None)
    first = next(scan)
    another = native.NativeClient([kudu_servers.address])
    another.write("upsert", table, COLUMNS, rows(80, "after"))
    assert [first, *scan] == [("before",)] * 40
    assert len(ids(client, table)) == 80


def test_the_time_is_told_where_the_first_table_was_dropped(client: Any, kudu_servers: Servers) -> None:
    column = StoredColumn("id", "string", is_key=True, is_nullable=False)
    dropped, kept = (f"native_{secrets.token_hex(6)}" for _ in range(2))
    for name in (dropped, kept):
        client.create(NewTable(name, (column,), ("id",), 2, "of a test", 1))
        client.describe(name)
    kudu.Client([kudu_servers.address]).delete_table(dropped)
    client.write("upsert", kept, ["id"], [("1",)])
    assert ids(client, kept, at=client.timestamp()) == ["1"]


FORK = """
import multiprocessing, sys
from fdm_platform.control.kudu.native import NativeClient

client, table = NativeClient([sys.argv[1]]), sys.argv[2]
read = lambda: print([*client.scan(table, ["id"], [], at=client.timestamp(), limit=None)], flush=True)
read()
child = multiprocessing.get_context("fork").Process(target=read)
child.start()
child.join(20)
child.kill()
child.join()
read()
sys.exit(child.exitcode)
"""


def test_a_forked_process_has_a_connection_of_its_own(client: Any, table: str, kudu_servers: Servers) -> None:
    """With its parent's it waits for ever, for threads that it has not."""
    client.write("upsert", table, COLUMNS, rows(1))
    command = [sys.executable, "-c", FORK, kudu_servers.address, table]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[('000000',)]\n" * 3), done.stderr


def test_a_tablet_server_that_hangs_is_told_at_the_time_limit(
    client: Any, table: str, kudu_servers: Servers
) -> None:
    """The library's own is 30 seconds, whatever its client was given."""
    hasty = native.NativeClient([kudu_servers.address], timeout_s=1)
    hasty.describe(table)
    with frozen(kudu_servers.tserver.pid):
        failure = refusal(lambda: ids(hasty, table))
    assert failure.status == "Timed out"
    assert "1.000s" in failure.message
    assert ids(client, table) == []
