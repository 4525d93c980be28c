"""How a tMap's SQL looks; what it does to rows is in tmap_cases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fdm_platform.talend.model import MapInput, MapOutput
from fdm_platform_tests.talend.components.jobs import around, convert, hql, view
from fdm_platform_tests.talend.components.tmap_cases import entries, looked_up, tmap

_OUT = (MapOutput("out1", entries("id = row1.id; name = row2.name")), "id:Integer name")
_VIEWS = {"row1": view("in_1", "id:Integer a:Integer!"), "row2": view("in_2", "id:Integer name")}


def test_one_flow_is_one_select_whose_lookup_gives_the_last_row_of_a_key() -> None:
    some = tmap([MapInput("row1"), looked_up("row2", "id = row1.id", is_inner=True)], [_OUT])

    made = hql(convert(some, around(some, _VIEWS, ["out1"])))

    assert made == {
        "tMap_1_out1": "SELECT row1.id, row2.name FROM in_1 AS row1 JOIN ( SELECT row2.id, row2.name,"
        " row_number() OVER (PARTITION BY row2.id ORDER BY _line DESC) AS _n FROM in_2 AS row2 ) AS row2"
        " ON row1.id <=> row2.id AND row2._n = 1"
    }


def test_where_nothing_tells_the_order_a_key_with_different_rows_fails_the_date() -> None:
    some = tmap([MapInput("row1"), looked_up("row2", "id = row1.id")], [_OUT])
    views = {**_VIEWS, "row2": view("in_2", "id:Integer name", is_ordered=False)}

    converted = convert(some, around(some, views, ["out1"]))

    sql = hql(converted)["tMap_1_out1"]
    assert "FROM (SELECT DISTINCT row2.id, row2.name FROM in_2 AS row2) AS row2" in sql
    assert (
        "WHEN row2._n > 1 THEN raise_error('tMap_1.row2: several rows have one key; Talend takes the last')"
        in sql
    )
    assert [n.text for n in converted.notes if n.text.startswith("row2: nothing tells the order")]
    assert not converted.residues


def test_a_primary_key_needs_no_order() -> None:
    some = tmap([MapInput("row1"), looked_up("row2", "id = row1.id")], [_OUT])
    known = replace(view("in_2", "id:Integer name", is_ordered=False), unique=frozenset({frozenset({"id"})}))

    converted = convert(some, around(some, {**_VIEWS, "row2": known}, ["out1"]))

    assert hql(converted)["tMap_1_out1"].endswith("LEFT JOIN in_2 AS row2 ON row1.id <=> row2.id")


def test_what_cannot_be_translated_is_a_todo_and_a_residue_with_its_place() -> None:
    out = (MapOutput("out1", entries("id = routines.Own.check(row1.id)"), filter="row1.a > 1"), "id:Integer")
    some = tmap([MapInput("row1")], [out])

    converted = convert(some, around(some, _VIEWS, ["out1"]))

    assert "CAST(NULL AS INT) /* TODO routines.Own.check(row1.id)" in hql(converted)["tMap_1_out1"]
    assert [(r.place, r.expression) for r in converted.residues] == [
        ("out1.id", "routines.Own.check(row1.id)")
    ]
    assert converted.fate.outcome == "step"


@pytest.mark.parametrize(
    ("some", "reason"),
    [
        (replace(tmap([MapInput("row1")], [_OUT]), map=None), "saved in the way of Talend before 4"),
        (
            replace(tmap([MapInput("row1")], [_OUT]), params={"LEVENSHTEIN": "2"}),
            "looks up texts that are alike",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_sql_does_is_left_to_a_person(some: object, reason: str) -> None:
    converted = convert(some, around(some, _VIEWS, ["out1"]))  # type: ignore[arg-type]

    assert converted.fate.outcome == "residue"
    assert reason in converted.fate.detail
    assert "TODO" in hql(converted)["tMap_1"]


def test_a_lookup_that_is_read_anew_for_each_row_is_left_to_a_person() -> None:
    lookup = looked_up("row2", "id = row1.id", lookup_mode="RELOAD", map_keys=entries("wanted = row1.id"))
    some = tmap([MapInput("row1"), lookup], [_OUT])

    converted = convert(some, around(some, _VIEWS, ["out1"]))

    assert [(r.place, r.expression) for r in converted.residues] == [("lookup row2", "wanted = row1.id")]


def test_flows_and_columns_that_differ_by_letter_case_alone_do_not_meet() -> None:
    outputs = [
        (
            MapOutput("out1", entries("x = row1.id; y = row1.ID; z = Row1.id")),
            "x:Integer y:Integer z:Integer",
        ),
        (MapOutput("Out1", entries("x = row1.id"), filter="row1.ID > 1"), "x:Integer"),
    ]
    some = tmap([MapInput("row1"), looked_up("Row1", "id = row1.id", "ALL_MATCHES")], outputs)
    views = {"row1": view("in_1", "id:Integer ID:Integer!"), "Row1": view("in_2", "id:Integer")}

    made = hql(convert(some, around(some, views, ["out1", "Out1"])))

    assert made["tMap_1"] == (
        "SELECT row1.id AS row1__id, row1.ID_2 AS row1__ID_2, Row1_2.id AS Row1__id_3"
        " FROM in_1 AS row1 LEFT JOIN in_2 AS Row1_2 ON row1.id <=> Row1_2.id"
    )
    assert made["tMap_1_out1"] == "SELECT row1__id AS x, row1__ID_2 AS y, Row1__id_3 AS z FROM tMap_1"
    assert len({name.lower() for name in made}) == len(made)
