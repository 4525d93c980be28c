"""Components that take text apart, put it together or change it: NULL, empty items, regular expressions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fdm_platform.talend.model import Component, Param
from fdm_platform_tests.talend.components.cases import Case, Incoming
from fdm_platform_tests.talend.components.jobs import component


def _case(name: str, some: Component, flow: Incoming, rows: Sequence[Sequence[object]]) -> Case:
    return Case(f"{some.kind}: {name}", some, {"row1": flow}, ["row2"], {some.unique_name: rows})


def _one(*texts: str | None) -> Incoming:
    return Incoming("t", [(text,) for text in texts])


def _normalize(separator: str = '","', **params: str) -> Component:
    return component(
        "tNormalize", {"FLOW": "k:Integer t"}, {"NORMALIZE_COLUMN": "t", "ITEMSEPARATOR": separator, **params}
    )


_ITEMS = Incoming(
    "k:Integer t", [(1, "a,b"), (2, None), (3, ""), (4, ",, x ,,"), (5, "a,b"), (1, "b"), (6, ",")]
)


def _denormalize(delimiter: str = '";"', merge: str = "false", out: str = "k t") -> Component:
    columns = ({"INPUT_COLUMN": "t", "DELIMITER": delimiter, "MERGE": merge},)
    return component("tDenormalize", {"FLOW": out}, {"DENORMALIZE_COLUMNS": columns})


def _replace(*rows: Sequence[str], is_strict: bool = False) -> Component:
    """Rows of search, replacement and flags: `w` whole word, `c` case-sensitive, `g` glob."""
    substitutions = tuple(
        {
            "INPUT_COLUMN": "t",
            "SEARCH_PATTERN": search,
            "REPLACE_STRING": by,
            "WHOLE_WORD": str("w" in flags).lower(),
            "CASE_SENSITIVE": str("c" in flags).lower(),
            "USE_GLOB": str("g" in flags).lower(),
        }
        for search, by, flags in rows
    )
    params: dict[str, Param] = {
        "SIMPLE_MODE": "true",
        "STRICT_MATCH": str(is_strict).lower(),
        "SUBSTITUTIONS": substitutions,
    }
    return component("tReplace", {"FLOW": "t"}, params)


CASES = [
    _case(
        "NULL is one item, and so is an empty text",
        _normalize(),
        _ITEMS,
        [
            (1, "a"), (1, "b"), (2, None), (3, ""), (4, ""), (4, ""), (4, " x "), (4, ""), (4, ""),
            (5, "a"), (5, "b"), (1, "b"), (6, ""), (6, ""),
        ],
    ),
    _case(
        "empty items at the end are discarded, and a row of such alone",
        _normalize(DISCARD_TRAILING_EMPTY_STR="true"),
        _ITEMS,
        [(1, "a"), (1, "b"), (2, None), (4, ""), (4, ""), (4, " x "), (5, "a"), (5, "b"), (1, "b")],
    ),
    _case(
        "items are trimmed, then each is taken once",
        _normalize(TRIM="true", DEDUPLICATE="true"),
        _ITEMS,
        [(1, "a"), (1, "b"), (2, None), (3, ""), (4, ""), (4, "x"), (5, "a"), (5, "b"), (6, "")],
    ),
    _case(
        "a separator is a regular expression",
        _normalize('"[;|]+"'),
        Incoming("k:Integer t", [(1, "a;|b|c")]),
        [(1, "a"), (1, "b"), (1, "c")],
    ),
    _case(
        "values are joined as they come, NULL as `null`",
        _denormalize(),
        Incoming("k t", [("a", "x"), (None, "q"), ("a", None), ("b", ""), ("a", "x"), ("b", ""), (None, "p")]),
        [("a", "x;null;x"), (None, "q;p"), ("b", ";")],
    ),
    _case(
        "merged values are taken once",
        _denormalize(merge="true"),
        Incoming("k t", [("a", "y"), ("a", "x"), ("a", None), ("a", "y"), ("a", None)]),
        [("a", "y;x;null")],
    ),
    _case(
        "without other columns all rows are one",
        _denormalize(out="t"),
        _one("b", "a"),
        [("b;a",)],
    ),
    _case("without rows there is none", _denormalize(out="t"), _one(), []),
    _case(
        "regular expressions, whatever the letter case",
        _replace(('"a(.)"', '"<$1>"', "")),
        _one("abAc", "x", None, ""),
        [("<b><c>",), ("x",), (None,), ("",)],
    ),
    _case(
        "one after the other, the whole text, letter case",
        _replace(('"a"', '"b"', "c"), ('"b+"', '"c"', "wc")),
        _one("ab", "aba", "Ab", "abx"),
        [("c",), ("c",), ("Ab",), ("bbx",)],
    ),
    _case(
        "NULL for what matches, a text for NULL",
        _replace(('"n/?a"', "null", ""), ("null", '"none"', "")),
        _one("N/A", "na", "x", None),
        [("none",), ("none",), ("x",), ("none",)],
    ),
    _case(
        "a glob",
        _replace(('"a*c?"', '"-"', "gc")),
        _one("xabbcd", "a.c"),
        [("x-",), ("a.c",)],
    ),
    _case(
        "strictly: no regular expressions",
        _replace(('"a.c"', '"$1"', "c"), ('"X\\\\(y"', '"b"', ""), is_strict=True),
        _one("a.c abc", "x\\(Yz", None),
        [("$1 abc",), ("bz",), (None,)],
    ),
    _case(
        "strictly: the whole text",
        _replace(('"null"', "null", "w"), is_strict=True),
        _one("NULL", "nulls", None),
        [(None,), ("nulls",), (None,)],
    ),
    _case(
        "the advanced mode, by other columns",
        component(
            "tReplace",
            {"FLOW": "t"},
            {
                "ADVANCED_MODE": "true",
                "ADVANCED_SUBST": (
                    {"INPUT_COLUMN": "t", "SEARCH_COLUMN": '"_"', "REPLACE_COLUMN": "row1.by"},
                    {"INPUT_COLUMN": "by", "SEARCH_COLUMN": '"."', "REPLACE_COLUMN": '"*"'},
                ),
            },
        ),
        Incoming("t by", [("a_b_", "-"), ("a_b", None), (None, "x")]),
        [("a-b-", "*"), ("anullb", None), (None, "*")],
    ),
    _case(
        "dates are joined by the column's pattern",
        component(
            "tDenormalize",
            {"FLOW": "t"},
            {"DENORMALIZE_COLUMNS": ({"INPUT_COLUMN": "t", "DELIMITER": '" "', "MERGE": "false"},)},
        ),
        Incoming('t:Date"dd/MM/yyyy"', [(datetime(2024, 5, 1),), (None,)]),  # noqa: DTZ001 - wall clock
        [("01/05/2024 null",)],
    ),
]  # fmt: skip
