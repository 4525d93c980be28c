from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, Predicate, open_store
from fdm_platform.control.transfer import compare_export, export_tables, import_rows
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
            "'jobs' is no control table",
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
