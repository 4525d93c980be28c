"""tUniqRow: the first row of each key, NULLs among them, and the others."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.model import Component
from fdm_platform_tests.talend.components.cases import Case, Incoming
from fdm_platform_tests.talend.components.jobs import component

_ROWS = Incoming(
    "k d:Integer n:Integer",
    [("a", 1, 1), ("A", 1, 2), (None, 1, 3), (None, 1, 4), ("a", 1, 5), ("a", None, 6), ("a", None, 7)],
)


def _key(column: str, *, is_key: bool = True, is_exact: bool = False) -> Mapping[str, str]:
    return {
        "SCHEMA_COLUMN": column,
        "KEY_ATTRIBUTE": str(is_key).lower(),
        "CASE_SENSITIVE": str(is_exact).lower(),
    }


def _uniq(*, is_exact: bool = False, is_once: bool = False) -> Component:
    keys = (_key("k", is_exact=is_exact), _key("d"), _key("n", is_key=False))
    return component(
        "tUniqRow",
        {"FLOW": "k d:Integer n:Integer"},
        {"UNIQUE_KEY": keys, "ONLY_ONCE_EACH_DUPLICATED_KEY": str(is_once).lower()},
    )


_FLOWS = ["row2 UNIQUE", "row3 DUPLICATE"]

CASES = [
    Case(
        "tUniqRow: whatever the letter case",
        _uniq(),
        {"row1": _ROWS},
        _FLOWS,
        {
            "tUniqRow_1": [("a", 1, 1), (None, 1, 3), ("a", None, 6)],
            "tUniqRow_1_duplicate": [("A", 1, 2), (None, 1, 4), ("a", 1, 5), ("a", None, 7)],
        },
    ),
    Case(
        "tUniqRow: by letter case, each duplicate once",
        _uniq(is_exact=True, is_once=True),
        {"row1": Incoming(_ROWS.schema, [*_ROWS.rows, ("a", 1, 8)])},
        _FLOWS,
        {
            "tUniqRow_1": [("a", 1, 1), ("A", 1, 2), (None, 1, 3), ("a", None, 6)],
            "tUniqRow_1_duplicate": [(None, 1, 4), ("a", 1, 5), ("a", None, 7)],
        },
    ),
]
