"""What is printed means to Spark what the tree says: operators, every keyword as a name, text of any kind."""

from __future__ import annotations

import random

import pytest
from pyspark.sql import SparkSession

from fdm_platform.talend.expression import Case, Infix, IsNull, Number, Prefix, Ref, Sql, Text, Todo
from fdm_platform.talend.plan import Output, Relation, Select
from fdm_platform.talend.sql import render, to_sql
from fdm_platform_tests.talend.test_sql import EVIL

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

SUMS = ("+", "-", "*", "&", "|", "^", "DIV", "%")
COMPARISONS = ("=", "<=>", "<", ">=", "<>")


def number(draw: random.Random, depth: int) -> Sql:
    if depth == 0:
        return Number(draw.randint(-9, 9))
    match draw.randint(0, 5):
        case 0:
            return Prefix(draw.choice("-~"), number(draw, depth - 1))
        case 1:
            return Case(((condition(draw, depth - 1), number(draw, depth - 1)),), number(draw, depth - 1))
        case _:
            return Infix(draw.choice(SUMS), number(draw, depth - 1), number(draw, depth - 1))


def condition(draw: random.Random, depth: int) -> Sql:
    if depth == 0:
        return IsNull(number(draw, 0), is_negated=draw.random() < 0.5)
    match draw.randint(0, 3):
        case 0:
            return Prefix("NOT", condition(draw, depth - 1))
        case 1:
            return Infix(draw.choice(COMPARISONS), number(draw, depth - 1), number(draw, depth - 1))
        case _:
            return Infix(draw.choice(("AND", "OR")), condition(draw, depth - 1), condition(draw, depth - 1))


def spelled(expression: Sql) -> str:
    """With parentheses about everything."""
    match expression:
        case Infix(operator, left, right):
            return f"({spelled(left)} {operator} {spelled(right)})"
        case Prefix(operator, value):
            return f"({operator} {spelled(value)})"
        case IsNull(value, is_negated):
            return f"({spelled(value)} IS {'NOT ' if is_negated else ''}NULL)"
        case Case(((when, then),), otherwise):
            return f"(CASE WHEN {spelled(when)} THEN {spelled(then)} ELSE {spelled(otherwise)} END)"
    return f"({render(expression)})"


def test_parentheses_are_where_spark_needs_them(spark: SparkSession) -> None:
    draw = random.Random(7)  # noqa: S311 - no secret
    trees = [draw.choice((number, condition))(draw, draw.randint(1, 4)) for _ in range(150)]
    row = spark.sql("SELECT " + ", ".join(f"{render(t)}, {spelled(t)}" for t in trees)).collect()[0]
    for i, tree in enumerate(trees):
        assert row[2 * i] == row[2 * i + 1], render(tree)


def test_every_keyword_of_spark_can_be_a_name(spark: SparkSession) -> None:
    words = [r[0].lower() for r in spark.sql("SELECT keyword FROM sql_keywords()").collect()]
    assert len(words) > 300
    inner = Select(tuple(Output(w, Number(i)) for i, w in enumerate(words)), None)
    outer = Select(tuple(Output(w, Ref(w, "context")) for w in words), Relation(inner, "context"))
    assert list(spark.sql(to_sql(outer)).collect()[0]) == list(range(len(words)))
    bare = Select(tuple(Output(f"c{i}", Ref(w)) for i, w in enumerate(words)), Relation(inner, "x"))
    assert list(spark.sql(to_sql(bare)).collect()[0]) == list(range(len(words)))


def test_every_keyword_can_be_an_alias(spark: SparkSession) -> None:
    one = Select((Output("n", Number(1)),), None)
    for (word,) in spark.sql("SELECT keyword FROM sql_keywords()").collect():
        select = Select((Output("m", Ref("n", word.lower())),), Relation(one, word.lower()))
        assert spark.sql(to_sql(select)).columns == ["m"]


def test_text_of_any_kind_comes_back_as_it_was(spark: SparkSession) -> None:
    columns = [Output(f"c{i}", Text(text), comment=text) for i, text in enumerate(EVIL)]
    columns += [Output(f"t{i}", Todo("string", text, text)) for i, text in enumerate(EVIL)]
    (row,) = spark.sql(to_sql(Select(tuple(columns), None, comment="\n".join(EVIL)))).collect()
    assert list(row) == [*EVIL, *([None] * len(EVIL))]
