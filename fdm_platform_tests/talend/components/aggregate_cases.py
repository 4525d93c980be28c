"""tAggregateRow: groups of NULL, empty input, averages over all rows, NULL as a value, lists with `null`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from fdm_platform.talend.model import Component
from fdm_platform_tests.talend.components.cases import Case, Incoming
from fdm_platform_tests.talend.components.jobs import component


def _aggregate(
    schema: str, operations: Sequence[str], groups: Sequence[str] = (), **params: str
) -> Component:
    """Operations as `out=function(in)`, with a `?` after it where nulls are ignored; groups as `out=in`."""
    return component(
        "tAggregateRow",
        {"FLOW": schema},
        {
            "GROUPBYS": tuple(_pair(g) for g in groups),
            "OPERATIONS": tuple(_operation(o) for o in operations),
            "LIST_DELIMITER": '","',
            **params,
        },
    )


def _pair(text: str) -> Mapping[str, str]:
    target, _, source = text.partition("=")
    return {"OUTPUT_COLUMN": target, "INPUT_COLUMN": source or target}


def _operation(text: str) -> Mapping[str, str]:
    target, _, call = text.partition("=")
    function, _, source = call.rstrip("?").rstrip(")").partition("(")
    ignored = "true" if text.endswith("?") else "false"
    return {"OUTPUT_COLUMN": target, "FUNCTION": function, "INPUT_COLUMN": source, "IGNORE_NULL": ignored}


_NUMBERS = Incoming(
    "k n:Integer x:Double t",
    [
        ("a", 1, 1.5, "p"),
        (None, None, None, None),
        ("a", None, None, None),
        ("b", None, None, ""),
        ("a", 4, 0.25, "p"),
        (None, 7, 2.0, "q"),
    ],
)


def _case(name: str, some: Component, flow: Incoming, rows: Sequence[Sequence[object]]) -> Case:
    return Case(f"tAggregateRow: {name}", some, {"row1": flow}, ["row2"], {"tAggregateRow_1": rows})


CASES = [
    _case(
        "counts, of NULLs too",
        _aggregate("k all:Integer some:Long kinds:Integer own:Integer", [
            "all=count(n)", "some=count(n)?", "kinds=distinct(t)", "own=distinct(t)?",
        ], ["k"]),
        _NUMBERS,
        [("a", 3, 2, 2, 1), (None, 2, 1, 2, 1), ("b", 1, 0, 1, 1)],
    ),
    _case(
        "a sum begins with 0, of ignored NULLs alone it is NULL",
        _aggregate("k s:Integer i:Integer p:Integer! x:Double", [
            "s=sum(n)", "i=sum(n)?", "p=sum(n)?", "x=sum(x)",
        ], ["k"]),
        _NUMBERS,
        [("a", 5, 5, 5, 1.75), (None, 7, 7, 7, 2.0), ("b", 0, None, 0, 0.0)],
    ),
    _case(
        "an average is over all rows, cut to whole numbers, and 0 of none",
        _aggregate("k d:Double w:Integer i:Double none:Integer", [
            "d=avg(n)", "w=avg(n)", "i=avg(n)?", "none=avg(n)?",
        ], ["k"]),
        _NUMBERS,
        [("a", 5 / 3, 1, 2.5, 2), (None, 3.5, 3, 7.0, 7), ("b", 0.0, 0, 0.0, 0)],
    ),
    _case(
        "the smallest and largest",
        _aggregate("k low:Integer high:Integer t:String", ["low=min(n)?", "high=max(n)?", "t=max(t)?"], ["k"]),
        _NUMBERS,
        [("a", 1, 4, "p"), (None, 7, 7, "q"), ("b", None, None, "")],
    ),
    _case(
        "the first and last row, and the first and last value",
        _aggregate("k f:Integer l:Integer fi:Integer li:Integer", [
            "f=first(n)", "l=last(n)", "fi=first(n)?", "li=last(n)?",
        ], ["k"]),
        Incoming("k n:Integer", [("a", None), ("a", 2), ("a", 3), ("a", None), ("b", None)]),
        [("a", None, None, 2, 3), ("b", None, None, None, None)],
    ),
    _case(
        "a list has `null` and empty texts in it",
        _aggregate("k l i n", ["l=list(t)", "i=list(t)?", "n=list(n)"], ["k"]),
        Incoming("k t n:Integer", [("a", "", 1), ("a", None, None), ("a", "z", 3), ("b", None, 4)]),
        [("a", ",null,z", ",z", "1,null,3"), ("b", "null", "", "4")],
    ),
    _case(
        "without keys all rows are one group",
        _aggregate("c:Integer s:Integer", ["c=count(n)", "s=sum(n)"]),
        _NUMBERS,
        [(6, 12)],
    ),
    _case(
        "without keys no rows make no row",
        _aggregate("c:Integer s:Integer", ["c=count(n)", "s=sum(n)"]),
        Incoming("n:Integer", []),
        [],
    ),
    _case(
        "with keys no rows make no row",
        _aggregate("k c:Integer", ["c=count(n)"], ["k"]),
        Incoming("k n:Integer", []),
        [],
    ),
    _case(
        "whole numbers wrap",
        _aggregate("i:Integer l:Long", ["i=sum(n)", "l=sum(l)"]),
        Incoming("n:Integer l:Long", [(2147483647, 9223372036854775807), (1, 1)]),
        [(-2147483648, -9223372036854775808)],
    ),
    _case(
        "BigDecimal sums and averages, half up at 10 places",
        _aggregate("s:BigDecimal a:BigDecimal f:Double g:Double", [
            "s=sum(d)", "a=avg(n)", "f=sum(x)", "g=avg(x)",
        ], USE_FINANCIAL_PRECISION="true"),
        Incoming("d:BigDecimal n:Integer x:Double", [
            (Decimal("0.1"), 1, 0.1), (Decimal("0.2"), 0, 0.2), (Decimal(0), 1, 0.7),
        ]),
        [(Decimal("0.3000000000"), Decimal("0.6666666667"), 1.0, 0.3333333333)],
    ),
    _case(
        "an average of long is cut",
        _aggregate("a:Long", ["a=avg(n)"]),
        Incoming("n:Long!", [(-1,), (-2,), (-2,)]),
        [(-1,)],
    ),
    _case(
        "keys by other names, one of them as text, and a column that nothing fills",
        _aggregate("kk t nothing:Integer!", ["c=count(n)"], ["kk=k", "t=n"]),
        Incoming("k n:Integer", [("a", 1), ("a", None), ("a", 1)]),
        [("a", "1", 0), ("a", "null", 0)],
    ),
    _case(
        "a BigDecimal keeps its places and digits, whatever the output's column says",
        _aggregate("k:BigDecimal(4,1) s:BigDecimal(4,1) m:BigDecimal(4,1) c:BigDecimal(4,1)", [
            "s=sum(d)", "m=max(d)", "c=count(d)",
        ], ["k=d"]),
        Incoming("d:BigDecimal(9,3)", [(Decimal("12345.678"),), (Decimal("12345.678"),), (Decimal("0.001"),)]),
        [
            (Decimal("12345.678"), Decimal("24691.356"), Decimal("12345.678"), Decimal(2)),
            (Decimal("0.001"), Decimal("0.001"), Decimal("0.001"), Decimal(1)),
        ],
    ),
]  # fmt: skip
