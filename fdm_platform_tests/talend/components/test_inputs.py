"""What inputs write into table.yaml; what their steps do to rows is in flow_cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.model import Column, Component, ContextVariable, Param
from fdm_platform_tests.talend.components.jobs import around, component, convert, hql, simulate

_DIR = {"dir": ContextVariable("dir", "id_Directory", "in"), "day": ContextVariable("day", "id_Date", "")}
_DATABASE = {"HOST": '"db"', "PORT": '"1"', "DBNAME": '"crm"', "USER": '"me"', "PASS": "context.secret"}
_SECRET = {"secret": ContextVariable("secret", "id_Password", "", is_secret=True)}


def _file(kind: str = "tFileInputDelimited", **params: str) -> Component:
    return component(
        kind, {"FLOW": "a b:Integer"}, {"FILENAME": '"in/a.csv"', "ENCODING": '"UTF-8"', **params}
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"HEADER": "0"}, {"header": False, "sep": ";", "quote": "", "encoding": "UTF-8"}),
        (
            {"HEADER": "1", "CSV_OPTION": "true", "FIELDSEPARATOR": '"\\t"', "ESCAPE_CHAR": '"\\\\"'},
            {"header": True, "sep": "\t", "quote": '"', "escape": "\\", "encoding": "UTF-8"},
        ),
        (
            {"ROWSEPARATOR": '"|"'},
            {"header": False, "sep": ";", "quote": "", "encoding": "UTF-8", "lineSep": "|"},
        ),
        (
            {"CSV_OPTION": "true", "FIELDSEPARATOR": '"||"', "TEXT_ENCLOSURE": '"\'"', "ESCAPE_CHAR": '"""'},
            {"header": False, "sep": "|", "quote": "'", "escape": "'", "encoding": "UTF-8"},
        ),
        (
            {"CSV_OPTION": "true", "TEXT_ENCLOSURE": ""},
            {"header": False, "sep": ";", "quote": "", "encoding": "UTF-8"},
        ),
    ],
)
def test_a_delimited_file_is_a_csv_of_texts(
    params: Mapping[str, str], expected: Mapping[str, object]
) -> None:
    some = _file(**params)

    converted = convert(some, around(some, {}, ["row1"]))

    (source,) = converted.sources
    assert (source.view, source.spec["path"], source.spec["columns"]) == (
        "row1",
        "in/a.csv",
        {"a": "string", "b": "string"},
    )
    assert source.spec["options"] == expected
    assert source.spec.get("match") == ("position" if expected["header"] else None)
    assert not converted.residues


def test_a_file_is_named_by_the_context_and_its_dates() -> None:
    some = _file(FILENAME='context.dir + "_" + TalendDate.formatDate("yyyyMMdd", context.day) + ".csv"')

    converted = convert(some, around(some, {}, ["row1"], context=_DIR))

    assert converted.sources[0].spec["path"] == "{dir}_{day:%Y%m%d}.csv"


@pytest.mark.parametrize(
    ("some", "place"),
    [
        (_file(HEADER="3"), "a header of several lines (HEADER: 3)"),
        (_file(FOOTER="1"), "a footer (FOOTER: 1)"),
        (_file(RANDOM="true"), "rows taken at random (RANDOM: true)"),
        (_file(LIMIT="0"), "a limit of rows (LIMIT: 0)"),
        (_file("tFileInputPositional", PATTERN='"1,*"', USE_BYTE="true"), "widths in bytes (USE_BYTE: true)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_reader_does_is_left_to_a_person(some: Component, place: str) -> None:
    converted = convert(some, around(some, {}, ["row1"]))

    assert [r.reason for r in converted.residues] == [f"the platform reads no file with {place}"]
    assert converted.sources


def test_a_positional_file_has_its_line_s_end_and_widths_that_are_known() -> None:
    some = _file("tFileInputPositional", PATTERN='"1,*"', ROWSEPARATOR='"~"')
    unknown = _file("tFileInputPositional", PATTERN="context.widths")
    unended = _file("tFileInputPositional", PATTERN='"1,2"', ROWSEPARATOR='""')

    made, left, joined = (convert(x, around(x, {}, ["row1"])) for x in (some, unknown, unended))

    options = made.sources[0].spec["options"]
    assert options == {"header": False, "sep": "\x01", "quote": "", "encoding": "UTF-8", "lineSep": "~"}
    assert (left.fate.outcome, left.fate.detail) == ("residue", "its widths are made at run time")
    assert [r.place for r in joined.residues] == ["ROWSEPARATOR"]


def test_a_file_that_is_named_at_run_time_has_no_source_but_its_columns() -> None:
    some = _file(FILENAME='((String)globalMap.get("tFileList_1_CURRENT_FILEPATH"))')

    converted = convert(some, around(some, {}, ["row1"]))

    assert converted.fate.outcome == "residue"
    assert not converted.sources
    assert [c.name for c in converted.views["row1"].columns] == ["a", "b"]


def _database(kind: str, **params: Param) -> Component:
    return component(
        kind, {"FLOW": "a b:Integer"}, {**_DATABASE, "QUERY": '"SELECT \\"x\\", y FROM t;"', **params}
    )


def _around(some: Component) -> Around:
    return around(some, {}, ["row1"], context=_SECRET)


@pytest.mark.parametrize(
    ("some", "url"),
    [
        (_database("tMysqlInput", PROPERTIES='"useSSL=true"'), "jdbc:mysql://db:1/crm?useSSL=true"),
        (_database("tPostgresqlInput"), "jdbc:postgresql://db:1/crm"),
        (_database("tMSSqlInput"), "jdbc:sqlserver://db:1;databaseName=crm"),
        (_database("tOracleInput", CONNECTION_TYPE="ORACLE_SID"), "jdbc:oracle:thin:@db:1:crm"),
        (_database("tOracleInput", CONNECTION_TYPE="ORACLE_SERVICE_NAME"), "jdbc:oracle:thin:@//db:1/crm"),
        (_database("tTeradataInput"), "jdbc:teradata://db/DATABASE=crm"),
        (_database("tDBInput", TYPE="MYSQL"), "jdbc:mysql://db:1/crm"),
        (_database("tJDBCInput", JDBC_URL='"jdbc:x:y"'), "jdbc:x:y"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_database_is_read_by_the_component_s_query_with_its_password_as_a_parameter(
    some: Component, url: str
) -> None:
    converted = convert(some, _around(some))

    (source,) = converted.sources
    assert source.spec["options"] == {
        "url": url,
        "query": 'SELECT "x", y FROM t',
        "user": "me",
        "password": "{secret}",
    }
    assert hql(converted)[some.unique_name].endswith("FROM row1 AS row1(a, b)")
    assert not converted.residues


@pytest.mark.parametrize(
    ("some", "reason"),
    [
        (
            _database("tMysqlInput", QUERY='"SELECT 1 WHERE x = " + context.x'),
            "its query is made at run time",
        ),
        (_database("tDBInput", TYPE="undef;sun.jdbc.odbc"), "a connection of the kind undef;sun.jdbc.odbc"),
        (
            _database("tMysqlInput", USE_EXISTING_CONNECTION="true", CONNECTION="gone_1"),
            "it uses the connection gone_1",
        ),
        (
            component("tKuduInput", {"FLOW": "a"}, {"NAME": '"x"'}),
            "no parameter names its table; it has NAME",
        ),
        (
            component("tRowGenerator", {"FLOW": "a"}, {"NB_ROWS": "context.n"}),
            "how many rows it makes is not known",
        ),
        (_file("tFileInputExcel"), "it reads or writes a format that tables do not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_input_that_no_source_can_be_is_a_residue(some: Component, reason: str) -> None:
    converted = convert(some, _around(some))

    assert converted.fate.outcome == "residue"
    assert reason in converted.fate.detail
    assert "TODO" in hql(converted)[some.unique_name]


def test_a_connection_component_s_settings_are_used_and_its_saved_password_is_not() -> None:
    some = _database(
        "tMysqlInput", USE_EXISTING_CONNECTION="true", CONNECTION="tMysqlConnection_1", HOST='""'
    )
    connection = component("tMysqlConnection", {}, {**_DATABASE, "HOST": '"other"', "PASS": "enc:v1:abc"})
    near = _around(some)

    converted = convert(some, replace(near, job=replace(near.job, components=(connection, some))))

    options = converted.sources[0].spec["options"]
    assert options["url"] == "jdbc:mysql://other:1/crm"
    assert options["password"] == "{tmysqlconnection_1_password}"  # noqa: S105 - a parameter's name
    assert converted.residues == ()


def test_a_value_that_is_left_empty_is_its_column_s_default() -> None:
    some = component(
        "tFixedFlowInput", {}, {"USE_INTABLE": "true", "INTABLE": ({"a": "", "b": ""}, {"a": "2"})}
    )
    schema = (Column("a", "id_Integer", nullable=True, default="7"), Column("b", "id_String", nullable=True))
    some = replace(some, schemas={"FLOW": schema})

    assert hql(convert(some, _around(some)))["tFixedFlowInput_1"].startswith("SELECT 7 AS a, CAST(NULL")
    assert list(simulate(some, _around(some), {})["tFixedFlowInput_1"]) == [
        {"a": 7, "b": None},
        {"a": 2, "b": None},
    ]


def test_a_generator_that_does_not_say_how_many_rows_it_makes_makes_a_hundred() -> None:
    some = component("tRowGenerator", {"FLOW": "a"}, {"VALUES": ({"SCHEMA_COLUMN": "a", "ARRAY": '"x"'},)})

    assert len(simulate(some, _around(some), {})["tRowGenerator_1"]) == 100


def test_a_generator_s_random_values_are_residues() -> None:
    values = ({"SCHEMA_COLUMN": "a", "ARRAY": "TalendString.getAsciiRandomString(6)"},)
    some = component("tRowGenerator", {"FLOW": "a"}, {"NB_ROWS": "3", "VALUES": values})

    converted = convert(some, _around(some))

    assert [r.place for r in converted.residues] == ["a"]


def test_kudu_and_hive_are_sources_of_their_own_formats() -> None:
    kudu = component("tKuduInput", {"FLOW": "a"}, {"SERVER": '"k:7051"', "conf.tableName": '"crm.t"'})
    hive = component("tHiveInput", {"FLOW": "a"}, {"QUERY": '"SELECT a FROM t"'})

    made = [convert(some, _around(some)).sources[0].spec for some in (kudu, hive)]

    assert [(m["format"], m["options"]) for m in made] == [
        ("kudu", {"kudu.master": "k:7051", "kudu.table": "crm.t"}),
        ("hive", {"query": "SELECT a FROM t"}),
    ]
