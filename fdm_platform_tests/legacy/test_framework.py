"""The contract's names on Spark, as a plain library: what each does, and the faults that it has no more."""

from __future__ import annotations

import logging
import string
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fdm_platform.errors import SqlError
from fdm_platform.legacy import framework
from fdm_platform.legacy.framework import _store, _swap
from fdm_platform.legacy.framework.perf import PROFILES, apply_profile
from fdm_platform.model.plan import Parameter
from fdm_platform_tests.legacy.jobs import DOCUMENT, Inside, script_plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
LOG = logging.getLogger("test")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FDM_LEGACY_PLAN", "FDM_MESSAGES", "JOB_PARAMS_FILE", "JOB_SQL_DIR"):
        monkeypatch.delenv(name, raising=False)


def rows_of(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(r) for r in (frame.select(*columns) if columns else frame).collect())


def frame_of(spark: SparkSession, *rows: tuple[str, str, int]) -> DataFrame:
    return spark.createDataFrame(list(rows), "biz_dt string, biz_status string, amount int")


def tree(folder: Path) -> dict[str, bytes]:
    """Files that a reader sees."""
    found = (p for p in folder.rglob("*") if p.is_file())
    names = {p.relative_to(folder).as_posix(): p for p in found}
    return {n: p.read_bytes() for n, p in names.items() if not any(x[0] in "._" for x in n.split("/"))}


def test_csv_is_read_as_the_contract_says(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("id;amount\n1;10\nx;y;z\n2;\n")
    typed = framework.read_csv(spark, str(file), "id int, amount int", {"sep": ";"})
    assert typed.columns == ["id", "amount", "_bad_record"]
    assert typed.orderBy("_bad_record").collect()[-1]["_bad_record"] == "x;y;z"
    assert rows_of(typed.filter("_bad_record is null"), "id") == [(1,), (2,)]
    named = framework.read_csv(spark, str(file), sep=";", header=True, mode="DROPMALFORMED")
    assert named.dtypes == [("id", "string"), ("amount", "string")], (
        "nothing is inferred that nobody asked for"
    )
    assert framework.read_csv(spark, str(file), sep=";", inferSchema="true").columns == ["id", "amount"]
    strict = framework.read_csv(spark, str(file), "id int, amount int", mode="FAILFAST", sep=";")
    assert strict.columns == ["id", "amount"]


def test_json_orc_and_parquet(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"a": 1}\n{broken\n')
    read = framework.read_json(spark, str(tmp_path / "in.json"), "a int")
    assert sorted(map(tuple, read.cache().collect()), key=str) == [(1, None), (None, "{broken")]
    spark.range(3).write.parquet(str(tmp_path / "p"))
    spark.range(2).write.orc(str(tmp_path / "o"))
    assert framework.read_parquet(spark, str(tmp_path / "p")).count() == 3
    assert framework.read_orc(spark, str(tmp_path / "o"), "id long").count() == 2
    with pytest.raises(Exception, match=r"Could not read footer|not a Parquet file"):
        framework.read_parquet(spark, str(tmp_path / "o"), "id long").count()


def test_overwriting_a_date_leaves_every_other_one_as_it_was(spark: SparkSession, tmp_path: Path) -> None:
    table, parts = str(tmp_path / "t"), ["biz_dt", "biz_status"]
    both = frame_of(spark, ("20240514", "A", 1), ("20240515", "A", 2), ("20240515", "B", 3))
    framework.write_orc(both, table, "overwrite", parts)
    before = {n: b for n, b in tree(tmp_path).items() if "20240514" in n}
    framework.write_orc(frame_of(spark, ("20240515", "A", 9)), table, mode="overwrite", partitionBy=parts)
    assert rows_of(framework.read_orc(spark, table), "biz_dt", "biz_status", "amount") == [
        (20240514, "A", 1),
        (20240515, "A", 9),
    ]
    assert {n: b for n, b in tree(tmp_path).items() if "20240514" in n} == before
    framework.write_orc(frame_of(spark), table, "overwrite", parts)
    assert framework.read_orc(spark, table).count() == 2, "nothing written, nothing replaced"
    framework.write_orc(frame_of(spark, ("20240515", "A", 9)), table, partitionBy=parts)
    assert framework.read_orc(spark, table).count() == 3, "append is what no mode means"
    assert not [p for p in (tmp_path / "t").iterdir() if p.is_dir() and "=" not in p.name]
    with pytest.raises(ValueError, match="put it first"):
        framework.write_orc(both, table, "overwrite", parts[::-1])
    with pytest.raises(ValueError, match="'upsert' is no mode"):
        framework.write_orc(both, table, "upsert")


def test_a_frame_may_replace_what_it_is_read_from(spark: SparkSession, tmp_path: Path) -> None:
    place = str(tmp_path / "t")
    framework.write_df(spark.range(3), place, "overwrite", "parquet", None, None)
    framework.write_df(framework.read_parquet(spark, place).filter("id > 0"), place, "overwrite", "parquet")
    assert rows_of(framework.read_parquet(spark, place)) == [(1,), (2,)]


def test_options_come_by_mapping_and_by_name(spark: SparkSession, tmp_path: Path) -> None:
    one = spark.range(1).coalesce(1)
    framework.write_df(one, str(tmp_path / "a"), "error", "csv", opts={"header": True}, sep=";")
    (only,) = (tmp_path / "a").glob("part-*.csv")
    assert only.read_text() == "id\n0\n"
    framework.write_df(spark.range(5), str(tmp_path / "a"), "ignore", "csv")
    with pytest.raises(Exception, match="PATH_ALREADY_EXISTS"):
        framework.write_df(spark.range(5), str(tmp_path / "a"), "error", "csv")


def test_atomic_publish_keeps_the_old_where_the_new_fails(spark: SparkSession, tmp_path: Path) -> None:
    place, tmp = str(tmp_path / "t"), str(tmp_path / "tmp")
    framework.atomic_publish(spark.range(3), place, tmp, "overwrite", "orc", None, None, spark)
    before = tree(tmp_path)
    bad = spark.range(1).selectExpr("cast(raise_error('boom') AS long) AS id")
    with pytest.raises(Exception, match="boom"):
        framework.atomic_publish(bad, place, tmp, mode="overwrite", fmt="orc", spark=spark)
    assert tree(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t"]
    framework.atomic_publish(spark.range(7, 8), place, tmp)
    assert rows_of(framework.read_orc(spark, place)) == [(7,)]


class _Failing(_store.Local):
    """A file system that refuses the second rename of a swap."""

    def __init__(self) -> None:
        self.left = 1

    def move(self, a: str, b: str) -> None:
        if self.left == 0 and not b.endswith("t"):
            raise AssertionError(b)
        self.left -= 1
        if self.left == -1:
            raise OSError("refused")
        super().move(a, b)


def test_a_swap_that_fails_half_way_is_rolled_back(tmp_path: Path) -> None:
    for name in ("t", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with pytest.raises(OSError, match="refused"):
        _swap.swap(_Failing(), str(tmp_path / "new"), str(tmp_path / "t"))
    assert (tmp_path / "t" / "file").read_text() == "t"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t"]


def test_what_a_crash_left_aside_comes_back(tmp_path: Path) -> None:
    (tmp_path / ".t.0a.old").mkdir()
    (tmp_path / ".t.0a.old" / "file").write_text("old")
    with pytest.raises(FileNotFoundError):
        _swap.swap(_store.Local(), str(tmp_path / "gone"), str(tmp_path / "t"))
    assert (tmp_path / "t" / "file").read_text() == "old"


def hql(folder: Path, text: str) -> str:
    file = folder / "out1.hql"
    file.write_text(text)
    return str(file)


def test_every_placeholder_form_of_the_contract(spark: SparkSession, tmp_path: Path) -> None:
    session = spark.newSession()
    session.range(1).createOrReplaceTempView("row1")
    text = """-- '${not_even_this}' /* nor ${this} */
SELECT '${BIZ_DT}' a, ${biz_dt} b, '" + context.Region + "' c, ''" + context.region + "'' d, " + context.n + " e,
  context.n f, "${region}" g, '${VIEW_NAME}' h, 'x_${n}_y' i, ${nothing} j, ${money} k, ${flag} l
FROM row1 ;
"""
    params = {"biz_dt": "2024-05-15", "region": "O'Hare", "n": 7, "nothing": None, "flag": True}
    frame = framework.exec_hql(
        session, "out1", hql(tmp_path, text), LOG, {**params, "money": Decimal("1.50")}
    )
    (row,) = frame.collect()
    assert [str(x) for x in row] == [
        *("2024-05-15", "2024-05-15", "O'Hare", "O'Hare", "7", "7", "O'Hare", "out1", "x_7_y", "None"),
        *("1.50", "True"),
    ]
    assert dict(frame.dtypes)["b"] == "date"
    assert session.table("out1").count() == 1


def test_parameters_are_the_job_s_where_none_are_given(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdm_platform.legacy.framework.params_loader import save_job_params_to_json  # noqa: PLC0415

    file = save_job_params_to_json(DOCUMENT, tmp_path / "params" / "j.json")
    monkeypatch.setenv("JOB_PARAMS_FILE", file)
    monkeypatch.setenv("JOB_SQL_DIR", str(tmp_path))
    hql(tmp_path, "SELECT ${biz_dt} a, '${entity}' b, '${region}' c, ${min_amount} d")
    (row,) = framework.exec_hql(spark.newSession(), "v", "out1.hql", LOG).collect()
    assert [str(x) for x in row] == ["2024-05-15", "GELS", "O'Hare", "10"]
    (row,) = framework.exec_hql(spark.newSession(), "v", "out1.hql", LOG, {"Region": "S"}).collect()
    assert row["c"] == "S"


def test_hql_of_a_load_has_all_that_it_was_planned_with(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = script_plan(tmp_path)
    known = (
        Parameter("threads", 4, "integer", "sys_params"),
        Parameter("token", "secret:token", "string", "sys_params", is_secret=True),
    )
    Inside(tmp_path, replace(plan, dates=(replace(plan.dates[0], parameters=known),)), monkeypatch)
    session, file = spark.newSession(), hql(tmp_path, "SELECT ${Threads} + 1 a")
    (row,) = framework.exec_hql(session, "v", file, LOG).collect()
    assert row["a"] == 5
    (row,) = framework.exec_hql(session, "v", file, LOG, {"THREADS": 7}).collect()
    assert row["a"] == 8
    with pytest.raises(SqlError, match="'token'"):
        framework.exec_hql(session, "v", hql(tmp_path, "SELECT '${token}'"), LOG)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("SELECT 1,\n '${bizdt}'", 2, "nothing resolves the placeholder 'bizdt'"),
        ("SELECT 1;\nSELECT 2", 2, "a second statement"),
        ("SELECT 1\nFRM x y z", 2, "PARSE_SYNTAX_ERROR"),
        ("SELECT\n nowhere FROM row_x", 2, "TABLE_OR_VIEW_NOT_FOUND"),
    ],
)
def test_an_error_says_file_and_line(
    spark: SparkSession, tmp_path: Path, text: str, line: int, says: str
) -> None:
    with pytest.raises(SqlError, match=says) as raised:
        framework.exec_hql(spark.newSession(), "v", hql(tmp_path, text), LOG, {"biz_dt": "2024-05-15"})
    assert raised.value.file == str(tmp_path / "out1.hql")
    assert raised.value.line == line
    (tmp_path / "latin.hql").write_bytes("SELECT 'ä'".encode("latin-1"))
    with pytest.raises(SqlError, match=r"latin\.hql: is no UTF-8"):
        framework.exec_hql(spark, "v", str(tmp_path / "latin.hql"), LOG)
    with pytest.raises(FileNotFoundError, match=r"other\.hql"):
        framework.exec_hql(spark, "v", str(tmp_path / "other.hql"), LOG)


def test_a_session_that_takes_backslashes_literally_changes_no_value(
    spark: SparkSession, tmp_path: Path
) -> None:
    session = spark.newSession()
    session.conf.set("spark.sql.parser.escapedStringLiterals", "true")
    file = hql(tmp_path, r"SELECT regexp_replace('a1', '\d', '${to}') a, '${to}' b, ${biz_dt} c")
    (row,) = framework.exec_hql(session, "v", file, LOG, {"to": "x", "biz_dt": "2024-05-15"}).collect()
    assert (row["a"], row["b"]) == ("ax", "x")
    with pytest.raises(SqlError, match=r"the value of to has quotes.*escapedStringLiterals") as raised:
        framework.exec_hql(session, "v", file, LOG, {"to": "O'Hare", "biz_dt": "2024-05-15"})
    assert (raised.value.file, raised.value.line) == (file, 1)


PIECES = st.sampled_from(
    [*string.ascii_letters[:4], *"'\"\\-/*`;%{}$ \n\r\t\0", "🦆", "ä", "${other}", "--", "/*"]
)
HOSTILE = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=20).map("".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=HOSTILE)
def test_a_value_stays_a_value_whatever_it_holds(spark: SparkSession, tmp_path: Path, value: str) -> None:
    text = (
        "SELECT '${v}' a, \"${v}\" b, '\" + context.v + \"' c, ''\" + context.v + \"'' d, ${v} e, "
        "concat('<', '${v}', '>') f, 'x${v}y' g -- ${v}"
    )
    params = {"v": value, "other": "LEAKED"}
    (row,) = framework.exec_hql(spark, "hostile", hql(tmp_path, text), None, params).collect()
    assert list(row) == [value, value, value, value, value, f"<{value}>", f"x{value}y"]


def test_a_profile_is_set_as_far_as_a_session_takes_it(spark: SparkSession) -> None:
    session = spark.newSession()
    assert apply_profile(session, "large") == PROFILES["large"]
    assert session.conf.get("spark.sql.shuffle.partitions") == "400"
    wanted = {"spark.sql.shuffle.partitions": 3, "spark.executor.memory": "9g"}
    assert apply_profile(session, wanted) == {"spark.sql.shuffle.partitions": "3"}
    assert apply_profile(session) == {}
    with pytest.raises(ValueError, match="'huge' is no profile"):
        apply_profile(session, "huge")
    framework.set_spark_log_level(session, "warn")
