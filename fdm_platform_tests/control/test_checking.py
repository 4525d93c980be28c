import sqlite3
from pathlib import Path

import pytest

from fdm_platform.control.checking import check_tables, generation_of
from fdm_platform.control.layout import StoredColumn, layout_of
from fdm_platform.control.schema import TABLES, find_table
from fdm_platform.control.store import ControlStore, open_store


def test_tables_that_the_platform_made_are_as_expected(store: ControlStore) -> None:
    checks = check_tables(store, TABLES)
    assert [(c.table, c.state, c.is_usable) for c in checks] == [(n, "as expected", True) for n in TABLES]
    assert {c.table: c.generation for c in checks if c.generation} == {
        "job_master": 1,
        "execution_log": 1,
    }


def test_a_table_that_is_missing_is_told(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["job_master"])
    (there, missing) = check_tables(store, ["job_master", "sys_params"])
    assert (there.is_usable, missing.state, missing.is_usable) == (True, "missing", False)
    store.close()


def test_a_side_table_that_is_made_when_needed_is_not_missed(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["execution_log"])
    (side,) = check_tables(store, ["fdm_execution_log"])
    assert (side.state, side.is_usable) == ("missing", True)
    store.close()


def test_a_file_has_no_names_of_another_generation(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    store = open_store(f"sqlite:///{path}")
    store.create(["process_control"])
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE process_control RENAME COLUMN process_from_date TO start_dt")
    connection.close()
    (found,) = check_tables(store, ["process_control"])
    store.close()
    assert [(d.column, d.found, d.is_fatal) for d in found.differences] == [
        ("process_from_date", "missing", True),
        ("start_dt", "text", False),
    ]


def test_columns_of_a_file_that_others_made(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE sys_params (param_key TEXT NOT NULL, environment TEXT NOT NULL, key_name TEXT NOT NULL,"
            " param_value INTEGER, owner TEXT NOT NULL, PRIMARY KEY (param_key, environment, key_name))"
        )
    connection.close()
    store = open_store(f"sqlite:///{path}")
    (found,) = check_tables(store, ["sys_params"])
    store.close()
    assert [(d.column, d.found, d.is_fatal) for d in found.differences] == [
        ("param_value", "integer", True),
        ("param_type", "missing", True),
        ("updated_at", "missing", True),
        ("owner", "text", True),
    ]
    assert not found.is_usable


@pytest.mark.parametrize(
    ("table", "changes", "expected"),
    [
        ("process_control", {"biz_dt": ("biz_dt", "string")}, [("biz_dt", "string", False)]),
        (
            "process_control",
            {"process_from_date": ("start_dt", "date")},
            [("process_from_date", "start_dt", False)],
        ),
        ("process_control", {"run_id": None}, [("run_id", "missing", True)]),
        (
            "process_control",
            {"last_update_ts": ("last_update_ts", "string")},
            [("last_update_ts", "string", True)],
        ),
        ("job_master", {"spark_config": None}, [("spark_config", "missing", False)]),
        ("execution_log", {"duration": ("duration", "int64")}, [("duration", "int64", False)]),
    ],
)
def test_what_differs_and_whether_the_platform_copes(
    table: str, changes: dict[str, tuple[str, str] | None], expected: list[tuple[str, str, bool]]
) -> None:
    spec = find_table(table)
    kudu_types = {"timestamp_micros": "unixtime_micros"}
    columns = []
    for c in spec.columns:
        name_and_type = changes.get(c.name, (c.name, kudu_types.get(c.type, c.type)))
        if name_and_type:
            columns.append(StoredColumn(*name_and_type, is_key=c.is_key, is_nullable=c.is_nullable))
    differences = layout_of(spec, columns).differences()
    assert [(d.column, d.found, d.is_fatal) for d in differences] == expected


def test_the_keys_of_the_second_generation_are_known() -> None:
    spec = find_table("execution_log")
    columns = [StoredColumn(c.name, "string", c.name == "job_id", c.name != "job_id") for c in spec.columns]
    (of_key,) = [d for d in layout_of(spec, columns).differences() if d.column == "key"]
    assert (of_key.found, of_key.is_fatal, of_key.consequence) == ("job_id", False, "generation 2")


@pytest.mark.parametrize(
    ("names", "generation"),
    [
        ({"process_from_date": "start_dt"}, 1),
        ({"last_update_ts": "updated_at"}, 2),
        ({}, None),
        ({"process_from_date": "start_dt", "last_update_ts": "updated_at"}, None),
    ],
)
def test_the_generation_of_process_control_is_in_its_names(
    names: dict[str, str], generation: int | None
) -> None:
    spec = find_table("process_control")
    columns = [StoredColumn(names.get(c.name, c.name), "string", is_key=c.is_key) for c in spec.columns]
    assert generation_of(layout_of(spec, columns)) == generation
