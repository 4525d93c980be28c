"""Two outputs compared: what each row counts as, by hand, and that Spark reads either side once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.old_output import find_old, read_old
from fdm_platform.engines.parity import compare
from fdm_platform.errors import FdmError, ParameterError, SourceError
from fdm_platform.model.parity import ParitySpec

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


def test_old_outputs(spark: SparkSession, tmp_path: Path) -> None:
    """Folders of dates in either spelling, a CSV as it is, and what cannot be read says why."""
    day = date(2024, 5, 15)
    for name, spelling in (("iso", "%Y-%m-%d"), ("plain", "%Y%m%d")):
        for d in (day, date(2024, 5, 14)):
            rows = spark.createDataFrame([(f"{d}", 1)], "k string, v int")
            rows.write.orc(str(tmp_path / name / f"biz_dt={d:{spelling}}"))
        frame_, scope = read_old(spark, find_old(str(tmp_path / name), None), {}, day)
        assert [tuple(r) for r in frame_.collect()] == [("2024-05-15", 1)]
        assert "2024-05-15" in scope
    csv = tmp_path / "old.csv"
    csv.write_text("k;v\na;007\nb;\n")
    frame_, scope = read_old(spark, find_old(str(csv), None), {"sep": ";"}, day)
    assert [tuple(r) for r in frame_.collect()] == [("a", "007"), ("b", None)]
    assert "no biz_dt" in scope
    csv.write_text("k;v\na;1;2\n")
    frame_, _ = read_old(spark, find_old(str(csv), None), {"sep": ";"}, day)
    with pytest.raises(FdmError):
        compare(frame(spark, [("a", "1")], "k string, v string"), frame_, ParitySpec(keys=("k",)))
    with pytest.raises(SourceError, match="nothing to compare"):
        find_old(str(tmp_path / "absent.csv"), None)
    with pytest.raises(SourceError, match="cannot be read"):
        read_old(spark, find_old("no_db.no_table", None), {}, day)
