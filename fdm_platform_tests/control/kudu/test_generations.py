"""Both generations of the legacy tables, as teams have them in Kudu, are read and written as they are.

Source of the columns: the legacy framework's contract.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.changes import Watermark, changes
from fdm_platform.control.checking import check_tables
from fdm_platform.control.kudu.client import NewTable
from fdm_platform.control.kudu.java import JavaClient
from fdm_platform.control.kudu.opening import client_jars
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.layout import ACCEPTED, StoredColumn
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.rows import job_master_row, process_control_rows, sys_params_rows
from fdm_platform.control.schema import find_table
from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import ControlStore, Predicate, open_store
from fdm_platform.control.transfer import compare_export, export_tables, import_rows
from fdm_platform.control.values import to_micros
from fdm_platform.errors import ControlError, RowExistsError
from fdm_platform.model.control import PublishRecord

pytestmark = pytest.mark.kudu

DAY = date(2024, 5, 15)
NOON = datetime(2024, 5, 15, 12, 0, 0, 123456, tzinfo=UTC)
Columns = dict[str, str]

FIRST: dict[str, tuple[Columns, Columns]] = {
    "job_master": (
        {"job_id": "string"},
        dict.fromkeys(("job_name", "context_params", "script_path", "spark_config", "comments"), "string"),
    ),
    "process_control": (
        {"entity": "string", "source_system": "string", "biz_dt": "date"},
        {
            **dict.fromkeys(("start_dt", "end_dt", "process_dt", "reprocess_dt"), "date"),
            **dict.fromkeys(("run_indicator", "change_indicator", "run_id"), "string"),
            **dict.fromkeys(("business_keys", "compare_cols"), "string"),
            "last_update_ts": "unixtime_micros",
        },
    ),
    "job_dependency": (
        {"dependent_job_id": "string", "dependent_job_name": "string"},
        {"parent_job_id": "string", "parent_job_name": "string", "dependency_level": "int32"},
    ),
    "sys_params": (
        {"param_key": "string", "environment": "string", "key_name": "string"},
        {"param_value": "string"},
    ),
    "execution_log": (
        {"id": "string"},
        {
            **dict.fromkeys(("job_id", "job_name", "run_id", "spark_app_id", "status"), "string"),
            **dict.fromkeys(("start_time", "end_time"), "unixtime_micros"),
            "error_message": "string",
        },
    ),
}
SECOND: dict[str, tuple[Columns, Columns]] = {
    "job_master": (
        {"job_id": "string", "job_name": "string"},
        dict.fromkeys(("entity", "source_system", "context_params", "script_path", "comments"), "string"),
    ),
    "process_control": (
        {"entity": "string", "source_system": "string", "biz_dt": "string"},
        {
            **dict.fromkeys(("process_from_date", "process_to_date", "process_dt", "reprocess_dt"), "date"),
            **dict.fromkeys(("run_indicator", "change_indicator", "run_id"), "string"),
            **dict.fromkeys(("business_keys", "compare_cols"), "string"),
            "updated_at": "unixtime_micros",
            "loaded_by": "string",
        },
    ),
    "job_dependency": (
        {"dependent_job_id": "string", "dependent_job_name": "string"},
        {"parent_job_id": "string", "parent_job_name": "string"},
    ),
    "sys_params": (
        {"param_key": "string", "environment": "string", "key_name": "string"},
        {"param_value": "string", "param_type": "string", "updated_at": "unixtime_micros"},
    ),
    "execution_log": (
        {"job_id": "string"},
        {
            **dict.fromkeys(("id", "job_name", "run_id", "spark_app_id", "status"), "string"),
            **dict.fromkeys(("start_time", "end_time"), "unixtime_micros"),
            "duration": "int64",
            "error_message": "string",
        },
    ),
}
Make = Callable[[dict[str, tuple[Columns, Columns]]], ControlStore]


@pytest.fixture
def make(kudu_servers: Servers) -> Iterator[Make]:
    """Tables of a legacy deployment, made without the platform, and a store opened on them."""
    client = JavaClient([kudu_servers.address], client_jars)
    opened: list[ControlStore] = []

    def of(tables: dict[str, tuple[Columns, Columns]]) -> ControlStore:
        prefix = f"legacy_{secrets.token_hex(6)}."
        for name, (key, others) in tables.items():
            columns = [StoredColumn(n, t, is_key=True, is_nullable=False) for n, t in key.items()]
            columns += [StoredColumn(n, t) for n, t in others.items()]
            client.create(NewTable(prefix + name, tuple(columns), tuple(key), 2, "a team's own", 1))
        store = open_store(f"kudu+java://{kudu_servers.address}?prefix={prefix}")
        opened.append(store)
        return store

    yield of
    for store in opened:
        store.close()
    client.close()


@pytest.fixture(params=[FIRST, SECOND], ids=["generation 1", "generation 2"])
def legacy(request: pytest.FixtureRequest, make: Make) -> ControlStore:
    return make(request.param)


def control_row(**changed: Any) -> dict[str, Any]:
    return {
        "entity": "GELS",
        "source_system": "FPMS",
        "biz_dt": DAY,
        "process_from_date": date(2024, 5, 1),
        "process_to_date": DAY,
        "run_indicator": "Y",
        "business_keys": '["contract_id"]',
        "last_update_ts": NOON,
        **changed,
    }


def test_a_control_row_comes_back_as_it_went_in(legacy: ControlStore) -> None:
    legacy.upsert("process_control", [control_row(), control_row(biz_dt=date(2024, 5, 16), run_id="x")])
    (row,) = process_control_rows(legacy, "gels", "fpms", [DAY])
    assert (row.biz_dt, row.process_from_date, row.process_to_date) == (DAY, date(2024, 5, 1), DAY)
    assert (row.business_keys, row.last_update_ts, row.run_id) == (("contract_id",), NOON, None)


def test_dates_compare_as_dates_whatever_their_type_is(legacy: ControlStore) -> None:
    legacy.upsert("process_control", [control_row(biz_dt=date(2024, month, 2)) for month in range(1, 13)])
    where = [Predicate("biz_dt", ">=", date(2024, 9, 2)), Predicate("biz_dt", "<", date(2024, 12, 1))]
    months = sorted(row["biz_dt"].month for row in legacy.scan("process_control", where, ["biz_dt"]))
    assert months == [9, 10, 11]


def test_changes_are_seen_by_the_column_that_is_there(legacy: ControlStore) -> None:
    legacy.upsert("process_control", [control_row()])
    first = changes(legacy, "GELS", "FPMS", Watermark(), NOON)
    legacy.upsert("process_control", [control_row(last_update_ts=NOON.replace(hour=13))])
    second = changes(legacy, "GELS", "FPMS", first.watermark, NOON)
    assert ([r.biz_dt for r in first.rows], [r.biz_dt for r in second.rows]) == ([DAY], [DAY])


def test_a_text_that_is_no_date_stops_no_other_date(make: Make, kudu_servers: Servers) -> None:
    legacy = make({"process_control": SECOND["process_control"]})
    legacy.upsert("process_control", [control_row()])
    client = JavaClient([kudu_servers.address], client_jars)
    table = legacy.url.partition("prefix=")[2] + "process_control"
    columns = ("entity", "source_system", "biz_dt", "updated_at")
    client.write("insert", table, columns, [("GELS", "FPMS", "15.05.2024", to_micros(NOON))])
    client.close()
    found = changes(legacy, "GELS", "FPMS", Watermark(), NOON)
    assert [row.biz_dt for row in found.rows] == [DAY]
    assert [p.error.message for p in found.problems] == [
        "process_control holds '15.05.2024' in column biz_dt, which is no date such as 2024-05-15"
    ]


def test_a_job_is_read_whatever_columns_it_has(legacy: ControlStore) -> None:
    legacy.insert("job_master", {"job_id": "JOB_1", "job_name": "load", "context_params": '{"x": 1}'})
    job = job_master_row(legacy, "load")
    assert job is not None
    assert (job.job_id, job.context_params, job.spark_config, job.entity) == ("JOB_1", {"x": 1}, None, None)


def test_settings_are_read_and_written(legacy: ControlStore) -> None:
    row = {
        "param_key": "kudu.master.address",
        "environment": "DEV",
        "key_name": "ALL",
        "param_value": "h:7051",
    }
    legacy.upsert("sys_params", [row])
    (setting,) = sys_params_rows(legacy, "DEV", "load")
    assert (setting.param_value, setting.param_type) == ("h:7051", None)


def test_a_key_of_the_table_is_the_key_that_counts(make: Make) -> None:
    store = make(SECOND)
    store.insert("job_master", {"job_id": "JOB_1", "job_name": "load"})
    store.insert("job_master", {"job_id": "JOB_1", "job_name": "other"})
    with pytest.raises(RowExistsError, match="job_master has a row job_id=JOB_1, job_name=load already"):
        store.insert("job_master", {"job_id": "JOB_1", "job_name": "load"})
    assert store.layout("execution_log").key == ("job_id",)


def test_a_value_for_a_column_that_is_not_there_is_refused(make: Make) -> None:
    store = make(SECOND)
    with pytest.raises(ControlError, match=r"has no column spark_config(.|\n)*fdm control check"):
        store.upsert("job_master", [{"job_id": "1", "job_name": "load", "spark_config": "{}"}])
    store.upsert("job_master", [{"job_id": "1", "job_name": "load", "spark_config": None}])
    assert [row["spark_config"] for row in store.scan("job_master")] == [None]
    assert list(store.scan("job_master", [Predicate("spark_config", "=", "{}")])) == []
    assert len(list(store.scan("job_master", [Predicate("spark_config", "is_null", True)]))) == 1


def test_seconds_as_whole_numbers_are_rounded(make: Make) -> None:
    store = make(SECOND)
    store.upsert("execution_log", [{"id": "1_a", "job_id": "JOB_1", "duration": 12.6}])
    assert [row["duration"] for row in store.scan("execution_log")] == [13.0]


def test_a_text_that_is_no_date_names_its_place(make: Make, kudu_servers: Servers) -> None:
    store = make(SECOND)
    prefix = store.url.partition("prefix=")[2]
    client = JavaClient([kudu_servers.address], client_jars)
    columns = ["entity", "source_system", "biz_dt"]
    client.write("upsert", f"{prefix}process_control", columns, [("GELS", "FPMS", "15.05.2024")])
    with pytest.raises(ControlError, match=r"process_control.biz_dt: .*'15.05.2024'"):
        list(store.scan("process_control"))
    client.close()


@pytest.mark.parametrize(
    ("column", "found", "message"),
    [
        ("last_update_ts", "string", "is string, expected unixtime_micros"),
        ("run_id", None, "is missing, expected"),
    ],
)
def test_a_missing_or_retyped_column_is_told_where_it_is_needed(
    make: Make, column: str, found: str | None, message: str
) -> None:
    key, others = FIRST["process_control"]
    changed = {n: t for n, t in others.items() if n != column} | ({column: found} if found else {})
    store = make({"process_control": (key, changed)})
    with pytest.raises(ControlError, match=message) as caught:
        store.scan("process_control")
    assert caught.value.field == f"process_control.{column}"
    assert store.url.partition("?")[0].partition("://")[2] in str(caught.value)
    assert "fdm control check" in str(caught.value.remedy)
    assert list(store.scan("process_control", columns=["biz_dt"])) == []


def seeded(store: ControlStore, folder: Path, text: str) -> list[str]:
    path = folder / "seed.yaml"
    path.write_text(text)
    changes = compare(store, read_seed(path, key_of=lambda table: store.layout(table.name).key))
    write(store, changes, NOON)
    return [change.kind for change in changes]


def test_a_seed_file_goes_into_either_generation(legacy: ControlStore, tmp_path: Path) -> None:
    """The first has no time of change in sys_params."""
    text = """
        process_control: [{entity: GELS, source_system: FPMS, biz_dt: 2024-05-15, process_from_date: 2024-05-01}]
        sys_params: [{param_key: k, environment: DEV, key_name: ALL, param_value: 7}]
        job_dependency: [{dependent_job_id: 2, dependent_job_name: b, parent_job_id: 1}]
        """
    assert seeded(legacy, tmp_path, text) == ["new"] * 3
    assert seeded(legacy, tmp_path, text) == ["same"] * 3
    (row,) = process_control_rows(legacy, "GELS", "FPMS")
    assert (row.process_from_date, row.last_update_ts) == (date(2024, 5, 1), NOON)


def test_a_job_of_two_names_is_two_rows_where_the_key_says_so(make: Make, tmp_path: Path) -> None:
    text = "job_master: [{job_id: 1, job_name: a, comments: x}, {job_id: 1, job_name: b}]"
    store = make(SECOND)
    assert seeded(store, tmp_path, text) == ["new"] * 2
    assert seeded(store, tmp_path, text.replace("x", "y")) == ["changed", "same"]
    with pytest.raises(ControlError, match="job_master 1 is given twice, first in line 1"):
        seeded(make(FIRST), tmp_path, text)


def test_a_column_that_is_not_here_is_told_before_anything_is_written(make: Make, tmp_path: Path) -> None:
    text = """job_dependency: [{dependent_job_id: 2, dependent_job_name: b, parent_job_id: 1}]
job_master:
- {job_id: 1, job_name: a, spark_config: }
- {job_id: 2, job_name: a, spark_config: {}}
"""
    store = make(SECOND)
    with pytest.raises(ControlError, match=r"has no column spark_config(.|\n)*fdm control check") as caught:
        seeded(store, tmp_path, text)
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "seed.yaml"), 4)
    assert list(store.scan("job_dependency")) == []


@pytest.mark.parametrize("name", ["control.yaml", "control"])
def test_rows_move_between_generations(make: Make, tmp_path: Path, name: str) -> None:
    old, new = make(FIRST), make(SECOND)
    old.upsert("process_control", [control_row(), control_row(biz_dt=date(2024, 5, 16))])
    old.upsert("job_master", [{"job_id": "1", "job_name": "a", "comments": "x"}])
    setting = {"param_key": "k", "environment": "DEV", "key_name": "ALL", "param_value": "v"}
    old.upsert("sys_params", [setting])
    new.upsert("sys_params", [{**setting, "updated_at": NOON}])
    tables = ["process_control", "job_master", "sys_params"]
    export_tables(old, tables, tmp_path / name)
    found = compare_export(new, tmp_path / name)
    assert {table: [k for k, n in of.items() if n] for table, of in found.counts.items()} == {
        "process_control": ["new"],
        "job_master": ["new"],
        "sys_params": ["same"],
    }
    import_rows(new, tmp_path / name)
    assert process_control_rows(new, "GELS", "FPMS") == process_control_rows(old, "GELS", "FPMS")
    assert [row["updated_at"] for row in new.scan("sys_params")] == [NOON]


def test_check_names_the_generation_and_copes(legacy: ControlStore) -> None:
    generation = 1 if legacy.layout("execution_log").key == ("id",) else 2
    checks = check_tables(legacy, FIRST)
    assert {c.table: c.generation for c in checks if c.generation} == dict.fromkeys(
        ("job_master", "process_control", "execution_log"), generation
    )
    assert all(c.is_usable for c in checks)


def test_a_ledger_of_an_earlier_release_publishes_and_says_that_it_cannot_fence(make: Make) -> None:
    """A void row without its kind would be a version that readers see."""
    spec = find_table("fdm_publishes")
    key = {"table_name": "string", "biz_dt": "date", "version": "int32"}
    others = {c.name: ACCEPTED[c.type][0] for c in spec.columns if not c.is_key and c.name != "kind"}
    ledger = Ledger(make({"fdm_publishes": (key, others)}))
    record = PublishRecord("t", DAY, 1, "load", "", "{}", NOON)
    ledger.commit(record)
    assert ledger.current("t", DAY) == record
    with pytest.raises(ControlError, match=r"fdm_publishes has no column kind(.|\n)*kudu table add_column"):
        ledger.void("t", DAY, 2, "load", "it died")
    assert ledger.next_versions("t", [DAY]) == {DAY: 2}
