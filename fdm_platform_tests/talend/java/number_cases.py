"""Numbers and conditions."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817 - literals of a long table

from fdm_platform_tests.talend.java.case import INF, INT_MAX, INT_MIN, LONG_MIN, NAN, THROWS, Case

NUMBERS = (
    # Integer division truncates towards zero; by zero it throws; the smallest number divided by -1 is itself.
    Case(
        "row1.a / row1.b",
        "a: int; b: int",
        [((7, 2), 3), ((-7, 2), -3), ((7, 0), THROWS), ((INT_MIN, -1), INT_MIN)],
    ),
    Case(
        "row1.a / row1.b", "a: Integer; b: Integer", [((7, 2), 3), ((None, 2), THROWS), ((7, None), THROWS)]
    ),
    # The remainder has the dividend's sign.
    Case("row1.a % row1.b", "a: int; b: int", [((-7, 3), -1), ((7, -3), 1), ((1, 0), THROWS)]),
    # int wraps at 32 bits, long at 64.
    Case("row1.a + 1", "a: int", [((INT_MAX,), INT_MIN), ((1,), 2)]),
    Case("row1.a + 1L", "a: int", [((INT_MAX,), 2**31)]),
    Case("row1.a * row1.a", "a: int", [((65536,), 0), ((46341,), -2147479015)]),
    Case("row1.a - 1", "a: long", [((LONG_MIN,), 2**63 - 1)]),
    Case("-row1.a", "a: int", [((INT_MIN,), INT_MIN), ((5,), -5)]),
    Case("~row1.a", "a: int", [((5,), -6)]),
    # byte and short are int as soon as they are calculated with.
    Case("row1.a + row1.b", "a: short; b: short", [((32767, 1), 32768)]),
    Case("row1.a * row1.b", "a: byte; b: byte", [((127, 127), 16129)]),
    # int with double is double; division by zero is infinite, or not a number.
    Case("row1.a / 2.0", "a: int", [((7,), 3.5)]),
    Case(
        "row1.a / row1.b",
        "a: double; b: double",
        [((1.0, 0.0), INF), ((-1.0, 0.0), -INF), ((0.0, 0.0), NAN), ((1.0, 4.0), 0.25)],
    ),
    Case(
        "row1.a % row1.b", "a: double; b: double", [((5.5, 2.0), 1.5), ((-5.5, 2.0), -1.5), ((1.0, 0.0), NAN)]
    ),
    Case("row1.a / row1.b", "a: float; b: float", [((1.0, 4.0), 0.25), ((1.0, 0.0), INF)]),
    Case("row1.a == row1.a", "a: double", [((NAN,), False), ((1.0,), True)]),
    Case("row1.a != row1.a", "a: double", [((NAN,), True), ((1.0,), False)]),
    Case("row1.a > 1", "a: double", [((NAN,), False), ((2.0,), True), ((1.0,), False)]),
    Case("!(row1.a > 1)", "a: double", [((NAN,), True), ((2.0,), False)]),
    Case(
        "row1.a < row1.b",
        "a: double; b: double",
        [((1.0, NAN), False), ((NAN, 1.0), False), ((1.0, 2.0), True)],
    ),
    # Casts: floating to whole saturates, NaN is 0; whole to narrower keeps the low bits.
    Case("(int) row1.a", "a: double", [((3.99,), 3), ((-3.99,), -3), ((1e20,), INT_MAX), ((NAN,), 0)]),
    Case("(int) row1.a", "a: long", [((2**32 + 5,), 5), ((2**31,), INT_MIN)]),
    Case("(byte) row1.a", "a: int", [((200,), -56)]),
    Case("(short) row1.a", "a: int", [((70000,), 4464)]),
    Case("(long) row1.a * 1000000", "a: int", [((3000,), 3000000000)]),
    Case("(double) row1.a / row1.b", "a: int; b: int", [((1, 4), 0.25)]),
    Case("row1.a << 33", "a: int", [((1,), 2)]),
    Case("row1.a >> 1", "a: int", [((-3,), -2)]),
    Case("row1.a >>> 28", "a: int", [((-1,), 15)]),
    Case("row1.a & 6 | 1", "a: int", [((12,), 5)]),
    Case("row1.a ^ row1.b", "a: int; b: int", [((6, 3), 5)]),
    Case("0x1F + 010 + 1_000 + 0b11", "a: int", [((0,), 1042)]),
    Case("row1.a + Integer.MAX_VALUE", "a: int", [((1,), INT_MIN)]),
    Case("Math.abs(row1.a)", "a: int", [((-5,), 5), ((INT_MIN,), INT_MIN)]),
    Case("Math.max(row1.a, 2L)", "a: int", [((1,), 2), ((3,), 3)]),
    Case("Math.min(row1.a, row1.b)", "a: double; b: int", [((1.5, 2), 1.5), ((2.5, 2), 2.0)]),
    Case("Math.round(row1.a)", "a: double", [((2.5,), 3), ((-2.5,), -2), ((2.4,), 2), ((NAN,), 0)]),
    Case("Math.round(row1.a)", "a: float", [((1e10,), INT_MAX), ((-2.5,), -2)]),
    # A whole number is taken as a float.
    Case("Math.round(row1.a)", "a: long", [((16777217,), 16777216), ((2**40,), INT_MAX)]),
    Case("Math.min(row1.a, row1.b)", "a: double; b: float", [((1.0, NAN), NAN), ((NAN, 1.0), NAN)]),
    # A float is not the double of the same digits.
    Case("row1.a * 0.1f", "a: double", [((2.0,), 0.20000000298023224)]),
    Case("Math.floor(row1.a)", "a: double", [((-1.5,), -2.0), ((1.5,), 1.0)]),
    Case("Math.ceil(row1.a)", "a: double", [((1.2,), 2.0)]),
    Case("Math.pow(row1.a, 2)", "a: int", [((3,), 9.0)]),
    Case("Math.sqrt(row1.a)", "a: double", [((9.0,), 3.0), ((-1.0,), NAN)]),
    Case("Math.log(row1.a)", "a: double", [((1.0,), 0.0), ((0.0,), -INF), ((-1.0,), NAN)]),
)

CONDITIONS = (
    # Unboxing null throws, but only where it is evaluated.
    Case(
        "row1.a > row1.b",
        "a: Integer; b: Integer",
        [((2, 1), True), ((None, 1), THROWS), ((1, None), THROWS)],
    ),
    Case("row1.a > 0", "a: Integer", [((1,), True), ((0,), False), ((None,), THROWS)]),
    Case("row1.a != null && row1.a > 0", "a: Integer", [((1,), True), ((None,), False)]),
    Case("row1.a == null || row1.a > 0", "a: Integer", [((0,), False), ((None,), True)]),
    Case("row1.a == null | row1.a > 0", "a: Integer", [((1,), True), ((None,), THROWS)]),
    Case(
        "row1.a > 0 && row1.b > 0",
        "a: Integer; b: Integer",
        [((0, None), False), ((1, None), THROWS), ((None, 1), THROWS)],
    ),
    Case(
        "row1.a > 0 || row1.b > 0",
        "a: Integer; b: Integer",
        [((1, None), True), ((0, None), THROWS), ((0, 1), True)],
    ),
    Case("!(row1.a && row1.b)", "a: Boolean; b: boolean", [((True, False), True), ((None, True), THROWS)]),
    Case("row1.a == true", "a: Boolean", [((True,), True), ((False,), False), ((None,), THROWS)]),
    Case("row1.a == 1.0", "a: int", [((1,), True), ((2,), False)]),
    Case("row1.a == row1.b", "a: Integer; b: int", [((1, 1), True), ((None, 1), THROWS)]),
    Case("row1.a != row1.b", "a: boolean; b: boolean", [((True, False), True), ((True, True), False)]),
    # ?: evaluates one side; a primitive beside a box unboxes it, null beside a primitive boxes that.
    Case("row1.a > 0 ? row1.b : 0", "a: int; b: Integer", [((1, 5), 5), ((0, None), 0), ((1, None), THROWS)]),
    Case("row1.a > 0 ? null : row1.a", "a: int", [((1,), None), ((0,), 0)]),
    Case("row1.a == null ? 0 : row1.a", "a: Integer", [((None,), 0), ((3,), 3)]),
    Case("row1.a > 0 ? 1 : 2.5", "a: int", [((1,), 1.0), ((0,), 2.5)]),
    # A constant takes the other's type only if it fits.
    Case("row1.a > 0 ? 200 : row1.a", "a: byte", [((1,), 200), ((0,), 0)]),
    Case("row1.a == 0 ? -1 : 10 / row1.a", "a: int", [((0,), -1), ((3,), 3)]),
    Case(
        'row1.a == 1 ? "one" : row1.a == 2 ? "two" : null',
        "a: int",
        [((1,), "one"), ((2,), "two"), ((3,), None)],
    ),
    Case(
        'row1.a == null || row1.a.isEmpty() || row1.a.equalsIgnoreCase("NULL") ? null : Integer.parseInt(row1.a)',
        "a: String",
        [((None,), None), (("",), None), (("null",), None), (("42",), 42), (("x",), THROWS)],
    ),
    Case(
        "row1.a.length() > 0 ? Integer.parseInt(row1.a) : null",
        "a: String",
        [(("",), None), (("7",), 7), ((None,), THROWS)],
    ),
)

PARSED = (
    Case(
        "Integer.parseInt(row1.a)",
        "a: String",
        [
            (("42",), 42),
            (("+42",), 42),
            (("-0",), 0),
            ((" 42",), THROWS),
            (("4.2",), THROWS),
            (("",), THROWS),
            (("-",), THROWS),
            (("2147483648",), THROWS),
            (("42\n",), THROWS),
            ((None,), THROWS),
        ],
    ),
    Case("Integer.valueOf(row1.a)", "a: String", [(("007",), 7), ((None,), THROWS)]),
    Case(
        "Long.parseLong(row1.a)",
        "a: String",
        [(("2147483648",), 2147483648), (("9223372036854775808",), THROWS), (("1L",), THROWS)],
    ),
    Case("Short.parseShort(row1.a)", "a: String", [(("32767",), 32767), (("32768",), THROWS)]),
    Case(
        "Double.parseDouble(row1.a)",
        "a: String",
        [
            (("1.5",), 1.5),
            ((" 1e3 ",), 1000.0),
            (("1,5",), THROWS),
            (("",), THROWS),
            (("NaN",), NAN),
            (("-Infinity",), -INF),
            ((None,), THROWS),
        ],
    ),
    Case("Float.parseFloat(row1.a)", "a: String", [(("0.1",), 0.10000000149011612), (("x",), THROWS)]),
    Case(
        "Boolean.parseBoolean(row1.a)", "a: String", [(("TRUE",), True), (("yes",), False), ((None,), False)]
    ),
    Case("row1.a.intValue()", "a: Double", [((2.9,), 2), ((None,), THROWS)]),
    Case("row1.a.doubleValue() / 2", "a: Integer", [((5,), 2.5), ((None,), THROWS)]),
    Case("Integer.toString(row1.a) + Long.valueOf(5).toString()", "a: int", [((-1,), "-15")]),
    Case("Double.toString(row1.a)", "a: Integer", [((5,), "5.0"), ((None,), THROWS)]),
    Case("new Integer(row1.a)", "a: String", [(("12",), 12), (("x",), THROWS)]),
)

DECIMALS = (
    Case(
        "row1.a.add(row1.b)",
        "a: BigDecimal(18,2); b: BigDecimal(10,4)",
        [((D("1.25"), D("0.0001")), D("1.2501")), ((None, D(1)), THROWS), ((D(1), None), THROWS)],
    ),
    Case(
        "row1.a.subtract(row1.b).negate()",
        "a: BigDecimal(18,2); b: BigDecimal(18,2)",
        [((D("1.25"), D("3.00")), D("1.75"))],
    ),
    Case(
        "row1.a.multiply(row1.b)",
        "a: BigDecimal(18,2); b: BigDecimal(18,2)",
        [((D("1.25"), D("-0.05")), D("-0.0625"))],
    ),
    Case(
        'row1.a.multiply(new BigDecimal("0.19")).setScale(2, java.math.RoundingMode.HALF_UP)'.replace(
            "new BigDecimal", "new java.math.BigDecimal"
        ),
        "a: BigDecimal(18,2)",
        [((D("10.50"),), D("2.00")), ((D("-10.50"),), D("-2.00")), ((D("0.03"),), D("0.01"))],
    ),
    Case(
        "row1.a.divide(row1.b, 2, java.math.RoundingMode.HALF_UP)",
        "a: BigDecimal(18,2); b: BigDecimal(18,2)",
        [
            ((D(1), D(3)), D("0.33")),
            ((D(2), D(3)), D("0.67")),
            ((D(1), D(8)), D("0.13")),
            ((D(-1), D(8)), D("-0.13")),
            ((D(1), D(0)), THROWS),
        ],
    ),
    Case(
        "row1.a.divide(row1.b, 2, java.math.BigDecimal.ROUND_DOWN)",
        "a: BigDecimal(18,2); b: BigDecimal(18,2)",
        [((D(-2), D(3)), D("-0.66")), ((D(2), D(3)), D("0.66"))],
    ),
    Case(
        "row1.a.setScale(1, java.math.RoundingMode.HALF_EVEN)",
        "a: BigDecimal(18,2)",
        [((D("0.25"),), D("0.2")), ((D("0.35"),), D("0.4"))],
    ),
    Case(
        "row1.a.setScale(0, java.math.RoundingMode.FLOOR)",
        "a: BigDecimal(18,2)",
        [((D("-0.25"),), D(-1)), ((D("1.99"),), D(1))],
    ),
    Case(
        "row1.a.setScale(0, java.math.RoundingMode.CEILING)",
        "a: BigDecimal(18,2)",
        [((D("-0.25"),), D(0)), ((D("1.01"),), D(2))],
    ),
    Case(
        "row1.a.setScale(0, java.math.RoundingMode.UP)",
        "a: BigDecimal(18,2)",
        [((D("-0.25"),), D(-1)), ((D("1.01"),), D(2))],
    ),
    Case("row1.a.setScale(1)", "a: BigDecimal(18,2)", [((D("1.50"),), D("1.5")), ((D("1.55"),), THROWS)]),
    Case(
        "row1.a.max(row1.b)",
        "a: BigDecimal(18,2); b: BigDecimal(18,2)",
        [((D(1), D(2)), D(2)), ((D(1), None), THROWS)],
    ),
    Case(
        "row1.a.signum() + row1.a.abs().intValue()",
        "a: BigDecimal(18,2)",
        [((D("-5.99"),), 4), ((D("0.00"),), 0)],
    ),
    Case("row1.a.doubleValue()", "a: BigDecimal(18,2)", [((D("0.10"),), 0.1)]),
    # NaN comes behind all other fractions, and equals itself.
    Case(
        "row1.a.compareTo(row1.b) > 0",
        "a: Double; b: Double",
        [
            ((1.5, 1.0), True),
            ((NAN, INF), True),
            ((NAN, NAN), False),
            ((None, 1.0), THROWS),
            ((1.0, None), THROWS),
        ],
    ),
    Case("row1.a.compareTo(row1.b) == 0", "a: Float; b: Float", [((NAN, NAN), True), ((1.5, 2.5), False)]),
    Case(
        "row1.a.compareTo(row1.b) < 0",
        "a: Boolean; b: Boolean",
        [((False, True), True), ((True, True), False)],
    ),
    Case(
        "row1.a.compareTo(java.math.BigDecimal.ZERO) > 0",
        "a: BigDecimal(18,2)",
        [((D("0.01"),), True), ((D("0.00"),), False)],
    ),
    Case(
        "new java.math.BigDecimal(row1.a)",
        "a: String",
        [
            (("1.50",), D("1.5")),
            (("1e2",), D(100)),
            ((" 1",), THROWS),
            (("",), THROWS),
            ((None,), THROWS),
            (("NaN",), THROWS),
        ],
    ),
    Case("java.math.BigDecimal.valueOf(row1.a)", "a: double", [((0.1,), D("0.1"))]),
    Case("java.math.BigDecimal.valueOf(row1.a)", "a: long", [((5,), D(5))]),
    Case("row1.a.toPlainString()", "a: BigDecimal(18,2)", [((D("1.50"),), "1.50"), ((None,), THROWS)]),
)
