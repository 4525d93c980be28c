"""The answers that were worked out by hand, held against a JVM, and Spark's SQL against them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import Row as SparkRow
from pyspark.sql import SparkSession

from fdm_platform.engines.java import find_jdk
from fdm_platform.talend.expression import FALSE, NULL, Cast, Number, Sql, Text, Word
from fdm_platform.talend.expression import Case as SqlCase
from fdm_platform.talend.java import SESSION_CONF, translate
from fdm_platform.talend.java.typed import Typed
from fdm_platform.talend.sql import render
from fdm_platform_tests.talend.java.case import THROWS, Case, Row
from fdm_platform_tests.talend.java.cases import CASES
from fdm_platform_tests.talend.java.oracle import ORACLE, answer_of, program, runnable
from fdm_platform_tests.talend.java.random_cases import random_cases
from fdm_platform_tests.talend.java.rows import column, is_same, scope_of

pytestmark = pytest.mark.spark
ALL = (*CASES, *random_cases())


def test_the_jvm_agrees_with_what_was_worked_out_by_hand(tmp_path: Path) -> None:
    cases = [case for case in ALL if runnable(case)]
    source = tmp_path / f"{ORACLE}.java"
    source.write_text(program(cases), encoding="utf-8")
    command: list[str | Path] = [
        find_jdk(os.environ).java,
        "-Duser.timezone=UTC",
        "-Duser.language=en",
        "-Xshare:auto",
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    said = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    wrong = [
        (str(case), row, said[f"{n}.{k}"])
        for n, case in enumerate(cases)
        for k, row in enumerate(case.rows)
        if not is_same(answer_of(said[f"{n}.{k}"], row[1]), row[1])
    ]
    assert not wrong, "case, row, the JVM's answer"


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> SparkSession:
    own = spark.newSession()
    for key, value in {**SESSION_CONF, "spark.sql.session.timeZone": "UTC"}.items():
        own.conf.set(key, value)
    return own


def test_sql_answers_as_java(session: SparkSession) -> None:
    """All cases in one query: a branch for each, its answer in the column of its type."""
    branches = [_branch(n, case) for n, case in enumerate(ALL)]
    rows = session.sql("\nUNION ALL\n".join(branches)).collect()
    found = {(row["n"], row["k"]): _answer(row) for row in rows}
    wrong = [
        (str(case), row, found[n, k])
        for n, case in enumerate(ALL)
        for k, row in enumerate(case.rows)
        if not is_same(found[n, k], row[1])
    ]
    assert not wrong, "case, row, Spark's answer"


_COLUMNS = (
    ("string", ("string", "char")),
    ("bigint", ("byte", "short", "int", "long")),
    ("double", ("float", "double")),
    ("decimal(38,18)", ("decimal",)),
    ("boolean", ("boolean",)),
    ("string", ("date",)),  # a moment's text has no zone
)


def _branch(n: int, case: Case) -> str:
    typed = translate(case.java, scope_of(case))
    assert isinstance(typed, Typed), (str(case), typed)
    values = ", ".join(_values(k, case, row) for k, row in enumerate(case.rows))
    answer = render(SqlCase(((typed.fails, NULL),), typed.sql) if typed.fails != FALSE else typed.sql)
    columns = [
        f"CAST({answer if typed.type.kind in kinds else 'NULL'} AS {spark}) AS v{i}"
        for i, (spark, kinds) in enumerate(_COLUMNS)
    ]
    names = ", ".join(("k", *case.types))
    select = (
        f"SELECT {n} AS n, row1.k, {render(typed.fails)} AS fails, typeof({render(typed.sql)}) AS type,"
        f" '{typed.spark_type}' AS said, {', '.join(columns)}"
    )
    return f"{select} FROM VALUES {values} AS row1({names})"


def _values(k: int, case: Case, row: Row) -> str:
    typed = [column(name, type_) for name, type_ in case.types.items()]
    return f"({', '.join((str(k), *(render(_literal(v, t)) for v, t in zip(row[0], typed, strict=True))))})"


def _literal(value: object, typed: Typed) -> Sql:
    plain: Sql = NULL if value is None else Text(str(value))
    if isinstance(value, bool):
        plain = Word(str(value).upper())
    elif isinstance(value, int):
        plain = Number(value, "L") if value != -(2**63) else Text(str(value))
    return Cast(plain, typed.spark_type)


def _answer(row: SparkRow) -> object:
    assert row["type"] == row["said"] or row["type"] == "void", row
    assert row["fails"] is not None, row
    if row["fails"]:
        return THROWS
    given: Sequence[object] = [row[f"v{i}"] for i in range(len(_COLUMNS))]
    if isinstance(given[-1], str):
        return datetime.fromisoformat(given[-1])
    return next((value for value in given if value is not None), None)
