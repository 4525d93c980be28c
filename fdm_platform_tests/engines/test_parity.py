"""Two outputs compared: what each row counts as, by hand, and that Spark reads either side once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.old_output import explain, find_old, read_old
from fdm_platform.engines.parity import compare
from fdm_platform.engines.parity_columns import by_position
from fdm_platform.errors import FdmError, ParameterError, SourceError
from fdm_platform.model.parity import ParitySpec
from fdm_platform_tests.deployment import PROJECT

pytestmark = pytest.mark.spark

NEW = "contract_no string, branch int, amount decimal(18,2), rate double, note string"
SAME = ("A1", 1, Decimal("10.00"), 0.5, "x")
KEYS = ParitySpec(keys=("contract_no", "branch"))


def frame(spark: SparkSession, rows: Sequence[tuple[Any, ...]], schema: str = NEW) -> DataFrame:
    return spark.createDataFrame(list(rows), schema)


def counts(found: Any) -> dict[str, int]:
    return {name: n for name, n in found.counts.items() if n}


def changed(**values: Any) -> tuple[Any, ...]:
    names = ("contract_no", "branch", "amount", "rate", "note")
    return tuple({**dict(zip(names, SAME, strict=True)), **values}.values())


@pytest.mark.parametrize(
    ("old", "differs"),
    [
        (changed(), {}),
        (changed(amount=Decimal("10.01")), {"amount": 1}),
        (changed(amount=None), {"amount": 1}),
        (changed(rate=0.5000001), {"rate": 1}),
        (changed(note=None), {"note": 1}),
        (changed(note=""), {"note": 1}),
        (changed(note="y", rate=float("nan")), {"note": 1, "rate": 1}),
    ],
)
def test_a_pair_of_rows(spark: SparkSession, old: tuple[Any, ...], differs: Mapping[str, int]) -> None:
    found = compare(frame(spark, [SAME]), frame(spark, [old]), KEYS)
    assert found.by_column == differs
    assert counts(found) == {"rows_new": 1, "rows_old": 1, "changed" if differs else "matched": 1}
    assert found.is_equal is not bool(differs)


def test_each_row_counts_as_one_thing(spark: SparkSession) -> None:
    """NULL keys are equal; a key that a side has twice cannot be paired, however alike its rows are."""
    new = [
        SAME,
        changed(contract_no=None),
        changed(branch=2),
        changed(branch=3),
        changed(branch=3),
        changed(branch=5),
    ]
    old = [SAME, changed(contract_no=None), changed(branch=3), changed(branch=4), changed(branch=5, note="z")]
    found = compare(frame(spark, new), frame(spark, old), KEYS)
    assert counts(found) == {
        "rows_new": 6, "rows_old": 5, "matched": 2, "changed": 1, "missing": 1, "extra": 1, "duplicated": 1
    }  # fmt: skip
    by_kind = {s.difference: (dict(s.keys), dict(s.values)) for s in found.samples}
    assert by_kind == {
        "extra": ({"contract_no": "A1", "branch": "2"}, {}),
        "missing": ({"contract_no": "A1", "branch": "4"}, {}),
        "duplicated": ({"contract_no": "A1", "branch": "3"}, {"(rows)": ("2", "1")}),
        "changed": ({"contract_no": "A1", "branch": "5"}, {"note": ("x", "z")}),
    }


def test_values_of_text_are_cast_and_what_cannot_be_differs(spark: SparkSession) -> None:
    """As of a CSV: all is text. A key that is no number meets nothing."""
    schema = "contract_no string, branch string, amount string, rate string, note string"
    old = [
        ("A1", "1", "10.0", "5e-1", "x"),
        ("A2", "1", "ten", "0.5", "x"),
        ("A3", "1", None, "0.5", ""),
        ("A4", "first", "10", "0.5", "x"),
    ]
    new = [
        SAME,
        changed(contract_no="A2"),
        changed(contract_no="A3", amount=None, note=None),
        changed(contract_no="A4"),
    ]
    found = compare(frame(spark, new), frame(spark, old, schema), KEYS, empty_is_null=True)
    assert counts(found) == {
        "rows_new": 4, "rows_old": 4, "matched": 2, "changed": 1, "missing": 1, "extra": 1
    }  # fmt: skip
    samples = {s.difference: s for s in found.samples}
    assert samples["changed"].values == {"amount": ("10.00", "ten")}
    assert samples["missing"].keys == {"contract_no": "A4", "branch": "first"}


@pytest.mark.parametrize(
    ("tolerance", "amount", "rate", "is_equal"),
    [
        ({"amount": "0.01"}, "10.01", 0.5, True),
        ({"amount": "0.01"}, "10.02", 0.5, False),
        ({"AMOUNT": "0.01", "rate": "0.25"}, "9.99", 0.25, True),
        ({"rate": "0.25"}, "10.00", 0.2499, False),
    ],
)
def test_tolerance(
    spark: SparkSession, tolerance: Mapping[str, str], amount: str, rate: float, *, is_equal: bool
) -> None:
    spec = ParitySpec(keys=KEYS.keys, tolerance={c: Decimal(t) for c, t in tolerance.items()})
    old = frame(spark, [changed(amount=Decimal(amount), rate=rate)])
    assert compare(frame(spark, [SAME]), old, spec).is_equal is is_equal


def test_without_keys_whole_rows_are_counted(spark: SparkSession) -> None:
    new = frame(spark, [SAME, SAME, changed(note="n")])
    old = frame(spark, [SAME, changed(note="o"), changed(note="o")])
    found = compare(new, old, ParitySpec())
    assert counts(found) == {"rows_new": 3, "rows_old": 3, "matched": 1, "missing": 2, "extra": 2}
    shown = {(s.difference, s.keys["note"], s.values["(rows)"]) for s in found.samples}
    assert shown == {("extra", "x", ("2", "1")), ("extra", "n", ("1", "0")), ("missing", "o", ("0", "2"))}


def test_columns_that_one_side_lacks(spark: SparkSession) -> None:
    """One that the old output alone has is a difference, unless it is named or left out; letter case is none."""
    old = frame(
        spark, [SAME], "CONTRACT_NO string, branch int, amt decimal(18,2), rate double, remark string"
    )
    found = compare(frame(spark, [SAME]), old, KEYS)
    assert (found.only_new_columns, found.only_old_columns) == (("amount", "note"), ("amt", "remark"))
    assert not found.is_equal
    named = ParitySpec(keys=KEYS.keys, renamed={"amt": "amount"}, ignore=("remark", "note"))
    assert compare(frame(spark, [SAME]), old, named).is_equal


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        (ParitySpec(keys=("contract_nr",)), ParameterError, "did you mean"),
        (ParitySpec(ignore=("nota",)), ParameterError, "did you mean note"),
        (ParitySpec(renamed={"amt": "amount"}), ParameterError, "of the old output"),
        (ParitySpec(renamed={"rate": "amount"}), ParameterError, "two columns of the old output"),
        (ParitySpec(tolerance={"amount": Decimal(1)}), ParameterError, "--keys"),
        (ParitySpec(keys=KEYS.keys, tolerance={"note": Decimal(1)}), ParameterError, "no number"),
    ],
)
def test_what_cannot_be_compared(
    spark: SparkSession, spec: ParitySpec, error: type[FdmError], says: str
) -> None:
    with pytest.raises(error, match=says):
        compare(frame(spark, [SAME]), frame(spark, [SAME]), spec)


def test_samples_are_bounded_and_either_side_is_read_once(spark: SparkSession) -> None:
    """Everything differs: of 5,000 rows that changed 3 are shown; one job does all, scans each side once."""
    new = spark.range(0, 6_000, 1, 2).selectExpr("id AS k", "id * 2 AS v")
    old = spark.range(1_000, 7_000, 1, 2).selectExpr("id AS k", "id * 3 AS v")
    read = spark.sparkContext.accumulator(0)

    def counted(source: DataFrame) -> DataFrame:
        def count(rows: Any) -> Any:
            for row in rows:
                read.add(1)
                yield row

        return spark.createDataFrame(source.rdd.mapPartitions(count), source.schema)

    found = compare(counted(new), counted(old), ParitySpec(keys=("k",)), samples=3)
    assert counts(found) == {
        "rows_new": 6_000, "rows_old": 6_000, "changed": 5_000, "missing": 1_000, "extra": 1_000
    }  # fmt: skip
    assert sorted(s.difference for s in found.samples) == ["changed"] * 3 + ["extra"] * 3 + ["missing"] * 3
    assert read.value == 12_000


DATES = (date(2024, 5, 15), datetime(2024, 5, 15, 13, 45), datetime(2024, 5, 15))  # noqa: DTZ001 - as Spark has them
LOSSES: list[tuple[Any, ...]] = [
    # new type and value, old type and value, whether they are equal
    ("int", 1, "double", 1.9, False),
    ("int", 1, "decimal(9,1)", "1.0", True),
    ("int", 1, "bigint", 1 + 2**32, False),
    ("bigint", 7, "string", "007", True),
    ("bigint", 7, "string", "7.5", False),
    ("decimal(18,2)", "10.00", "decimal(18,4)", "10.0049", False),
    ("decimal(18,4)", "10.0000", "decimal(18,2)", "10.00", True),
    ("decimal(18,2)", "10.00", "string", "10.004", False),
    ("decimal(18,2)", "10.00", "string", " 10.000 ", True),
    ("decimal(18,2)", "10.10", "double", 10.1, True),
    ("decimal(18,2)", "10.10", "double", 10.104, False),
    ("decimal(18,2)", "10.10", "float", 10.1, True),
    ("double", 0.1, "float", 0.1, True),
    ("double", -0.0, "double", 0.0, True),
    ("double", float("nan"), "double", float("nan"), True),
    ("double", float("nan"), "double", None, False),
    ("date", DATES[0], "timestamp", DATES[1], False),
    ("date", DATES[0], "timestamp", DATES[2], True),
    ("date", DATES[0], "string", "2024-05-15 13:45:00", False),
    ("date", DATES[0], "string", "2024-05-15", True),
    ("timestamp", DATES[2], "date", DATES[0], True),
    ("timestamp", DATES[1], "string", "2024-05-15 13:45:00.0", True),
    ("string", "A1", "string", "A1 ", False),
    ("string", "1", "int", 1, True),
]


def as_written(kind: str, value: Any) -> Any:
    return Decimal(value) if kind.startswith("decimal") else value


def test_no_cast_hides_a_difference(spark: SparkSession) -> None:
    """A column for each: what the one side's type would cut off is a difference."""
    names = [f"{i} {new} {old} {value!r}" for i, (new, _, old, value, _) in enumerate(LOSSES)]
    sides = [
        frame(
            spark,
            [(1, *(as_written(case[at], case[at + 1]) for case in LOSSES))],
            ", ".join(["k int", *(f"`{n}` {case[at]}" for n, case in zip(names, LOSSES, strict=True))]),
        )
        for at in (0, 2)
    ]
    found = compare(sides[0], sides[1], ParitySpec(keys=("k",)))
    assert set(found.by_column) == {n for n, case in zip(names, LOSSES, strict=True) if not case[4]}
    values = found.samples[0].values
    assert values[names[0]] == ("1", "1.9")
    assert values[names[7]] == ("10.00", "10.004")


def test_keys_that_are_cast_lose_nothing_and_no_sample_is_shown_unless_asked_for(spark: SparkSession) -> None:
    new, old = frame(spark, [(1, "x")], "k int, v string"), frame(spark, [("1.9", "x")], "k string, v string")
    found = compare(new, old, ParitySpec(keys=("k",)))
    assert {(s.difference, s.keys["k"]) for s in found.samples} == {("extra", "1"), ("missing", "1.9")}
    without = compare(new, old, ParitySpec(keys=("k",)), samples=0)
    assert (counts(without), without.samples) == (counts(found), ())


def test_columns_without_names_are_taken_by_position() -> None:
    """As of ORC that Hive 1 wrote; none is, where it is not sure which is which."""
    new, old = ["A", "b", "biz_status"], ["_col0", "_col1", "biz_status"]
    assert by_position(new, old, {}) == {"_col0": "A", "_col1": "b"}
    assert by_position(new, ["_c0", "_c1", "_c2"], {}) == {"_c0": "A", "_c1": "b", "_c2": "biz_status"}
    for names, renamed in ((["_col0", "biz_status"], {}), (old, {"_COL1": "A"}), (["a", "b"], {})):
        assert by_position(new, names, renamed) == {}


def test_the_old_output_of_a_date_is_read_as_it_is(spark: SparkSession, tmp_path: Path) -> None:
    """A date's own columns, quoted fields without a value, and dates in another form."""
    day, root = date(2024, 5, 15), tmp_path / "old"
    for d, columns in ((date(2024, 5, 14), "k string"), (day, "k string, later int")):
        row = ("a", 1)[: columns.count(",") + 1]
        frame(spark, [row], columns).coalesce(1).write.orc(str(root / f"biz_dt={d:%Y%m%d}"))
    old = find_old(str(root), None, day)
    assert (old.files, old.root) == (1, str(root))
    read, _ = read_old(spark, old, ParitySpec(), day)
    assert [r.asDict() for r in read.collect()] == [{"k": "a", "later": 1}]

    csv = tmp_path / "old.csv"
    csv.write_text('k;v;d;biz_dt\n"a";"";"15/05/2024";15/05/2024\n"b";"1";"";14/05/2024\n')
    spec = ParitySpec(keys=("k",), options={"sep": ";", "dateFormat": "dd/MM/yyyy"})
    read, _ = read_old(spark, find_old(str(csv), None, day), spec, day)
    new = frame(spark, [("a", None, day)], "k string, v int, d date")
    assert compare(new, read, spec, empty_is_null=True).is_equal


@pytest.mark.parametrize("text", ["k,v,w\nb,1\n", "k,w,v\nb,1,2\n"])
def test_a_csv_whose_values_would_be_of_other_columns_ends_the_comparison(
    spark: SparkSession, tmp_path: Path, text: str
) -> None:
    """Also where the columns that differ are not compared."""
    (tmp_path / "a.csv").write_text("k,v,w\na,1,2\n")
    (tmp_path / "b.csv").write_text(text)
    spec = ParitySpec(keys=("k",), ignore=("w",))
    old = find_old(str(tmp_path), None, DATES[0])
    read, _ = read_old(spark, old, spec, DATES[0])
    with pytest.raises(FdmError) as caught:
        compare(frame(spark, [("a", "1"), ("b", "1")], "k string, v string"), read, spec)
    told = explain(caught.value, old)
    assert (type(told), told.file, "--option" in str(told)) == (SourceError, str(tmp_path), True)


def test_old_outputs(spark: SparkSession, tmp_path: Path) -> None:
    """Folders of dates in either spelling, a CSV as it is, and what cannot be read says why."""
    day = date(2024, 5, 15)
    for name, spelling in (("iso", "%Y-%m-%d"), ("plain", "%Y%m%d")):
        for d in (day, date(2024, 5, 14)):
            rows = spark.createDataFrame([(f"{d}", 1)], "k string, v int")
            rows.write.orc(str(tmp_path / name / f"biz_dt={d:{spelling}}"))
        frame_, scope = read_old(spark, find_old(str(tmp_path / name), None, day), ParitySpec(), day)
        assert [tuple(r) for r in frame_.collect()] == [("2024-05-15", 1)]
        assert "2024-05-15" in scope
    csv, semicolons = tmp_path / "old.csv", ParitySpec(options={"sep": ";"})
    csv.write_text("k;v\na;007\nb;\n")
    frame_, scope = read_old(spark, find_old(str(csv), None, day), semicolons, day)
    assert [tuple(r) for r in frame_.collect()] == [("a", "007"), ("b", None)]
    assert "no biz_dt" in scope
    csv.write_text("k;v\na;1;2\n")
    frame_, _ = read_old(spark, find_old(str(csv), None, day), semicolons, day)
    with pytest.raises(FdmError):
        compare(frame(spark, [("a", "1")], "k string, v string"), frame_, ParitySpec(keys=("k",)))
    with pytest.raises(SourceError, match="nothing to compare"):
        find_old(str(tmp_path / "absent.csv"), None, day)
    with pytest.raises(SourceError, match="cannot be read"):
        read_old(spark, find_old("no_db.no_table", None, day), ParitySpec(), day)


def test_a_table_of_hives_against_a_real_metastore(tmp_path: Path) -> None:
    """Its partition of the date alone, a CHAR's blanks no difference; a secret setting on no command line.

    And values of folders are text, for 007 is not 7.
    """
    done = subprocess.run(
        [sys.executable, "-m", "fdm_platform_tests.engines.hive_parity"],
        input="hunter2",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert {name: n for name, n in told["counts"].items() if n} == {
        "rows_new": 2, "rows_old": 2, "matched": 1, "changed": 1
    }  # fmt: skip
    assert told["by_column"] == {"amount": 1}
    assert (told["scope"], told["branch"]) == ("its rows of 2024-05-15", "string")
    assert (told["secret"], told["command lines"], told["hidden in the UI"]) == ("hunter2", 0, True)
