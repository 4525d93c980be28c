from __future__ import annotations

from fdm_platform.talend.expression import Call, Cast, Ref, Text
from fdm_platform_tests.talend.components.jobs import LINE, around, component, convert, view

_CRITERIA = (
    {"COLNAME": "a", "SORT": "num", "ORDER": "desc"},
    {"COLNAME": "b", "SORT": "alpha", "ORDER": "asc"},
    {"COLNAME": "a", "SORT": "alpha", "ORDER": "asc"},
)


def test_rows_are_in_order_by_the_criteria_then_as_they_came() -> None:
    some = component("tSortRow", params={"CRITERIA": _CRITERIA})

    converted = convert(some, around(some, {"row1": view("tIn_1", "a:Integer b")}, ["row2"]))

    assert converted.fate.outcome == "note"
    assert converted.views["row2"].name == "tIn_1"
    assert converted.views["row2"].order == ((Ref("a"), True), (Ref("b"), False), (Ref(LINE), False))
    assert not converted.notes


def test_what_an_unknown_order_leaves_open_is_said() -> None:
    some = component("tSortRow", params={"CRITERIA": ({"COLNAME": "n", "SORT": "alpha", "ORDER": "asc"},)})
    incoming = view("tIn_1", "n:Integer", is_ordered=False)

    converted = convert(some, around(some, {"row1": incoming}, ["row2"]))

    as_text = Call("coalesce", (Cast(Ref("n"), "string"), Text("null")))
    assert converted.views["row2"].order == ((as_text, False),)
    assert [note.text for note in converted.notes] == [
        "rows with the same values stay in Talend as they arrived; here nothing tells how they did"
    ]


def test_text_is_not_sorted_as_numbers() -> None:
    some = component("tSortRow", params={"CRITERIA": ({"COLNAME": "b", "SORT": "num", "ORDER": "asc"},)})

    converted = convert(some, around(some, {"row1": view("tIn_1", "b")}, ["row2"]))

    assert [r.reason for r in converted.residues] == ["b cannot be sorted as num"]
    assert converted.views["row2"].order is None
