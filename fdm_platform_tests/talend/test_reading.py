"""Jobs as Studio saves them: layouts with and without a default namespace, what EMF leaves out, what is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.contexts import environments, read_contexts
from fdm_platform.talend.flow import flow_of
from fdm_platform.talend.model import Column, ContextVariable, MapEntry, MapInput, MapOutput, TalendJob
from fdm_platform.talend.project import ItemRef, open_project
from fdm_platform.talend.reading import CONCEALED, read_job
from fdm_platform.talend.xml import parse

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "talend" / "SAMPLE"
REF = ItemRef("process/f/j_0.1.item", "job", "j", folder="f")
LAYOUTS = {
    "prefixes": (
        "<t:ProcessType {} xmlns:m='http://www.talend.org/mapper'>",
        "</t:ProcessType>",
        "m:MapperData",
    ),
    "a default namespace": (
        "<t:ProcessType {} xmlns='http://www.talend.org/mapper'>",
        "</t:ProcessType>",
        "MapperData",
    ),
    "no namespace": ("<ProcessType {}>", "</ProcessType>", "MapperData"),
}


def read(inner: str, layout: str = "prefixes", attributes: str = 'defaultContext="QA"') -> TalendJob:
    start, end, data = LAYOUTS[layout]
    text = f"<?xml version='1.0'?>\n{start.format(attributes)}\n{inner.replace('MAPPER', data)}\n{end}"
    return read_job(parse(text.encode(), REF.path), REF)


def node(name: str, kind: str = "tAny", inner: str = "") -> str:
    param = f'<elementParameter field="TEXT" name="UNIQUE_NAME" value="{name}"/>'
    return f'<node componentName="{kind}" componentVersion="1.0">{param}\n{indent(inner, "  ")}</node>\n'


def link(
    name: str, source: str, target: str, more: str = 'connectorName="FLOW" lineStyle="0"', inner: str = ""
) -> str:
    unique = f'<elementParameter field="TEXT" name="UNIQUE_NAME" value="{name}"/>'
    return (
        f'<connection {more} label="label" source="{source}" target="{target}">{unique}{inner}</connection>\n'
    )


def table(*values: tuple[str, str], name: str = "T") -> str:
    rows = "".join(f'<elementValue elementRef="{ref}" value="{value}"/>' for ref, value in values)
    return f'<elementParameter field="TABLE" name="{name}">{rows}</elementParameter>'


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_job(layout: str) -> None:
    job = read(
        '<context name="QA"><contextParameter name="v" type="id_Integer" value="1"/></context>'
        + node("a_1", "tA", '<metadata connector="FLOW" name="a_1"><column name="c"/></metadata>')
        + node("tMap_1", "tMap", '<nodeData xsi:type="MAPPER"><inputTables name="row1"/></nodeData>')
        + link("row1", "a_1", "tMap_1"),
        layout,
    )

    assert [(c.unique_name, c.kind, c.version) for c in job.components] == [
        ("a_1", "tA", "1.0"),
        ("tMap_1", "tMap", "1.0"),
    ]
    assert job.component("a_1").schemas == {"FLOW": (Column("c", "id_String"),)}
    assert job.component("tMap_1").map is not None
    assert [(k.name, k.source, k.target) for k in job.links] == [("row1", "a_1", "tMap_1")]
    assert (job.label, job.version, job.file, job.folder, job.default_context) == (
        "j",
        "0.1",
        REF.path,
        "f",
        "QA",
    )
    assert job.contexts == {"QA": (ContextVariable("v", "id_Integer", "1"),)}


_HEX = '<elementValue elementRef="A" value="e4b8ad" hexValue="true"/><elementValue elementRef="B"/>'


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ('<elementParameter field="TEXT" name="T" value="&quot;a&quot; + context.b"/>', '"a" + context.b'),
        ('<elementParameter field="MEMO_JAVA" name="T" value="a;&#xA;&#x9;b;"/>', "a;\n\tb;"),
        ('<elementParameter field="CHECK" name="T" value="true"/>', "true"),
        ('<elementParameter field="TEXT" name="T"/>', ""),
        ('<elementParameter field="TABLE" name="T"/>', ()),
        (table(("A", "1"), ("B", "2"), ("A", "3"), ("B", "4")), ({"A": "1", "B": "2"}, {"A": "3", "B": "4"})),
        (table(("A", "1"), ("A", ""), ("A", "3")), ({"A": "1"}, {"A": ""}, {"A": "3"})),
        (
            '<elementParameter field="TABLE" name="T">' + _HEX + "</elementParameter>",
            ({"A": "中", "B": ""},),
        ),
        ('<elementParameter field="PASSWORD" name="T" value="enc:system.encryption.key.v1:abc"/>', CONCEALED),
        ('<elementParameter field="PASSWORD" name="T" value="&quot;tiger&quot;"/>', CONCEALED),
        ('<elementParameter field="PASSWORD" name="T" value="context.password"/>', "context.password"),
        ('<elementParameter field="PASSWORD" name="T" value="&quot;&quot;"/>', '""'),
    ],
)
def test_parameters_are_as_written_and_passwords_are_not_kept(xml: str, value: object) -> None:
    assert read(node("a_1", inner=xml)).components[0].params["T"] == value


def test_a_column_has_what_is_written_and_no_length_where_it_is_negative() -> None:
    job = read(
        node(
            "a_1",
            inner='<metadata connector="FLOW" name="a_1">'
            '<column name="a" type="id_BigDecimal" nullable="true" key="true" length="18" precision="2"/>'
            '<column name="b" type="id_Date" pattern="&quot;dd-MM-yyyy&quot;" length="-1" precision="" defaultValue="null"/>'
            '</metadata><metadata connector="REJECT" name="REJECT"/>',
        )
    )

    assert job.components[0].schemas == {
        "FLOW": (
            Column("a", "id_BigDecimal", nullable=True, key=True, length=18, precision=2),
            Column("b", "id_Date", pattern='"dd-MM-yyyy"', default="null"),
        ),
        "REJECT": (),
    }


def test_outputs_that_share_a_connector_are_schemas_by_name() -> None:
    outputs = '<metadata connector="FLOW" name="out1"/><metadata connector="FLOW" name="out2"/>'
    one = '<metadata connector="FLOW" name="out1"/><nodeData xsi:type="MAPPER"/>'
    job = read(node("tAnyMap_1", inner=outputs) + node("tMap_1", inner=one))

    assert [list(c.schemas) for c in job.components] == [["out1", "out2"], ["out1"]]


def test_what_tmap_saved_and_what_emf_left_out() -> None:
    data = """
    <nodeData xsi:type="MAPPER"><uiProperties/>
      <varTables name="Var"><mapperTableEntries name="v" expression="row1.a + 1 " type="id_Integer"/></varTables>
      <outputTables name="out1" activateExpressionFilter="true" expressionFilter="row1.a > 0 ">
        <mapperTableEntries name="x" expression="Var.v" type="id_Integer" nullable="true"/>
        <mapperTableEntries name="y" type="id_String"/>
      </outputTables>
      <outputTables name="out2" reject="true" rejectInnerJoin="true" isJoinTableOf="out1" expressionFilter="false"/>
      <outputTables name="err" isErrorRejectTable="true">
        <constraintTableEntries expression="a"/><constraintTableEntries expression="b || c"/>
      </outputTables>
      <inputTables name="row1" matchingMode="UNIQUE_MATCH" columnNameFilter="no filter"/>
      <inputTables name="row2" innerJoin="true" lookupMode="RELOAD" matchingMode="FIRST_MATCH">
        <mapperTableEntries name="k" expression="row1.a" operator="=" type="id_Integer"/>
        <globalMapKeysValues name="g" expression="row1.b"/>
      </inputTables>
    </nodeData>"""

    found = read(node("tMap_1", "tMap", data)).components[0].map

    assert found is not None
    assert found.variables == (MapEntry("v", "row1.a + 1", "id_Integer"),)
    assert found.outputs == (
        MapOutput(
            "out1",
            (MapEntry("x", "Var.v", "id_Integer", nullable=True), MapEntry("y", "", "id_String")),
            filter="row1.a > 0",
        ),
        MapOutput("out2", is_reject=True, is_inner_reject=True, joined_to="out1"),
        MapOutput("err", is_error_reject=True, filter="(a) && (b || c)"),
    )
    assert found.inputs == (
        MapInput("row1", matching="UNIQUE_MATCH"),
        MapInput(
            "row2",
            (MapEntry("k", "row1.a", "id_Integer"),),
            matching="FIRST_MATCH",
            lookup_mode="RELOAD",
            is_inner=True,
            map_keys=(MapEntry("g", "row1.b"),),
        ),
    )


def test_a_map_of_another_component_is_no_tmap() -> None:
    assert (
        read(node("tXMLMap_1", inner='<nodeData xsi:type="TalendXMLMap:XmlMapData"/>')).components[0].map
        is None
    )


def test_links_are_told_apart_by_connector_and_style() -> None:
    off = '<elementParameter field="CHECK" name="ACTIVATE" value="false"/>'
    when = '<elementParameter field="MEMO_JAVA" name="CONDITION" value="context.a == 1"/>'
    job = read(
        node("a_1") + node("b_1", inner=off)
        + link("row1", "a_1", "b_1")
        + link("row2", "a_1", "b_1", 'connectorName="FLOW" lineStyle="8"')
        + link("row3", "a_1", "b_1", 'connectorName="FLOW" lineStyle="10" mergeOrder="2"', off)
        + link("If1", "a_1", "b_1", 'connectorName="RUN_IF" lineStyle="6"', when)
    )  # fmt: skip

    assert [(k.name, k.is_data, k.is_lookup, k.order, k.condition, k.is_active) for k in job.links] == [
        ("row1", True, False, 0, None, True),
        ("row2", True, True, 0, None, True),
        ("row3", True, False, 2, None, False),
        ("If1", False, False, 0, "context.a == 1", True),
    ]
    assert [c.is_active for c in job.components] == [True, False]


def test_what_is_switched_off_between_others_of_its_schema_passes_rows_on() -> None:
    off = '<elementParameter field="CHECK" name="ACTIVATE" value="false"/>'
    dummy = f'{off}<elementParameter field="CHECK" name="DUMMY" value="true"/>'
    job = read(
        node("a_1") + node("b_1", inner=dummy) + node("c_1", inner=dummy) + node("d_1", inner=off)
        + link("row1", "a_1", "b_1")
        + link("row2", "b_1", "c_1")
        + link("row3", "d_1", "c_1")
    )  # fmt: skip

    assert [(c.unique_name, c.kind, c.is_active) for c in job.components] == [
        ("a_1", "tAny", True),
        ("b_1", "tDummyRow", True),
        ("c_1", "tAny", False),
        ("d_1", "tAny", False),
    ]


_TWO = node("a_1") + node("b_1")
_LINE = '<mapperTableEntries name="c"/>'
_MAP = '<nodeData xsi:type="MAPPER">{}</nodeData>'


@pytest.mark.parametrize(
    ("inner", "message", "line"),
    [
        pytest.param(node("a_1") + node("a_1"), "two components are called a_1", 5, id="unique name"),
        pytest.param('<node componentName="tA"/>', "a tA has no UNIQUE_NAME", 3, id="no name"),
        pytest.param(
            _TWO + link("row1", "a_1", "c_1"), "link row1 is to c_1, which the job has not", 7, id="target"
        ),
        pytest.param(
            _TWO + link("If1", "", "b_1", 'connectorName="RUN_IF"'), "link If1 is to nothing", 7, id="source"
        ),
        pytest.param(_TWO + link("r", "a_1", "b_1") * 2, "two flows are called r", 8, id="flow"),
        pytest.param(
            node("a_1", inner=_MAP.format('<outputTables name="o"/><outputTables name="o"/>')),
            "two outputs of a_1 are called o",
            4,
            id="output",
        ),
        pytest.param(
            node("a_1", inner=_MAP.format('<inputTables name="i"/><inputTables name="i"/>')),
            "two inputs of a_1 are called i",
            4,
            id="input",
        ),
        pytest.param(
            node(
                "a_1",
                inner=_MAP.format(f'<outputTables name="o">{_LINE * 2}</outputTables>'),
            ),
            "two lines of a_1.o are called c",
            4,
            id="line",
        ),
        pytest.param(
            node("a_1", inner=table(("", "1"))), "table T has a value without elementRef", 4, id="no ref"
        ),
        pytest.param(
            node("a_1", inner=table(("A", "1"), ("B", "2"), ("A", "3"))),
            "the rows of table T have different columns",
            4,
            id="ragged",
        ),
        pytest.param(
            node("a_1", inner=table(("A", 'zz" hexValue="true'))),
            "table T has a hexadecimal value that is none",
            4,
            id="hex",
        ),
    ],
)
def test_a_job_that_contradicts_itself_is_refused_by_name(inner: str, message: str, line: int) -> None:
    with pytest.raises(ImportRefusedError) as refused:
        read(inner)

    assert refused.value.message.startswith(message)
    assert (refused.value.file, refused.value.line) == (REF.path, line)


_EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 300),
        st.sampled_from([b"", b"\xff", b"\0", b'"', b"<a>", b"</a>", b"&#0;"]),
    ),
    min_size=1,
    max_size=4,
)


@given(_EDITS)
def test_a_damaged_job_is_read_or_refused_and_nothing_else_happens(
    edits: list[tuple[float, int, bytes]],
) -> None:
    data = (SAMPLE / "process/landing/premium_0.1.item").read_bytes()
    for place, length, put in edits:
        at = int(place * len(data))
        data = data[:at] + put + data[at + length :]

    with contextlib.suppress(ImportRefusedError):
        flow_of(read_job(parse(data, REF.path), REF))


def test_another_root_is_no_job() -> None:
    with pytest.raises(ImportRefusedError, match="its root is JobletProcess"):
        read_job(parse(b"<JobletProcess/>", "x"), REF)


def test_contexts_of_an_item_and_of_several_in_one() -> None:
    one = '<t:ContextType name="{}"><contextParameter name="a" type="id_String" value="{}" comment="c"/></t:ContextType>'
    several = f"<xmi:XMI>{one.format('DEV', 1)}{one.format('PROD', 2)}</xmi:XMI>"

    assert read_contexts(parse(one.format("DEV", 1).encode(), "c")) == {
        "DEV": (ContextVariable("a", "id_String", "1", comment="c"),)
    }
    assert [(name, v[0].value) for name, v in read_contexts(parse(several.encode(), "c")).items()] == [
        ("DEV", "1"),
        ("PROD", "2"),
    ]


@pytest.mark.parametrize(
    ("name", "type_", "value", "is_secret"),
    [
        ("x", "id_Password", "enc:system.encryption.key.v1:aaaa", True),
        ("x", "id_Password", "plain", True),
        ("db_password", "id_String", "plain", True),
        ("API_KEY", "id_String", "plain", True),
        ("x", "id_String", "enc:system.encryption.key.v1:aaaa", True),
        ("passenger", "id_String", "plain", False),
        ("path", "id_File", "/a/b", False),
    ],
)
def test_the_value_of_a_secret_is_never_kept(name: str, type_: str, value: str, is_secret: bool) -> None:
    xml = f'<ContextType name="D"><contextParameter name="{name}" type="{type_}" value="{value}"/></ContextType>'

    variable = read_contexts(parse(xml.encode(), "c"))["D"][0]

    assert (variable.is_secret, variable.value) == (is_secret, "" if is_secret else value)


@pytest.mark.parametrize(
    ("names", "given", "found"),
    [
        (["Default"], {}, {"Default": "DEV"}),
        (
            ["Default", "Dev", "Test", "UAT", "Prod"],
            {},
            {"Dev": "DEV", "Test": "QA", "UAT": "UAT", "Prod": "PROD"},
        ),
        (["DEV", "dev"], {}, {"DEV": "DEV"}),
        (["demo", "Default"], {"DEMO": "qa"}, {"demo": "QA", "Default": "DEV"}),
        (["prod", "old"], {"old": "PROD"}, {"old": "PROD"}),
        (["mine"], {}, {}),
    ],
)
def test_contexts_become_environments_by_their_names(
    names: list[str], given: dict[str, str], found: dict[str, str]
) -> None:
    assert environments(names, given) == found


def test_the_sample_reads() -> None:
    project = open_project(SAMPLE)
    jobs = {ref.label: read_job(parse(project.read(ref), ref.path), ref) for ref in project.jobs}

    assert {label: (len(job.components), len(job.links)) for label, job in jobs.items()} == {
        "policy_load": (20, 18),
        "premium": (6, 5),
        "run_all": (2, 1),
    }
    assert all(list(job.contexts) == ["DEV", "QA", "PROD"] for job in jobs.values())
    assert "c2FtcGxl" not in repr(jobs)
    contexts = next(ref for ref in project.items if ref.kind == "context")
    assert read_contexts(parse(project.read(contexts), contexts.path)) == dict(jobs["premium"].contexts)
