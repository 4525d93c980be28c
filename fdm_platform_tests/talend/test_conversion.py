"""A job's components as tables: one fate each, and what lies between components."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.conversion import ConversionOptions, JobPlan, convert_job
from fdm_platform.talend.expression import Number
from fdm_platform.talend.model import Column, Component, Link, TalendJob
from fdm_platform.talend.plan import Converted, Fate, Output, Select, Step
from fdm_platform.talend.sql import to_sql

SCHEMA = {"FLOW": (Column("id", "id_String", nullable=True), Column("biz_dt", "id_Date", nullable=True))}
OPTIONS = ConversionOptions("GELS", "FPMS")


def component(name: str, *, is_active: bool = True, **params: str) -> Component:
    kind = name.rpartition("_")[0]
    return Component(name, kind, params=params, schemas=SCHEMA, is_active=is_active)


def flow(name: str, source: str, target: str, connector: str = "FLOW", condition: str | None = None) -> Link:
    return Link(name, connector, source, target, condition=condition)


def plan(*parts: Component | Link, handlers: Mapping[str, Handler] | None = None) -> JobPlan:
    job = TalendJob(
        "load",
        "0.1",
        "process/load_0.1.item",
        components=tuple(p for p in parts if isinstance(p, Component)),
        links=tuple(p for p in parts if isinstance(p, Link)),
    )
    return convert_job(job, "load", OPTIONS, **({"handlers": handlers} if handlers else {}))


IN = component("tFileInputDelimited_1", FILENAME='"a.csv"', FIELDSEPARATOR='";"')
OUT = component("tFileOutputDelimited_1", FILENAME='"out/b.csv"')
PAIR = (IN, OUT, flow("row1", "tFileInputDelimited_1", "tFileOutputDelimited_1"))


def outcomes(made: JobPlan) -> dict[str, str]:
    return {f.component: f.outcome for f in made.fates}


def test_a_step_takes_the_sinks_columns_and_the_date() -> None:
    (table,) = plan(*PAIR).tables
    assert [s.view for s in table.sources] == ["row1"]
    assert to_sql(table.steps[-1].select).splitlines() == [
        "-- tFileOutputDelimited_1: the table's rows",
        "SELECT",
        "  row1.id,",
        "  CAST(row1.biz_dt AS DATE) AS biz_dt",
        "FROM tFileInputDelimited_1 AS row1",
    ]


def test_rows_that_reach_no_output_are_noted_and_not_counted() -> None:
    made = plan(
        *PAIR,
        component("tFileInputDelimited_2", FILENAME='"b.csv"'),
        component("tLogRow_1"),
        flow("row2", "tFileInputDelimited_2", "tLogRow_1"),
    )
    assert outcomes(made)["tFileInputDelimited_2"] == "note"
    assert len(made.tables) == 1
    assert [s.view for s in made.tables[0].sources] == ["row1"]


def test_what_is_switched_off_takes_what_follows_with_it() -> None:
    made = plan(
        *PAIR,
        component("tFileInputDelimited_2", is_active=False),
        component("tLogRow_1"),
        component("tJava_1"),
        flow("row2", "tFileInputDelimited_2", "tLogRow_1"),
        flow("row3", "tLogRow_1", "tJava_1"),
    )
    off = {n for n, o in outcomes(made).items() if o == "off"}
    assert off == {"tFileInputDelimited_2", "tLogRow_1", "tJava_1"}


@pytest.mark.parametrize(
    ("connector", "text"),
    [
        ("ITERATE", "once for each item of tFileList_1"),
        ("RUN_IF", "only if a condition holds when tFileList_1 has ended"),
        ("SUBJOB_ERROR", "only when tFileList_1 has failed"),
        ("COMPONENT_ERROR", "only when tFileList_1 has failed"),
        ("SUBJOB_OK", None),
    ],
)
def test_what_lies_between_components_is_told(connector: str, text: str | None) -> None:
    start = flow("x", "tFileList_1", "tFileInputDelimited_1", connector, condition="context.a > 1")
    made = plan(*PAIR, component("tFileList_1"), start)
    told = [r for r in made.residues if r.component == "tFileInputDelimited_1"]
    assert [text in r.reason for r in told if text] == ([True] if text else [])
    assert not text or told[0].expression == "context.a > 1"


def test_an_unknown_component_and_one_that_surprises_are_residues() -> None:
    def fail(_component: Component, _around: Around) -> Converted:
        raise KeyError("FILENAME")

    handlers = {"tFileInputDelimited": Handler(fail)}
    made = plan(*PAIR, handlers=handlers)
    assert outcomes(made) == {"tFileInputDelimited_1": "residue", "tFileOutputDelimited_1": "residue"}
    reasons = {r.component: r.reason for r in made.residues}
    assert "the importer failed on it: KeyError: 'FILENAME'" in reasons["tFileInputDelimited_1"]
    assert "tFileOutputDelimited is not among the known" in reasons["tFileOutputDelimited_1"]
    (table,) = made.tables
    assert "/* TODO " in to_sql(table.steps[0].select)


def test_the_longest_way_is_the_main_table_and_rejects_are_not() -> None:
    made = plan(
        IN,
        component("tFilterRow_1", LOGICAL_OP="&&"),
        component("tSortRow_1"),
        component(
            "tFileOutputDelimited_1", FILENAME='context.dir + "/rejects_" + TalendDate.getDate("yyyyMMdd")'
        ),
        component("tFileOutputDelimited_2", FILENAME='"good.csv"'),
        flow("row1", "tFileInputDelimited_1", "tFilterRow_1"),
        flow("bad", "tFilterRow_1", "tSortRow_1", "REJECT"),
        flow("bad2", "tSortRow_1", "tFileOutputDelimited_1"),
        flow("good", "tFilterRow_1", "tFileOutputDelimited_2", "FILTER"),
    )
    assert [(t.name, t.sink.component, t.is_main) for t in made.tables] == [
        ("t_load", "tFileOutputDelimited_2", True),
        ("t_load_rejects", "tFileOutputDelimited_1", False),
    ]


def test_two_components_that_would_make_one_view_are_refused() -> None:
    def convert(component: Component, _around: Around) -> Converted:
        step = Step("same", Select((Output("a", Number(1)),), None), component.unique_name)
        return Converted(Fate(component.unique_name, component.kind, "step"), steps=(step,))

    with pytest.raises(ImportRefusedError, match="tA_1 and tA_2 would both make the view same"):
        plan(component("tA_1"), component("tA_2"), handlers={"tA": Handler(convert)})


def test_an_output_without_columns_is_no_table() -> None:
    bare = Component("tFileOutputDelimited_1", "tFileOutputDelimited", schemas={"FLOW": ()})
    source = Component("tWeird_1", "tWeird", schemas={"FLOW": ()})
    made = plan(source, bare, flow("row1", "tWeird_1", "tFileOutputDelimited_1"))
    assert made.tables == ()
    assert any("no column" in r.reason for r in made.residues)
