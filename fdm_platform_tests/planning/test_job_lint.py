"""Lint of legacy jobs: each rule by a text that has the fault, and one that nearly has it."""

from __future__ import annotations

import pytest

from fdm_platform.model.plan import Parameter
from fdm_platform.planning.job_lint import lint_hql
from fdm_platform.planning.script_lint import given_to_hql, lint_script

PARAMETERS = {name: Parameter(name, "v", "string", "test") for name in ("biz_dt", "min_amount")}


def of_hql(text: str) -> list[tuple[int, str, str]]:
    return [(f.line, f.rule, f.severity) for f in lint_hql(text, "a.hql", PARAMETERS)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT *\nFROM row1 WHERE d < '2025-05-31'", [(2, "fixed-date", "warn")]),
        ('SELECT * FROM row1 WHERE d < "2025-05-31" AND e = 1', [(1, "fixed-date", "warn")]),
        ("SELECT DATE'2025-05-31', '20250531', '2025-05-31 00:00:00'", [(1, "fixed-date", "warn")] * 3),
        ("SELECT '9999-12-31', '1900-01-01', '2025-13-31', '12345678', 20250531 -- '2025-05-31'", []),
        ("SELECT '${BIZ_DT}', ${nobody}\n-- ${other}", [(1, "unresolved-placeholder", "error")]),
        ("SELECT '${BIZ_DT}', context.min_amount FROM ${VIEW_NAME}", []),
        ("SELECT 1;\nSELECT 2", [(2, "syntax", "error")]),
        ("SELECT 1; -- ; SELECT 2", []),
        ("SELECT\n 'x", [(2, "syntax", "error")]),
        ("-- nothing", [(1, "syntax", "error")]),
    ],
)
def test_hql(text: str, found: list[tuple[int, str, str]]) -> None:
    assert of_hql(text) == found


def test_an_unresolved_placeholder_names_those_that_there_are() -> None:
    (finding,) = lint_hql("SELECT ${bizdt}", "a.hql", PARAMETERS)
    assert "did you mean biz_dt? known: biz_dt, min_amount" in finding.remedy
    assert lint_hql("SELECT ${bizdt}", "a.hql") == [], "without a store nobody knows the names"


@pytest.mark.parametrize(
    ("value", "is_found"),
    [("'A','B'", True), ("1, 2,3", True), ("'A'", True), ("O'Hare", False), ("7", False), ("A, B", False)],
)
def test_a_value_that_was_sql_when_it_was_replaced_as_text(value: str, is_found: bool) -> None:
    given = {"codes": Parameter("codes", value, "string", "test")}
    found = lint_hql("SELECT '${codes}'\nFROM row1 WHERE code IN (${CODES})", "a.hql", given)
    assert [(f.line, f.rule) for f in found] == [(2, "sql-in-value")] * is_found


@pytest.mark.parametrize(
    ("script", "severities"),
    [
        ("exec_hql(spark, 'out1', 'a.hql', log)", ["error", "error"]),
        ("exec_hql(spark, 'out1', 'a.hql', log, {'region': r})", ["error"]),
        ("exec_hql(spark, 'out1', 'a.hql', log, params=dict(p, region=r))", ["warn"]),
        ("p = merged()\nexec_hql(spark, 'out1', 'a.hql', log, p)", ["warn", "warn"]),
        ("p['region'] = p['Bizdt'] = r\nexec_hql(spark, 'out1', 'a.hql', log, p)", []),
        ("no python at all", ["warn", "warn"]),
    ],
)
def test_what_a_script_gives_to_exec_hql_is_no_error(script: str, severities: list[str]) -> None:
    given = given_to_hql(script.encode())
    found = lint_hql("SELECT ${bizdt}, '${REGION}', ${biz_dt}", "a.hql", PARAMETERS, given)
    assert [f.severity for f in found] == severities


def test_a_script_is_decoded_as_python_does() -> None:
    assert lint_script("# ä\nx = 1".encode("utf-8-sig"), "a.py") == []
    assert lint_script("# -*- coding: latin-1 -*-\nx = 'ä'".encode("latin-1"), "a.py") == []
    assert [f.rule for f in lint_script("x = 'ä'".encode("latin-1"), "a.py")] == ["syntax"]


COUNTED = ("count-before-write", "warn")
OVERWRITE = (1, "static-overwrite", "error")
PLAIN = (1, "plain-write", "warn")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('df.write.mode("overwrite").orc(path)', [OVERWRITE]),
        ('df.write.orc(path, mode="overwrite")', [OVERWRITE]),
        ('df.write.format("orc").mode("overwrite").partitionBy("biz_dt").save(path)', [OVERWRITE]),
        ('df.write.insertInto("t", overwrite=True)', [OVERWRITE]),
        ('df.write.insertInto("t", True)', [OVERWRITE]),
        ('df.write.orc(path, "overwrite")', [OVERWRITE]),
        ('df.write.save(path, "orc", "overwrite")', [OVERWRITE]),
        ('w = df.write.mode("overwrite"); w = w.option("a", 1); w.orc(path)', [OVERWRITE]),
        ('self.w = df.write; self.w.mode("overwrite").orc(path)', [OVERWRITE]),
        ('w = df.write.mode("overwrite"); w.jdbc(url, "t")', []),
        ('df.write.mode("append").orc(path)', [PLAIN]),
        (
            'df.write.option("partitionOverwriteMode", "dynamic").mode("overwrite").orc(path)',
            [PLAIN],
        ),
        ('df.write.format("jdbc").mode("overwrite").save()', []),
        ('df.write.mode("overwrite").jdbc(url, "t")', []),
        ('write_orc(df, path, mode="overwrite", partitionBy=["biz_dt"])', []),
        ('framework.write_orc(df, path, "overwrite", ["biz_dt", "biz_status"])', []),
        ("handle.write(text)", []),
        ("n = df.count()\nwrite_orc(df, p, 'overwrite', ['biz_dt'])", [(1, "count-before-write", "warn")]),
        ("n = df.count()\ndf.write.orc(p)", [(1, "count-before-write", "warn"), (2, "plain-write", "warn")]),
        ("n = other.count()\nwrite_orc(df, p, 'overwrite', ['biz_dt'])", []),
        ("write_orc(df, p, 'overwrite', ['biz_dt'])\nn = df.count()", []),
        (
            "n = df.count()\nwrite_orc(df=df, path=p, mode='overwrite', partitionBy=['biz_dt'])",
            [(1, *COUNTED)],
        ),
        ("def is_any(df):\n    return df.count()\ndef save(df):\n    write_orc(df, p, 'overwrite', c)", []),
        (
            "class Job:\n  def a(self):\n    self.df.count()\n  def b(self):\n    self.df.write.orc(p)",
            [(3, *COUNTED), (5, "plain-write", "warn")],
        ),
        ("n = 'abc'.count('a')", []),
        ("read_csv(spark, p, inferSchema=True)", [(1, "infer-schema", "warn")]),
        ("spark.read.option('inferSchema', 'true').csv(p)", [(1, "infer-schema", "warn")]),
        ("read_csv(spark, p, None, {'inferSchema': True})", [(1, "infer-schema", "warn")]),
        ("opts['inferSchema'] = 'true'", [(1, "infer-schema", "warn")]),
        ("read_csv(spark, p, inferSchema=False)", []),
        ("rows = df.collect()", [(1, "collect", "warn")]),
        ("rows = df.toPandas()", [(1, "collect", "warn")]),
        ("rows = collect(df)", []),
        ("gc.collect()", []),
        ("p = 'C:\\\\data\\\\in'", [(1, "windows-path", "warn")]),
        ("p = r'\\\\files\\etl'", [(1, "windows-path", "warn")]),
        ("p = 'file:///C:/data/in'", [(1, "windows-path", "warn")]),
        ("p = '\\\\\\\\d+'", []),
        ("p = 'C: as in Celsius'\n'''C:/is said here'''", []),
        ("f = open(os.environ['JOB_PARAMS_FILE'])", []),
        ("f = open(os.environ.get('JOB_PARAMS_FILE', 'params/etl.json'))", []),
        ("f = open('params/etl.json')", [(1, "params-by-hand", "warn")]),
        ("p = load_job_params_from_json(f'params/{job}.json')", [(1, "params-by-hand", "warn")]),
        ("p = load_job_params_from_json(os.environ['JOB_PARAMS_FILE'])", []),
        ("until = '2025-05-31'", [(1, "fixed-date", "warn")]),
        ("write_orc(df, p, partitionBy=['biz_dt'])", [(1, "append", "warn")]),
        ("write_orc(df, p, 'append', ['biz_dt'])", [(1, "append", "warn")]),
        ("write_orc(df, p, **how)", []),
        ("write_orc(df, f'{root}/t')", [(1, "append", "warn")]),
        ("atomic_publish(df, f'{root}/t/biz_dt={day}', tmp)", []),
        ("write_df(df, f'{root}/t', 'overwrite', 'orc', ['biz_dt'])", []),
        ("atomic_publish(df, f'{root}/t', tmp, 'overwrite', 'orc', ['biz_dt'])", []),
        ("write_orc(df, f'{root}/t', 'overwrite')", [(1, "no-biz-dt", "warn")]),
        ("write_orc(df, f'{root}/t/biz_dt={day}', 'overwrite')", []),
        ("write_orc(df, f'{root}/t', 'overwrite', columns)", []),
        ("print 'x'", [(1, "syntax", "error")]),
    ],
)
def test_scripts(text: str, found: list[tuple[int, str, str]]) -> None:
    assert [(f.line, f.rule, f.severity) for f in lint_script(text, "a.py")] == found


def test_a_finding_in_a_function_is_told_once() -> None:
    text = "def main():\n    n = df.count()\n    write_orc(df, p, 'overwrite', ['biz_dt'])\n"
    assert [f.rule for f in lint_script(text, "a.py")] == ["count-before-write"]
