from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.errors import SqlError
from fdm_platform.model.plan import Parameter, ParameterType
from fdm_platform.planning.sql import Placeholder, bind, placeholders

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Value = str | int | float | bool | None


def parameter(value: Value, kind: ParameterType = "string", name: str = "x") -> Parameter:
    return Parameter(name, value, kind, f"job_master.context_params.{name}")


def bind_one(sql: str, value: Value, kind: ParameterType = "string") -> str:
    return bind(sql, {"x": parameter(value, kind)}, file="a.hql")


def fails(sql: str, value: Value = "v", kind: ParameterType = "string") -> SqlError:
    with pytest.raises(SqlError) as caught:
        bind_one(sql, value, kind)
    assert caught.value.file == "a.hql"
    return caught.value


def bound_or_error(sql: str, value: str) -> str | SqlError:
    try:
        return bind_one(sql, value)
    except SqlError as error:
        return error


def spark_text(literal: str) -> str:
    """The text of a Spark string literal, by the rules of Spark's own unescapeSQLString."""
    named = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}

    def undo(m: re.Match[str]) -> str:
        if m["u"] or m["U"]:
            return chr(int(m["u"] or m["U"], 16))
        return chr(int(m["o"], 8)) if m["o"] else named.get(m["c"], m["c"])

    escape = r"\\u(?P<u>[a-fA-F0-9]{4})|\\U(?P<U>[a-fA-F0-9]{8})|\\(?P<o>[01][0-7]{2})|\\(?P<c>.)"
    return re.sub(escape, undo, literal[1:-1], flags=re.DOTALL)


# What follows each placeholder in these texts must still stand there, so that a value cannot have eaten it.
@pytest.mark.parametrize(
    ("sql", "bound"),
    [
        ("SELECT '${x}' AS a", "SELECT 'v' AS a"),
        ("SELECT '${X}', '${ x }' AS a", "SELECT 'v', 'v' AS a"),
        ('SELECT "${x}" AS a', "SELECT 'v' AS a"),
        ("SELECT 'a_${x}_b${x}' AS a", "SELECT 'a_v_bv' AS a"),
        ('SELECT "it\'s ${x}" AS a', 'SELECT "it\'s v" AS a'),
        (r"SELECT 'it\'s ${x}' AS a", r"SELECT 'it\'s v' AS a"),
        ("SELECT 'it''s ${x}' AS a", "SELECT 'it''s v' AS a"),
        ("SELECT ${x} AS a", "SELECT 'v' AS a"),
        ("SELECT '\" + context.X + \"' AS a", "SELECT 'v' AS a"),
        ("SELECT 'a_\" + context.x + \"' AS a", "SELECT 'a_v' AS a"),
        ("SELECT ''\" + context.x + \"'' AS a", "SELECT 'v' AS a"),
        ("SELECT ''${x}'' AS a", "SELECT 'v' AS a"),
        ('SELECT " + context.x + " AS a', "SELECT 'v' AS a"),
        ('SELECT "+context.x+" AS a', "SELECT 'v' AS a"),
        ("SELECT context.x AS a", "SELECT 'v' AS a"),
        ("SELECT * FROM ${x} a", "SELECT * FROM `v` a"),
        ("SELECT * FROM r JOIN ${x} a", "SELECT * FROM r JOIN `v` a"),
        ("SELECT * FROM /* in */ ${x}", "SELECT * FROM /* in */ `v`"),
        ("SELECT ${x}.c FROM r", "SELECT `v`.c FROM r"),
        ("SELECT r.${x} FROM r", "SELECT r.`v` FROM r"),
        ("SELECT `${x}` FROM r", "SELECT `v` FROM r"),
        ("SELECT `c_${x}` FROM r", "SELECT `c_v` FROM r"),
        ("SELECT * FROM row_${x}_1", "SELECT * FROM row_v_1"),
        ('SELECT * FROM " + context.x + "_t', "SELECT * FROM v_t"),
        ("SELECT TRIM(BOTH FROM ${x})", "SELECT TRIM(BOTH FROM 'v')"),
        ("SELECT a IS DISTINCT FROM ${x}", "SELECT a IS DISTINCT FROM 'v'"),
        ("SELECT (SELECT a FROM ${x})", "SELECT (SELECT a FROM `v`)"),
        ("SELECT /*+ REPARTITION(${x}) */ a", "SELECT /*+ REPARTITION('v') */ a"),
    ],
)
def test_every_form_is_bound_by_its_place(sql: str, bound: str) -> None:
    assert bind_one(sql, "v") == bound


@pytest.mark.parametrize(
    ("value", "kind", "bare", "quoted"),
    [
        (42, "integer", "42", "'42'"),
        (-42, "integer", "-42", "'-42'"),
        ("1.50", "decimal", "1.50BD", "'1.50'"),
        (1e-7, "decimal", "0.0000001BD", "'0.0000001'"),
        (True, "boolean", "true", "'true'"),
        ("2024-05-15", "date", "DATE'2024-05-15'", "'2024-05-15'"),
        ("2024-05-15T01:02:03", "timestamp", "TIMESTAMP'2024-05-15 01:02:03'", "'2024-05-15 01:02:03'"),
        (None, "date", "NULL", "CAST(NULL AS STRING)"),
        ("it's", "string", r"'it\'s'", r"'it\'s'"),
    ],
)
def test_values_keep_their_type(value: Value, kind: ParameterType, bare: str, quoted: str) -> None:
    assert bind_one("SELECT ${x}, '${x}'", value, kind) == f"SELECT {bare}, {quoted}"


def test_a_date_in_a_longer_text_is_iso() -> None:
    assert bind_one("SELECT 'as of ${x}'", "2024-05-15", "date") == "SELECT 'as of 2024-05-15'"


def test_a_negative_value_after_a_minus_does_not_begin_a_comment() -> None:
    assert bind_one("SELECT 1 -${x}, 2", -5, "integer") == "SELECT 1 - -5, 2"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 -- ${nope} it's\n FROM r",
        "SELECT 1 -- \\\n ${nope} the comment goes on\n FROM r",
        "SELECT /* ${nope} ' \" */ 1",
        "SELECT /* a /* ${nope} */ ${nope} */ 1",
        "SELECT '--', ' /* ', \" -- \", 1",
        r"SELECT '\${nope}' AS text",
        "SELECT r'\\', 'a;b'",
        "SELECT context.x FROM row1 AS context",
        "SELECT a.context.x, context.f(1) FROM row1 a",
        "SELECT `a``b;'` FROM r",
    ],
)
def test_what_is_no_placeholder_is_left_alone(sql: str) -> None:
    assert bind_one(sql, "v") == sql


def test_a_bound_value_is_not_looked_at_again() -> None:
    parameters = {"a": parameter("${b} context.b", name="a"), "b": parameter("secret", name="b")}
    bound = bind("SELECT '${a}', ${a}", parameters, file="a.hql")
    assert bound == r"SELECT '$\{b} context.b', '$\{b} context.b'"
    assert spark_text(r"'$\{b} context.b'") == "${b} context.b"


@given(st.text())
def test_any_text_stays_a_value(value: str) -> None:
    for sql, before, after in [
        ("SELECT '${x}' AS a", "SELECT ", " AS a"),
        ('SELECT "${x}" AS a', "SELECT ", " AS a"),
        ("SELECT ${x} AS a", "SELECT ", " AS a"),
        ("SELECT ''\" + context.x + \"'' AS a", "SELECT ", " AS a"),
    ]:
        bound = bind_one(sql, value)
        assert bound.startswith(before)
        assert bound.endswith(after)
        assert spark_text(bound.removeprefix(before).removesuffix(after)) == value


@given(st.text(), st.sampled_from("'\""))
def test_any_text_stays_inside_its_literal(value: str, quote: str) -> None:
    after = ", '-- \\'', 1 FROM r"
    bound = bind_one("SELECT " + quote + "<${x}>" + quote + after, value)
    assert bound.endswith(after)
    literal = bound.removeprefix("SELECT ").removesuffix(after)
    assert re.fullmatch(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", literal, re.DOTALL)
    assert spark_text(literal) == f"<{value}>"


@given(st.text(alphabet="ab1'\"`\\;-/*${}. \n", max_size=40))
def test_text_without_placeholders_comes_back_or_is_an_error(sql: str) -> None:
    bound = bound_or_error(sql, "v")
    if isinstance(bound, SqlError):
        assert bound.line is not None
    else:
        assert placeholders(sql) == []
        assert bound == sql or (";" in sql and bound.replace(";", "") == sql.replace(";", ""))


@given(st.text())
def test_an_identifier_is_a_name_or_an_error(value: str) -> None:
    bound = bound_or_error("SELECT * FROM ${x} WHERE a", value)
    if isinstance(bound, SqlError):
        assert "is not a name" in bound.message
    else:
        assert re.fullmatch(r"SELECT \* FROM (`\w+`\.)*`\w+` WHERE a", bound)


def test_a_name_that_ends_with_view_or_table_is_an_identifier() -> None:
    parameters = {n: parameter("v", name=n) for n in ("VIEW_NAME", "left_view", "ref_table", "viewer")}
    sql = "SELECT ${view_name}, ${left_view}, ${Ref_Table}, ${viewer}"
    assert bind(sql, parameters, file="a.hql") == "SELECT `v`, `v`, `v`, 'v'"


def test_a_dotted_name_is_quoted_part_by_part() -> None:
    assert bind_one("SELECT * FROM ${x}", "fdm.t_contract") == "SELECT * FROM `fdm`.`t_contract`"


def test_placeholders_tell_name_place_and_form() -> None:
    sql = "SELECT ${a},\n '${b}', 'x${c}' -- ${no}\nFROM ${view_name} t_${d} WHERE e = '\" + context.Biz_Dt + \"'"
    assert placeholders(sql) == [
        Placeholder("a", 1, 8, "bare"),
        Placeholder("b", 2, 3, "quoted"),
        Placeholder("c", 2, 12, "embedded"),
        Placeholder("view_name", 3, 6, "identifier"),
        Placeholder("d", 3, 21, "part"),
        Placeholder("Biz_Dt", 3, 37, "quoted"),
    ]


def test_an_unresolved_placeholder_tells_place_nearest_and_known_names() -> None:
    names = ("biz_dt", "run_id")
    with pytest.raises(SqlError) as caught:
        bind("SELECT 1,\n  '${BIZ_DATE}'", {n: parameter("v", name=n) for n in names}, file="out1.hql")
    error = caught.value
    assert str(error) == (
        "out1.hql:2:4: nothing resolves the placeholder 'BIZ_DATE'\n"
        "  remedy: did you mean biz_dt? known: biz_dt, run_id"
    )


@pytest.mark.parametrize(
    ("sql", "message", "line", "column"),
    [
        ("SELECT 1,\n 'a", "this string literal has no end", 2, 2),
        ("SELECT 1,\n `a", "this quoted identifier has no end", 2, 2),
        ("SELECT 1 /* a /* b */ c", "this comment has no end", 1, 10),
        ("SELECT ${x", "this placeholder has no end", 1, 8),
        ("SELECT 1;\n-- and\nSELECT 2;", "a second statement begins here", 3, 1),
        ("-- nothing\n;", "there is no statement", 1, 1),
        ("SELECT r'${x}'", "a raw literal cannot hold a placeholder", 1, 8),
        ("SELECT ${x}${x}", "a placeholder touches the value beside it", 1, 12),
        ("SELECT 'a'${x}", "a placeholder touches the value beside it", 1, 11),
    ],
)
def test_what_cannot_be_bound_names_its_place(sql: str, message: str, line: int, column: int) -> None:
    error = fails(sql)
    assert (error.message, error.line, error.column) == (message, line, column)


@pytest.mark.parametrize(
    ("sql", "value", "kind", "part"),
    [
        ("SELECT 'a${x}'", None, "string", "NULL cannot be a part of a text"),
        ("SELECT * FROM ${x}", "a; DROP", "string", "'a; DROP' is not a name"),
        ("SELECT * FROM ${x}", None, "string", "'' is not a name"),
        ("SELECT * FROM t_${x}", "a b", "string", "'a b' cannot be a part of a name"),
        ("SELECT ${x}", "1 OR 1=1", "integer", "'1 OR 1=1' is not of type integer"),
        ("SELECT ${x}", "NaN", "decimal", "'NaN' is not of type decimal"),
        ("SELECT '${x}'", "15/05/2024", "date", "'15/05/2024' is not of type date"),
        ("SELECT ${x}", "yes", "boolean", "'yes' is not of type boolean"),
    ],
)
def test_a_value_that_does_not_fit_names_its_origin(
    sql: str, value: Value, kind: ParameterType, part: str
) -> None:
    error = fails(sql, value, kind)
    assert part in error.message
    assert "(job_master.context_params.x)" in error.message


@pytest.mark.parametrize("end", [";", " ; \n-- done\n", ";;"])
def test_a_trailing_semicolon_goes_and_lines_stay(end: str) -> None:
    sql = f"-- a; b\nSELECT ';' AS a{end}"
    assert bind(sql, {}, file="a.hql") == f"-- a; b\nSELECT ';' AS a{end.replace(';', '')}"


def test_a_large_text_takes_time_in_proportion() -> None:
    """Backtracking over these would take longer than the test suite may."""
    for piece in ("'' ", '" + ', "' ' ", "-- ", "context ", "\\", "''\" + context.x + \"'' ", "/**/", "a "):
        sql = "SELECT " + piece * 20_000
        bound = bound_or_error(sql, "v")
        text = bound.message if isinstance(bound, SqlError) else bound
        assert text.startswith(("SELECT ", "this string literal has no end"))


AWKWARD = [
    "it's", 'say "hi"', "a\\b", "\\", "\\'", "--", "/* */", "${x}", "${env:PATH}", "\\u0041", "\0" + "12", "a\nb",
    "100\\%_", "';--", "''", "é😀", "$", "\\\n", "\t\r",
]  # fmt: skip


@pytest.mark.spark
def test_spark_reads_every_value_back(spark: SparkSession) -> None:
    row = "'${x}' AS a, ${x} AS b, \"<${x}>\" AS c, ''\" + context.x + \"'' AS d"
    sql = " UNION ALL ".join(bind_one(f"SELECT {n} AS n, {row}", v) for n, v in enumerate(AWKWARD))
    rows = sorted(spark.sql(sql).collect())
    assert [tuple(r)[1:] for r in rows] == [(v, v, f"<{v}>", v) for v in AWKWARD]
    typed = spark.sql(
        bind(
            "SELECT ${d}, ${t}, ${n}, ${i}, ${b}, 1 -${i}",
            {
                "d": parameter("2024-05-15", "date"),
                "t": parameter("2024-05-15T01:02:03", "timestamp"),
                "n": parameter("1.50", "decimal"),
                "i": parameter(-5, "integer"),
                "b": parameter(True, "boolean"),
            },
            file="a.hql",
        )
    )
    assert [f.dataType.simpleString() for f in typed.schema] == [
        "date", "timestamp", "decimal(3,2)", "int", "boolean", "int",
    ]  # fmt: skip
    assert typed.collect()[0][5] == 6
