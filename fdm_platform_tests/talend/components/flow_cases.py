"""Cases of filters, of flows that are united or narrowed, and of inputs: files, queries and rows in the job itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from fdm_platform.talend.model import Component, ContextVariable, Param
from fdm_platform_tests.talend.components.cases import Case, Incoming
from fdm_platform_tests.talend.components.jobs import component

_at = datetime.fromisoformat
PEOPLE = Incoming(
    "a:Integer b c:Integer! d:Date",
    [
        (1, "Ann", 1, _at("1986-01-01")),
        (None, "bob", 5, _at("1985-12-31")),
        (5, None, 5, None),
        (7, "", 9, _at("2024-05-15 12:00")),
    ],
)


def _filter(*conditions: tuple[str, str, str, str], **params: str) -> Component:
    """Conditions as (column, function, operator, value)."""
    rows = tuple(
        {"INPUT_COLUMN": column, "FUNCTION": function, "OPERATOR": operator, "RVALUE": value}
        for column, function, operator, value in conditions
    )
    return component(
        "tFilterRow",
        {"FILTER": PEOPLE.schema, "REJECT": f"{PEOPLE.schema} errorMessage"},
        {"LOGICAL_OP": "&&", "CONDITIONS": rows, **params},
    )


def _filter_case(name: str, some: Component, kept: Sequence[int]) -> Case:
    rows = [row for n, row in enumerate(PEOPLE.rows) if n in kept]
    return Case(f"tFilterRow: {name}", some, {"row1": PEOPLE}, ["row2 FILTER"], {"tFilterRow_1": rows})


_LENGTH = "$source == null? false : $source.length() $operator $target"
_LOWER = "$source == null? false : $source.toLowerCase().compareTo($target) $operator 0"
_MATCHES = "$source == null? false : $source.matches($target) $operator true"

_FILTERS = [
    _filter_case("null meets no condition, not even !=", _filter(("a", "", "!=", "5")), [0, 3]),
    _filter_case("null is asked for by name", _filter(("b", "", "==", "null")), [2]),
    _filter_case("a primitive", _filter(("c", "", ">=", "5")), [1, 2, 3]),
    _filter_case("texts compare by their characters", _filter(("b", "", "<", '"a"')), [0, 3]),
    _filter_case("of their small letters", _filter(("b", _LOWER, "==", '"ann"')), [0]),
    _filter_case("lengths", _filter(("b", _LENGTH, ">", "2")), [0, 1]),
    _filter_case("patterns", _filter(("b", _MATCHES, "==", '"[A-Z].*"')), [0]),
    _filter_case("dates", _filter(("d", "", "<", 'TalendDate.parseDate("yyyy","1986")')), [1]),
    _filter_case("any of them", _filter(("a", "", "==", "1"), ("c", "", "==", "9"), LOGICAL_OP="||"), [0, 3]),
    _filter_case(
        "with a condition in Java",
        _filter(
            ("c", "", ">", "1"), USE_ADVANCED="true", ADVANCED_COND="input_row.a != null && input_row.a > 5"
        ),
        [3],
    ),
    _filter_case("no condition", _filter(), [0, 1, 2, 3]),
    Case(
        "tFilterRow: fractions, BigDecimals and Booleans that may be null",
        component(
            "tFilterRow",
            {"FILTER": "a:Double b:BigDecimal(9,2) c:Boolean d:Float"},
            {
                "CONDITIONS": (
                    {"INPUT_COLUMN": "a", "FUNCTION": "", "OPERATOR": ">", "RVALUE": "0"},
                    {"INPUT_COLUMN": "b", "FUNCTION": "", "OPERATOR": ">=", "RVALUE": "1.50"},
                    {"INPUT_COLUMN": "c", "FUNCTION": "", "OPERATOR": "==", "RVALUE": "true"},
                    {"INPUT_COLUMN": "d", "FUNCTION": "", "OPERATOR": "<=", "RVALUE": "0.5"},
                )
            },
        ),
        {
            "row1": Incoming(
                "a:Double b:BigDecimal(9,2) c:Boolean d:Float",
                [
                    (0.5, Decimal("1.50"), True, 0.5),
                    (0.0, Decimal(9), True, 0.5),
                    (None, Decimal(9), True, 0.5),
                    (1.0, None, True, 0.5),
                    (1.0, Decimal("1.49"), True, 0.5),
                    (1.0, Decimal(9), None, 0.5),
                    (1.0, Decimal(9), True, 0.75),
                ],
            )
        },
        ["row2 FILTER"],
        {"tFilterRow_1": [(0.5, Decimal("1.50"), True, 0.5)]},
    ),
    Case(
        "tFilterRow: rejects say which conditions they did not meet",
        _filter(("a", "", "!=", "5"), ("b", _LENGTH, ">", "2"), ("c", "", "<", "9")),
        {"row1": PEOPLE},
        ["row2 FILTER", "row3 REJECT"],
        {
            "tFilterRow_1": [PEOPLE.rows[0]],
            "tFilterRow_1_reject": [
                (*PEOPLE.rows[1], "a.compareTo(5) != 0 failed"),
                (*PEOPLE.rows[2], "a.compareTo(5) != 0 failed| b.length() > 2 failed"),
                (*PEOPLE.rows[3], " b.length() > 2 failed|c < 9 failed"),
            ],
        },
    ),
]

_UNITED = Case(
    "tUnite: rows of all flows, columns by position",
    component("tUnite", {"FLOW": "x:Integer y"}),
    {"row1": Incoming("a:Integer b", [(1, "x"), (1, "x")]), "row2": Incoming("c:Integer d", [(None, None)])},
    ["row3"],
    {"tUnite_1": [(1, "x"), (1, "x"), (None, None)]},
)
_WIDENED = Case(
    "tUnite: numbers of the first flow take no digit from those of others",
    component("tUnite", {"FLOW": "a:BigDecimal(5,1) n:Long!"}),
    {
        "row1": Incoming("a:BigDecimal(5,1) n:Integer!", [(Decimal("1.5"), 1)]),
        "row2": Incoming("a:BigDecimal(12,4) n:Long!", [(Decimal("12345678.1234"), 3_000_000_000)]),
    },
    ["row3"],
    {"tUnite_1": [(Decimal("1.5000"), 1), (Decimal("12345678.1234"), 3_000_000_000)]},
)
_CHOSEN = Case(
    "tFilterColumns: columns by name, others with their default",
    component("tFilterColumns", {"FLOW": "c:Integer! x:Boolean! b"}),
    {"row1": PEOPLE},
    ["row2"],
    {"tFilterColumns_1": [(1, False, "Ann"), (5, False, "bob"), (5, False, None), (9, False, "")]},
)

_SCHEMA = "s:String! i:Integer p:Integer! d:Date e:BigDecimal f:Boolean g:Double"
_GOOD = ("x", "12", "7", "15-05-2024", "1.50", "1", "2.5")
_READ = ("x", 12, 7, _at("2024-05-15"), Decimal("1.50"), True, 2.5)
_EMPTY = (None, None, "7", None, "", None, None)
_OF_EMPTY = ("", None, 7, None, None, None, None)
_FILE: Mapping[str, Param] = {"FILENAME": '"in/a.csv"', "HEADER": "1", "FIELDSEPARATOR": '";"'}


def _delimited(schema: str = _SCHEMA, **params: str) -> Component:
    return component("tFileInputDelimited", {"FLOW": schema}, {**_FILE, **params})


def _file(*rows: tuple[object, ...], names: str = "s i p d e f g") -> Incoming:
    """A source's rows, all of them text."""
    return Incoming(names, rows, is_ordered=False)


_FILES = [
    Case(
        "tFileInputDelimited: an empty text is null, of a String the empty text",
        _delimited(DIE_ON_ERROR="true"),
        {"row1": _file(_GOOD, _EMPTY)},
        ["row1"],
        {"tFileInputDelimited_1": [_READ, _OF_EMPTY]},
        is_source=True,
    ),
    Case(
        "tFileInputDelimited: rows that cannot be read are rejects up to the column that cannot",
        _delimited(DIE_ON_ERROR="false"),
        {"row1": _file(_GOOD, ("x", "1x", *_GOOD[2:]), ("x", "3", "", *_GOOD[3:]), (*_GOOD[:6], "?"))},
        ["row1", "row2 REJECT"],
        {
            "tFileInputDelimited_1": [_READ],
            "tFileInputDelimited_1_reject": [
                ("x", None, 0, None, None, None, None, None, "i: cannot be read: 1x"),
                ("x", 3, 0, None, None, None, None, None, "p: cannot be read: "),
                (*_READ[:6], None, None, "g: cannot be read: ?"),
            ],
        },
        is_source=True,
    ),
    Case(
        "tFileInputDelimited: fields are trimmed as Java does it, numbers have their own separators",
        _delimited(
            "s n:Integer t:Double",
            TRIMALL="true",
            ADVANCED_SEPARATOR="true",
            THOUSANDS_SEPARATOR='"."',
            DECIMAL_SEPARATOR='","',
            DIE_ON_ERROR="true",
        ),
        {"row1": _file(("\t a b ", " 1.234 ", "1.234,5"), names="s n t")},
        ["row1"],
        {"tFileInputDelimited_1": [("a b", 1234, 1234.5)]},
        is_source=True,
    ),
    Case(
        "tFileInputDelimited: dates may have blanks about them, trimmed or not, and nothing else",
        _delimited('d:Date"dd-MM-yyyy"', DIE_ON_ERROR="false"),
        {"row1": _file((" 15-05-2024 ",), ("15-05-2024",), ("15.05.2024",), names="d")},
        ["row1"],
        {"tFileInputDelimited_1": [(_at("2024-05-15"),), (_at("2024-05-15"),)]},
        is_source=True,
    ),
    Case(
        "tFileInputPositional: lines are cut by their widths",
        component(
            "tFileInputPositional",
            {"FLOW": "k n:Integer rest"},
            {"FILENAME": '"in/a.txt"', "PATTERN": '"3,4,*"', "TRIMALL": "true", "DIE_ON_ERROR": "true"},
        ),
        {"row1": _file(("A01  12the rest",), ("B",), names="line")},
        ["row1"],
        {"tFileInputPositional_1": [("A01", 12, "the rest"), ("B", None, "")]},
        is_source=True,
    ),
    Case(
        "tFileInputPositional: numbers may have blanks about them, an empty one is 0, columns without a width are empty",
        component(
            "tFileInputPositional",
            {"FLOW": "k n:Integer! rest more:Integer"},
            {"FILENAME": '"in/a.txt"', "PATTERN": "2,5", "DIE_ON_ERROR": "true"},
        ),
        {"row1": _file(("A    42 the rest",), ("B",), names="line")},
        ["row1"],
        {"tFileInputPositional_1": [("A ", 42, "", None), ("B", 0, "", None)]},
        is_source=True,
    ),
    Case(
        "tFileInputPositional: nothing is left after a field that goes to the line's end; widths of the context",
        component(
            "tFileInputPositional",
            {"FLOW": "k rest none"},
            {"FILENAME": '"in/a.txt"', "PATTERN": "context.widths", "DIE_ON_ERROR": "true"},
        ),
        {"row1": _file(("Athe rest",), names="line")},
        ["row1"],
        {"tFileInputPositional_1": [("A", "the rest", "")]},
        {"widths": ContextVariable("widths", "id_String", "1,*,3")},
        is_source=True,
    ),
    Case(
        "tFileInputPositional: fields have widths and padding of their own",
        component(
            "tFileInputPositional",
            {"FLOW": "k n:Integer"},
            {
                "FILENAME": '"in/a.txt"',
                "ADVANCED_OPTION": "true",
                "FORMATS": (
                    {"SCHEMA_COLUMN": "k", "SIZE": "4", "PADDING_CHAR": "'_'", "ALIGN": "'L'"},
                    {"SCHEMA_COLUMN": "n", "SIZE": "5", "PADDING_CHAR": "'0'", "ALIGN": "'R'"},
                ),
                "DIE_ON_ERROR": "true",
            },
        ),
        {"row1": _file(("a___00042x",), names="line")},
        ["row1"],
        {"tFileInputPositional_1": [("a", 42)]},
        is_source=True,
    ),
    Case(
        "tMysqlInput: a query's columns are named by position and trimmed",
        component(
            "tMysqlInput",
            {"FLOW": "id:Integer! name"},
            {
                "HOST": '"h"',
                "PORT": '"3306"',
                "DBNAME": '"db"',
                "USER": '"u"',
                "QUERY": '"select a, b from t;"',
                "TRIM_ALL_COLUMN": "true",
            },
        ),
        {"row1": Incoming("id:Integer name", [(1, " x\t"), (2, None)], is_ordered=False)},
        ["row1"],
        {"tMysqlInput_1": [(1, "x"), (2, None)]},
        is_source=True,
    ),
]


def _fixed(
    name: str,
    schema: str,
    params: Mapping[str, Param],
    rows: Sequence[Sequence[object]],
    kind: str = "tFixedFlowInput",
) -> Case:
    some = component(kind, {"FLOW": schema}, params)
    return Case(f"{kind}: {name}", some, {}, ["row1"], {f"{kind}_1": rows})


_CONSTANTS = [
    _fixed(
        "one row of values, as often as it says",
        "a b:Integer c",
        {
            "NB_ROWS": "2",
            "USE_SINGLEMODE": "true",
            "VALUES": ({"SCHEMA_COLUMN": "a", "VALUE": '"x" + 1'}, {"SCHEMA_COLUMN": "b", "VALUE": "7 / 2"}),
        },
        [("x1", 3, None), ("x1", 3, None)],
    ),
    _fixed(
        "a table of values",
        "a b:Integer!",
        {"NB_ROWS": "1", "USE_INTABLE": "true", "INTABLE": ({"a": '"x"', "b": "1"}, {"a": "null", "b": ""})},
        [("x", 1), (None, 0)],
    ),
    _fixed(
        "values as text",
        "a b:Integer c:Double",
        {
            "NB_ROWS": "1",
            "USE_INLINECONTENT": "true",
            "INLINECONTENT": 'x";1;2\n; ;\n',
            "ROWSEPARATOR": '"\\n"',
            "FIELDSEPARATOR": '";"',
        },
        [('x"', 1, 2.0), (None, None, None)],
    ),
    _fixed(
        "a sequence and what is the same in each row",
        "n:Integer! k",
        {
            "NB_ROWS": "3",
            "VALUES": (
                {"SCHEMA_COLUMN": "n", "ARRAY": 'Numeric.sequence("s1", 10, 5)'},
                {"SCHEMA_COLUMN": "k", "ARRAY": '"a"'},
            ),
        },
        [(10, "a"), (15, "a"), (20, "a")],
        "tRowGenerator",
    ),
]

CASES: list[Case] = [*_FILTERS, _UNITED, _WIDENED, _CHOSEN, *_FILES, *_CONSTANTS]
