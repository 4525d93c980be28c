from __future__ import annotations

import pytest

from fdm_platform_tests.talend.components.jobs import around, component, convert, hql, view


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("tLogRow", "note"), ("tReplicate", "step"), ("tFilterColumns", "step"), ("tDummyRow", "off")],
)
def test_the_same_columns_are_read_from_the_view_that_came_in(kind: str, outcome: str) -> None:
    incoming = view("tIn_1", "a:Integer b")
    some = component(kind, {"FLOW": "a:Integer b"})

    converted = convert(some, around(some, {"row1": incoming}, ["row2", "row3"]))

    assert converted.fate.outcome == outcome
    assert not converted.steps
    assert converted.views == {"row2": incoming, "row3": incoming}


def test_columns_are_chosen_by_name_and_others_have_the_default_of_their_type() -> None:
    some = component("tFilterColumns", {"FLOW": "c:Integer! b a:Integer d:Date"})

    converted = convert(some, around(some, {"row1": view("tIn_1", "a:Integer b x")}, ["row2"]))

    assert hql(converted) == {
        "tFilterColumns_1": "SELECT CAST(0 AS INT) AS c, row1.b, row1.a, CAST(NULL AS TIMESTAMP) AS d,"
        " row1._line FROM tIn_1 AS row1"
    }
    assert [c.name for c in converted.views["row2"].columns] == ["c", "b", "a", "d"]
    assert converted.views["row2"].order == view("tIn_1", "a").order


def test_a_component_into_which_nothing_flows_is_left_to_a_person() -> None:
    some = component("tReplicate", {"FLOW": "a:Integer"})

    converted = convert(some, around(some, {}, ["row2"]))

    assert converted.fate.outcome == "residue"
    assert "/* TODO tReplicate: no flow comes in" in hql(converted)["tReplicate_1"]


def test_names_that_differ_by_letter_case_alone_do_not_meet_in_sql() -> None:
    some = component("tFilterColumns", {"FLOW": "Id:Integer id"})

    converted = convert(some, around(some, {"row1": view("tIn_1", "id Id:Integer x")}, ["row2"]))

    assert (
        hql(converted)["tFilterColumns_1"]
        == "SELECT row1.Id_2 AS Id, row1.id AS id_2, row1._line FROM tIn_1 AS row1"
    )
