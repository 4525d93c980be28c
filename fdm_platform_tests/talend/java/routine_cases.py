"""Talend's routines."""

from __future__ import annotations

from fdm_platform_tests.talend.java.case import INT_MAX, THROWS, Case, at

DATES = (
    Case(
        'TalendDate.formatDate("dd/MM/yyyy HH:mm:ss.SSS", row1.a)',
        "a: Date",
        [((at("2024-05-03 14:05:06.007"),), "03/05/2024 14:05:06.007"), ((None,), THROWS)],
    ),
    Case(
        "TalendDate.formatDate(\"yyyy-MM-dd'T'hh:mm a\", row1.a)",
        "a: Date",
        [
            ((at("2024-12-31 00:05"),), "2024-12-31T12:05 AM"),
            ((at("2024-12-31 13:05"),), "2024-12-31T01:05 PM"),
        ],
    ),
    Case(
        'TalendDate.formatDate("EEE, d MMMM yy; D k K", row1.a)',
        "a: Date",
        [((at("2024-02-05"),), "Mon, 5 February 24; 36 24 0")],
    ),
    Case(
        'TalendDate.parseDate("yyyy-MM-dd", row1.a)',
        "a: String",
        [
            (("2024-05-03",), at("2024-05-03")),
            # Talend reads this pattern by positions.
            (("2024-5-3",), THROWS),
            (("03.05.2024",), THROWS),
            (("",), THROWS),
            ((None,), THROWS),
        ],
    ),
    Case(
        'TalendDate.parseDate("dd/MM/yyyy HH:mm", row1.a)',
        "a: String",
        [(("3/5/2024 7:05",), at("2024-05-03 07:05")), (("29/02/2024 00:00",), at("2024-02-29"))],
    ),
    Case(
        'TalendDate.parseDate("yyyyMMddHHmmss", row1.a)',
        "a: String",
        [(("20240503140506",), at("2024-05-03 14:05:06")), (("x",), THROWS)],
    ),
    Case(
        'TalendDate.parseDate("dd-MMM-yyyy", row1.a)',
        "a: String",
        [(("03-MAY-2024",), at("2024-05-03")), (("03-Xyz-2024",), THROWS)],
    ),
    Case(
        'TalendDate.isDate(row1.a, "yyyy-MM-dd")',
        "a: String",
        [
            (("2024-02-29",), True),
            (("2023-02-29",), False),
            (("2024-2-9",), False),
            (("2024-02-29x",), False),
            (("",), False),
            ((None,), False),
        ],
    ),
    Case(
        'TalendDate.addDate(row1.a, row1.b, "MM")',
        "a: Date; b: int",
        [
            ((at("2024-01-31 05:00"), 1), at("2024-02-29 05:00")),
            ((at("2024-03-31"), -13), at("2023-02-28")),
            ((None, 1), None),
        ],
    ),
    Case('TalendDate.addDate(row1.a, -1, "yyyy")', "a: Date", [((at("2024-02-29"),), at("2023-02-28"))]),
    Case(
        'TalendDate.addDate(row1.a, 36, "HH")',
        "a: Date",
        [((at("2024-02-28 13:00"),), at("2024-03-01 01:00"))],
    ),
    Case(
        'TalendDate.addDate(row1.a, 90, "mm")',
        "a: Date",
        [((at("2024-01-01 23:00"),), at("2024-01-02 00:30"))],
    ),
    Case(
        'TalendDate.addDate(row1.a, 1, "dd")',
        "a: Date",
        [((at("2024-02-28 01:02:03.004"),), at("2024-02-29 01:02:03.004"))],
    ),
    Case(
        'TalendDate.addDate(row1.a, 5, "SSS")',
        "a: Date",
        [((at("2024-02-28 01:02:03.999"),), at("2024-02-28 01:02:04.004"))],
    ),
    # A difference is of milliseconds, divided; null is 1970-01-01.
    Case(
        "TalendDate.diffDate(row1.a, row1.b)",
        "a: Date; b: Date",
        [
            ((at("2024-03-01"), at("2024-02-28 12:00")), 1),
            ((at("2024-02-28 12:00"), at("2024-03-01")), -1),
            ((at("1970-01-11"), None), 10),
        ],
    ),
    Case(
        'TalendDate.diffDate(row1.a, row1.b, "MM")',
        "a: Date; b: Date",
        [((at("2024-03-01"), at("2023-12-31")), 3)],
    ),
    Case(
        'TalendDate.diffDate(row1.a, row1.b, "yyyy")',
        "a: Date; b: Date",
        [((at("2024-01-01"), at("2023-12-31")), 1)],
    ),
    Case(
        'TalendDate.diffDate(row1.a, row1.b, "mm")',
        "a: Date; b: Date",
        [((at("2024-01-01 01:00"), at("2024-01-01")), 60)],
    ),
    Case(
        "TalendDate.compareDate(row1.a, row1.b)",
        "a: Date; b: Date",
        [
            ((at("2024-01-01"), at("2024-01-02")), -1),
            ((at("2024-01-01"), None), 1),
            ((None, at("2024-01-01")), -1),
            ((None, None), 0),
        ],
    ),
    Case(
        'TalendDate.compareDate(row1.a, row1.b, "yyyy-MM-dd")',
        "a: Date; b: Date",
        [((at("2024-01-01 05:00"), at("2024-01-01 07:00")), 0)],
    ),
    Case(
        'TalendDate.getPartOfDate("MONTH", row1.a) * 100 + TalendDate.getPartOfDate("DAY_OF_WEEK", row1.a)',
        "a: Date",
        [((at("2024-05-05"),), 401), ((at("2024-01-06"),), 7), ((None,), 0)],
    ),
    Case(
        'TalendDate.getPartOfDate("HOUR", row1.a) * 1000 + TalendDate.getPartOfDate("DAY_OF_YEAR", row1.a)',
        "a: Date",
        [((at("2024-12-31 13:00"),), 1366)],
    ),
    Case(
        "TalendDate.getFirstDayOfMonth(row1.a)",
        "a: Date",
        [((at("2024-02-15 08:00"),), at("2024-02-01 08:00")), ((None,), None)],
    ),
    Case(
        "TalendDate.getLastDayOfMonth(row1.a)",
        "a: Date",
        [((at("2024-02-15 08:00"),), at("2024-02-29 08:00")), ((None,), None)],
    ),
    # Talend makes DD one letter d: no zero before it.
    Case(
        'TalendDate.TO_CHAR(row1.a, "DD/MM/YYYY HH24:MI:SS")',
        "a: Date",
        [((at("2024-02-01 15:04:05"),), "1/02/2024 15:04:05"), ((None,), None)],
    ),
    Case(
        'TalendDate.TO_DATE(row1.a, "YYYY-MM-DD")',
        "a: String",
        [(("2024-02-01",), at("2024-02-01")), (("",), None), ((None,), None), (("x",), THROWS)],
    ),
    # DD is the single d, after which nothing may follow.
    Case('TalendDate.TO_DATE(row1.a, "YYYYMMDD")', "a: String", [(("20240215",), at("2024-02-15"))]),
    Case("row1.a.getTime()", "a: Date", [((at("1970-01-02 00:00:00.005"),), 86400005), ((None,), THROWS)]),
    Case(
        "row1.a.before(row1.b)",
        "a: Date; b: Date",
        [((at("2024-01-01"), at("2024-01-02")), True), ((at("2024-01-01"), None), THROWS)],
    ),
    Case("row1.a.compareTo(row1.b) >= 0", "a: Date; b: Date", [((at("2024-01-01"), at("2024-01-01")), True)]),
)

STRING_HANDLING = (
    Case(
        "StringHandling.UPCASE(row1.a) + StringHandling.DOWNCASE(row1.a)",
        "a: String",
        [(("aB",), "ABab"), ((None,), "nullnull")],
    ),
    Case("StringHandling.TRIM(row1.a)", "a: String", [((" a ",), "a"), (("",), ""), ((None,), None)]),
    Case(
        'StringHandling.FTRIM(row1.a) + "|" + StringHandling.BTRIM(row1.a)',
        "a: String",
        [((" a ",), "a | a")],
    ),
    Case("StringHandling.LTRIM(row1.a)", "a: String", [(("\t a ",), "a "), (("",), None), ((None,), None)]),
    Case("StringHandling.RTRIM(row1.a)", "a: String", [((" a \n",), " a"), (("",), None)]),
    Case("StringHandling.LEFT(row1.a, 2)", "a: String", [(("abc",), "ab"), (("a",), "a"), ((None,), None)]),
    Case(
        "StringHandling.RIGHT(row1.a, 2)",
        "a: String",
        [(("abc",), "bc"), (("a",), "a"), (("",), ""), ((None,), None)],
    ),
    Case(
        "StringHandling.LEFT(row1.a, row1.b)",
        "a: String; b: int",
        [(("abc", -1), THROWS), ((None, -1), None)],
    ),
    Case("StringHandling.LEN(row1.a)", "a: String", [(("abc",), 3), ((None,), -1)]),
    Case(
        "StringHandling.INDEX(row1.a, row1.b)",
        "a: String; b: String",
        [(("abc", "c"), 2), (("abc", "x"), -1), ((None, "x"), -1), (("a", None), -1)],
    ),
    Case('StringHandling.COUNT(row1.a, "an")', "a: String", [(("banana",), 2), (("",), 0), ((None,), 0)]),
    Case('StringHandling.CHANGE(row1.a, "[0-9]", "#")', "a: String", [(("a1b2",), "a#b#"), ((None,), None)]),
    Case(
        'StringHandling.EREPLACE(row1.a, "a", row1.b)',
        "a: String; b: String",
        [(("banana", "o"), "bonono"), (("banana", None), "banana"), ((None, "x"), None)],
    ),
    Case(
        "StringHandling.DQUOTE(row1.a) + StringHandling.SQUOTE(row1.a)",
        "a: String",
        [(("x",), "\"x\"'x'"), ((None,), "nullnull")],
    ),
    Case(
        "StringHandling.SPACE(3) + StringHandling.STR('x', row1.a)",
        "a: int",
        [((2,), "   xx"), ((-1,), "   ")],
    ),
    Case(
        "StringHandling.SUBSTR(row1.a, 2, 3)",
        "a: String",
        [(("abcdef",), "bcd"), (("ab",), "b"), (("",), None), ((None,), None)],
    ),
    Case("StringHandling.SUBSTR(row1.a, -2, 1)", "a: String", [(("abcd",), "c"), (("a",), "a")]),
    Case(
        "StringHandling.SUBSTR(row1.a, 2, 0)", "a: String", [(("abc",), ""), (("",), None), ((None,), None)]
    ),
    Case("StringHandling.SUBSTR(row1.a, 0, 2)", "a: String", [(("abcd",), "ab")]),
    Case(
        'StringHandling.LPAD(row1.a, 5, "xy")',
        "a: String",
        [(("abc",), "xyabc"), (("ab",), "xyxab"), (("abcdefg",), "abcdefg"), (("",), None), ((None,), None)],
    ),
    Case("StringHandling.RPAD(row1.a, 4)", "a: String", [(("ab",), "ab  "), (("",), None)]),
    Case(
        "StringHandling.IS_ALPHA(row1.a)",
        "a: String",
        [(("abc",), True), (("a1",), False), (("",), True), ((None,), False)],
    ),
)

ROUTINES = (
    Case("Relational.ISNULL(row1.a)", "a: String", [((None,), True), (("",), False)]),
    Case("Relational.NOT(Relational.ISNULL(row1.a))", "a: Integer", [((None,), False), ((0,), True)]),
    Case("Relational.isNull(row1.a)", "a: Integer", [((None,), 1), ((0,), 0)]),
    Case("Relational.ISNULL(row1.a) ? 0 : row1.a.length()", "a: String", [((None,), 0), (("ab",), 2)]),
    Case("Mathematical.ABS(row1.a)", "a: int", [((-5,), 5.0)]),
    Case("Mathematical.INT(row1.a)", "a: String", [(("12",), 12), (("1.2",), THROWS), ((None,), THROWS)]),
    Case("Mathematical.SDIV(row1.a, 2)", "a: int", [((-7,), -3)]),
    Case("Mathematical.DIV(row1.a, 0)", "a: double", [((7.0,), INT_MAX)]),
    Case("Mathematical.MOD(row1.a, 3)", "a: double", [((7.5,), 1.5)]),
    Case("Mathematical.NUM(row1.a)", "a: String", [(("12",), 1), (("1.2",), 0), ((None,), THROWS)]),
    Case('Mathematical.SADD(row1.a, "1.5")', "a: String", [(("1",), 2.5), (("x",), THROWS)]),
    Case("Mathematical.BITAND(row1.a, 6)", "a: int", [((12,), 4)]),
    Case("Mathematical.NEG(row1.a)", "a: double", [((1.5,), -1.5)]),
)
