from __future__ import annotations

from collections.abc import Mapping

import pytest

from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import View
from fdm_platform_tests.talend.components.jobs import around, component, convert, hql, simulate, view

_ROWS = (
    {"k": "a", "n": 1, "_line": 1},
    {"k": "A", "n": 2, "_line": 0},
    {"k": None, "n": 3, "_line": 2},
    {"k": None, "n": 4, "_line": 3},
    {"k": "a", "n": 5, "_line": 4},
)


def _uniq(is_case_sensitive: str = "false", **further: str) -> Component:
    keys = (
        {"SCHEMA_COLUMN": "k", "KEY_ATTRIBUTE": "true", "CASE_SENSITIVE": is_case_sensitive},
        {"SCHEMA_COLUMN": "n", "KEY_ATTRIBUTE": "false", "CASE_SENSITIVE": "false"},
    )
    return component("tUniqRow", params={"UNIQUE_KEY": keys, **further})


def _around(some: Component, incoming: View) -> Around:
    return around(some, {"row1": incoming}, ["row2 UNIQUE", "row3 DUPLICATE"])


@pytest.mark.parametrize(
    ("params", "unique", "duplicate"),
    [
        ({}, [2, 3], [1, 4, 5]),
        ({"ONLY_ONCE_EACH_DUPLICATED_KEY": "true"}, [2, 3], [1, 4]),
        ({"is_case_sensitive": "true"}, [2, 1, 3], [4, 5]),
    ],
)
def test_the_first_row_of_a_key_is_its_unique_one(
    params: Mapping[str, str], unique: list[int], duplicate: list[int]
) -> None:
    some = _uniq(**params)

    made = simulate(some, _around(some, view("tIn_1", "k n:Integer")), {"row1": _ROWS})

    assert [row["n"] for row in made["tUniqRow_1"]] == unique
    assert [row["n"] for row in made["tUniqRow_1_duplicate"]] == duplicate


def test_rows_are_numbered_in_the_order_of_the_flow() -> None:
    some = _uniq()

    converted = convert(some, _around(some, view("tIn_1", "k n:Integer")))

    inner = (
        "SELECT row1.k, row1.n, row1._line,"
        " row_number() OVER (PARTITION BY lower(row1.k) ORDER BY _line) AS _n FROM tIn_1 AS row1"
    )
    assert hql(converted)["tUniqRow_1"].endswith(f"( {inner} ) AS row1 WHERE row1._n = 1")
    assert hql(converted)["tUniqRow_1_duplicate"].endswith("WHERE row1._n > 1")
    assert converted.views["row2"].unique == {frozenset({"k"})}
    assert converted.views["row3"].unique == frozenset()


def test_an_order_that_is_not_known_is_left_to_a_person() -> None:
    some = _uniq()

    converted = convert(some, _around(some, view("tIn_1", "k n:Integer", is_ordered=False)))

    assert "ORDER BY CAST(NULL AS STRING) /* TODO order of rows" in hql(converted)["tUniqRow_1"]
    assert [residue.place for residue in converted.residues] == ["order of rows"]


def test_rows_that_are_all_alike_need_no_order() -> None:
    keys = ({"SCHEMA_COLUMN": "k", "KEY_ATTRIBUTE": "true", "CASE_SENSITIVE": "true"},)
    some = component("tUniqRow", params={"UNIQUE_KEY": keys})

    converted = convert(some, _around(some, view("tIn_1", "k", is_ordered=False)))

    assert not converted.residues
    assert "ORDER BY row1.k" in hql(converted)["tUniqRow_1"]


def test_without_a_key_every_row_goes_everywhere() -> None:
    some = component("tUniqRow", params={"UNIQUE_KEY": ({"SCHEMA_COLUMN": "k", "KEY_ATTRIBUTE": "false"},)})
    incoming = view("tIn_1", "k")

    converted = convert(some, _around(some, incoming))

    assert converted.views == {"row2": incoming, "row3": incoming}
