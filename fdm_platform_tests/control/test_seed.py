from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from fdm_platform.control.rows import job_dependencies, job_master_row, process_control_rows
from fdm_platform.control.seed import RowChange, compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import ControlError

SAMPLE = Path(__file__).parents[2] / "examples" / "control" / "sample.yaml"
FIRST = datetime(2024, 6, 1, tzinfo=UTC)
SECOND = datetime(2024, 6, 2, tzinfo=UTC)


def yaml_file(folder: Path, text: str) -> Path:
    path = folder / "seed.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "seed.csv"
    path.write_text(text, encoding="utf-8")
    return path


def kinds(changes: list[RowChange]) -> list[str]:
    return [change.kind for change in changes]


def seed_at(store: ControlStore, path: Path, now: datetime, table: str | None = None) -> list[RowChange]:
    changes = compare(store, read_seed(path, table))
    write(store, changes, now)
    return changes


def test_the_sample_is_what_the_platform_reads(store: ControlStore) -> None:
    seed_at(store, SAMPLE, FIRST)
    rows = process_control_rows(store, "gels", "fpms")
    assert [(r.biz_dt, r.run_id, r.process_from_date) for r in rows] == [
        (date(2024, 5, d), f"202405{d}", date(2024, 5, d)) for d in (13, 14, 15)
    ]
    assert {(r.run_indicator, r.business_keys, r.last_update_ts) for r in rows} == {
        ("Y", ("contract_id",), FIRST)
    }
    names = ("t_contract_master", "t_payment", "t_contract_summary")
    jobs = [job_master_row(store, f"etl_lnd_gels_fpms_{name}") for name in names]
    assert [job and (job.job_id, job.spark_config) for job in jobs] == [
        (f"JOB_100{n}", {"master": "local[2]", "driver_memory": "1g"}) for n in (1, 2, 3)
    ]
    (parent,) = job_dependencies(store, "etl_lnd_gels_fpms_t_contract_summary")
    assert parent.parent_job_name == "etl_lnd_gels_fpms_t_contract_master"
    assert {row["environment"] for row in store.scan("sys_params")} == {"DEV", "PROD"}


def test_seeding_again_touches_nothing(store: ControlStore) -> None:
    assert set(kinds(seed_at(store, SAMPLE, FIRST))) == {"new"}
    assert set(kinds(seed_at(store, SAMPLE, SECOND))) == {"same"}
    assert {row["last_update_ts"] for row in store.scan("process_control")} == {FIRST}
    assert {row["updated_at"] for row in store.scan("sys_params")} == {FIRST}


def test_only_the_changed_row_gets_a_new_time(store: ControlStore, tmp_path: Path) -> None:
    seed_at(store, SAMPLE, FIRST)
    changed = yaml_file(
        tmp_path,
        """
        process_control:
          - {entity: GELS, source_system: FPMS, biz_dt: 2024-05-13, run_indicator: Y}
          - {entity: GELS, source_system: FPMS, biz_dt: 2024-05-14, reprocess_dt: 2024-06-01, run_indicator: N}
        """,
    )
    changes = seed_at(store, changed, SECOND)
    assert kinds(changes) == ["same", "changed"]
    assert changes[1].differences == {
        "reprocess_dt": (None, date(2024, 6, 1)),
        "run_indicator": ("Y", "N"),
    }
    rows = process_control_rows(store, "GELS", "FPMS")
    assert [r.last_update_ts for r in rows] == [FIRST, SECOND, FIRST]
    assert rows[1].run_id == "20240514"  # not given, so not changed


def test_a_time_that_the_file_gives_is_kept(store: ControlStore, tmp_path: Path) -> None:
    row = "{entity: E, source_system: S, biz_dt: 2024-05-13, last_update_ts: '2024-05-14 08:00:00+08:00'}"
    changes = seed_at(store, yaml_file(tmp_path, f"process_control: [{row}]"), FIRST)
    assert kinds(changes) == ["new"]
    (stored,) = process_control_rows(store, "E", "S")
    assert stored.last_update_ts == datetime(2024, 5, 14, 0, 0, tzinfo=UTC)


def test_comparing_writes_nothing(store: ControlStore) -> None:
    assert set(kinds(compare(store, read_seed(SAMPLE)))) == {"new"}
    assert list(store.scan("process_control")) == []


def test_json_that_is_spelt_otherwise_is_the_same(store: ControlStore, tmp_path: Path) -> None:
    store.insert("job_master", {"job_id": "1", "job_name": "load", "spark_config": '{"b":1,"a":[2]}'})
    row = "job_master: [{job_id: 1, job_name: load, spark_config: {a: [2], b: 1}}]"
    assert kinds(compare(store, read_seed(yaml_file(tmp_path, row)))) == ["same"]


def test_text_columns_keep_what_is_written(tmp_path: Path) -> None:
    path = yaml_file(
        tmp_path,
        """
        process_control:
          - {entity: NO, source_system: 007, biz_dt: "20240515", run_id: 2024_05, run_indicator: off,
             change_indicator: "", process_dt: , compare_cols: '["a"]'}
        """,
    )
    assert read_seed(path)[0].values == {
        "entity": "NO",
        "source_system": "007",
        "biz_dt": date(2024, 5, 15),
        "run_id": "2024_05",
        "run_indicator": "off",
        "change_indicator": "",
        "process_dt": None,
        "compare_cols": '["a"]',
    }


def test_csv_rows_with_null_where_a_field_is_empty(store: ControlStore, tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "\ufeffentity,source_system,biz_dt,run_id,business_keys\r\n"
        'GELS,"FP,MS",2024-05-13,,"[""a"", ""b""]"\r\n'
        "\r\n"
        'GELS,"FP\nMS",20240514,7,\r\n',
    )
    changes = seed_at(store, path, FIRST, "process_control")
    assert [change.row.line for change in changes] == [2, 4]
    assert [r.business_keys for r in process_control_rows(store, "GELS", "FP,MS")] == [("a", "b")]
    assert [r.run_id for r in process_control_rows(store, "GELS", "FP\nMS")] == ["7"]


@pytest.mark.parametrize(
    ("text", "line", "field", "message", "remedy"),
    [
        ("process_contrl: []", 1, None, "no control table is named 'process_contrl'", "process_control?"),
        ("fdm_publishes: []", 1, None, "fdm_publishes is written by loads alone", "seed job_master"),
        ("- a", 1, None, "has the wrong form", "a mapping of table names"),
        ("", None, None, "has the wrong form", "a mapping of table names"),
        ("process_control: {a: b}", 1, "process_control", "has the wrong form", "a list of rows"),
        ("sys_params: []\nsys_params: []", 2, None, "sys_params is given twice", "keep one"),
        (
            "process_control:\n  - entity: E\n    biz_date: 2024-05-15",
            3,
            "process_control[0]",
            "control table process_control has no column 'biz_date'",
            "did you mean biz_dt?",
        ),
        (
            "process_control:\n  -\n    entity: E\n    source_system: S\n    biz_dt: 15.05.2024",
            5,
            "process_control[0].biz_dt",
            "'15.05.2024' is not a date such as 2024-05-15",
            "give biz_dt a date",
        ),
        (
            "process_control:\n  - entity: E\n    source_system: S",
            2,
            "process_control[0]",
            "a row of process_control lacks biz_dt",
            "give biz_dt",
        ),
        (
            "job_dependency:\n  - {dependent_job_id: 1, dependent_job_name: a, dependency_level: 1.5}",
            2,
            "job_dependency[0].dependency_level",
            "'1.5' is not a whole number of 32 bits",
            "give dependency_level a whole number",
        ),
        (
            "job_master:\n  - job_id: 1\n    job_name: a\n    spark_config: [a]",
            4,
            "job_master[0].spark_config",
            "has the wrong form",
            "write a JSON object here",
        ),
        (
            "job_master:\n  - job_id: 1\n    job_name: a\n    spark_config: local",
            4,
            "job_master[0].spark_config",
            "'local' is not a JSON object",
            "give spark_config a JSON object",
        ),
        (
            "job_master:\n  - job_id: 1\n    job_name: [a]",
            3,
            "job_master[0].job_name",
            "has the wrong form",
            "a single value",
        ),
        (
            "job_master:\n  - {job_id: 1, job_name: a}\n  - {job_id: 1, job_name: b}",
            3,
            "job_master",
            "job_master 1 is given twice, first in line 2",
            "keep one",
        ),
        (
            "job_master:\n  - {job_id: 1, job_id: 2, job_name: b}",
            2,
            "job_master[0]",
            "job_id is given twice",
            "keep one",
        ),
        ("job_master:\n  - {job_id: 1", 2, None, "is not YAML", "mend it"),
    ],
)
def test_a_fault_in_yaml_is_told_with_its_place(
    tmp_path: Path, *, text: str, line: int | None, field: str | None, message: str, remedy: str
) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    with pytest.raises(ControlError) as caught:
        read_seed(path)
    error = caught.value
    assert (error.file, error.line, error.field) == (str(path), line, field)
    assert message in error.message
    assert remedy in str(error.remedy)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("job_id,job_nme\n1,a\n", 1, "has no column 'job_nme'"),
        ("job_id,job_name\n1,a\n2\n", 3, "has 1 fields, the first line has 2"),
        ("job_id,job_name\n1,a\n,b\n", 3, "a row of job_master lacks job_id"),
        ("job_id,job_name\n1,a\n1,b\n", 3, "job_master 1 is given twice, first in line 2"),
        ("job_id,job_name,spark_config\n1,a,{}\n2,a,{\n", 3, "'{' is not a JSON object"),
        ('job_id,job_name\n1,"a\n', 2, "is not CSV"),
    ],
)
def test_a_fault_in_csv_is_told_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = csv_file(tmp_path, text)
    with pytest.raises(ControlError) as caught:
        read_seed(path, "job_master")
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert message in caught.value.message


def test_a_csv_header_that_repeats_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="job_id is given twice") as caught:
        read_seed(csv_file(tmp_path, "job_id,job_name,job_id\n1,a,2\n"), "job_master")
    assert caught.value.line == 1


def test_the_table_of_a_file_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="name it with --table"):
        read_seed(csv_file(tmp_path, "job_id,job_name\n"))
    with pytest.raises(ControlError, match="leave --table out"):
        read_seed(SAMPLE, "job_master")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="cannot be read: No such file"):
        read_seed(tmp_path / "none.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("job_master: [] # ü".encode("latin-1"))
    with pytest.raises(ControlError, match="is not UTF-8: invalid start byte at byte 17") as caught:
        read_seed(latin)
    assert caught.value.remedy == "save it as UTF-8"


def test_a_large_file_is_written_in_batches_and_tells_how_far_it_is(
    store: ControlStore, tmp_path: Path
) -> None:
    rows = "".join(f"J{n:05},job {n}\n" for n in range(2_500))
    path = csv_file(tmp_path, f"job_id,job_name\n{rows}")
    compared: list[int] = []
    written: list[int] = []
    changes = compare(store, read_seed(path, "job_master"), compared.append)
    write(store, changes, FIRST, written.append)
    assert (compared, written) == ([1_000, 1_000, 500], [1_000, 1_000, 500])
    path.write_text(f"job_id,job_name\n{rows}".replace("job 2499\n", "renamed\n"), encoding="utf-8")
    assert kinds(seed_at(store, path, SECOND, "job_master")) == ["same"] * 2_499 + ["changed"]
    assert len(list(store.scan("job_master"))) == 2_500
