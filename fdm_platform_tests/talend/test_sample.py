"""The sample project, wholly in Python: what the handlers' `simulate` make of its data is what was worked out by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fdm_platform.talend.components import HANDLERS
from fdm_platform.talend.conversion import ConversionOptions, JobPlan, convert_job
from fdm_platform.talend.model import TalendJob
from fdm_platform.talend.project import open_project
from fdm_platform.talend.reading import read_job
from fdm_platform.talend.xml import parse

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "talend"
SOURCES = {
    "policies": "policies_20240515.csv",
    "row2": "agents.txt",
    "row10": "context.csv",
}
EXPECTED = {
    "tFileOutputDelimited_1": "policy_20240515.csv",
    "tFileOutputDelimited_2": "agent_summary_20240515.csv",
    "tFileOutputDelimited_3": "rejects_20240515.csv",
}

Rows = Sequence[Mapping[str, object]]


def sample_job(label: str) -> TalendJob:
    project = open_project(EXAMPLE / "SAMPLE")
    ref = next(ref for ref in project.jobs if ref.label == label)
    return read_job(parse(project.read(ref), ref.path), ref)


def plan_of(label: str) -> JobPlan:
    return convert_job(sample_job(label), label, ConversionOptions("GELS", "FPMS", timezone="UTC"))


def simulated(plan: JobPlan) -> dict[str, Rows]:
    """Rows of every view, from the files in `data/in`."""
    rows: dict[str, Rows] = {}
    for conversion in plan.conversions.values():
        handler = HANDLERS[conversion.component.kind]
        if handler.simulate is None:
            continue
        given = {flow: rows[view.name] for flow, view in conversion.around.inputs.items()}
        given |= {source.view: list(_file(source.view)) for source in conversion.converted.sources}
        rows |= handler.simulate(conversion.component, conversion.around, given)
    return rows


def _file(view: str) -> Iterator[Mapping[str, object]]:
    name = SOURCES[view]
    with (EXAMPLE / "data/in" / name).open(encoding="utf-8", newline="") as file:
        if name.endswith(".txt"):
            yield from ({"line": line.rstrip("\n")} for line in file)
        elif name.startswith("context"):
            yield from csv.DictReader(file, ("key", "value"), delimiter=";")
        else:
            yield from csv.DictReader(file, delimiter=";")


def _written(value: object) -> str:
    """As tFileOutputDelimited writes it, dates by the column's pattern, yyyy-MM-dd."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d")
    return f"{value:f}" if isinstance(value, Decimal) else "" if value is None else str(value)


@pytest.mark.parametrize("output", EXPECTED)
def test_policy_load_writes_what_was_worked_out_by_hand(output: str) -> None:
    plan = plan_of("policy_load")
    sink = next(table.sink for table in plan.tables if table.sink.component == output)
    with (EXAMPLE / "expected" / EXPECTED[output]).open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))

    made = simulated(plan)[sink.view.name]

    found = [{column: _written(row[column]) for column in expected[0]} for row in made]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_what_is_left_to_a_person_is_what_the_sample_means_to_leave() -> None:
    plans = {label: plan_of(label) for label in ("policy_load", "premium", "run_all")}

    assert {
        label: [f.component for f in plan.fates if f.outcome == "residue"] for label, plan in plans.items()
    } == {
        "policy_load": ["tJavaRow_1"],
        "premium": [],
        "run_all": [],
    }
    off = [fate.component for fate in plans["policy_load"].fates if fate.outcome == "off"]
    assert off == ["tJava_1"]
