"""job_dependency and the state of parents, from a real store."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.dependencies import FILE, read_dependency_rows, refresh, saved
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.parents import control_dates, read_parents
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import ControlError
from fdm_platform.model.control import JobDependencyRow, PublishRecord
from fdm_platform.model.dependency import SAME, Dependency, DependencyRows, ParentDates
from fdm_platform.model.table import TableSpec

DAYS = [date(2024, 5, day) for day in range(13, 18)]
UP = TableSpec("GELS", "FPMS", "t_up", "up.yaml", (), ())
DOWN = TableSpec("GELS", "FPMS", "t_down", "down.yaml", (), ())
ELSEWHERE = TableSpec("GELS", "OTHER", "t_other", "other.yaml", (), ())
TABLES = {s.name: s for s in (UP, DOWN, ELSEWHERE)}


def put_dependency(store: ControlStore, number: int, **columns: Any) -> None:
    row = {
        "dependent_job_id": f"J{number}",
        "dependent_job_name": f"etl_{number}",
        "parent_job_name": "etl_0",
    }
    store.upsert("job_dependency", [{**row, **columns}])


def put_dates(store: ControlStore, dates: list[date], source_system: str = "FPMS") -> None:
    rows = [{"entity": "GELS", "source_system": source_system, "biz_dt": d} for d in dates]
    store.upsert("process_control", rows)


def publish(store: ControlStore, spec: TableSpec, dates: list[date], version: int = 1) -> None:
    for d in dates:
        at = datetime(2024, 6, 1, tzinfo=UTC)
        Ledger(store).commit(PublishRecord(spec.name, d, version, f"l{version}", "", "{}", at))


def dependency(dates: ParentDates = SAME, parent: TableSpec = UP, *, is_read: bool = True) -> Dependency:
    return Dependency(DOWN.name, parent.name, dates, "sources.up", is_read)


def test_rows_come_with_the_jobs_that_they_name_and_no_others(store: ControlStore) -> None:
    jobs = {"J0": "ETL_0", "J1": "etl_1", "J5": "etl_5", "J6": "etl_6"}
    for job_id, name in jobs.items():
        store.insert("job_master", {"job_id": job_id, "job_name": name})
    put_dependency(store, 1, dependency_level=2)
    put_dependency(store, 2, parent_job_name=None, parent_job_id="J5")
    assert read_dependency_rows(store) == DependencyRows(
        (
            JobDependencyRow("J1", "etl_1", None, "etl_0", 2),
            JobDependencyRow("J2", "etl_2", "J5", None),
        ),
        (("J0", "ETL_0"), ("J1", "etl_1"), ("J5", "etl_5")),
    )


def test_the_file_is_written_when_the_rows_change_and_holds_them(store: ControlStore, tmp_path: Path) -> None:
    assert saved(tmp_path) == DependencyRows()
    put_dependency(store, 1)
    assert [refresh(store, tmp_path / "home"), refresh(store, tmp_path / "home")] == [True, False]
    assert saved(tmp_path / "home") == read_dependency_rows(store)
    put_dependency(store, 1, parent_job_name="etl_7")
    assert refresh(store, tmp_path / "home")
    assert saved(tmp_path / "home").rows[0].parent_job_name == "etl_7"
    assert [p.name for p in (tmp_path / "home").iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": [{"x": 1}]}', '{"rows": 7}', "\x00"])
def test_a_damaged_file_is_named_with_what_mends_it(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ControlError) as caught:
        saved(tmp_path)
    assert caught.value.file == str(tmp_path / FILE)
    assert "fdm dependencies" in str(caught.value.remedy)


def test_a_file_of_a_newer_platform_is_read(tmp_path: Path) -> None:
    row = {**asdict(JobDependencyRow("J1", "etl_1")), "new": 1}
    (tmp_path / FILE).write_text(json.dumps({"rows": [row], "jobs": [["J1", "etl_1"]], "new": {}}))
    assert saved(tmp_path) == DependencyRows((JobDependencyRow("J1", "etl_1"),), (("J1", "etl_1"),))


def test_dates_of_a_source_up_to_a_date_in_order(store: ControlStore) -> None:
    put_dates(store, [DAYS[2], DAYS[0], DAYS[4]])
    put_dates(store, [DAYS[1]], "OTHER")
    assert control_dates(store, UP, DAYS[2]) == [DAYS[0], DAYS[2]]


@pytest.mark.parametrize(
    ("rule", "published"),
    [
        (SAME, {DAYS[3]: 1}),
        (ParentDates("previous"), {DAYS[2]: 2}),
        (ParentDates("window", 3), {DAYS[2]: 2, DAYS[3]: 1}),
        (ParentDates("latest"), {DAYS[0]: 1, DAYS[2]: 2, DAYS[3]: 1}),
    ],
)
def test_a_parent_is_looked_up_for_the_dates_that_are_read(
    store: ControlStore, rule: ParentDates, published: dict[date, int]
) -> None:
    put_dates(store, DAYS)
    publish(store, UP, [DAYS[0], DAYS[2], DAYS[3], DAYS[4]])
    publish(store, UP, [DAYS[2]], version=2)
    states = read_parents(store, TABLES, [dependency(rule)], [DAYS[3]])
    assert states[UP.name].published == published
    assert (states[UP.name].known is not None) == rule.needs_known_dates


def test_a_parent_elsewhere_that_is_only_waited_for_may_lack_the_date(store: ControlStore) -> None:
    put_dates(store, DAYS[:1], "OTHER")
    waited_for = dependency(parent=ELSEWHERE, is_read=False)
    assert read_parents(store, TABLES, [waited_for], [DAYS[1]])[ELSEWHERE.name].known == [DAYS[0]]
    publish(store, ELSEWHERE, [DAYS[0]])
    assert read_parents(store, TABLES, [waited_for], [DAYS[0]])[ELSEWHERE.name].known is None


class Scans:
    """A store that remembers which tables were scanned."""

    def __init__(self, store: ControlStore) -> None:
        self.store, self.tables = store, list[str]()

    def scan(self, table: str, *args: Any, **kwargs: Any) -> Any:
        self.tables.append(table)
        return self.store.scan(table, *args, **kwargs)


def test_many_dates_cost_one_scan_of_the_ledger(store: ControlStore) -> None:
    put_dates(store, DAYS)
    publish(store, UP, DAYS)
    scans = Scans(store)
    read_parents(scans, TABLES, [dependency(), dependency()], DAYS)  # type: ignore[arg-type]
    assert scans.tables == ["fdm_publishes"]
    scans.tables.clear()
    read_parents(scans, TABLES, [dependency(ParentDates("window", 3)), dependency()], DAYS)  # type: ignore[arg-type]
    assert set(scans.tables) == {"process_control", "fdm_publishes"}
    assert scans.tables.count("fdm_publishes") == 1


@pytest.mark.parametrize("dates", [SAME, ParentDates("latest")])
def test_what_a_dead_load_never_published_is_nothing_to_its_children(
    store: ControlStore, dates: ParentDates
) -> None:
    publish(store, UP, DAYS[:1])
    for day in DAYS[:2]:
        Ledger(store).void(UP.name, day, 2 if day == DAYS[0] else 1, "dead", "its process died")
    put_dates(store, DAYS)
    assert read_parents(store, TABLES, [dependency(dates)], DAYS[:2])[UP.name].published == {DAYS[0]: 1}
