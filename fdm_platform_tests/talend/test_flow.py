"""How a job's components hang together: order, what comes before, and rows that flow in a circle."""

from __future__ import annotations

import pytest

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.flow import JobFlow, flow_of
from fdm_platform.talend.model import Component, Link, MapData, MapInput, MapOutput, TalendJob


def flow(components: str, links: str, **maps: MapData) -> JobFlow:
    """`a b -c`, the last one switched off; `row1:a>b`, `row2:a>b LOOKUP`, `row3:a>b 2` (merged), `x:a>b RUN_IF`."""
    made = tuple(_component(text, maps) for text in components.split())
    return flow_of(
        TalendJob("j", "0.1", "j_0.1.item", components=made, links=tuple(map(_link, links.split(", "))))
    )


def _component(text: str, maps: dict[str, MapData]) -> Component:
    name = text.removeprefix("-")
    return Component(name, name.rpartition("_")[0] or name, map=maps.get(name), is_active=text == name)


def _link(text: str) -> Link:
    ends, _, what = text.partition(" ")
    name, _, rest = ends.partition(":")
    source, _, target = rest.partition(">")
    order = int(what) if what.isdigit() else 0
    connector = "FLOW" if not what or what == "LOOKUP" or order else what
    return Link(name, connector, source, target, is_lookup=what == "LOOKUP", order=order)


def names(found: tuple[Component, ...]) -> list[str]:
    return [component.unique_name for component in found]


def test_components_come_after_those_that_feed_them_else_as_in_the_job() -> None:
    found = flow("out map look in alone", "row1:in>map, row2:look>map LOOKUP, row3:map>out")

    assert names(found.ordered) == ["look", "in", "alone", "map", "out"]
    assert found.ancestors("out") == {"map", "in", "look"}
    assert found.ancestors("in") == frozenset()


def test_the_main_flow_comes_first_and_lookups_as_the_map_has_them() -> None:
    data = MapData((MapInput("main"), MapInput("b"), MapInput("a")), (), ())
    found = flow("x y z m", "a:x>m LOOKUP, b:y>m LOOKUP, main:z>m", m=data)

    assert [link.name for link in found.inputs_of("m")] == ["main", "b", "a"]


def test_merged_flows_come_in_their_order() -> None:
    found = flow("x y z u", "c:x>u 3, a:y>u 1, b:z>u 2")

    assert [link.name for link in found.inputs_of("u")] == ["a", "b", "c"]


def test_what_is_switched_off_is_cut_out_and_stays_in_the_order() -> None:
    found = flow("a -b c", "row1:a>b, row2:b>c")

    assert names(found.ordered) == ["a", "b", "c"]
    assert found.inputs_of("b") == found.inputs_of("c") == found.outputs_of("a") == ()


def test_triggers_carry_no_rows() -> None:
    found = flow("a b c d", "ok:a>c SUBJOB_OK, row1:b>c, if1:c>d RUN_IF")

    assert [link.name for name in "abcd" for link in found.inputs_of(name)] == ["row1"]


@pytest.mark.parametrize(
    ("links", "is_rejected"),
    [
        ("row1:a>b, row2:b>out", False),
        ("row1:a>b REJECT, row2:b>out", True),
        ("row1:a>b REJECT, row2:b>out, row3:c>out LOOKUP", True),
        ("row1:a>b REJECT, row2:b>out 1, row3:c>out 2", False),
        ("row1:a>m, wrong:m>out", True),
        ("row1:a>m, missed:m>b, row2:b>out", True),
        ("row1:a>m, fine:m>out", False),
    ],
)
def test_rows_that_were_rejected_on_their_way(links: str, is_rejected: bool) -> None:
    outputs = (
        MapOutput("fine"),
        MapOutput("wrong", is_reject=True),
        MapOutput("missed", is_inner_reject=True),
    )

    assert flow("a b c m out", links, m=MapData((), (), outputs)).is_rejected("out") is is_rejected


@pytest.mark.parametrize("links", ["r1:a>a", "r1:a>b, r2:b>a", "r1:a>b, r2:b>c, r3:c>a LOOKUP"])
def test_rows_that_flow_in_a_circle_are_refused(links: str) -> None:
    with pytest.raises(ImportRefusedError, match=r"rows flow in a circle: .*a") as refused:
        flow("a b c", links)

    assert refused.value.file == "j_0.1.item"


def test_triggers_may_run_in_a_circle() -> None:
    assert names(flow("a b", "ok:a>b SUBJOB_OK, ok2:b>a SUBJOB_OK").ordered) == ["a", "b"]
