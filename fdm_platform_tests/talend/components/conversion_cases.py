"""tConvertType, tExtractDelimitedFields and tSchemaComplianceCheck: rows one by one, some of them rejected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from fdm_platform_tests.talend.components.cases import Case, Incoming
from fdm_platform_tests.talend.components.jobs import component

_DATE = 'd:Date"dd-MM-yyyy"'


def _at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day)  # noqa: DTZ001 - wall clock


_TEXTS = Incoming(
    "i p d b x",
    [
        ("1", "7", "31-12-2024", "TRUE", "1.5"),
        (None, None, None, None, None),
        ("x", "1", "01-01-2024", "yes", "2"),
        ("5", "12345678901", "", "false", "-3e2"),
    ],
)
_SCHEMA = f"i:Integer p:Integer! {_DATE} b:Boolean x:Double more:Integer!"
_GOOD = [(1, 7, _at(2024, 12, 31), True, 1.5, 0), (None, 0, None, None, None, 0)]

_FIELDS = Incoming(
    "k:Integer t",
    [(1, "x;5|6;02-01-2024"), (2, None), (3, "a;b;1;"), (4, ""), (5, " y;;7")],
)


def _check(
    column: str, kind: str, nullable: str = "false", length: str = "false", pattern: str = ""
) -> Mapping[str, str]:
    return {
        "SCHEMA_COLUMN": column,
        "SELECTED_TYPE": kind,
        "NULLABLE": nullable,
        "MAX_LENGTH": length,
        "DATEPATTERN": pattern,
    }


CASES = [
    Case(
        "tConvertType: rows that cannot be converted are left out",
        component("tConvertType", {"FLOW": _SCHEMA}, {"AUTOCAST": "true"}),
        {"row1": _TEXTS},
        ["row2"],
        {"tConvertType_1": _GOOD},
    ),
    Case(
        "tConvertType: rejects have what came in, where types differ",
        component(
            "tConvertType",
            {"FLOW": _SCHEMA, "REJECT": "i p d b x more:Integer! errorCode errorMessage"},
            {"AUTOCAST": "true"},
        ),
        {"row1": _TEXTS},
        ["row2", "row3 REJECT"],
        {
            "tConvertType_1": _GOOD,
            "tConvertType_1_reject": [
                ("x", "1", "01-01-2024", "yes", "2", 0, "2", "i:cannot be converted;b:cannot be converted"),
                ("5", "12345678901", "", "false", "-3e2", 0, "2", "p:cannot be converted"),
            ],
        },
    ),
    Case(
        "tConvertType: rejects have what could be converted, where types are the main flow's",
        component(
            "tConvertType",
            {"FLOW": "i:Integer b:Boolean", "REJECT": "i:Integer b:Boolean errorCode errorMessage"},
            {"AUTOCAST": "true"},
        ),
        {"row1": Incoming("i b", [("5", "yes"), ("6", "true")])},
        ["row2", "row3 REJECT"],
        {
            "tConvertType_1": [(6, True)],
            "tConvertType_1_reject": [(5, None, "2", "b:cannot be converted")],
        },
    ),
    Case(
        "tConvertType: columns as paired, an empty text is NULL, numbers are cut",
        component(
            "tConvertType",
            {"FLOW": "w:Integer t l:Long! other"},
            {
                "EMPTYTONULL": "true",
                "DIEONERROR": "true",
                "MANUALTABLE": (
                    {"INPUT_COLUMN": "x", "OUTPUT_COLUMN": "w"},
                    {"INPUT_COLUMN": "n", "OUTPUT_COLUMN": "t"},
                    {"INPUT_COLUMN": "s", "OUTPUT_COLUMN": "l"},
                ),
            },
        ),
        {
            "row1": Incoming(
                "x:Double n:Integer! s other", [(-1.9, 4, "", "o"), (None, 5, "9", "o"), (1e10, 6, None, "o")]
            )
        },
        ["row2"],
        {"tConvertType_1": [(-1, "4", 0, None), (None, "5", 9, None), (2147483647, "6", 0, None)]},
    ),
    Case(
        "tConvertType: dates and BigDecimal as text",
        component("tConvertType", {"FLOW": "d n:BigDecimal(9,2)"}, {"AUTOCAST": "true"}),
        {"row1": Incoming(f"{_DATE} n", [(_at(2024, 2, 3), "1.50"), (None, None)])},
        ["row2"],
        {"tConvertType_1": [("03-02-2024", Decimal("1.50")), (None, None)]},
    ),
    Case(
        "tExtractDelimitedFields: missing fields are empty, what cannot be read is left out",
        component(
            "tExtractDelimitedFields",
            {"FLOW": f"k:Integer a n:Integer p:Integer! {_DATE}"},
            {"FIELD": "t", "FIELDSEPARATOR": '"[;|]"'},
        ),
        {"row1": _FIELDS},
        ["row2"],
        {"tExtractDelimitedFields_1": [(1, "x", 5, 6, _at(2024, 1, 2)), (5, " y", None, 7, None)]},
    ),
    Case(
        "tExtractDelimitedFields: rejects up to the field that cannot be read; NULL is passed over",
        component(
            "tExtractDelimitedFields",
            {
                "FLOW": f"k:Integer t a n:Integer p:Integer! {_DATE}",
                "REJECT": f"k:Integer t a n:Integer p:Integer! {_DATE} errorCode errorMessage",
            },
            {
                "FIELD": "t",
                "FIELDSEPARATOR": '"[;|]"',
                "IGNORE_SOURCE_NULL": "true",
                "CHECK_FIELDS_NUM": "true",
                "TRIM": "true",
            },
        ),
        {"row1": _FIELDS},
        ["row2", "row3 REJECT"],
        {
            "tExtractDelimitedFields_1": [(1, "x;5|6;02-01-2024", "x", 5, 6, _at(2024, 1, 2))],
            "tExtractDelimitedFields_1_reject": [
                (3, "a;b;1;", "a", None, 0, None, None, "n: cannot be read"),
                (4, "", "", None, 0, None, None, "p: cannot be read"),
                (5, " y;;7", "y", None, 7, None, None, "the number of fields differs"),
            ],
        },
    ),
    Case(
        "tSchemaComplianceCheck: as its table says",
        component(
            "tSchemaComplianceCheck",
            {"FLOW": "i b c(3) d"},
            {
                "CHECKCOLS": (
                    _check("i", "Integer"),
                    _check("b", "Boolean", nullable="true"),
                    _check("c", "String", nullable="true", length="true"),
                    _check("d", "Date", nullable="true", pattern='"dd-MM-yyyy"'),
                ),
                "EMPTY_NULL_TABLE": ({"SCHEMA_COLUMN": "d", "EMPTY_NULL": "true"},),
            },
        ),
        {
            "row1": Incoming(
                "i b c d",
                [
                    ("1", "true", "abc", "31-12-2024"),
                    (None, None, None, ""),
                    ("x", "TRUE", "abcd", "01-01-2024"),
                    ("2", "false", "", "nonsense"),
                    ("", "true", "a", None),
                ],
            )
        },
        ["row2", "row3 REJECT"],
        {
            "tSchemaComplianceCheck_1": [("1", "true", "abc", "31-12-2024")],
            "tSchemaComplianceCheck_1_reject": [
                (None, None, None, "", "4", "i:empty or null"),
                (
                    "x", "TRUE", "abcd", "01-01-2024", "16",
                    "i:wrong type;b:wrong type;c:exceed max length",
                ),
                ("2", "false", "", "nonsense", "2", "d:wrong DATE pattern or wrong DATE data"),
                ("", "true", "a", None, "2", "i:wrong type"),
            ],
        },
    ),
    Case(
        "tSchemaComplianceCheck: as its schema says",
        component(
            "tSchemaComplianceCheck",
            {"FLOW": "a:BigDecimal(5,2) n:Integer(2) t!"},
            {"CHECK_ALL": "true", "ALL_EMPTY_ARE_NULL": "true"},
        ),
        {
            "row1": Incoming(
                "a:BigDecimal(10,3) n:Integer t!",
                [
                    (Decimal("999.990"), 99, "x"),
                    (Decimal("0.125"), -1, "x"),
                    (Decimal(1000), -12, ""),
                    (None, None, "x"),
                    (None, None, None),
                ],
            )
        },
        ["row2", "row3 REJECT"],
        {
            "tSchemaComplianceCheck_1": [(Decimal("999.990"), 99, "x"), (None, None, "x")],
            "tSchemaComplianceCheck_1_reject": [
                (Decimal("0.125"), -1, "x", "8", "a:precision Non-matches"),
                (
                    Decimal(1000), -12, "", "16",
                    "a:precision Non-matches;n:exceed max length;t:empty or null",
                ),
                (None, None, None, "4", "t:empty or null"),
            ],
        },
    ),
]  # fmt: skip
