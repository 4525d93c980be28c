"""Texts: equality, methods of String."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817 - literals of a long table

from fdm_platform_tests.talend.java.case import INF, INT_MAX, LONG_MIN, NAN, THROWS, Case, at

EQUALITY = (
    Case('row1.a.equals("x")', "a: String", [(("x",), True), (("X",), False), ((None,), THROWS)]),
    Case('"x".equals(row1.a)', "a: String", [(("x",), True), ((None,), False)]),
    Case('!"x".equals(row1.a)', "a: String", [(("x",), False), ((None,), True)]),
    Case(
        "row1.a.equals(row1.b)",
        "a: String; b: String",
        [(("x", "x"), True), (("x", None), False), ((None, None), THROWS)],
    ),
    Case("row1.a.equals(0)", "a: Integer", [((0,), True), ((1,), False), ((None,), THROWS)]),
    # An Integer never equals a Long.
    Case("row1.a.equals(0L)", "a: Integer", [((0,), False)]),
    Case("row1.a.equals(row1.b)", "a: Integer; b: String", [((1, "1"), False), ((None, "1"), THROWS)]),
    Case(
        "row1.a.equalsIgnoreCase(row1.b)",
        "a: String; b: String",
        [(("Ab", "aB"), True), (("a", None), False), ((None, "a"), THROWS)],
    ),
    Case(
        "java.util.Objects.equals(row1.a, row1.b)",
        "a: String; b: String",
        [((None, None), True), (("a", None), False), (("a", "a"), True)],
    ),
    Case(
        "row1.a.compareTo(row1.b) < 0",
        "a: String; b: String",
        [(("a", "b"), True), (("B", "a"), True), (("b", "a"), False), ((None, "a"), THROWS)],
    ),
    Case(
        "row1.a.compareTo(row1.b) == 0",
        "a: BigDecimal(18,2); b: BigDecimal(18,1)",
        [((D("1.50"), D("1.5")), True), ((None, D("1.5")), THROWS)],
    ),
    Case(
        "row1.a.compareTo(row1.b)",
        "a: Integer; b: Integer",
        [((1, 2), -1), ((2, 2), 0), ((3, 2), 1), ((1, None), THROWS)],
    ),
    # Short and Byte subtract.
    Case("row1.a.compareTo(row1.b)", "a: Short; b: Short", [((5, 2), 3), ((2, 5), -3), ((None, 5), THROWS)]),
    Case("row1.a == 'x'", "a: char", [(("x",), True), (("y",), False)]),
)

TEXTS = (
    # + joins from left to right: before the first text it adds.
    Case('1 + 2 + "a" + 1 + 2', "a: int", [((0,), "3a12")]),
    Case(
        'row1.a + "/" + row1.b',
        "a: String; b: String",
        [(("x", None), "x/null"), ((None, "y"), "null/y"), (("", ""), "/")],
    ),
    Case('"" + row1.a', "a: Integer", [((5,), "5"), ((None,), "null")]),
    Case(
        'row1.a + ""',
        "a: double",
        [
            ((1.0,), "1.0"),
            ((0.1,), "0.1"),
            ((1e10,), "1.0E10"),
            ((1e-5,), "1.0E-5"),
            ((NAN,), "NaN"),
            ((INF,), "Infinity"),
            ((100.0,), "100.0"),
        ],
    ),
    Case('row1.a + ""', "a: float", [((0.1,), "0.1"), ((1.5e3,), "1500.0")]),
    Case('row1.a + ""', "a: Boolean", [((True,), "true"), ((None,), "null")]),
    Case('row1.a + ""', "a: char", [(("c",), "c")]),
    Case('row1.a + ""', "a: long", [((LONG_MIN,), "-9223372036854775808")]),
    Case(
        '"" + row1.a',
        "a: Date",
        [((at("2024-05-03 04:05:06"),), "Fri May 03 04:05:06 UTC 2024"), ((None,), "null")],
    ),
    Case("String.valueOf(row1.a)", "a: Integer", [((5,), "5"), ((None,), "null")]),
    Case("row1.a.toString()", "a: Integer", [((5,), "5"), ((None,), THROWS)]),
    Case("row1.a.length()", "a: String", [(("",), 0), (("abc",), 3), ((None,), THROWS)]),
    Case("row1.a.isEmpty()", "a: String", [(("",), True), ((" ",), False), ((None,), THROWS)]),
    Case(
        "row1.a.trim()",
        "a: String",
        [
            (("  a b ",), "a b"),
            (("\t\na\r\n",), "a"),
            (("\u00a0a",), "\u00a0a"),
            (("",), ""),
            ((None,), THROWS),
        ],
    ),
    Case("row1.a.toUpperCase() + row1.a.toLowerCase()", "a: String", [(("aB",), "ABab"), ((None,), THROWS)]),
    Case(
        "row1.a.substring(1)",
        "a: String",
        [(("abc",), "bc"), (("a",), ""), (("",), THROWS), ((None,), THROWS)],
    ),
    Case("row1.a.substring(0, 2)", "a: String", [(("abc",), "ab"), (("ab",), "ab"), (("a",), THROWS)]),
    Case(
        "row1.a.substring(row1.b, row1.c)",
        "a: String; b: int; c: int",
        [
            (("abcd", 1, 3), "bc"),
            (("abcd", 2, 2), ""),
            (("abcd", 3, 2), THROWS),
            (("abcd", -1, 2), THROWS),
            (("abcd", 0, 5), THROWS),
        ],
    ),
    Case(
        "row1.a.length() > 3 ? row1.a.substring(0, 3) : row1.a",
        "a: String",
        [(("abcd",), "abc"), (("ab",), "ab"), ((None,), THROWS)],
    ),
    Case("row1.a.charAt(1) == 'b'", "a: String", [(("abc",), True), (("acb",), False), (("a",), THROWS)]),
    Case(
        'row1.a.charAt(row1.b) + ""',
        "a: String; b: int",
        [(("abc", 2), "c"), (("abc", 3), THROWS), (("abc", -1), THROWS), (("abc", INT_MAX), THROWS)],
    ),
    Case(
        'row1.a.indexOf("b")', "a: String", [(("abcb",), 1), (("xyz",), -1), (("",), -1), ((None,), THROWS)]
    ),
    Case("row1.a.indexOf('b', 2)", "a: String", [(("abcb",), 3), (("ab",), -1)]),
    Case('row1.a.lastIndexOf("b")', "a: String", [(("abcb",), 3), (("xyz",), -1), (("b",), 0)]),
    Case(
        "row1.a.contains(row1.b)",
        "a: String; b: String",
        [(("abc", "bc"), True), (("abc", ""), True), (("abc", "d"), False), (("abc", None), THROWS)],
    ),
    Case(
        'row1.a.startsWith("ab") && row1.a.endsWith("c")',
        "a: String",
        [(("abc",), True), (("ab",), False), ((None,), THROWS)],
    ),
    Case("row1.a.concat(row1.b)", "a: String; b: String", [(("a", "b"), "ab"), (("a", None), THROWS)]),
    Case('row1.a.replace("a", "$1")', "a: String", [(("banana",), "b$1n$1n$1"), (("x",), "x")]),
    Case("row1.a.replace('.', ',')", "a: String", [(("1.5.2",), "1,5,2")]),
    Case(
        'row1.a.replaceAll("(\\\\d+)-(\\\\d+)", "$2/$1")',
        "a: String",
        [(("12-34 x",), "34/12 x"), (("x",), "x"), ((None,), THROWS)],
    ),
    Case('row1.a.replaceAll("[^0-9]", "")', "a: String", [(("+49 (0) 12",), "49012"), (("",), "")]),
    Case('row1.a.replaceFirst("^0+", "")', "a: String", [(("0070",), "70"), (("700",), "700")]),
    Case(
        'row1.a.matches("[0-9]+")',
        "a: String",
        [(("123",), True), (("123\n",), False), (("a1",), False), (("",), False)],
    ),
    Case('row1.a.matches("a|b")', "a: String", [(("a",), True), (("ab",), False)]),
    Case(
        'row1.a.split(",")[1]',
        "a: String",
        [(("x,y,z",), "y"), (("x",), THROWS), (("x,",), THROWS), (("x,,z",), ""), ((None,), THROWS)],
    ),
    Case(
        'row1.a.split(",")[0]', "a: String", [(("x,y",), "x"), (("",), ""), ((",",), THROWS), ((",y",), "")]
    ),
    Case('row1.a.split("\\\\|", -1)[1]', "a: String", [(("x|",), ""), (("x",), THROWS)]),
    Case(
        "new StringBuilder(row1.a).reverse().toString()",
        "a: String",
        [(("abc",), "cba"), (("",), ""), ((None,), THROWS)],
    ),
    Case(
        'String.format("%05d|%s|%-4s|", row1.a, row1.b, row1.b)',
        "a: int; b: String",
        [((42, "x"), "00042|x|x   |"), ((-3, None), "-0003|null|null|")],
    ),
    Case(
        'String.format("%.2f", row1.a)',
        "a: double",
        [((1.005,), "1.01"), ((2.0,), "2.00"), ((-0.125,), "-0.13")],
    ),
    Case(
        "Character.isDigit(row1.a.charAt(0))",
        "a: String",
        [(("1a",), True), (("a1",), False), (("",), THROWS)],
    ),
    Case('"a\\"b\\\\c\\t\\u00e9\'" + row1.a', "a: int", [((1,), "a\"b\\c\t\u00e9'1")]),
)
