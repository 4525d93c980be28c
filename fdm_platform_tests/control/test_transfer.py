from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, Predicate, open_store
from fdm_platform.control.transfer import MAX_YAML_ROWS, compare_export, export_tables, import_rows
from fdm_platform.errors import ControlError

NOON = datetime(2024, 5, 15, 12, 0, 0, 123456, tzinfo=UTC)
SEEDABLE = [table.name for table in TABLES.values() if table.is_seedable]


def fill(store: ControlStore) -> None:
    store.upsert(
        "process_control",
        [
            {
                "entity": "GELS",
                "source_system": "FPMS",
                "biz_dt": date(2024, 5, day),
                "run_id": f"2024050{day}",
                "run_indicator": "N",
                "business_keys": '["contract_id"]',
                "last_update_ts": NOON,
            }
            for day in range(1, 8)
        ],
    )
    store.upsert(
        "job_master", [{"job_id": "1", "job_name": "O'Brien: 多语言 \n# no comment", "context_params": "{}"}]
    )
    store.upsert(
        "sys_params", [{"param_key": "k", "environment": "DEV", "key_name": "ALL", "param_value": "007"}]
    )


def contents(store: ControlStore) -> dict[str, list[Any]]:
    return {name: sorted(store.scan(name), key=lambda row: str(list(row.values()))) for name in SEEDABLE}


@pytest.fixture
def other(tmp_path: Path) -> ControlStore:
    """Another environment's store, without rows."""
    opened = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    opened.create(TABLES)
    return opened


@pytest.mark.parametrize("name", ["control.yaml", "control"])
def test_what_was_exported_is_imported_as_it_was(
    store: ControlStore, other: ControlStore, tmp_path: Path, name: str
) -> None:
    fill(store)
    counts = export_tables(store, SEEDABLE, tmp_path / name)
    assert counts == {"job_master": 1, "process_control": 7, "job_dependency": 0, "sys_params": 1}
    found = compare_export(other, tmp_path / name)
    assert (found.conflict_count, found.counts["process_control"]["new"]) == (0, 7)
    import_rows(other, tmp_path / name)
    assert contents(other) == contents(store)
    again = compare_export(other, tmp_path / name)
    assert {kind: n for kind, n in again.counts["process_control"].items() if n} == {"same": 7}
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("name", ["control.yaml", "control"])
def test_rows_that_are_newer_here_are_conflicts(store: ControlStore, tmp_path: Path, name: str) -> None:
    fill(store)
    export_tables(store, SEEDABLE, tmp_path / name)
    newer = {"entity": "GELS", "source_system": "FPMS", "biz_dt": date(2024, 5, 3)}
    older = {"entity": "GELS", "source_system": "FPMS", "biz_dt": date(2024, 5, 4)}
    store.upsert("process_control", [{**newer, "last_update_ts": NOON + timedelta(seconds=1), "run_id": "x"}])
    store.upsert("process_control", [{**older, "last_update_ts": NOON - timedelta(seconds=1), "run_id": "x"}])
    store.upsert("job_master", [{"job_id": "1", "job_name": "renamed"}])
    found = compare_export(store, tmp_path / name)
    assert [(c.table, c.key, c.stored) for c in found.conflicts] == [
        ("job_master", ("1",), None),
        ("process_control", ("GELS", "FPMS", date(2024, 5, 3)), NOON + timedelta(seconds=1)),
    ]
    assert found.counts["process_control"] == {"new": 0, "changed": 2, "same": 5}


def test_a_condition_is_applied_where_the_rows_are(store: ControlStore, tmp_path: Path) -> None:
    fill(store)
    where = [Predicate("biz_dt", ">=", date(2024, 5, 6))]
    assert export_tables(store, ["process_control"], tmp_path / "late.yaml", where) == {"process_control": 2}


def test_more_conflicts_than_are_shown_are_counted(store: ControlStore, tmp_path: Path) -> None:
    rows = [{"job_id": f"{n:03}", "job_name": "old"} for n in range(50)]
    store.upsert("job_master", rows)
    export_tables(store, ["job_master"], tmp_path / "x")
    store.upsert("job_master", [{**row, "job_name": "new"} for row in rows])
    found = compare_export(store, tmp_path / "x")
    assert (found.conflict_count, len(found.conflicts)) == (50, 20)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "holds no Parquet file"),
        (lambda folder: folder.write_text("process_contol: []"), "did you mean process_control"),
        (
            lambda folder: (folder.mkdir(), (folder / "job_master.parquet").write_text("x")),
            "cannot be read as Parquet",
        ),
        (
            lambda folder: (folder.mkdir(), (folder / "jobs.parquet").write_text("x")),
            "no control table is named 'jobs'",
        ),
    ],
)
def test_what_is_no_export_is_told(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "export")
    store = open_store(f"sqlite:///{tmp_path / 'control.db'}")
    store.create(TABLES)
    with pytest.raises(ControlError, match=message):
        compare_export(store, tmp_path / "export")
    store.close()


def test_a_target_that_cannot_be_written_is_told(store: ControlStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControlError, match="cannot be written"):
        export_tables(store, SEEDABLE, tmp_path / "file" / "control.yaml")


def rewrite(folder: Path, **columns: list[Any]) -> Path:
    """process_control.parquet anew, with these columns."""
    folder.mkdir(exist_ok=True)
    parquet.write_table(pa.table(columns), folder / "process_control.parquet")
    return folder


KEYS: dict[str, list[Any]] = {
    "entity": ["GELS", "GELS"],
    "source_system": ["FPMS", "FPMS"],
    "biz_dt": [date(2024, 5, 1), date(2024, 5, 2)],
}


@pytest.mark.parametrize(
    ("columns", "message", "field"),
    [
        ({"biz_date": [1, 2]}, r"has no column 'biz_date'(.|\n)*did you mean biz_dt\?", "process_control"),
        ({"run_id": [[1], [2]]}, "cannot be read as Parquet of process_control", None),
        (
            {"entity": ["GELS", None]},
            "row 2: a row of process_control lacks entity",
            "process_control.entity",
        ),
        ({"business_keys": [None, "a, b"]}, "row 2: 'a, b' is not a JSON list", "business_keys"),
        ({"biz_dt": [date(2024, 5, 1)] * 2}, "row 2: GELS/FPMS/2024-05-01 is given twice", "process_control"),
    ],
)
def test_a_fault_in_parquet_is_told_before_anything_is_written(
    tmp_path: Path, other: ControlStore, *, columns: dict[str, list[Any]], message: str, field: str | None
) -> None:
    folder = rewrite(tmp_path / "x", **{**KEYS, **columns})
    with pytest.raises(ControlError, match=message) as caught:
        compare_export(other, folder)
    assert (caught.value.file, caught.value.field) == (str(folder / "process_control.parquet"), field)


def test_columns_that_an_export_lacks_keep_their_value(tmp_path: Path, other: ControlStore) -> None:
    fill(other)
    later = [NOON + timedelta(1)] * 2
    folder = rewrite(tmp_path / "x", **KEYS, run_indicator=["Y", "N"], last_update_ts=later)
    import_rows(other, folder / "process_control.parquet")
    first, second, third, *_ = contents(other)["process_control"]
    assert [r["run_indicator"] for r in (first, second, third)] == ["Y", "N", "N"]
    assert (first["run_id"], first["last_update_ts"]) == ("20240501", later[0])


def test_rows_that_are_the_same_are_left_alone(tmp_path: Path, other: ControlStore) -> None:
    """A time of change that is newer here, of a row that is the same otherwise, is no conflict and stays."""
    fill(other)
    export_tables(other, SEEDABLE, tmp_path / "x.yaml")
    key = {"entity": "GELS", "source_system": "FPMS", "biz_dt": date(2024, 5, 3)}
    other.upsert("process_control", [{**key, "last_update_ts": NOON + timedelta(1)}])
    before = contents(other)
    found = compare_export(other, tmp_path / "x.yaml")
    assert (found.conflict_count, found.counts["process_control"]["same"]) == (0, 7)
    import_rows(other, tmp_path / "x.yaml", force=True)
    assert contents(other) == before


@pytest.mark.parametrize(
    ("theirs", "ours", "is_safe"),
    [(None, NOON, True), (NOON, NOON, False), (None, None, False), (NOON, None, False)],
)
def test_a_row_is_replaced_only_where_it_is_known_to_be_older(
    tmp_path: Path, other: ControlStore, *, theirs: datetime | None, ours: datetime | None, is_safe: bool
) -> None:
    rows = [{name: values[n] for name, values in KEYS.items()} for n in (0, 1)]
    other.upsert("process_control", [{**row, "run_id": "x", "last_update_ts": theirs} for row in rows])
    stamps = pa.array([ours] * 2, pa.timestamp("us", "UTC"))
    folder = rewrite(tmp_path / "x", **KEYS, run_id=["y", "y"], last_update_ts=stamps)
    assert compare_export(other, folder).conflict_count == (0 if is_safe else 2)
    if not is_safe:
        with pytest.raises(ControlError, match="changed during the import"):
            import_rows(other, folder)
        assert {row["run_id"] for row in other.scan("process_control")} == {"x"}


def test_an_export_is_of_one_state(store: ControlStore, tmp_path: Path) -> None:
    """Rows that are added while it is read are not in it."""
    store.upsert("job_master", [{"job_id": f"{n:05}", "job_name": "a"} for n in range(1_500)])

    def add(_rows: int) -> None:
        store.upsert("sys_params", [{"param_key": "late", "environment": "DEV", "key_name": "ALL"}])

    counts = export_tables(store, ["job_master", "sys_params"], tmp_path / "x", progress=add)
    assert counts == {"job_master": 1_500, "sys_params": 0}
    assert len(list(store.scan("sys_params"))) == 1


def test_what_is_too_much_for_yaml_is_told(other: ControlStore, tmp_path: Path) -> None:
    other.upsert("job_master", ({"job_id": str(n), "job_name": "a"} for n in range(MAX_YAML_ROWS + 1)))
    (tmp_path / "x.yaml").write_text("before")
    with pytest.raises(ControlError, match=r"more than 100,000 rows(.|\n)*as Parquet"):
        export_tables(other, ["job_master"], tmp_path / "x.yaml")
    assert (tmp_path / "x.yaml").read_text() == "before"
    assert export_tables(other, ["job_master"], tmp_path / "x") == {"job_master": MAX_YAML_ROWS + 1}


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    number=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_value_survives_yaml_and_parquet(text: str, number: float) -> None:
    with TemporaryDirectory() as name, closing(open_store(f"sqlite:///{name}/a.db")) as store:
        folder = Path(name)
        store.create(["execution_log"])
        row = {"id": f"1_{text}", "status": text, "duration": number, "start_time": NOON}
        store.insert("execution_log", row)
        for out in (folder / "x.yaml", folder / "x"):
            export_tables(store, ["execution_log"], out)
            assert compare_export(store, out, force=True).counts == {
                "execution_log": {"new": 0, "changed": 0, "same": 1}
            }
