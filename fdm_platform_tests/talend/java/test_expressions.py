"""What single expressions become: guards, reasons of residues, constants, templates of paths."""

from __future__ import annotations

import pytest

from fdm_platform.talend.expression import Text
from fdm_platform.talend.java import CannotEvaluate, constant, evaluate, file_template, translate
from fdm_platform.talend.java.answers import CONSTRUCTED, OF_CLASSES, OF_VALUES
from fdm_platform.talend.java.routines import CONSTRUCTORS, METHODS, STATICS
from fdm_platform.talend.java.routines.rule import Refusal
from fdm_platform.talend.java.typed import Scope, Typed, Untranslated
from fdm_platform.talend.java.types import named
from fdm_platform.talend.model import ContextVariable
from fdm_platform.talend.sql import render
from fdm_platform_tests.talend.java.rows import column, java_type_of

CONTEXT = {
    v.name: v
    for v in (
        ContextVariable("dir", "id_Directory", "/data/in"),
        ContextVariable("region", "id_String", "north"),
        ContextVariable("limit", "id_Integer", "5"),
        ContextVariable("day", "id_Date", "2024-05-31 00:00:00"),
        ContextVariable("empty", "id_Integer", ""),
        ContextVariable("secret", "id_Password", "", is_secret=True),
    )
}
COLUMNS = {
    "text": "String", "number": "Integer", "count": "int", "amount": "BigDecimal(18,2)", "rate": "double",
    "day": "Date", "other": "Integer",
}  # fmt: skip
SCOPE = Scope(
    flows={"row1": {name: column(name, type_) for name, type_ in COLUMNS.items()}},
    context=CONTEXT,
    global_map={"known": Typed(java_type_of("String"), Text("a b"), "string")},
    routines=frozenset({"Own"}),
)


def _typed(java: str) -> Typed:
    found = translate(java, SCOPE)
    assert isinstance(found, Typed), found
    return found


@pytest.mark.parametrize(
    ("java", "sql"),
    [
        ("row1.text", "row1.text"),
        ('"a" + 1 + row1.text + "b" + "c"', "'a1' || coalesce(row1.text, 'null') || 'bc'"),
        ('context.region + "/"', "'${region}' || '/'"),
        ("context.limit + row1.count", "CAST('${limit}' AS INT) + row1.count"),
        ('((String) globalMap.get("known"))', "'a b'"),
        ("0 != row1.count", "row1.count <> 0"),
        ("row1.rate / 2", "row1.rate / 2.0D"),
        ("row1.count != 0 ? 100 / row1.count : 0", "CASE WHEN row1.count <> 0 THEN CAST(100 DIV row1.count AS INT) ELSE 0 END"),
        ("(String) null", "CAST(NULL AS STRING)"),
        ("(row1.count) - 1 * 2", "row1.count - 1 * 2"),
        ("(int) -1 + Math.abs(row1.count) - 1", "-1 + abs(row1.count) - 1"),
        ('"(a)-" + (row1.count) + 1', "'(a)-' || CAST(row1.count AS STRING) || '1'"),
    ],
)  # fmt: skip
def test_sql(java: str, sql: str) -> None:
    assert render(_typed(java).sql) == sql


@pytest.mark.parametrize(
    ("java", "fails"),
    [
        # What is known on the way needs no guard.
        ("row1.text != null ? row1.text.length() : 0", "FALSE"),
        ("!Relational.ISNULL(row1.text) && row1.text.isEmpty()", "FALSE"),
        ('row1.text == null || row1.text.equals("x")', "FALSE"),
        ('"x".equals(row1.text) ? row1.text.length() : 0', "FALSE"),
        ("row1.number == null ? 0 : row1.number * row1.number", "FALSE"),
        ("row1.count != 0 ? 1 / row1.count : 0", "FALSE"),
        ("row1.count == 0 || 1 / row1.count > 0", "FALSE"),
        ("row1.text.isEmpty() ? 0 : row1.text.length()", "row1.text IS NULL"),
        ("row1.text.length() > 3 && row1.text.substring(0, 3).isEmpty()", "row1.text IS NULL"),
        ("row1.text.length() > 1 && row1.text.substring(0, 3).isEmpty()",
         "row1.text IS NULL OR length(row1.text) > 1 AND length(row1.text) < 3"),
        ("row1.number + row1.number", "row1.number IS NULL"),
        ("row1.number == null || row1.other > 0", "row1.number IS NOT NULL AND row1.other IS NULL"),
        ("row1.count / 2 + 7 % 3", "FALSE"),
        ("row1.count / row1.number", "row1.number IS NULL OR row1.number = 0"),
    ],
)  # fmt: skip
def test_fails(java: str, fails: str) -> None:
    assert render(_typed(java).fails) == fails


def test_a_boolean_is_not_null_where_it_fails() -> None:
    assert render(_typed("row1.number > 0").sql) == "coalesce(row1.number > 0, FALSE)"


@pytest.mark.parametrize(
    ("java", "reason", "offset"),
    [
        ("row1.text ==", "it is no Java expression", 10),
        ("row1.text; int x = 2", "more than one expression", 0),
        ("", "there is no expression", 0),
        ("1 + row1.nothing", "row1 has no column nothing", 4),
        ("context.nothing", "the job has no context variable nothing", 0),
        ("row9.text", "row9.text is no column", 0),
        ("context.secret", "is a secret", 0),
        ('row1.text == "x"', "whether they are one object", 0),
        ("row1.number != row1.other", "whether they are one object", 0),
        ('globalMap.get("tFileList_1_CURRENT_FILE")', 'globalMap.get("tFileList_1_CURRENT_FILE") is a value of the run', 0),
        ("Own.check(row1.text)", "Own.check is a routine of this project", 0),
        ('Numeric.sequence("s", 1, 1)', "counts rows in the order in which they come", 0),
        ("row1.count = 5", "an assignment has no translation", 0),
        ("row1.count++", "changes a variable", 0),
        ("() -> 5", "a lambda expression", 0),
        ("row1.amount.equals(row1.amount)", "compareTo() == 0", 0),
        ("row1.amount.divide(row1.amount)", "without a number of decimal places", 0),
        ("new java.math.BigDecimal(0.1)", "all its binary digits", 0),
        ('new java.math.BigDecimal("NaN")', "is no number", 0),
        ('new java.math.BigDecimal("1_000")', "is no number", 0),
        ("row1.amount.divide(row1.amount, 20, java.math.RoundingMode.DOWN)", "rounds a quotient of these to 20 places", 0),
        ("StringHandling.LPAD(row1.text, 5, row1.text)", "only for a literal length and filler", 0),
        ("row1.text.foo(1)", "no translation for String.foo with 1 argument", 0),
        ('row1.text.compareTo("a")', "only its sign", 0),
        ("row1.count ? 1 : 2", "needs a boolean here, not an int", 0),
        ("(byte) row1.number", "Java casts no Integer to byte", 0),
        ("row1.count.toString()", "an int has no methods", 0),
        ('TalendDate.parseDate("dd/MM/yy", row1.text)', "the century", 0),
        ('TalendDate.formatDate("YYYY", row1.day)', "'YYYY' of the date pattern", 0),
        ('(row1.count > 0 ? 1 : "x") + ""', "gives an Object", 1),
        ("(" * 300 + "1" + ")" * 300, "nested too deeply", 101),
    ],
)  # fmt: skip
def test_reasons(java: str, reason: str, offset: int) -> None:
    found = translate(java, SCOPE)
    assert isinstance(found, Untranslated)
    assert reason in found.reason
    assert found.offset == offset


@pytest.mark.parametrize(
    ("java", "want", "reason"),
    [
        ("row1.count", "String", "Java gives no String an int"),
        ("row1.text", "int", "Java gives no int a String"),
        ("row1.count", "Long", "Java gives no Long an int"),
        ("row1.rate", "int", "Java gives no int a double"),
    ],
)
def test_a_type_that_would_not_compile(java: str, want: str, reason: str) -> None:
    found = translate(java, SCOPE, named(want))
    assert isinstance(found, Untranslated)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("java", "want", "sql", "fails"),
    [
        ("row1.number", "int", "row1.number", "row1.number IS NULL"),
        ("row1.count", "long", "CAST(row1.count AS BIGINT)", "FALSE"),
        ("row1.count", "Integer", "row1.count", "FALSE"),
        ("null", "Integer", "CAST(NULL AS INT)", "FALSE"),
        ("5", "short", "5S", "FALSE"),
        ("5", "double", "5.0D", "FALSE"),
    ],
)
def test_the_type_that_is_wanted(java: str, want: str, sql: str, fails: str) -> None:
    found = translate(java, SCOPE, named(want))
    assert isinstance(found, Typed)
    assert (render(found.sql), render(found.fails)) == (sql, fails)
    assert found.type == named(want)


@pytest.mark.parametrize(
    ("java", "value"),
    [
        ('"a" + ".csv"', "a.csv"),
        ('";"', ";"),
        ('"\\t"', "\t"),
        ("1", 1),
        ("1 + 2 * 3", 7),
        ("'|'", "|"),
        ("true", True),
        ('context.region + "_" + context.limit', "north_5"),
        ("context.limit > 3 ? 1 : 0", 1),
        ("context.empty", None),
        ("context.secret", None),
        ("row1.text", None),
        ("1 / 0", None),
        ("TalendDate.getCurrentDate()", None),
        ('(String) globalMap.get("x")', None),
        ("not java", None),
    ],
)
def test_constants(java: str, value: object) -> None:
    assert constant(java, CONTEXT) == value


@pytest.mark.parametrize(
    ("java", "template"),
    [
        ('"/data/a.csv"', "/data/a.csv"),
        ('context.dir + "/" + context.region + ".csv"', "/data/in/{region}.csv"),
        ('"a{1}_" + 1 + ".csv"', "a{{1}}_1.csv"),
        ('context.dir + "/x_" + TalendDate.formatDate("yyyyMMdd", context.day) + ".csv"', "/data/in/x_{day:%Y%m%d}.csv"),
        ("context.region", "{region}"),
    ],
)  # fmt: skip
def test_templates(java: str, template: str) -> None:
    assert file_template(java, SCOPE) == template


@pytest.mark.parametrize(
    ("java", "reason"),
    [
        ('"x_" + TalendDate.getDate("CCYYMMDD")', "the day on which the job runs"),
        ('((String) globalMap.get("tFileList_1_CURRENT_FILEPATH"))', "made when the job runs"),
        ('"a" + row1.text', "made when the job runs"),
        ('"a" + context.secret', "a secret"),
        ('"a', "no Java expression"),
    ],
)
def test_no_templates(java: str, reason: str) -> None:
    found = file_template(java, SCOPE)
    assert isinstance(found, Untranslated)
    assert reason in found.reason


def test_a_text_of_hundreds_of_parts() -> None:
    java = " + ".join(['"a"', "row1.text"] * 400)
    assert evaluate(java, {"row1": {"text": "b"}}, SCOPE) == "ab" * 400
    assert render(_typed(java).sql).count("coalesce") == 400


def test_the_interpreter_knows_constants_of_the_job() -> None:
    java = '((String) globalMap.get("known")).length() + context.limit + (context.empty == null ? 100 : 0)'
    assert evaluate(java, {}, SCOPE) == 108


def test_the_interpreter_says_what_it_does_not_know() -> None:
    for java in ("row1.text == row1.text", "Own.check(1)", 'Numeric.sequence("s", 1, 1)', "row2.x", "1 +"):
        with pytest.raises(CannotEvaluate):
            evaluate(java, {"row1": {"text": "b"}}, SCOPE)


def test_what_has_a_translation_has_an_answer_too() -> None:
    """Methods that are only named to say why they have no translation need none."""
    builders = {**METHODS, **STATICS}
    translated = {key for key, build in builders.items() if not isinstance(build, Refusal)}
    assert translated - {*OF_VALUES, *OF_CLASSES} == set()
    assert {(name, "new", count) for name, count in CONSTRUCTORS} <= set(CONSTRUCTED)
