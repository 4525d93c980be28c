from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fdm_platform.talend.components.outputs import stored
from fdm_platform.talend.model import Column, Component, Param
from fdm_platform.talend.plan import SqlColumn, View
from fdm_platform_tests.talend.components.jobs import around, component, convert, hql, view

_IN = {"row1": view("tMap_1_out1", "id:Integer! amount:Double x")}


@pytest.mark.parametrize(
    ("kind", "params", "action", "outcome"),
    [
        ("tFileOutputDelimited", {}, "insert", "output"),
        ("tFileOutputDelimited", {"APPEND": "true"}, "append", "output"),
        ("tFileOutputORC", {"FOLDER": '"/out"'}, "insert", "output"),
        ("tMysqlOutput", {"DATA_ACTION": "INSERT"}, "insert", "output"),
        ("tOracleOutput", {"DATA_ACTION": "INSERT_OR_UPDATE"}, "upsert", "output"),
        ("tMSSqlOutput", {"DATA_ACTION": "UPDATE"}, "update", "residue"),
        ("tPostgresqlOutput", {"DATA_ACTION": "DELETE"}, "delete", "residue"),
        ("tKuduOutput", {"DATA_ACTION": "SOMETHING_NEW"}, "update", "residue"),
    ],
)
def test_what_an_output_does_with_its_rows(
    kind: str, params: Mapping[str, Param], action: str, outcome: str
) -> None:
    some = component(kind, {"FLOW": "id:Integer!* amount:Double"}, params)

    converted = convert(some, around(some, _IN, []))

    assert converted.sink
    assert (converted.sink.action, converted.fate.outcome) == (action, outcome)
    assert bool(converted.residues) == (outcome == "residue")
    assert [c.name for c in converted.sink.columns] == ["id", "amount"]
    assert converted.sink.keys == ("id",)


@pytest.mark.parametrize(
    ("action", "unique", "expected"),
    [
        (
            "INSERT_OR_UPDATE",
            frozenset[frozenset[str]](),
            ["(SELECT count(*) FROM (SELECT id FROM tMap_1_out1 GROUP BY id HAVING count(*) > 1)) = 0"],
        ),
        ("INSERT_OR_UPDATE", frozenset({frozenset({"id"})}), []),
        ("INSERT", frozenset[frozenset[str]](), []),
    ],
)
def test_rows_of_one_key_of_which_talend_keeps_the_last_keep_the_date_from_being_published(
    action: str, unique: frozenset[frozenset[str]], expected: list[str]
) -> None:
    some = component("tOracleOutput", {"FLOW": "id:Integer!* amount:Double"}, {"DATA_ACTION": action})
    views = {"row1": replace(_IN["row1"], unique=unique)}

    checks = convert(some, around(some, views, [])).checks

    assert [check.spec["expect"] for check in checks] == expected
    assert {check.reads for check in checks} <= {("tMap_1_out1",)}


def test_a_column_that_does_not_come_in_is_left_to_a_person() -> None:
    some = component("tFileOutputDelimited", {"FLOW": "id:Integer gone"})

    converted = convert(some, around(some, _IN, []))

    assert [r.place for r in converted.residues] == ["gone"]


def test_what_comes_out_of_an_output_is_what_came_in_and_no_rejects() -> None:
    some = component("tMysqlOutput", {"FLOW": "id:Integer", "REJECT": "id:Integer errorMessage"})

    converted = convert(some, around(some, _IN, ["row2", "row3 REJECT"]))

    assert converted.views["row2"] == _IN["row1"]
    assert hql(converted)["tMysqlOutput_1_reject"].endswith("FROM tMap_1_out1 AS row1 WHERE FALSE")


def test_keys_are_those_of_the_field_options_where_they_are_used() -> None:
    options = (
        {"SCHEMA_COLUMN": "amount", "UPDATE_KEY": "true"},
        {"SCHEMA_COLUMN": "id", "UPDATE_KEY": "false"},
    )
    params: Mapping[str, Param] = {
        "DATA_ACTION": "UPDATE",
        "USE_FIELD_OPTIONS": "true",
        "FIELD_OPTIONS": options,
    }
    some = component("tMysqlOutput", {"FLOW": "id:Integer* amount:Double"}, params)

    converted = convert(some, around(some, _IN, []))

    assert converted.sink
    assert converted.sink.keys == ("amount",)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('"dd-MM-yyyy"', "date"),
        ('"dd-MM-yyyy HH:mm"', "timestamp"),
        ("\"yyyy-MM-dd'T'\"", "date"),
        (None, "timestamp"),
    ],
)
def test_a_date_is_stored_without_the_time_that_its_pattern_does_not_show(
    pattern: str | None, expected: str
) -> None:
    assert stored(SqlColumn("d", "id_Date", "timestamp", pattern=pattern)).spark_type == expected


@pytest.mark.parametrize(
    ("incoming", "places", "expected"),
    [
        ("decimal(38,18)", 2, "decimal(38,2)"),
        ("decimal(14,2)", 2, "decimal(14,2)"),
        ("decimal(38,18)", None, "decimal(38,18)"),
        ("decimal(38,18)", 0, "decimal(38,0)"),
        ("int", 2, "int"),
    ],
)
def test_a_decimal_is_stored_with_the_places_of_its_column(
    incoming: str, places: int | None, expected: str
) -> None:
    schema = (Column("a", "id_BigDecimal", nullable=True, length=12, precision=places),)
    some = Component("tMysqlOutput_1", "tMysqlOutput", schemas={"FLOW": schema})
    flow = View("v", (SqlColumn("a", "id_BigDecimal", incoming),))

    converted = convert(some, around(some, {"row1": flow}, []))

    assert converted.sink
    assert [c.spark_type for c in converted.sink.columns] == [expected]
