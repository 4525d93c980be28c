"""What every control store keeps, whichever it is. One more implementation: one line in conftest.py."""

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, Operator, Predicate, open_store
from fdm_platform.errors import ControlError, RowExistsError
from fdm_platform_tests.control.workers import run_workers

DAY = date(2024, 5, 15)


def control_row(day: date = DAY, **changes: Any) -> dict[str, Any]:
    return {"entity": "GELS", "source_system": "FPMS", "biz_dt": day, **changes}


def seeded_dates(store: ControlStore) -> None:
    store.upsert(
        "process_control",
        [
            control_row(date(2024, 5, 13), run_id="a"),
            control_row(date(2024, 5, 14), run_id="b", reprocess_dt=date(2024, 6, 1)),
            control_row(date(2024, 5, 15)),
        ],
    )


def days(store: ControlStore, *where: Predicate) -> list[int]:
    return sorted(row["biz_dt"].day for row in store.scan("process_control", where))


def test_every_type_comes_back_as_it_went_in(store: ControlStore) -> None:
    moment = datetime(2024, 5, 15, 8, 30, 0, 123457, tzinfo=UTC)
    row = {
        "id": "1715774400000000_a",
        "job_id": "JOB_1",
        "job_name": "load",
        "run_id": None,
        "spark_app_id": "local-1",
        "status": "Completed",
        "start_time": moment,
        "end_time": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "duration": 12.25,
        "error_message": None,
    }
    store.insert("execution_log", row)
    assert list(store.scan("execution_log")) == [row]


def test_a_time_of_another_zone_comes_back_in_utc(store: ControlStore) -> None:
    singapore = timezone(timedelta(hours=8))
    store.insert("process_control", control_row(last_update_ts=datetime(2024, 5, 15, 8, 0, tzinfo=singapore)))
    (row,) = store.scan("process_control")
    assert row["last_update_ts"] == datetime(2024, 5, 15, 0, 0, tzinfo=UTC)
    assert row["last_update_ts"].tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["O'Brien", 'a "quoted" name', "'; DROP TABLE job_master; --", "多语言 ñ 🏦", "", " a\tb\nc ", "?"],
)
def test_text_is_kept_as_it_is(store: ControlStore, text: str) -> None:
    store.insert("job_master", {"job_id": text, "job_name": text})
    where = [Predicate("job_id", "=", text), Predicate("job_name", "in", [text])]
    assert list(store.scan("job_master", where, ["job_name"])) == [{"job_name": text}]


def test_projection_gives_the_columns_asked_for_in_their_order(store: ControlStore) -> None:
    seeded_dates(store)
    rows = list(
        store.scan("process_control", [Predicate("run_id", "=", "b")], ["run_id", "biz_dt", "process_dt"])
    )
    assert [list(row.items()) for row in rows] == [
        [("run_id", "b"), ("biz_dt", date(2024, 5, 14)), ("process_dt", None)]
    ]


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("=", date(2024, 5, 14), [14]),
        ("<", date(2024, 5, 14), [13]),
        ("<=", date(2024, 5, 14), [13, 14]),
        (">", date(2024, 5, 14), [15]),
        (">=", date(2024, 5, 14), [14, 15]),
        ("in", {date(2024, 5, 13), date(2024, 5, 15), date(2024, 1, 1)}, [13, 15]),
        ("in", [], []),
        ("is_null", True, []),
        ("is_null", False, [13, 14, 15]),
    ],
)
def test_predicates_on_a_key(store: ControlStore, op: Operator, value: Any, expected: list[int]) -> None:
    seeded_dates(store)
    assert days(store, Predicate("biz_dt", op, value)) == expected


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Predicate("reprocess_dt", "is_null", True), [13, 15]),
        (Predicate("reprocess_dt", "is_null", False), [14]),
        (Predicate("run_id", ">=", "a"), [13, 14]),
        (Predicate("run_id", "in", ["b", "c"]), [14]),
        (Predicate("run_id", "<", "a"), []),
    ],
)
def test_predicates_where_some_values_are_null(
    store: ControlStore, predicate: Predicate, expected: list[int]
) -> None:
    seeded_dates(store)
    assert days(store, predicate) == expected


def test_predicates_on_times_and_numbers(store: ControlStore) -> None:
    noon = datetime(2024, 5, 15, 12, 0, tzinfo=UTC)
    store.upsert(
        "execution_log",
        [
            {"id": f"171577440000000{n}_a", "start_time": noon + timedelta(microseconds=n), "duration": n / 2}
            for n in range(4)
        ],
    )
    later = [Predicate("start_time", ">", noon + timedelta(microseconds=1)), Predicate("duration", "<", 1.5)]
    assert [row["id"] for row in store.scan("execution_log", later)] == ["1715774400000002_a"]


def test_all_predicates_hold_together(store: ControlStore) -> None:
    seeded_dates(store)
    where = [Predicate("biz_dt", ">", date(2024, 5, 13)), Predicate("reprocess_dt", "is_null", True)]
    assert days(store, *where) == [15]


def test_an_insert_of_an_existing_key_fails_and_changes_nothing(store: ControlStore) -> None:
    store.insert("process_control", control_row(run_id="first"))
    with pytest.raises(
        RowExistsError, match="process_control has a row entity=GELS, source_system=FPMS, biz_dt=2024-05-15"
    ):
        store.insert("process_control", control_row(run_id="second"))
    assert [row["run_id"] for row in store.scan("process_control")] == ["first"]


def test_an_upsert_keeps_columns_that_it_is_not_given(store: ControlStore) -> None:
    store.insert("process_control", control_row(run_id="a", run_indicator="Y"))
    store.upsert("process_control", [control_row(run_id="b"), control_row(date(2024, 5, 16), run_id="c")])
    rows = store.scan("process_control", columns=["biz_dt", "run_id", "run_indicator"])
    assert sorted(tuple(row.values()) for row in rows) == [
        (date(2024, 5, 15), "b", "Y"),
        (date(2024, 5, 16), "c", None),
    ]


def test_an_upsert_of_null_is_a_change(store: ControlStore) -> None:
    store.upsert("process_control", [control_row(run_id="a")])
    store.upsert("process_control", [control_row(run_id=None)])
    assert [row["run_id"] for row in store.scan("process_control")] == [None]


def test_an_upsert_of_a_key_alone_is_allowed(store: ControlStore) -> None:
    store.upsert("process_control", [control_row(run_id="a")])
    store.upsert("process_control", [control_row(), control_row(date(2024, 5, 16))])
    assert days(store) == [15, 16]
    assert days(store, Predicate("run_id", "=", "a")) == [15]


def test_an_upsert_with_one_bad_row_writes_none(store: ControlStore) -> None:
    with pytest.raises(ControlError, match=r"'2024' does not fit column biz_dt of process_control \(date\)"):
        store.upsert("process_control", [control_row(), {**control_row(), "biz_dt": "2024"}])
    assert days(store) == []


def test_delete_removes_the_keys_given_and_ignores_others(store: ControlStore) -> None:
    seeded_dates(store)
    store.delete("process_control", [control_row(date(2024, 5, 14)), control_row(date(1999, 1, 1))])
    assert days(store) == [13, 15]


def test_delete_wants_the_whole_key(store: ControlStore) -> None:
    with pytest.raises(
        ControlError, match=r"\['entity'\] is not a key of process_control(.|\n)*source_system, biz_dt"
    ):
        store.delete("process_control", [{"entity": "GELS"}])


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("process_contol", {}, "did you mean process_control"),
        ("process_control", control_row(run_indikator="Y"), "did you mean run_indicator"),
        (
            "process_control",
            {"entity": "GELS", "biz_dt": DAY},
            "a row of process_control lacks source_system",
        ),
        (
            "process_control",
            control_row(entity=None),
            "a row of process_control lacks entity",
        ),
        (
            "process_control",
            control_row(last_update_ts=datetime(2024, 1, 1)),  # noqa: DTZ001 - that it is refused
            "give a time with a zone",
        ),
        ("process_control", control_row(datetime(2024, 5, 15, tzinfo=UTC)), "does not fit column biz_dt"),
        ("process_control", control_row(run_id=20240515), "20240515 does not fit column run_id"),
        ("process_control", control_row(run_id="\ud800"), "does not fit column run_id"),
        (
            "job_dependency",
            {"dependent_job_id": "a", "dependent_job_name": "b", "dependency_level": 2**31},
            "give a whole number of 32 bits",
        ),
        ("execution_log", {"id": "1715774400000000_a", "duration": float("nan")}, "give a finite number"),
        (
            "job_dependency",
            {"dependent_job_id": "a", "dependent_job_name": "b", "dependency_level": True},
            "True does not fit column dependency_level",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_refused(
    store: ControlStore, table: str, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        store.insert(table, row)
    with pytest.raises(ControlError, match=message):
        store.upsert(table, [row])


@pytest.mark.parametrize(
    ("where", "columns", "message"),
    [
        ([Predicate("biz_date", "=", DAY)], None, "did you mean biz_dt"),
        ([], ["entty"], "did you mean entity"),
        ([Predicate("biz_dt", "=", "2024-05-15")], None, "'2024-05-15' does not fit column biz_dt"),
        ([Predicate("run_id", "=", None)], None, "use is_null"),
        ([Predicate("run_id", "is_null", None)], None, "give is_null True or False"),
        ([Predicate("run_id", "in", "abc")], None, "give a collection of values"),
        ([Predicate("run_id", "in", [str(n) for n in range(1001)])], None, "give at most 1000 values"),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused_at_once(
    store: ControlStore, where: Sequence[Predicate], columns: Sequence[str] | None, message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        store.scan("process_control", where, columns)


def test_a_snapshot_sees_all_tables_as_they_were(store: ControlStore) -> None:
    seeded_dates(store)
    store.insert("job_master", {"job_id": "1", "job_name": "old"})
    with store.snapshot() as snapshot:
        store.upsert("process_control", [control_row(date(2024, 5, 16)), control_row(run_id="changed")])
        store.upsert("job_master", [{"job_id": "1", "job_name": "new"}])
        store.delete("process_control", [control_row(date(2024, 5, 13))])
        then = sorted(
            (row["biz_dt"].day, row["run_id"]) for row in store.scan("process_control", snapshot=snapshot)
        )
        jobs_then = [row["job_name"] for row in store.scan("job_master", snapshot=snapshot)]
        now = days(store)
    assert then == [(13, "a"), (14, "b"), (15, None)]
    assert jobs_then == ["old"]
    assert now == [14, 15, 16]


def test_a_scan_may_be_left_half_read_while_rows_change(store: ControlStore) -> None:
    store.upsert("job_master", [{"job_id": f"{n:04}", "job_name": "before"} for n in range(2000)])
    rows = store.scan("job_master")
    first = next(rows)
    store.upsert("job_master", [{"job_id": f"{n:04}", "job_name": "after"} for n in range(2000)])
    assert {first["job_name"], *(row["job_name"] for row in rows)} == {"before"}
    assert {row["job_name"] for row in store.scan("job_master")} == {"after"}


def test_create_makes_what_is_missing_and_keeps_what_is_there(empty_url: str) -> None:
    store, other = open_store(empty_url), open_store(empty_url)
    assert (store.existing(), store.has("job_master"), other.has("job_master")) == (set(), False, False)
    assert store.create(["job_master"]) == ["job_master"]
    assert (store.has("job_master"), other.has("job_master"), other.has("sys_params")) == (True, True, False)
    other.close()
    store.insert("job_master", {"job_id": "1", "job_name": "kept"})
    assert store.create(TABLES) == [name for name in TABLES if name != "job_master"]
    assert store.create(TABLES) == []
    assert store.existing() == set(TABLES)
    assert [row["job_name"] for row in store.scan("job_master")] == ["kept"]
    store.close()


def test_a_table_that_was_never_created_is_told_with_its_remedy(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["job_master"])
    with pytest.raises(ControlError, match=r"sys_params(.|\n)*run `fdm control init`"):
        store.scan("sys_params")
    store.close()


def test_of_concurrent_inserts_of_one_key_exactly_one_wins(store: ControlStore) -> None:
    results = run_workers("insert_ledger_rows", store.url, workers=4, rounds=25)
    won = [version for result in results for version in result["won"]]
    assert sorted(won) == list(range(25))
    assert sum(len(result["lost"]) for result in results) == 3 * 25
    winners = {row["version"]: row["load_id"] for row in store.scan("fdm_publishes")}
    assert winners == {v: result["name"] for result in results for v in result["won"]}


def test_concurrent_upserts_of_several_processes_are_all_kept(store: ControlStore) -> None:
    results = run_workers("upsert_jobs", store.url, workers=4, rounds=20)
    rows = {row["job_id"]: (row["job_name"], row["comments"]) for row in store.scan("job_master")}
    own = {key: value for key, value in rows.items() if key != "shared"}
    assert own == {f"{result['name']}-{n}": (result["name"], str(n)) for result in results for n in range(20)}
    assert rows["shared"][0] == rows["shared"][1]  # a row is one writer's whole, never a mixture


def test_concurrent_creation_by_several_processes_creates_each_table_once(empty_url: str) -> None:
    results = run_workers("create_tables", empty_url, workers=4, rounds=1)
    assert sorted(name for result in results for name in result["created"]) == sorted(TABLES)


def test_threads_share_one_store(store: ControlStore) -> None:
    failures: list[ControlError] = []

    def write(name: str) -> None:
        for n in range(20):
            try:
                store.insert("job_master", {"job_id": f"{name}{n}", "job_name": name})
                assert next(store.scan("job_master", [Predicate("job_id", "=", f"{name}{n}")]))
            except ControlError as error:
                failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(store.scan("job_master"))) == 80


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqllite:///x.db", "did you mean sqlite"),
        ("/tmp/x.db", "is not the URL of a control store"),  # noqa: S108 - never opened
        ("sqlite:///", "names no file"),
        ("sqlite://x.db", "names no file"),
    ],
)
def test_a_url_that_fits_no_store_is_refused(url: str, message: str) -> None:
    with pytest.raises(ControlError, match=message) as caught:
        open_store(url)
    assert "sqlite:///<path of a file>" in str(caught.value.remedy)
