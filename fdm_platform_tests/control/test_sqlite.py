"""What is particular to the SQLite file: locks, forks, a file that is missing, replaced or damaged."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fdm_platform.control.changes import Watermark, changes
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.rows import process_control_dates
from fdm_platform.control.schema import TABLES
from fdm_platform.control.sqlite import SqliteStore
from fdm_platform.control.store import ControlStore, Snapshot
from fdm_platform.errors import ControlError, ControlUnavailableError
from fdm_platform.model.control import PublishRecord

JOB = {"job_id": "1", "job_name": "load"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder#with 100%?" / "control.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(f"sqlite:///{path}")
    opened.create(TABLES)
    yield opened
    opened.close()


def test_the_file_is_in_wal_mode_at_the_very_path(store: ControlStore, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.scan("job_master"),
        lambda store: store.insert("job_master", JOB),
        lambda store: store.snapshot().__enter__(),
    ],
)
def test_a_missing_file_is_told_with_its_remedy_and_not_created(
    path: Path, use: Callable[[ControlStore], object]
) -> None:
    store = SqliteStore(f"sqlite:///{path}")
    with pytest.raises(ControlError, match="run `fdm control init`") as caught:
        use(store)
    assert caught.value.file == str(path)
    assert store.existing() == set()
    assert not path.exists()


def test_a_file_that_was_replaced_is_opened_anew(store: ControlStore, path: Path) -> None:
    store.insert("job_master", JOB)
    for file in path.parent.iterdir():
        file.unlink()
    assert store.create(TABLES) == list(TABLES)
    assert list(store.scan("job_master")) == []
    store.insert("job_master", JOB)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT job_name FROM job_master").fetchall() == [("load",)]


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("entity,source_system\n" * 100)
    with pytest.raises(ControlError, match="no usable SQLite database") as caught:
        SqliteStore(f"sqlite:///{path}").scan("job_master")
    assert caught.value.file == str(path)
    assert caught.value.kind == "data"


def test_a_lock_that_stays_is_an_error_that_another_try_can_help(store: ControlStore, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = SqliteStore(store.url, busy_timeout_s=0.05)
    with pytest.raises(ControlUnavailableError, match="stayed locked") as caught:
        impatient.upsert("job_master", [JOB])
    assert caught.value.kind == "infrastructure"
    assert list(impatient.scan("job_master")) == []  # a reader does not wait for a writer
    other.execute("ROLLBACK")
    impatient.upsert("job_master", [JOB])
    assert [row["job_name"] for row in impatient.scan("job_master")] == ["load"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlUnavailableError, match="cannot create the folder") as caught:
        SqliteStore(f"sqlite:///{tmp_path}/file/control.db").create(TABLES)
    assert caught.value.file == str(tmp_path / "file")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("biz_dt", "yesterday", "holds 'yesterday' in column biz_dt, which is no date"),
        ("last_update_ts", "noon", "holds 'noon' in column last_update_ts, which is no timestamp_micros"),
    ],
)
def test_a_value_that_somebody_else_wrote_wrongly_is_named(
    store: ControlStore, path: Path, column: str, value: str, message: str
) -> None:
    store.insert("process_control", {"entity": "GELS", "source_system": "FPMS", "biz_dt": date(2024, 5, 15)})
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE process_control SET {column} = ?", (value,))  # noqa: S608 - a literal
    with pytest.raises(ControlError, match=message):
        list(store.scan("process_control"))


def test_a_row_that_cannot_be_read_stops_no_other_where_the_reader_is_told(
    store: ControlStore, path: Path
) -> None:
    for day in (14, 15):
        store.insert(
            "process_control",
            {
                "entity": "GELS",
                "source_system": "FPMS",
                "biz_dt": date(2024, 5, day),
                "last_update_ts": datetime(2024, 5, 16, tzinfo=UTC),
            },
        )
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE process_control SET biz_dt = '2024-02-30' WHERE biz_dt = '2024-05-14'")
    found = changes(store, "GELS", "FPMS", Watermark(), datetime(2024, 5, 16, tzinfo=UTC))
    assert [row.biz_dt.day for row in found.rows] == [15]
    (problem,) = found.problems
    assert "holds '2024-02-30' in column biz_dt" in problem.error.message
    told: list[ControlError] = []
    assert process_control_dates(store, "GELS", "FPMS", told.append) == [date(2024, 5, 15)]
    assert len(told) == 1


def test_a_table_of_other_columns_is_an_error_and_not_a_value(store: ControlStore, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE job_master DROP COLUMN comments")
    with pytest.raises(ControlError, match="no such column: comments"):
        store.scan("job_master")


def test_a_file_of_an_earlier_release_is_given_the_columns_that_came_since(
    store: ControlStore, path: Path
) -> None:
    record = PublishRecord("t", date(2024, 5, 15), 1, "load", "", "{}", datetime(2024, 5, 16, tzinfo=UTC))
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE fdm_publishes DROP COLUMN kind")
    with pytest.raises(ControlError, match=r"fdm_publishes has no column kind(.|\n)*fdm control init"):
        Ledger(store).void("t", record.biz_dt, 1, "load", "it died")
    with pytest.raises(ControlError, match=r"has no column named kind(.|\n)*fdm control init"):
        Ledger(store).commit(record)
    assert store.create(["fdm_publishes"]) == []
    Ledger(store).commit(record)
    assert Ledger(store).current("t", record.biz_dt) == record


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_use_its_parents_connections(store: ControlStore) -> None:
    store.insert("job_master", JOB)
    child = os.fork()
    if child == 0:
        try:
            store.insert("job_master", {"job_id": "2", "job_name": "child"})
            is_there = {row["job_name"] for row in store.scan("job_master")} == {"load", "child"}
            os._exit(0 if is_there else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    store.insert("job_master", {"job_id": "3", "job_name": "parent"})
    assert {row["job_name"] for row in store.scan("job_master")} == {"load", "child", "parent"}


def test_a_snapshot_of_another_store_is_refused(store: ControlStore) -> None:
    with pytest.raises(ControlError, match="made by another store"):
        store.scan("job_master", snapshot=Snapshot())


def test_a_snapshot_that_is_over_is_refused(store: ControlStore) -> None:
    with store.snapshot() as snapshot:
        pass
    with pytest.raises(ControlError, match="closed database"):
        store.scan("job_master", snapshot=snapshot)
