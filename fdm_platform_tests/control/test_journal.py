"""What is left of an execution log whose process dies, and who delivers it. Real processes, really killed."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.execution_log.journal import Journal
from fdm_platform.control.execution_log.log import ExecutionLog
from fdm_platform.control.execution_log.orphans import deliver_orphans
from fdm_platform.control.schema import TABLES
from fdm_platform.control.sqlite import SqliteStore
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.errors import ControlError, ControlUnavailableError

WORKER = Path(__file__).with_name("journal_worker.py")
ATTEMPTS = 20
"""As the worker has it."""
NOON = datetime(2024, 5, 15, 12, 0, 0, 123456, tzinfo=UTC)
ID = "1715774400000000_abc"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "home" / "journal"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'control.db'}"


@pytest.fixture
def store(url: str) -> Iterator[ControlStore]:
    """In SQLite, where the moments of a death can be told apart."""
    opened = open_store(url)
    opened.create(TABLES)
    yield opened
    opened.close()


def worker(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(*arguments: object) -> list[tuple[str, str]]:
    """Run a worker that is killed: the attempts it told of, and their status."""
    process = worker(*arguments)
    said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    return [told(line) for line in said.splitlines()]


def told(line: str) -> tuple[str, str]:
    status, attempt = line.split()
    return attempt, status


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def statuses(store: ControlStore) -> dict[str, str]:
    """By attempt; the table's key sees to it that none has two rows."""
    return {row["id"]: row["status"] for row in store.scan("execution_log")}


def suffixes(journal: Path) -> Counter[str]:
    return Counter(path.suffix for path in journal.iterdir())


@pytest.mark.parametrize(
    ("moment", "before", "after"),
    [
        ("before insert", [], ["Started"]),
        ("after insert", ["Started"], ["Started"]),
        ("before upsert", ["Started"], ["Completed"]),
        ("after upsert", ["Completed"], ["Completed"]),
    ],
)
def test_a_process_killed_at_the_store_leaves_its_row_to_the_next(
    store: ControlStore, journal: Path, moment: str, before: list[str], after: list[str]
) -> None:
    run("one_attempt", store.url, journal, moment)
    assert list(statuses(store).values()) == before
    following = ExecutionLog(store, journal)
    attempt = following.start(job_id="JOB_2", job_name="next", run_id=None)
    following.finish(attempt, status="Completed")
    following.close(timeout_s=60)
    left = [row for row in store.scan("execution_log") if row["id"] != attempt]
    assert [row["status"] for row in left] == after
    assert (left[0]["job_id"], left[0]["job_name"], left[0]["run_id"]) == ("JOB_1", "load", "20240515")
    assert (left[0]["duration"] is None) == (after == ["Started"])
    assert suffixes(journal) == (Counter({".started": 1}) if after == ["Started"] else Counter())
    assert deliver_orphans(store, journal) == 0


@pytest.mark.parametrize("lines", [1, 2, 3, 10, 33])
def test_a_process_killed_anywhere_loses_and_doubles_nothing(
    store: ControlStore, url: str, journal: Path, lines: int
) -> None:
    process = worker("attempts_until_killed", url, journal)
    said = [next_line(process) for _ in range(lines)]
    process.kill()
    said += process.communicate()[0].splitlines()
    deliver_orphans(store, journal)
    known, found = dict(map(told, said)), statuses(store)
    assert [a for a, status in known.items() if status == "Completed" and found.get(a) != "Completed"] == []
    assert set(known) <= set(found)
    assert len(found) <= len(known) + 1  # it may have been killed before it told of the last
    assert deliver_orphans(store, journal) == 0


def test_a_store_away_for_the_life_of_a_process_costs_no_row(
    store: ControlStore, url: str, journal: Path
) -> None:
    known = dict(run("attempts_without_store", url, journal))
    assert statuses(store) == {}
    assert deliver_orphans(store, journal) == ATTEMPTS
    assert statuses(store) == known
    assert Counter(known.values()) == {"Started": ATTEMPTS // 2, "Completed": ATTEMPTS // 2}
    assert suffixes(journal) == {".started": ATTEMPTS // 2}
    assert deliver_orphans(store, journal) == 0


def test_a_process_that_ends_without_the_store_leaves_its_row_to_the_next(
    store: ControlStore, url: str, journal: Path
) -> None:
    process = worker("away_to_the_end", url, journal)
    attempt, status = told(process.communicate()[0].splitlines()[-1])
    assert process.returncode == 0
    assert deliver_orphans(store, journal) == 1
    assert statuses(store) == {attempt: status}
    assert suffixes(journal) == {}


def test_two_processes_deliver_at_once_each_row_by_one_of_them(
    store: ControlStore, url: str, journal: Path
) -> None:
    known = dict(run("attempts_without_store", url, journal))
    processes = [worker("deliver", url, journal) for _ in range(2)]
    assert [next_line(process) for process in processes] == ["ready", "ready"]
    for process in processes:
        tell(process)
    delivered = [int(process.communicate()[0]) for process in processes]
    assert sum(delivered) == ATTEMPTS
    assert statuses(store) == known


def test_nobody_touches_the_attempt_of_a_living_process(store: ControlStore, url: str, journal: Path) -> None:
    process = worker("live_attempt", url, journal)
    attempt, _ = told(next_line(process))
    assert deliver_orphans(store, journal) == 0
    assert [path.name for path in journal.iterdir()] == [f"{attempt}.jsonl"]
    tell(process)
    process.communicate()
    assert statuses(store) == {attempt: "Completed"}
    assert suffixes(journal) == {}


def test_a_stale_start_never_replaces_a_final_line(
    store: ControlStore, url: str, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner lives while another process ends its attempt; then it dies."""
    process = worker("live_attempt", url, journal)
    attempt, _ = told(next_line(process))
    another = ExecutionLog(store, journal)
    another.finish(attempt, status="Failed", error="closed by hand")
    another.close(timeout_s=60)
    process.kill()
    process.communicate()
    before = list(store.scan("execution_log"))
    assert [row["status"] for row in before] == ["Failed: closed by hand"]
    assert deliver_orphans(store, journal) == 1
    assert list(store.scan("execution_log")) == before
    assert suffixes(journal) == {}
    assert caplog.text == ""


def test_an_attempt_of_a_dead_process_may_be_ended_by_another(
    store: ControlStore, url: str, journal: Path
) -> None:
    run("one_attempt", url, journal, "before insert")
    (attempt,) = (path.stem for path in journal.iterdir())
    assert deliver_orphans(store, journal) == 1
    (unfinished,) = Journal(journal).unfinished()
    assert unfinished.path.name == f"{attempt}.started"
    unfinished.release()
    ExecutionLog(store, journal).finish(attempt, status="Failed", error="the process died")
    assert statuses(store) == {attempt: "Failed: the process died"}
    assert suffixes(journal) == {}


def test_an_end_that_a_dead_process_had_written_stands(
    store: ControlStore, url: str, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attempt, _ = run("one_attempt", url, journal, "before upsert")[0]
    ExecutionLog(SqliteStore(url), journal).finish(attempt, status="Failed", error="the process died")
    assert f"execution_log {attempt} is final already: Completed" in caplog.text
    assert statuses(store) == {attempt: "Completed"}
    assert suffixes(journal) == {}


class SlowStore(SqliteStore):
    """A store that is away at the first insert, and takes as long for the second as the test wants."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.inserts = 0
        self.is_inserting, self.may_insert = threading.Event(), threading.Event()

    def insert(self, table: str, row: Any) -> None:
        self.inserts += 1
        if self.inserts == 1:
            raise ControlUnavailableError("away")
        self.is_inserting.set()
        self.may_insert.wait()
        super().insert(table, row)


def test_an_end_that_comes_while_the_start_is_on_its_way(
    store: ControlStore, url: str, journal: Path
) -> None:
    slow = SlowStore(url)
    attempts = ExecutionLog(slow, journal, wait=lambda _: None)
    attempt = attempts.start(job_id="JOB_1", job_name="load", run_id=None)
    slow.is_inserting.wait()
    attempts.finish(attempt, status="Completed")  # does not wait for it
    assert statuses(store) == {}
    slow.may_insert.set()
    attempts.close(timeout_s=60)
    assert statuses(store) == {attempt: "Completed"}
    assert suffixes(journal) == {}
    slow.close()


def test_a_journal_that_cannot_be_made_is_a_warning_and_the_store_is_written(
    store: ControlStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    attempts = ExecutionLog(store, tmp_path / "file" / "journal")
    attempt = attempts.start(job_id="JOB_1", job_name="load", run_id=None)
    attempts.finish(attempt, status="Completed")
    assert statuses(store) == {attempt: "Completed"}
    assert {r.levelno for r in caplog.records} == {logging.WARNING}
    assert f"{attempt} is not in the journal: " in caplog.text
    assert str(tmp_path / "file") in caplog.text


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_leaves_the_last_row_that_it_took(tiny_disk: Path) -> None:
    entry = Journal(tiny_disk).open(ID)
    entry.append({"id": ID, "status": "Started"})
    with pytest.raises(OSError, match="No space left"):
        entry.append({"id": ID, "status": "x" * 20000})
    entry.append({"id": ID, "status": "Failed: no disk"})
    assert entry.last() == {"id": ID, "status": "Failed: no disk"}
    entry.release()


def test_a_full_disk_is_a_warning_and_the_store_is_written(
    store: ControlStore, tiny_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = ExecutionLog(store, tiny_disk)
    attempt = attempts.start(job_id="J" * 20000, job_name="load", run_id=None)
    assert "No space left on device" in caplog.text
    attempts.finish(attempt, status="Completed")
    assert statuses(store) == {attempt: "Completed"}


def test_a_row_comes_back_as_it_was_and_a_torn_line_is_none(journal: Path) -> None:
    entry = Journal(journal).open(ID)
    row = {"id": ID, "job_name": "lädt\n", "run_id": None, "start_time": NOON, "duration": 1.5}
    entry.append(row)
    with entry.path.open("ab") as torn:
        torn.write(b'{"id": "17157744')
    assert entry.last() == row
    entry.release()


def test_an_entry_without_a_whole_line_is_litter(store: ControlStore, journal: Path) -> None:
    journal.mkdir(parents=True)
    (journal / f"{ID}.jsonl").write_text('{"id": "17157744')
    assert deliver_orphans(store, journal) == 0
    assert suffixes(journal) == {}
    assert statuses(store) == {}


def test_a_row_that_the_store_refuses_does_not_keep_the_others(
    store: ControlStore, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, job in enumerate([7, "JOB_1"]):
        entry = Journal(journal).open(f"171577440000000{number}_abc")
        entry.append({"id": f"171577440000000{number}_abc", "job_id": job, "status": "Completed"})
        entry.release()
    assert deliver_orphans(store, journal) == 1
    assert list(statuses(store)) == ["1715774400000001_abc"]
    assert f"{journal}/1715774400000000_abc.jsonl is not delivered: execution_log.job_id" in caplog.text


def test_no_name_leads_out_of_the_folder(journal: Path) -> None:
    with pytest.raises(ControlError, match="is no id of an attempt"):
        Journal(journal).open("1_a/../../x")


def test_two_logs_of_one_process_keep_out_of_each_others_way(store: ControlStore, journal: Path) -> None:
    one, two = ExecutionLog(store, journal), ExecutionLog(store, journal)
    first = one.start(job_id="JOB_1", job_name="load", run_id=None)
    second = two.start(job_id="JOB_2", job_name="load", run_id=None)
    two.finish(second, status="Completed")
    one.finish(first, status="Completed")
    two.close(timeout_s=60)
    assert statuses(store) == {first: "Completed", second: "Completed"}
    assert suffixes(journal) == {}


def test_a_store_that_is_away_leaves_orphans_for_the_next_time(
    url: str, store: ControlStore, journal: Path
) -> None:
    run("one_attempt", url, journal, "before insert")
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = SqliteStore(url, busy_timeout_s=0.01)
    with pytest.raises(ControlUnavailableError):
        deliver_orphans(impatient, journal)
    other.close()
    assert deliver_orphans(impatient, journal) == 1
    impatient.close()
