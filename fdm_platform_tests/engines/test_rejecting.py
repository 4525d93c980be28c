"""Bad rows: which are put aside and why, what is loaded without them, and when they are too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from fdm_platform.engines.counting import is_filtered
from fdm_platform.engines.load import run, run_date
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.model.manifest import DateOutcome, Manifest
from fdm_platform.model.plan import LoadPlan, SourceFile, SourcePlan
from fdm_platform.model.report import DateDone, decode
from fdm_platform.model.table import ColumnSpec
from fdm_platform_tests.engines.plans import COLUMNS, DAY, SELECT, csv_source, date_plan, load_plan

pytestmark = pytest.mark.spark

HEADER = "contract_id,amount,start_dt\n"
GOOD_ROWS = "K1,10.50,2024-01-31\nK2,-3.00,\n"
Row = dict[str, Any]


def load(
    spark: SparkSession, folder: Path, sources: list[SourcePlan], sql: str = SELECT, **output: Any
) -> DateOutcome:
    day = date_plan(folder, sources, sql)
    return run_date(spark.newSession(), load_plan(folder, [day], **({"max_rejected": 1000} | output)), day)


def staged(outcome: DateOutcome) -> Manifest:
    assert outcome.failure is None, outcome.failure
    assert outcome.manifest
    return outcome.manifest


def rejected(folder: Path, day: date = DAY) -> list[Row]:
    """What lies in the date's staging folder, in order."""
    place = folder / "t" / ".staging" / "load-1" / day.isoformat() / "_rejected" / f"biz_dt={day:%Y%m%d}"
    files = sorted(place.glob("load_id=load-1/*.orc"))
    rows = [row for file in files for row in orc.read_table(file).to_pylist()]
    return sorted(rows, key=lambda r: (r["file"] or "", r["line"] or 0, r["raw"]))


def loaded(manifest: Manifest, column: str = "contract_id") -> list[Any]:
    folder = Path(manifest.staging) / manifest.folder
    return sorted(v for f in folder.glob("**/*.orc") for v in orc.read_table(f)[column].to_pylist())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("K9,1.00,2024-13-31", "column start_dt: '2024-13-31' is not of type date"),
        ("K9,ten,2024-01-31", "column amount: 'ten' is not of type decimal(18,2)"),
        ("K9,1.005,2024-01-31", "column amount: '1.005' is not of type decimal(18,2)"),
        ("K9,ten,soon", "column start_dt: 'soon' is not of type date"),
        ("K9,1.00", "row does not have the 3 values of its columns"),
        ("K9,1.00,2024-01-31,more", "row does not have the 3 values of its columns"),
    ],
)
def test_a_bad_row_of_a_csv_is_put_aside(spark: SparkSession, tmp_path: Path, row: str, reason: str) -> None:
    source = csv_source(tmp_path / "c d+e.csv", f"{HEADER}K1,10.50,2024-01-31\n{row}\nK2,-3.00,\n")
    manifest = staged(load(spark, tmp_path, [source]))
    assert loaded(manifest) == ["K1", "K2"]
    assert (manifest.rejected, manifest.rows_in, manifest.filtered) == (1, {"row1": 3}, 0)
    assert rejected(tmp_path) == [
        {"source": "row1", "raw": row, "reason": reason, "file": str(tmp_path / "c d+e.csv"), "line": 3}
    ]


def test_a_good_row_is_never_rejected_and_a_bad_one_never_loaded(spark: SparkSession, tmp_path: Path) -> None:
    """The SELECT uses one column, and by that one alone Spark would call two of the bad rows good."""
    bad = "K7,1.00,never\nK8,ten,2024-01-31\nK9\n"
    source = csv_source(tmp_path / "c.csv", HEADER + GOOD_ROWS + bad + "K3,0.00,2024-01-01\n")
    sql = "SELECT contract_id, DATE'2024-05-15' AS biz_dt FROM row1"
    manifest = staged(load(spark, tmp_path, [source], sql, partition_by=("biz_dt",)))
    assert loaded(manifest) == ["K1", "K2", "K3"]
    assert [r["raw"] for r in rejected(tmp_path)] == bad.splitlines()
    assert (manifest.rejected, manifest.rows_in) == (3, {"row1": 6})


def test_rows_in_are_rows_out_rejected_and_filtered(spark: SparkSession, tmp_path: Path) -> None:
    source = csv_source(tmp_path / "c.csv", HEADER + GOOD_ROWS + "K7,-1.00,\nK8,ten,\n")
    manifest = staged(load(spark, tmp_path, [source], f"{SELECT} WHERE amount > 0"))
    assert (manifest.rows, manifest.rejected, manifest.filtered) == (1, 1, 2)
    assert manifest.rows_in == {"row1": 4}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT contract_id, max(amount) AS amount, '2024-05-15' AS biz_dt, 'A' AS biz_status FROM row1 GROUP BY 1",
        f"{SELECT} UNION ALL {SELECT}",
        f"{SELECT} LIMIT 1",
        SELECT.replace("contract_id,", "explode(array(contract_id, contract_id)) AS contract_id,"),
    ],
)
def test_rows_filtered_are_told_only_where_rows_correspond(spark: SparkSession, sql: str) -> None:
    session = spark.newSession()
    session.createDataFrame(
        [("K1", 1, None)], "contract_id string, amount int, start_dt date"
    ).createOrReplaceTempView("row1")
    assert not is_filtered(session.sql(sql), "row1")


def test_steps_windows_and_subqueries_keep_rows(spark: SparkSession) -> None:
    session = spark.newSession()
    session.createDataFrame([("K1", 1)], "id string, n int").createOrReplaceTempView("row1")
    session.sql(
        "SELECT id, n, row_number() OVER (PARTITION BY id ORDER BY n) AS r FROM Row1"
    ).createOrReplaceTempView("step1")
    sql = "SELECT id FROM step1 s WHERE r = 1 AND id IN (SELECT id FROM row1) ORDER BY n"
    assert is_filtered(session.sql(sql), "row1")
    assert not is_filtered(session.sql(sql), "row2")


def test_options_of_the_source_hold_for_the_reasons_too(spark: SparkSession, tmp_path: Path) -> None:
    options = {"sep": "|", "quote": "'", "nullValue": "NIL", "header": "true"}
    content = "contract_id|amount|start_dt\n'K|1'|1.00|NIL\n'K|2'|1.00|soon\n"
    source = csv_source(tmp_path / "c.csv", content, options=options)
    manifest = staged(load(spark, tmp_path, [source]))
    assert loaded(manifest) == ["K|1"]
    row = rejected(tmp_path)[0]
    assert (row["raw"], row["line"]) == ("'K|2'|1.00|soon", 3)
    assert row["reason"] == "column start_dt: 'soon' is not of type date"


def test_bytes_of_another_encoding_and_null_are_reasons(spark: SparkSession, tmp_path: Path) -> None:
    columns = (replace(COLUMNS[0], nullable=False), *COLUMNS[1:])
    content = (HEADER + GOOD_ROWS).encode() + b"M\xfcller,1.00,\n,2.00,\n"
    source = csv_source(tmp_path / "c.csv", content, columns=columns)
    manifest = staged(load(spark, tmp_path, [source]))
    assert loaded(manifest) == ["K1", "K2"]
    odd, null = rejected(tmp_path)
    assert odd["reason"] == "is not valid UTF-8: column contract_id holds M\ufffdller"
    assert (odd["raw"], odd["line"]) == ("M\ufffdller,1.00,", 4)
    assert null["reason"] == "column contract_id is declared NOT NULL and holds NULL"
    assert null["raw"] in (",2.00,", '"",2.00,')


def test_json_rows(spark: SparkSession, tmp_path: Path) -> None:
    columns = (ColumnSpec("contract_id", "string", nullable=False), ColumnSpec("amount", "int"))
    lines = [
        '{"contract_id": "K1", "amount": 1}', '{"contract_id": "K2", "amount": "many"}', "{broken",
        '{"amount": 4}',
    ]  # fmt: skip
    source = csv_source(tmp_path / "c.json", "\n".join(lines) + "\n", format="json", columns=columns)
    sql = "SELECT contract_id, DATE'2024-05-15' AS biz_dt FROM row1"
    manifest = staged(load(spark, tmp_path, [source], sql, partition_by=("biz_dt",)))
    assert loaded(manifest) == ["K1"]
    by_raw = {r["raw"]: (r["reason"], r["line"]) for r in rejected(tmp_path)}
    assert by_raw == {
        lines[1]: ("column amount: 'many' is not of type int", 2),
        lines[2]: ("malformed row", 3),
        '{"amount":4}': ("column contract_id is declared NOT NULL and holds NULL", None),
    }


def test_null_in_an_orc_source_beside_a_good_csv(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "in" / "x.orc"
    file.parent.mkdir()
    orc.write_table(pa.table({"code": ["a", None], "no": pa.array([1, 2], pa.int64())}), file)
    columns = (ColumnSpec("code", "string", nullable=False), ColumnSpec("no", "bigint"))
    codes = SourcePlan(
        "codes", "orc", str(file), (SourceFile(str(file), file.stat().st_size),), columns=columns
    )
    sql = """SELECT r.contract_id, c.code, '2024-05-15' AS biz_dt, 'A' AS biz_status
             FROM row1 r CROSS JOIN codes c"""
    sources = [csv_source(tmp_path / "c.csv", HEADER + GOOD_ROWS), codes]
    manifest = staged(load(spark, tmp_path, sources, sql))
    assert loaded(manifest) == ["K1", "K2"]
    assert (manifest.rejected, manifest.rows_in) == (1, {"row1": 2, "codes": 2})
    assert rejected(tmp_path) == [
        {
            "source": "codes",
            "raw": '{"no":2}',
            "reason": "column code is declared NOT NULL and holds NULL",
            "file": str(file),
            "line": None,
        }
    ]


@pytest.mark.parametrize(("limit", "is_published"), [(2, True), (1, False), ("50%", True), ("49%", False)])
def test_the_limit_decides_whether_the_date_is_staged(
    spark: SparkSession, tmp_path: Path, limit: int | str, is_published: bool
) -> None:
    source = csv_source(tmp_path / "c.csv", HEADER + GOOD_ROWS + "K8,ten,\nK9,eleven,\n")
    outcome = load(spark, tmp_path, [source], max_rejected=limit)
    assert (outcome.manifest is not None) is is_published
    assert len(rejected(tmp_path)) == 2
    if outcome.failure:
        assert outcome.failure.error == "ContractError"
        assert outcome.failure.headline.startswith(
            f"2 of 4 rows are bad, max_rejected allows {limit}; one of row1"
        )
        assert outcome.failure.field == "max_rejected"
        assert f"{tmp_path}/t/_rejected/biz_dt=20240515/load_id=load-1" in (outcome.failure.remedy or "")


def test_a_table_that_rejects_nothing_names_the_first_bad_row(spark: SparkSession, tmp_path: Path) -> None:
    source = csv_source(tmp_path / "c.csv", HEADER + GOOD_ROWS + "K8,ten,\n")
    outcome = load(spark, tmp_path, [source], max_rejected=0)
    assert outcome.failure
    assert (outcome.failure.headline, outcome.failure.line) == (
        "column amount: 'ten' is not of type decimal(18,2)",
        4,
    )
    assert rejected(tmp_path) == []


def test_what_no_row_is_the_cause_of_is_not_tried_twice(spark: SparkSession, tmp_path: Path) -> None:
    source = csv_source(tmp_path / "c.csv", HEADER + GOOD_ROWS)
    outcome = load(spark, tmp_path, [source], "SELECT nothing FROM row1")
    assert outcome.failure
    assert outcome.failure.error == "SqlError"


def jobs(spark: SparkSession, folder: Path, limit: int) -> int:
    """Spark jobs of a good date."""
    tracker = spark.sparkContext.statusTracker()
    before = max(tracker.getJobIdsForGroup(None), default=-1)
    staged(load(spark, folder, [csv_source(folder / "c.csv", HEADER + GOOD_ROWS)], max_rejected=limit))
    return max(tracker.getJobIdsForGroup(None), default=-1) - before


def test_a_good_day_costs_no_job_but_its_write(spark: SparkSession, tmp_path: Path) -> None:
    assert jobs(spark, tmp_path / "some", 1000) == jobs(spark, tmp_path / "none", 0) == 1


THREE = HEADER + GOOD_ROWS + "K3,-1.00,2024-02-01\n"
NUMBERED = """SELECT contract_id, row_number() OVER (PARTITION BY contract_id ORDER BY amount) AS n,
  '2024-05-15' AS biz_dt, 'A' AS biz_status FROM row1"""
Counts = tuple[dict[str, int], int | None]


def counts(outcome: DateOutcome) -> Counts:
    manifest = staged(outcome)
    assert manifest.rejected == 0
    return dict(manifest.rows_in), manifest.filtered


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (SELECT, ({"row1": 3}, 0)),
        (f"{SELECT} WHERE amount > 0", ({"row1": 3}, 2)),
        (f"{SELECT} WHERE amount > 0 AND upper(contract_id) <> 'K9'", ({"row1": 3}, 2)),
        (SELECT.replace("FROM row1", "FROM (SELECT * FROM row1 DISTRIBUTE BY amount)"), ({}, None)),
        (NUMBERED, ({"row1": 3}, 0)),
        (f"{SELECT} WHERE start_dt IS NOT NULL", ({}, None)),
        (f"{SELECT} LIMIT 2", ({}, None)),
        (f"{SELECT} UNION ALL {SELECT}", ({}, None)),
        (SELECT.replace("FROM row1", "FROM row1 WHERE amount IN (SELECT amount FROM row1)"), ({}, None)),
    ],
)
def test_a_good_day_tells_its_rows_where_spark_has_counted_all_of_them_once(
    spark: SparkSession, tmp_path: Path, sql: str, expected: Counts
) -> None:
    assert counts(load(spark, tmp_path, [csv_source(tmp_path / "c.csv", THREE)], sql)) == expected


def test_rows_that_are_sorted_over_many_tasks_are_not_told(spark: SparkSession, tmp_path: Path) -> None:
    """Spark finds the bounds of ranges by a pass of its own, whose rows it counts too."""
    file = tmp_path / "c.csv"
    source = csv_source(file, THREE, files=(SourceFile(str(file), 0),))  # as a remote one, of no known size
    assert counts(load(spark, tmp_path, [source], f"{SELECT} ORDER BY contract_id")) == ({}, None)


def test_a_good_json_and_a_good_orc_tell_their_rows_a_part_of_one_does_not(
    spark: SparkSession, tmp_path: Path
) -> None:
    sql = "SELECT contract_id, DATE'2024-05-15' AS biz_dt FROM row1"
    columns = (ColumnSpec("contract_id", "string"), ColumnSpec("n", "int"))
    lines = "".join(f'{{"contract_id": "K{n}", "n": {n}}}\n' for n in range(1500))
    source = csv_source(tmp_path / "c.json", lines, format="json", columns=columns)
    plain = {"partition_by": ("biz_dt",)}
    assert counts(load(spark, tmp_path / "1", [source], sql, **plain)) == ({"row1": 1500}, 0)
    file = tmp_path / "c.orc"
    orc.write_table(pa.table({"contract_id": ["a", "b"], "n": pa.array([1, 2], pa.int32())}), file)
    files = (SourceFile(str(file), file.stat().st_size),)
    source = SourcePlan("row1", "orc", str(file), files, columns=columns)
    assert counts(load(spark, tmp_path / "2", [source], sql, **plain)) == ({"row1": 2}, 0)
    assert counts(load(spark, tmp_path / "3", [source], f"{sql} WHERE n > 1", **plain)) == ({}, None)


def test_rows_that_the_reader_drops_by_itself_were_not_counted(spark: SparkSession, tmp_path: Path) -> None:
    options = {"mode": "DROPMALFORMED", "header": "true"}
    source = csv_source(tmp_path / "c.csv", THREE + "K9,1.00,soon\n", options=options)
    assert counts(load(spark, tmp_path, [source])) == ({}, None)


def test_with_a_second_source_rows_do_not_correspond(spark: SparkSession, tmp_path: Path) -> None:
    codes = csv_source(tmp_path / "d.csv", "id\na\n", view="codes", columns=(ColumnSpec("id", "string"),))
    sql = f"{SELECT} CROSS JOIN codes"
    assert counts(load(spark, tmp_path, [csv_source(tmp_path / "c.csv", THREE), codes], sql)) == ({}, None)


def test_dates_at_once_tell_their_own_rows_and_a_source_that_they_share_none(
    spark: SparkSession, tmp_path: Path
) -> None:
    days = [DAY + timedelta(n) for n in range(8)]
    sql = "SELECT contract_id, DATE'{day}' AS biz_dt, 'A' AS biz_status FROM row1 WHERE amount > 0"
    plans = [
        date_plan(
            tmp_path,
            [csv_source(tmp_path / f"{d}.csv", HEADER + "K1,1.00,\n" * (n + 1) + "K2,-1.00,\n" * n)],
            sql.replace("{day}", d.isoformat()),
            day=d,
        )
        for n, d in enumerate(days)
    ]
    outcomes = run_all(spark, load_plan(tmp_path, plans), tmp_path)
    assert [counts(outcomes[d]) for d in days] == [({"row1": 2 * n + 1}, n) for n in range(8)]
    shared = tmp_path / "shared"
    same = csv_source(shared / "same.csv", THREE)
    plans = [date_plan(shared, [same], sql.replace("{day}", d.isoformat()), day=d) for d in days[:3]]
    outcomes = run_all(spark, load_plan(shared, plans), shared)
    assert [counts(outcomes[d]) for d in days[:3]] == [({}, None)] * 3


def test_a_bad_lookup_that_all_dates_share(spark: SparkSession, tmp_path: Path) -> None:
    """Two dates at a time split the same file: what one frees, the other still has."""
    codes = csv_source(
        tmp_path / "codes.csv", "id,no\na,1\nb,x\n", view="codes",
        columns=(ColumnSpec("id", "string"), ColumnSpec("no", "int")),
    )  # fmt: skip
    days = [DAY + timedelta(n) for n in range(12)]
    sql = """SELECT r.contract_id, c.no, DATE'{day}' AS biz_dt, 'A' AS biz_status
             FROM row1 r CROSS JOIN codes c"""
    plans = [
        date_plan(
            tmp_path,
            [csv_source(tmp_path / f"{d}.csv", HEADER + GOOD_ROWS), codes],
            sql.replace("{day}", d.isoformat()),
            day=d,
        )
        for d in days
    ]
    outcomes = run_all(spark, load_plan(tmp_path, plans, max_rejected=1), tmp_path)
    assert [loaded(staged(outcomes[d])) for d in days] == [["K1", "K2"]] * 12
    assert [[(r["source"], r["raw"], r["line"]) for r in rejected(tmp_path, d)] for d in days] == [
        [("codes", "b,x", 3)]
    ] * 12
    kept: Any = spark.sparkContext._jsc.getPersistentRDDs()
    assert kept.isEmpty()


def run_all(spark: SparkSession, plan: LoadPlan, folder: Path) -> dict[date, DateOutcome]:
    file = folder / "messages.jsonl"
    with MessageWriter(str(file)) as writer:
        run(spark.newSession(), LoadPlan.from_json(plan.to_json()), writer)
    told = map(decode, file.read_text(encoding="utf-8").splitlines())
    return {m.outcome.biz_dt: m.outcome for m in told if isinstance(m, DateDone)}
