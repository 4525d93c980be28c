"""Methods of Integer, Long, Double and their like, of Math, and Talend's routines Mathematical, Relational, Numeric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fdm_platform.talend.expression import (
    FALSE,
    TRUE,
    Cast,
    Infix,
    IsNull,
    Number,
    Sql,
    Text,
)
from fdm_platform.talend.java.conversions import as_number, as_text, is_null, notes_of, unboxed
from fdm_platform.talend.java.logic import either, negated
from fdm_platform.talend.java.operators import binary, may_be_nan, unary
from fdm_platform.talend.java.routines.pieces import call, case, sign
from fdm_platform.talend.java.routines.rule import Builder, Key, refusing, rule, taken, typed_as
from fdm_platform.talend.java.routines.string_methods import rlike
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import BOOLEAN, NUMERIC, JavaType, Kind, described, promoted, spark_type

_DIGITS = r"^[+-]?[0-9]+\z"
_SPECIAL = "Spark also reads inf and nan in any case as numbers; Java throws for them"
_ROUNDED = (
    "Math.round adds a half and takes the floor: beyond 2^52 and next to a half the last digit may differ"
)
_BOXES: Mapping[str, Kind] = {
    "Byte": "byte", "Short": "short", "Integer": "int", "Long": "long", "Float": "float", "Double": "double",
}  # fmt: skip
_PARSERS = {
    "Byte": "parseByte", "Short": "parseShort", "Integer": "parseInt", "Long": "parseLong", "Float": "parseFloat",
    "Double": "parseDouble",
}  # fmt: skip


def parsed(value: Typed, kind: Kind) -> Typed:
    """A text read as a number: Java takes no blanks, no point in whole numbers, nothing out of range."""
    text = taken(value, "String")
    sql = Cast(text.sql, spark_type(kind))
    fails = either(text.fails, IsNull(sql))  # also where the text is null
    notes = text.notes
    if kind in ("float", "double"):
        notes = (*notes, _SPECIAL)
    else:
        fails = either(fails, negated(rlike(text.sql, Text(_DIGITS))))
    return Typed(JavaType(kind, is_boxed=False), sql, spark_type(kind), fails=fails, notes=notes)


def _parser(kind: Kind) -> Builder:
    return lambda values: parsed(values[0], kind)


def _boxed(kind: Kind) -> Builder:
    """`Integer.valueOf(x)`, `new Integer(x)`, of a text or a number."""

    def build(values: Sequence[Typed]) -> Typed:
        value = values[0]
        plain = parsed(value, kind) if value.type.kind == "string" else as_number(value, kind)
        return replace(plain, type=JavaType(kind))

    return build


def _as(kind: Kind) -> Builder:
    return lambda values: as_number(values[0], kind)


def _compared(box: str) -> Builder:
    def build(values: Sequence[Typed]) -> Typed:
        one, other = (taken(value, _BOXES[box]) for value in values)
        fails = either(one.fails, other.fails)
        return Typed(
            typed_as("int"), sign(one.sql, other.sql), "int", fails=fails, notes=notes_of(one, other)
        )

    return build


def _difference(values: Sequence[Typed]) -> Typed:
    """Byte.compareTo and Short.compareTo subtract."""
    return binary("-", *values)


def _text_of(box: str) -> Builder:
    """`Double.toString(x)`: the text of x as a double, whatever it was."""
    return lambda values: as_text(taken(values[0], _BOXES.get(box, "boolean")))


_TO = {f"{kind}Value": kind for kind in _BOXES.values()}
_VALUES: dict[Key, Builder] = {
    **{(box, name, 0): _as(kind) for box in _BOXES for name, kind in _TO.items()},
    **{(box, "compareTo", 1): _compared(box) for box in ("Integer", "Long")},
    **{(box, "compareTo", 1): _difference for box in ("Byte", "Short")},
    ("Double", "isNaN", 0): rule("boolean", "double", lambda d: call("isnan", d)),
    ("Boolean", "booleanValue", 0): lambda values: unboxed(values[0]),
}


def _true(values: Sequence[Typed]) -> Typed:
    """Boolean.parseBoolean and valueOf: `true` in any case, else false; null is false."""
    value = values[0]
    if value.type.kind == "boolean":
        return unboxed(value)
    text = taken(value, "String")
    sql = Infix("<=>" if text.is_nullable else "=", call("lower", text.sql), Text("true"))
    return Typed(BOOLEAN, sql, "boolean", fails=text.fails, notes=text.notes)


def _same(function: str) -> Builder:
    """A function of one or two numbers that Java has for each kind: Math.abs, max, min."""

    def build(values: Sequence[Typed]) -> Typed:
        kind: Kind = "int"
        for value in values:
            if value.type.kind not in NUMERIC:
                raise RefusedError(f"{function} of {described(value.type)} has no translation")
            kind = promoted(kind, value.type.kind)
        numbers = [as_number(value, kind) for value in values]
        fails = either(*(number.fails for number in numbers))
        # To Spark NaN is above all numbers, so that only the least of some is not NaN where Java's is.
        suspects = [n.sql for n in numbers if function == "least" and may_be_nan(n)]
        sql = case(
            *((call("isnan", s), s) for s in suspects), otherwise=call(function, *(n.sql for n in numbers))
        )
        return replace(numbers[0], sql=sql, fails=fails, notes=notes_of(*numbers))

    return build


def _double(function: str, count: int = 1) -> Builder:
    return rule("double", " ".join(["double"] * count), lambda *arguments: call(function, *arguments))


def _from_zero(function: str, *, includes_zero: bool) -> Builder:
    """A logarithm: Spark answers NULL for what is below zero, and for zero, where Java has NaN and -Infinity."""

    def sql(value: Sql) -> Sql:
        of_zero = (Infix("=", value, Number(0)), Cast(Text("-Infinity"), "DOUBLE"))
        below = (Infix("<", value, Number(0)), Cast(Text("NaN"), "DOUBLE"))
        return case(*([of_zero] * includes_zero), below, otherwise=call(function, value))

    return rule("double", "double", sql)


def _operator(operator: str, kind: str) -> Builder:
    """A routine that is an operator on numbers of one type."""

    def build(values: Sequence[Typed]) -> Typed:
        arguments = [taken(value, kind) for value in values]
        return binary(operator, *arguments) if len(arguments) > 1 else unary(operator, *arguments)

    return build


def _of_texts(operator: str) -> Builder:
    def build(values: Sequence[Typed]) -> Typed:
        return binary(operator, *(parsed(value, "double") for value in values))

    return build


def _negative(values: Sequence[Typed]) -> Typed:
    return binary("*", Typed(typed_as("int"), Number(-1), "int"), taken(values[0], "double"))


def _whole_quotient(values: Sequence[Typed]) -> Typed:
    return as_number(binary("/", *(taken(value, "double") for value in values)), "int")


def _floor(function: str) -> Callable[[Sql], Sql]:
    """Math.floor gives a double; Spark's a bigint, exact below 2^63, beyond which a double is whole anyway."""

    def sql(value: Sql) -> Sql:
        is_small = Infix("<", call("abs", value), Number(4503599627370496.0, "D"))
        return case((is_small, Cast(call(function, value), "DOUBLE")), otherwise=value)

    return sql


def _rounded(values: Sequence[Typed]) -> Typed:
    value = unboxed(values[0])
    # Java has it for float and double; a whole number becomes a float, even a long.
    kind: Kind = "long" if value.type.kind == "double" else "int"
    plain = as_number(value if kind == "long" else as_number(value, "float"), "double")
    half = call("floor", Infix("+", plain.sql, Number(0.5, "D")))
    # By way of a double, from which a cast saturates as Java does; from a bigint it would take the low bits.
    sql: Sql = Cast(Cast(half, "DOUBLE"), "INT") if kind == "int" else half
    return Typed(
        JavaType(kind, is_boxed=False),
        sql,
        spark_type(kind),
        fails=plain.fails,
        notes=(*plain.notes, _ROUNDED),
    )


def _is_null(values: Sequence[Typed]) -> Typed:
    return Typed(BOOLEAN, is_null(values[0]), "boolean", fails=values[0].fails, notes=values[0].notes)


def _is_null_number(values: Sequence[Typed]) -> Typed:
    sql = case((is_null(values[0]), Number(1)), otherwise=Number(0))
    return Typed(typed_as("int"), sql, "int", fails=values[0].fails, notes=values[0].notes)


def _has_digits(text: Sql) -> Sql:
    return case((rlike(text, Text(r"^\d+\z")), Number(1)), otherwise=Number(0))


_RANDOM = "it is random: no two runs give the same"
_SEQUENCE = (
    "a sequence counts rows in the order in which they come, which SQL's rows do not have; "
    "row_number() OVER (ORDER BY …) counts them in an order that you name"
)
METHODS: Mapping[Key, Builder] = _VALUES
STATICS: Mapping[Key, Builder] = {
    **{(box, _PARSERS[box], 1): _parser(kind) for box, kind in _BOXES.items()},
    **{(box, "valueOf", 1): _boxed(kind) for box, kind in _BOXES.items()},
    **{(box, "toString", 1): _text_of(box) for box in (*_BOXES, "Boolean")},
    **{(box, "compare", 2): _compared(box) for box in ("Integer", "Long")},
    ("Boolean", "parseBoolean", 1): _true,
    ("Boolean", "valueOf", 1): lambda values: replace(_true(values), type=JavaType("boolean")),
    ("Double", "isNaN", 1): rule("boolean", "double", lambda d: call("isnan", d)),
    ("Math", "abs", 1): _same("abs"),
    ("Math", "max", 2): _same("greatest"),
    ("Math", "min", 2): _same("least"),
    ("Math", "round", 1): _rounded,
    ("Math", "floor", 1): rule("double", "double", _floor("floor")),
    ("Math", "ceil", 1): rule("double", "double", _floor("ceil")),
    ("Math", "pow", 2): _double("power", 2),
    ("Math", "sqrt", 1): _double("sqrt"),
    ("Math", "exp", 1): _double("exp"),
    ("Math", "log", 1): _from_zero("ln", includes_zero=True),
    ("Math", "log10", 1): _from_zero("log10", includes_zero=True),
    ("Math", "random", 0): refusing(f"Math.random: {_RANDOM}"),
    ("Relational", "ISNULL", 1): _is_null,
    ("Relational", "isNull", 1): _is_null_number,
    ("Relational", "NOT", 1): lambda values: unary("!", values[0]),
    ("Numeric", "sequence", 3): refusing(f"Numeric.sequence: {_SEQUENCE}"),
    ("Numeric", "random", 2): refusing(f"Numeric.random: {_RANDOM}"),
    ("Mathematical", "RND", 1): refusing(f"Mathematical.RND: {_RANDOM}"),
    ("Mathematical", "ABS", 1): _double("abs"),
    ("Mathematical", "ACOS", 1): _double("acos"),
    ("Mathematical", "ASIN", 1): _double("asin"),
    ("Mathematical", "ATAN", 1): _double("atan"),
    ("Mathematical", "COS", 1): _double("cos"),
    ("Mathematical", "COSH", 1): _double("cosh"),
    ("Mathematical", "SIN", 1): _double("sin"),
    ("Mathematical", "SINH", 1): _double("sinh"),
    ("Mathematical", "TAN", 1): _double("tan"),
    ("Mathematical", "TANH", 1): _double("tanh"),
    ("Mathematical", "EXP", 1): _double("exp"),
    ("Mathematical", "LN", 1): _from_zero("ln", includes_zero=True),
    ("Mathematical", "SQRT", 1): _double("sqrt"),
    ("Mathematical", "NEG", 1): _negative,
    ("Mathematical", "MOD", 2): _operator("%", "double"),
    ("Mathematical", "DIV", 2): _whole_quotient,
    ("Mathematical", "SDIV", 2): _operator("/", "int"),
    ("Mathematical", "BITAND", 2): _operator("&", "int"),
    ("Mathematical", "BITOR", 2): _operator("|", "int"),
    ("Mathematical", "BITXOR", 2): _operator("^", "int"),
    ("Mathematical", "BITNOT", 1): _operator("~", "int"),
    ("Mathematical", "INT", 1): _parser("int"),
    ("Mathematical", "REAL", 1): _parser("double"),
    ("Mathematical", "NUM", 1): rule("int", "String", _has_digits),
    ("Mathematical", "SADD", 2): _of_texts("+"),
    ("Mathematical", "SMUL", 2): _of_texts("*"),
}
CONSTRUCTORS: Mapping[tuple[str, int], Builder] = {(box, 1): _boxed(kind) for box, kind in _BOXES.items()}


def _constant(java: str, value: float, suffix: str = "") -> Typed:
    type_ = typed_as(java)
    return Typed(type_, Number(value, suffix), spark_type(type_.kind))


FIELDS: Mapping[str, Typed] = {
    "Integer.MAX_VALUE": _constant("int", 2**31 - 1),
    "Integer.MIN_VALUE": _constant("int", -(2**31)),
    "Long.MAX_VALUE": _constant("long", 2**63 - 1, "L"),
    "Short.MAX_VALUE": _constant("short", 2**15 - 1, "S"),
    "Boolean.TRUE": Typed(typed_as("Boolean"), TRUE, "boolean"),
    "Boolean.FALSE": Typed(typed_as("Boolean"), FALSE, "boolean"),
    "Math.PI": _constant("double", 3.141592653589793, "D"),
}
