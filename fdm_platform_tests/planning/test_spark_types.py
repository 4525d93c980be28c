from __future__ import annotations

import pytest

from fdm_platform.planning.spark_types import type_problem


@pytest.mark.parametrize(
    "text",
    [
        "string", "BIGINT", "decimal", "decimal(18,2)", "DECIMAL( 38 , 38 )", "numeric(5)", "date",
        "timestamp_ntz", "varchar(20)", "array<string>", "map<string,array<int>>", "struct<a:int,b:date>",
    ],
)  # fmt: skip
def test_sparks_types_pass(text: str) -> None:
    assert type_problem(text) is None


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("strnig", "unknown type 'strnig'", "did you mean string?"),
        ("", "unknown type ''", "known: "),
        ("decimal(39,2)", "not a decimal that Spark can hold", "precision ≤ 38"),
        ("decimal(5,6)", "not a decimal that Spark can hold", "scale ≤ precision"),
        ("decimal(a)", "not a decimal that Spark can hold", "scale ≤ precision"),
        ("varchar", "needs a length", "varchar(20)"),
        ("int(10)", "takes no arguments", "write int"),
        ("array<string", "lacks a bracket", "array<string>"),
        ("array", "lacks a bracket", "array<string>"),
    ],
)
def test_what_is_no_type_is_said(text: str, message: str, remedy: str) -> None:
    problem = type_problem(text)
    assert problem is not None
    assert message in problem[0]
    assert remedy in problem[1]
