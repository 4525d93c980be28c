from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fdm_platform.talend.components.global_map import global_constants
from fdm_platform.talend.expression import Text
from fdm_platform.talend.flow import flow_of
from fdm_platform.talend.model import Component, Link, Param, TalendJob
from fdm_platform_tests.talend.components.jobs import around, columns, component, convert, hql, view

_IN = {"row1": view("tFilterRow_1_reject", "id:Integer")}


@pytest.mark.parametrize(("kind", "severity"), [("tDie", "error"), ("tWarn", "warn")])
def test_rows_that_reach_the_end_of_a_job_are_a_check(kind: str, severity: str) -> None:
    some = component(kind, params={"MESSAGE": '"bad " + "rows"'})

    converted = convert(some, around(some, _IN, []))

    assert converted.fate.outcome == "check"
    (check,) = converted.checks
    assert check.spec == {
        "name": f"{kind}_1",
        "severity": severity,
        "expect": "(SELECT count(*) FROM tFilterRow_1_reject) = 0",
        "description": "bad rows",
    }
    assert check.reads == ("tFilterRow_1_reject",)


@pytest.mark.parametrize(
    ("kind", "trigger", "outcome"),
    [
        ("tDie", "COMPONENT_ERROR", "note"),
        ("tDie", "SUBJOB_OK", "residue"),
        ("tWarn", "SUBJOB_OK", "note"),
    ],
)
def test_the_end_of_a_job_without_rows(kind: str, trigger: str, outcome: str) -> None:
    some = component(kind, params={"MESSAGE": '"stop"'})
    surroundings = around(some, {}, [])
    job = replace(surroundings.job, links=(Link("t", trigger, "tJava_1", some.unique_name),))

    converted = convert(some, replace(surroundings, job=job))

    assert converted.fate.outcome == outcome
    assert bool(converted.residues) == (outcome == "residue")


_CHILD: Mapping[str, Param] = {
    "PROCESS": "child",
    "PROCESS:PROCESS_TYPE_PROCESS": "_id",
    "DIE_ON_CHILD_ERROR": "true",
}


@pytest.mark.parametrize(
    ("params", "inputs", "outcome", "reasons"),
    [
        ({}, {}, "dependency", []),
        (
            {"CONTEXTPARAMS": ({"PARAM_NAME_COLUMN": "a", "PARAM_VALUE_COLUMN": "context.a"},)},
            {},
            "dependency",
            [],
        ),
        (
            {"CONTEXTPARAMS": ({"PARAM_NAME_COLUMN": "a", "PARAM_VALUE_COLUMN": "row1.x"},)},
            {},
            "dependency",
            ["child is given a value that is made at run time"],
        ),
        ({}, _IN, "residue", ["it runs child once for each row"]),
        (
            {"USE_DYNAMIC_JOB": "true"},
            {},
            "residue",
            ["which job it runs is known only when it runs"],
        ),
        ({"PROCESS": "job"}, {}, "dependency", ["the job runs itself"]),
    ],
)
def test_a_job_that_another_runs(
    params: Mapping[str, Param], inputs: Mapping[str, object], outcome: str, reasons: list[str]
) -> None:
    some = component("tRunJob", params={**_CHILD, **params})

    converted = convert(some, around(some, _IN if inputs else {}, []))

    assert converted.fate.outcome == outcome
    assert [r.reason for r in converted.residues] == reasons


@pytest.mark.parametrize(
    "kind", ["tMysqlConnection", "tOracleCommit", "tMSSqlClose", "tPrejob", "tPostjob", "tMsgBox"]
)
def test_what_does_nothing_to_rows_is_a_note(kind: str) -> None:
    some = component(kind)

    assert convert(some, around(some, {}, [])).fate.outcome == "note"


def test_java_is_left_to_a_person_with_its_code() -> None:
    some = component("tJavaRow", {"FLOW": "a:Integer"}, {"CODE": "output_row.a = input_row.id;"})

    converted = convert(some, around(some, _IN, ["row2"]))

    (residue,) = converted.residues
    assert residue.expression == "output_row.a = input_row.id;"
    assert (
        "CAST(NULL AS INT) /* TODO tJavaRow: it is Java code of the job */ AS a"
        in hql(converted)["tJavaRow_1"]
    )


def _set(*rows: tuple[str, str], name: str = "tSetGlobalVar_1") -> Component:
    return Component(
        name, "tSetGlobalVar", params={"VARIABLES": tuple({"KEY": k, "VALUE": v} for k, v in rows)}
    )


def test_constants_that_are_set_once_are_known() -> None:
    job = TalendJob(
        "job",
        "0.1",
        "job_0.1.item",
        components=(
            _set(('"a"', '"x"'), ('"twice"', "1"), ('"own"', "routines.Own.get()")),
            _set(('"twice"', "2"), name="tSetGlobalVar_2"),
            _set(('"fed"', '"y"'), name="tSetGlobalVar_3"),
        ),
        links=(Link("row1", "FLOW", "tIn_1", "tSetGlobalVar_3"),),
    )

    found = global_constants(job, {})

    assert {key: value.sql for key, value in found.items()} == {"a": Text("x")}


def test_rows_in_memory_are_a_view_by_the_name_of_what_keeps_them() -> None:
    first = Component("tHashOutput_1", "tHashOutput", schemas={"FLOW": columns("id:Integer")})
    second = Component(
        "tHashOutput_2",
        "tHashOutput",
        params={"LINK_WITH": "true", "LIST": "tHashOutput_1", "APPEND": "true"},
        schemas={"FLOW": columns("id:Long")},
    )
    reader = Component(
        "tHashInput_1",
        "tHashInput",
        params={"LIST": "tHashOutput_1"},
        schemas={"FLOW": columns("id:Integer")},
    )
    surroundings = around(reader, {}, ["row2"])
    job = replace(surroundings.job, components=(reader, second, first))

    converted = convert(reader, replace(surroundings, job=job))

    assert hql(converted) == {
        "tHashInput_1": "SELECT CAST(tHashInput_1.id AS INT) AS id FROM tHashOutput_2 AS tHashInput_1"
        " UNION ALL SELECT tHashInput_1.id FROM tHashOutput_1 AS tHashInput_1"
    }
    assert [c.unique_name for c in flow_of(job).ordered] == ["tHashOutput_2", "tHashOutput_1", "tHashInput_1"]
    assert hql(convert(first, around(first, _IN, [])))["tHashOutput_1"].startswith("SELECT row1.id")
