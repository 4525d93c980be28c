from __future__ import annotations

import pytest

from fdm_platform.errors import ImportRefusedError
from fdm_platform.model.plan import Parameter
from fdm_platform.planning.sql import bind, placeholders
from fdm_platform.talend.expression import (
    NULL,
    TRUE,
    Call,
    Case,
    Cast,
    Infix,
    IsNull,
    Number,
    Placeholder,
    Prefix,
    Ref,
    Sql,
    Text,
    Todo,
    Window,
)
from fdm_platform.talend.plan import Join, Output, Relation, Select
from fdm_platform.talend.sql import WIDTH, comment_lines, render, to_sql

A, B, C = Ref("a"), Ref("b"), Ref("c")
EVIL = (
    "'", '"', "\\", "a\\", "--", "/*", "*/", "/*/", "*/ DROP TABLE x /*", "${BIZ_DT}", '" + context.dir + "',
    "\\${x}", "a\nb", "a\r", "\x00", "`", "''${x}''", "ü€😀", "\u2028SELECT",
)  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Infix("*", Infix("+", A, B), C), "(a + b) * c"),
        (Infix("+", Infix("*", A, B), C), "a * b + c"),
        (Infix("-", Infix("-", A, B), C), "a - b - c"),
        (Infix("-", A, Infix("-", B, C)), "a - (b - c)"),
        (Infix("/", A, Infix("*", B, C)), "a / (b * c)"),
        (Infix("||", A, Infix("||", B, C)), "a || b || c"),
        (Infix("||", A, Infix("+", B, C)), "a || (b + c)"),
        (Infix("AND", Infix("OR", A, B), C), "(a OR b) AND c"),
        (Infix("OR", Infix("AND", A, B), C), "a AND b OR c"),
        (Prefix("NOT", Infix("=", A, B)), "NOT a = b"),
        (Prefix("NOT", Infix("AND", A, B)), "NOT (a AND b)"),
        (Infix("=", Prefix("NOT", A), B), "(NOT a) = b"),
        (Infix("=", Infix("=", A, B), C), "(a = b) = c"),
        (IsNull(Infix("=", A, B)), "(a = b) IS NULL"),
        (IsNull(Infix("+", A, B), is_negated=True), "a + b IS NOT NULL"),
        (Infix("=", IsNull(A), TRUE), "(a IS NULL) = TRUE"),
        (Prefix("-", Number(-5)), "-(-5)"),
        (Prefix("-", Prefix("-", A)), "-(-a)"),
        (Infix("-", A, Number(-5)), "a - -5"),
        (Infix("&", A, Infix("|", B, C)), "a & (b | c)"),
        (Infix("RLIKE", Infix("||", A, B), Text("^x")), "a || b RLIKE '^x'"),
        (Cast(Infix("DIV", A, B), "int"), "CAST(a DIV b AS INT)"),
        (Call("count", (Prefix("DISTINCT", A),)), "count(DISTINCT a)"),
        (Call("count", (Ref("*"),)), "count(*)"),
        (Call("current_date"), "current_date()"),
        (
            Case(((A, B),), Case(((C, A),), NULL)),
            "CASE WHEN a THEN b WHEN c THEN a ELSE NULL END",
        ),
        (
            Window(Call("row_number"), (A,), ((B, True), (C, False))),
            "row_number() OVER (PARTITION BY a ORDER BY b DESC, c)",
        ),
        (Number(1.5, "D"), "1.5D"),
        (Number(float("-inf"), "F"), "CAST('-Infinity' AS FLOAT)"),
        (Ref("date", "left"), "`left`.`date`"),
        (Ref("a b", "row1"), "row1.`a b`"),
        (Ref("a`b"), "`a``b`"),
        (Ref("dir", "context"), "`context`.dir"),
        (Placeholder("min"), "'${min}'"),
        (Placeholder("min", is_quoted=False), "${min}"),
        (Placeholder("old_table", is_quoted=False), "'${old_table}'"),
        (Todo("string", "r.check(x)", "own"), "CAST(NULL AS STRING) /* TODO r.check(x): own */"),
    ],
)
def test_expression(expression: Sql, expected: str) -> None:
    assert render(expression) == expected


@pytest.mark.parametrize("text", EVIL)
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    """Whatever stands in a Talend job, the one placeholder and the one statement are ours."""
    value = Select(
        (
            Output("a", Text(text), comment=text),
            Output("b", Todo("string", text, text)),
            Output("c", Placeholder("real")),
        ),
        None,
        comment=text,
    )
    sql = to_sql(Select((Output("*", Ref("*")),), Relation(value, "x"), where=TRUE, comment=text))
    assert [p.name for p in placeholders(sql)] == ["real"]
    bound = bind(sql, {"real": Parameter("real", "1", "string", "test")}, file="x.hql")
    # All parentheses but those of literals and comments are still there, one pair for the subquery and one for CAST.
    assert bound.endswith("WHERE TRUE\n")
    assert "'1'" in bound
    assert bound.count("/* TODO ") == 1


def test_a_name_that_would_be_a_placeholder_is_refused() -> None:
    with pytest.raises(ImportRefusedError, match="cannot name a column"):
        render(Ref("${x}"))


def test_comments_of_line_ends() -> None:
    assert comment_lines("a\n\n b\\\r\nc */") == ["-- a", "-- b\\.", "-- c * /"]


def test_layout() -> None:
    newest = Select(
        (
            Output("*", Ref("*")),
            Output("_n", Window(Call("row_number"), (Ref("id"),), ((Ref("_line"), True),))),
        ),
        Relation("agents", "agents"),
    )
    rate = Case(
        ((Infix("=", Ref("terms", "row1"), Number(0)), Call("raise_error", (Text("x" * 60),))),), Number(1)
    )
    select = Select(
        (
            Output("id", Ref("id", "row1")),
            Output("label", Call("upper", (Ref("name", "row2"),)), comment="in capitals"),
            Output("rate", rate),
        ),
        Relation("policies", "row1"),
        (
            Join(
                "LEFT JOIN",
                Relation(newest, "row2"),
                Infix("AND", Infix("<=>", Ref("id", "row1"), Ref("id", "row2")), Ref("ok")),
            ),
        ),
        where=IsNull(Ref("id", "row1"), is_negated=True),
        comment="tMap_1 → out1",
    )
    assert to_sql(select).splitlines() == [
        "-- tMap_1 → out1",
        "SELECT",
        "  row1.id,",
        "  upper(row2.name) AS label,  -- in capitals",
        "  CASE",
        f"    WHEN row1.terms = 0 THEN raise_error('{'x' * 60}')",
        "    ELSE 1",
        "  END AS rate",
        "FROM policies AS row1",
        "LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY id ORDER BY _line DESC) AS _n FROM agents) AS row2",
        "  ON row1.id <=> row2.id AND ok",
        "WHERE row1.id IS NOT NULL",
    ]


def test_a_long_chain_is_broken_and_needs_no_recursion() -> None:
    chain: Sql = A
    for i in range(5_000):
        chain = Infix("||", chain, Text(str(i)))
    sql = to_sql(Select((Output("x", chain),), None))
    assert max(map(len, sql.splitlines())) <= WIDTH
    assert sql.count("||") == 5_000
