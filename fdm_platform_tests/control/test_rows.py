from datetime import UTC, date, datetime
from typing import Any

import pytest

from fdm_platform.control.rows import (
    job_dependencies,
    job_master_row,
    process_control_rows,
    sys_params_rows,
)
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import ControlError
from fdm_platform.model.control import JobMasterRow, ProcessControlRow


def put_date(store: ControlStore, day: int, **changes: Any) -> None:
    row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": date(2024, 5, day)}
    store.upsert("process_control", [{**row, **changes}])


def test_rows_of_a_source_system_by_date(store: ControlStore) -> None:
    for day in (15, 13, 14):
        put_date(store, day)
    put_date(store, 12, source_system="OTHER")
    put_date(store, 11, entity="OTHER")
    rows = process_control_rows(store, "GELS", "FPMS")
    assert [(r.entity, r.source_system, r.biz_dt.day) for r in rows] == [
        ("GELS", "FPMS", 13),
        ("GELS", "FPMS", 14),
        ("GELS", "FPMS", 15),
    ]


def test_only_the_dates_asked_for(store: ControlStore) -> None:
    for day in (13, 14, 15):
        put_date(store, day)
    dates = [date(2024, 5, 15), date(2024, 5, 13), date(2024, 5, 1)]
    assert [r.biz_dt.day for r in process_control_rows(store, "GELS", "FPMS", dates)] == [13, 15]
    assert process_control_rows(store, "GELS", "FPMS", []) == []


def test_every_column_is_in_the_value(store: ControlStore) -> None:
    updated = datetime(2024, 5, 16, 1, 2, 3, 4, tzinfo=UTC)
    put_date(
        store,
        15,
        process_from_date=date(2024, 5, 14),
        process_to_date=date(2024, 5, 15),
        process_dt=date(2024, 5, 16),
        reprocess_dt=date(2024, 5, 17),
        run_indicator="N",
        change_indicator="Y",
        run_id="20240515",
        business_keys='["contract_id", "customer_id"]',
        compare_cols=' ["status"] ',
        last_update_ts=updated,
    )
    assert process_control_rows(store, "GELS", "FPMS") == [
        ProcessControlRow(
            entity="GELS",
            source_system="FPMS",
            biz_dt=date(2024, 5, 15),
            process_from_date=date(2024, 5, 14),
            process_to_date=date(2024, 5, 15),
            process_dt=date(2024, 5, 16),
            reprocess_dt=date(2024, 5, 17),
            run_indicator="N",
            change_indicator="Y",
            run_id="20240515",
            business_keys=("contract_id", "customer_id"),
            compare_cols=("status",),
            last_update_ts=updated,
        )
    ]


@pytest.mark.parametrize("declared", [("gels", "Fpms"), ("GELS", "fpms"), ("Gels", "FPMS")])
def test_names_are_found_in_capitals_whatever_was_declared(
    store: ControlStore, declared: tuple[str, str]
) -> None:
    put_date(store, 15)
    assert [r.entity for r in process_control_rows(store, *declared)] == ["GELS"]


def test_a_date_in_two_spellings_is_refused(store: ControlStore) -> None:
    put_date(store, 15)
    put_date(store, 15, entity="gels")
    with pytest.raises(ControlError, match=r"two rows for 2024-05-15: .*gels/FPMS"):
        process_control_rows(store, "GELS", "FPMS")


@pytest.mark.parametrize("text", ["contract_id", '{"a": 1}', '"a"', "[1]", "[null]"])
def test_a_list_column_that_is_none_names_table_key_and_column(store: ControlStore, text: str) -> None:
    put_date(store, 15, business_keys=text)
    with pytest.raises(ControlError) as caught:
        process_control_rows(store, "GELS", "FPMS")
    assert caught.value.field == "process_control.business_keys"
    assert caught.value.message == (
        f"{text!r} in the row entity=GELS, source_system=FPMS, biz_dt=2024-05-15 is not "
        'a JSON list of names such as ["a", "b"]'
    )
    assert "correct that row" in str(caught.value.remedy)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_an_empty_list_column_is_no_names(store: ControlStore, text: str | None) -> None:
    put_date(store, 15, business_keys=text)
    assert process_control_rows(store, "GELS", "FPMS")[0].business_keys == ()


def test_a_job_with_its_json_parsed(store: ControlStore) -> None:
    store.insert(
        "job_master",
        {
            "job_id": "JOB_1",
            "job_name": "load",
            "context_params": "",
            "spark_config": '{"master": "local[2]", "additional_conf": {"spark.a": "b"}}',
            "script_path": "jobs\\gels",
        },
    )
    assert job_master_row(store, "load") == JobMasterRow(
        job_id="JOB_1",
        job_name="load",
        context_params=None,
        script_path="jobs\\gels",
        spark_config={"master": "local[2]", "additional_conf": {"spark.a": "b"}},
    )
    assert job_master_row(store, "Load") is None


def test_a_job_whose_json_is_none_is_named(store: ControlStore) -> None:
    store.insert("job_master", {"job_id": "JOB_1", "job_name": "load", "spark_config": "{master: local}"})
    with pytest.raises(
        ControlError, match=r"job_master.spark_config: .* row job_id=JOB_1 is not a JSON object"
    ):
        job_master_row(store, "load")


def test_a_message_about_context_params_quotes_no_secret(store: ControlStore) -> None:
    text = '{"db_password": "canary"'
    store.insert("job_master", {"job_id": "JOB_1", "job_name": "load", "context_params": text})
    with pytest.raises(ControlError, match=r"job_master.context_params: the text in the row") as caught:
        job_master_row(store, "load")
    assert "canary" not in str(caught.value)


def test_two_jobs_of_one_name_are_refused(store: ControlStore) -> None:
    store.upsert("job_master", [{"job_id": i, "job_name": "load"} for i in ("JOB_2", "JOB_1")])
    with pytest.raises(ControlError, match="2 jobs named 'load': JOB_1, JOB_2"):
        job_master_row(store, "load")


def test_settings_of_the_job_and_of_all_jobs_in_one_environment(store: ControlStore) -> None:
    put = [
        ("a", "DEV", "load", "own"),
        ("a", "DEV", "ALL", "for all"),
        ("b", "DEV", "*", "star"),
        ("c", "DEV", "default", None),
        ("d", "DEV", "other", "not mine"),
        ("a", "PROD", "load", "not here"),
    ]
    names = ("param_key", "environment", "key_name", "param_value")
    store.upsert("sys_params", [dict(zip(names, row, strict=True)) for row in put])
    found = [(r.param_key, r.key_name, r.param_value) for r in sys_params_rows(store, "dev", "load")]
    assert found == [
        ("a", "ALL", "for all"),
        ("a", "load", "own"),
        ("b", "*", "star"),
        ("c", "default", None),
    ]
    assert len(sys_params_rows(store, "DEV", ["load", "other"])) == 5


def test_parents_by_level(store: ControlStore) -> None:
    store.upsert(
        "job_dependency",
        [
            {
                "dependent_job_id": str(n),
                "dependent_job_name": name,
                "parent_job_name": parent,
                "dependency_level": level,
            }
            for n, (name, parent, level) in enumerate(
                [("load", "second", 2), ("load", "first", 1), ("other", "x", 1), ("load", "none", None)]
            )
        ],
    )
    assert [r.parent_job_name for r in job_dependencies(store, "load")] == ["none", "first", "second"]


def test_reads_with_a_snapshot_agree(store: ControlStore) -> None:
    put_date(store, 15, run_id="old")
    store.insert("job_master", {"job_id": "1", "job_name": "load", "comments": "old"})
    with store.snapshot() as snapshot:
        put_date(store, 15, run_id="new")
        store.upsert("job_master", [{"job_id": "1", "job_name": "load", "comments": "new"}])
        row = process_control_rows(store, "GELS", "FPMS", snapshot=snapshot)[0]
        job = job_master_row(store, "load", snapshot=snapshot)
    assert job
    assert (row.run_id, job.comments) == ("old", "old")
