"""tConvertType, tExtractDelimitedFields and tSchemaComplianceCheck: rows one by one, some of them rejected."""

from __future__ import annotations

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
]  # fmt: skip
