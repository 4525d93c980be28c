"""Methods of BigDecimal on Spark's decimals, in a session where `allowPrecisionLoss` is false.

A BigDecimal has as many places as its value needs, a decimal those of its type: values agree, their texts may not. A
result that has more than 38 digits is NULL in Spark: it counts as failing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from fdm_platform.talend.expression import FALSE, Case, Cast, Infix, IsNull, Number, Prefix, Sql, Text
from fdm_platform.talend.java.conversions import is_null, notes_of
from fdm_platform.talend.java.logic import either, negated
from fdm_platform.talend.java.operators import decimal_digits, is_zero, wider_decimal
from fdm_platform.talend.java.routines.pieces import call, literal, sign
from fdm_platform.talend.java.routines.rule import Builder, Key, refusing, taken, typed_as
from fdm_platform.talend.java.routines.string_methods import rlike
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import JavaType, Kind, described, spark_type

_MOST = 38
_LEAST_OF_QUOTIENT = 6
_READ = "decimal(38,18)"
"""Of a text that is read: 20 digits before the point, 18 after it."""
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\z"
_PLACES = "a BigDecimal made of a text keeps 18 places after the point"
_DIVIDED = "a quotient of decimals is rounded from one that Spark has rounded already, at its last places"
_LOST = "a decimal has 38 digits: where it would need more, before the point and after it, it counts as failing, in Java not"
DECIMAL = JavaType("decimal")


def _values(values: Sequence[Typed]) -> list[Typed]:
    return [taken(value, "BigDecimal") for value in values]


def _made(sql: Sql, precision: int, scale: int, of: Sequence[Typed], *fails: Sql) -> Typed:
    """A result of this many digits; where it may have more than 38, NULL is a failure."""
    spark = f"decimal({min(_MOST, precision)},{min(_MOST, scale)})"
    is_lost, notes = (IsNull(sql), (_LOST,)) if precision > _MOST else (FALSE, ())
    failing = either(*(v.fails for v in of), *(is_null(v) for v in of if v.type.is_boxed), *fails, is_lost)
    return Typed(DECIMAL, sql, spark, fails=failing, notes=tuple(dict.fromkeys((*notes_of(*of), *notes))))


def _sum(operator: str) -> Builder:
    def build(values: Sequence[Typed]) -> Typed:
        one, other = _values(values)
        (p1, s1), (p2, s2) = decimal_digits(one.spark_type), decimal_digits(other.spark_type)
        scale = max(s1, s2)
        return _made(
            Infix(operator, one.sql, other.sql), max(p1 - s1, p2 - s2) + scale + 1, scale, (one, other)
        )

    return build


def _product(values: Sequence[Typed]) -> Typed:
    one, other = _values(values)
    (p1, s1), (p2, s2) = decimal_digits(one.spark_type), decimal_digits(other.spark_type)
    return _made(Infix("*", one.sql, other.sql), p1 + p2 + 1, s1 + s2, (one, other))


def _kept(function: str) -> Builder:
    """A result of the same type."""

    def build(values: Sequence[Typed]) -> Typed:
        value = _values(values)[0]
        sql = Prefix("-", value.sql) if function == "-" else call(function, value.sql)
        return _made(sql, *decimal_digits(value.spark_type), (value,))

    return build


def _chosen(function: str) -> Builder:
    def build(values: Sequence[Typed]) -> Typed:
        one, other = _values(values)
        spark = wider_decimal(one.spark_type, other.spark_type)
        return _made(call(function, one.sql, other.sql), *decimal_digits(spark), (one, other))

    return build


def _compared(values: Sequence[Typed]) -> Typed:
    one, other = _values(values)
    made = _made(sign(one.sql, other.sql), 1, 0, (one, other))
    return replace(made, type=typed_as("int"), spark_type="int")


def compared_decimal(operator: str) -> Builder:
    """`a.compareTo(b) operator 0`."""

    def build(values: Sequence[Typed]) -> Typed:
        one, other = _values(values)
        made = _made(Infix(operator, one.sql, other.sql), 1, 0, (one, other))
        return replace(made, type=typed_as("boolean"), spark_type="boolean")

    return build


def _sign(values: Sequence[Typed]) -> Typed:
    value = _values(values)[0]
    made = _made(Cast(call("signum", value.sql), "INT"), 1, 0, (value,))
    return replace(made, type=typed_as("int"), spark_type="int")


def _as(kind: Kind) -> Builder:
    def build(values: Sequence[Typed]) -> Typed:
        value = _values(values)[0]
        made = _made(Cast(value.sql, spark_type(kind)), 1, 0, (value,))
        return replace(made, type=JavaType(kind, is_boxed=False), spark_type=spark_type(kind))

    return build


_MODES = {
    0: "UP", 1: "DOWN", 2: "CEILING", 3: "FLOOR", 4: "HALF_UP", 5: "HALF_DOWN", 6: "HALF_EVEN", 7: "UNNECESSARY",
}  # fmt: skip


def _rounded(sql: Sql, places: int, mode: str) -> Sql:
    plain = {"HALF_UP": "round", "HALF_EVEN": "bround", "FLOOR": "floor", "CEILING": "ceil"}
    if mode in plain:
        return call(plain[mode], sql, Number(places))
    if mode not in ("UP", "DOWN"):
        raise RefusedError(f"rounding {mode} has no translation")
    down, up = call("floor", sql, Number(places)), call("ceil", sql, Number(places))
    is_negative = Infix("<", sql, Number(0))
    return Case(((is_negative, up if mode == "DOWN" else down),), down if mode == "DOWN" else up)


def _mode(value: Typed) -> str:
    known = literal(value.sql)
    mode = _MODES.get(known) if isinstance(known, int) else known
    if mode is None:
        raise RefusedError("a mode of rounding that is computed has no translation")
    return mode


def _places(value: Typed) -> int:
    places = literal(value.sql)
    if not isinstance(places, int) or not 0 <= places <= _MOST:
        raise RefusedError("a number of decimal places that is computed, or negative, has no translation")
    return places


def _scaled(values: Sequence[Typed]) -> Typed:
    value, places = _values(values[:1])[0], _places(values[1])
    precision, scale = decimal_digits(value.spark_type)
    mode = _mode(values[2]) if len(values) > 2 else "UNNECESSARY"  # noqa: PLR2004 - receiver, places, mode
    wide = precision - scale + places + 1
    spark = f"decimal({min(_MOST, wide)},{places})"
    fails: Sql = FALSE
    if mode == "UNNECESSARY":
        rounded: Sql = Cast(value.sql, spark)
        fails = Infix("<>", value.sql, call("round", value.sql, Number(places))) if places < scale else FALSE
    else:
        rounded = Cast(_rounded(value.sql, places, mode) if places < scale else value.sql, spark)
    return _made(rounded, wide, places, (value,), fails)


def _divided(values: Sequence[Typed]) -> Typed:
    (one, other), places, mode = _values(values[:2]), _places(values[2]), _mode(values[3])
    (precision, scale), (_, places_of_divisor) = (
        decimal_digits(one.spark_type),
        decimal_digits(other.spark_type),
    )
    kept = _places_of_quotient(decimal_digits(one.spark_type), decimal_digits(other.spark_type))
    if places > kept or (places == kept and mode != "HALF_UP"):
        raise RefusedError(
            f"Spark rounds a quotient of these to {kept} places first, too few to round it to {places}"
        )
    quotient = Infix("/", one.sql, other.sql)
    spark = f"decimal({min(_MOST, precision - scale + places_of_divisor + places)},{places})"
    sql = Cast(_rounded(quotient, places, mode), spark)
    made = _made(sql, _MOST + 1, places, (one, other), is_zero(other))
    return replace(made, spark_type=spark, notes=(*made.notes, _DIVIDED))


def _places_of_quotient(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Of Spark's decimals (DecimalPrecision, without loss of precision allowed)."""
    before = min(_MOST, one[0] - one[1] + other[1])
    after = min(_MOST, max(_LEAST_OF_QUOTIENT, one[1] + other[0] + 1))
    excess = before + after - _MOST
    return after - excess // 2 - 1 if excess > 0 else after


def _text(values: Sequence[Typed]) -> Typed:
    value = _values(values)[0]
    if decimal_digits(value.spark_type)[1] > 6:  # noqa: PLR2004 - from there Java writes small ones as 1E-7
        raise RefusedError(
            "how many decimal places the text of this BigDecimal has is known only when the job runs"
        )
    from_type = "the text of a BigDecimal has the decimal places of its column"
    made = _made(Cast(value.sql, "STRING"), 1, 0, (value,))
    return replace(made, type=typed_as("String"), spark_type="string", notes=(*made.notes, from_type))


def decimal_literal(value: Decimal) -> Typed:
    """A constant, in a type that just holds it."""
    _, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    precision = max(len(digits) + max(0, int(exponent)), scale, 1)
    if precision > _MOST:
        raise RefusedError(f"{value} has more than {_MOST} digits")
    plain = value if int(exponent) <= 0 else value.quantize(Decimal(1))
    return Typed(DECIMAL, Number(plain, "BD"), f"decimal({precision},{scale})")


def _read(values: Sequence[Typed]) -> Typed:
    """`new BigDecimal(x)`."""
    value = values[0]
    if value.type.kind in ("int", "long", "short", "byte"):
        return _of_whole(values)
    if value.type.kind != "string":
        raise RefusedError(
            f"new BigDecimal of {described(value.type)} has all its binary digits; of a text it has none"
        )
    known = literal(value.sql)
    if isinstance(known, str):
        if not re.match(_NUMBER.replace(r"\z", r"\Z"), known):  # Decimal also takes blanks, NaN and 1_000
            raise RefusedError(f"{known!r} is no number")
        return decimal_literal(Decimal(known))
    sql = Cast(value.sql, _READ)
    fails = either(value.fails, IsNull(sql), negated(rlike(value.sql, Text(_NUMBER))))
    return Typed(DECIMAL, sql, _READ, fails=fails, notes=(*value.notes, _PLACES))


def _of_whole(values: Sequence[Typed]) -> Typed:
    value = taken(values[0], "long")
    if isinstance(value.sql, Number):
        return decimal_literal(Decimal(value.sql.value))
    return replace(value, type=DECIMAL, sql=Cast(value.sql, "decimal(19,0)"), spark_type="decimal(19,0)")


def _value_of(values: Sequence[Typed]) -> Typed:
    """BigDecimal.valueOf: of a double the number that its text shows."""
    if values[0].type.kind not in ("float", "double"):
        return _of_whole(values)
    value = taken(values[0], "double")
    if isinstance(value.sql, Number):
        return decimal_literal(Decimal(repr(float(value.sql.value))))
    sql = Cast(Cast(value.sql, "STRING"), _READ)
    return Typed(DECIMAL, sql, _READ, fails=either(value.fails, IsNull(sql)), notes=(*value.notes, _PLACES))


_BY = "divide without a number of decimal places has as many as the quotient needs, or throws"
METHODS: Mapping[Key, Builder] = {
    ("BigDecimal", "add", 1): _sum("+"),
    ("BigDecimal", "subtract", 1): _sum("-"),
    ("BigDecimal", "multiply", 1): _product,
    ("BigDecimal", "divide", 3): _divided,
    ("BigDecimal", "divide", 2): refusing(_BY),
    ("BigDecimal", "divide", 1): refusing(_BY),
    ("BigDecimal", "negate", 0): _kept("-"),
    ("BigDecimal", "abs", 0): _kept("abs"),
    ("BigDecimal", "max", 1): _chosen("greatest"),
    ("BigDecimal", "min", 1): _chosen("least"),
    ("BigDecimal", "compareTo", 1): _compared,
    ("BigDecimal", "signum", 0): _sign,
    ("BigDecimal", "setScale", 1): _scaled,
    ("BigDecimal", "setScale", 2): _scaled,
    ("BigDecimal", "toPlainString", 0): _text,
    ("BigDecimal", "toString", 0): _text,
    **{
        ("BigDecimal", f"{kind}Value", 0): _as(kind)
        for kind in ("byte", "short", "int", "long", "float", "double")
    },
}
STATICS: Mapping[Key, Builder] = {("BigDecimal", "valueOf", 1): _value_of}
CONSTRUCTORS: Mapping[tuple[str, int], Builder] = {("BigDecimal", 1): _read}
_ROUNDING = ("UP", "DOWN", "CEILING", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN")
FIELDS: Mapping[str, Typed] = {
    "BigDecimal.ZERO": decimal_literal(Decimal(0)),
    "BigDecimal.ONE": decimal_literal(Decimal(1)),
    "BigDecimal.TEN": decimal_literal(Decimal(10)),
    **{f"RoundingMode.{mode}": Typed(typed_as("Object"), Text(mode), "string") for mode in _ROUNDING},
    **{f"BigDecimal.ROUND_{mode}": Typed(typed_as("Object"), Text(mode), "string") for mode in _ROUNDING},
}
