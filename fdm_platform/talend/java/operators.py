"""Java's operators in Spark SQL (JLS chapter 15), for a session whose `spark.sql.ansi.enabled` is false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fdm_platform.talend.expression import FALSE, TRUE, Call, Case, Cast, Infix, Number, Prefix, Sql, Text
from fdm_platform.talend.java.conversions import (
    as_number,
    assigned,
    fits,
    is_null,
    joined_text,
    narrowed_constant,
    notes_of,
    null_of,
    unboxed,
)
from fdm_platform.talend.java.logic import both, compared, either, negated
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import (
    BOOLEAN,
    INTEGRAL,
    NUMERIC,
    JavaType,
    Kind,
    described,
    promoted,
    spark_type,
    spelled,
)

INFINITY = Cast(Text("Infinity"), "DOUBLE")
NOT_A_NUMBER = Cast(Text("NaN"), "DOUBLE")
_SHIFTS = {"<<": "shiftleft", ">>": "shiftright", ">>>": "shiftrightunsigned"}
_EQUALITY = {"==": "=", "!=": "<>"}
_ORDER = ("<", "<=", ">", ">=")
_IDENTITY = (
    "{operator} on two objects asks whether they are one object, not whether they are equal: "
    "the answer depends on where they came from; Java's equals compares values"
)


def binary(operator: str, left: Typed, right: Typed) -> Typed:
    """`left operator right`, both evaluated: all operators but && and ||."""
    if operator == "+" and "string" in (left.type.kind, right.type.kind):
        return joined_text(left, right)
    if operator in _EQUALITY:
        return _equality(operator, left, right)
    if operator in _ORDER:
        return _order(operator, left, right)
    if operator in _SHIFTS:
        return _shift(operator, left, right)
    if operator in ("&", "|", "^"):
        return _bitwise(operator, left, right)
    if operator in _ARITHMETIC:
        return _arithmetic(operator, left, right)
    raise RefusedError(f"the operator {operator} has no translation")


def logical(operator: str, left: Typed, right: Typed) -> Typed:
    """`left && right`, `left || right`: the right side is evaluated, and throws, only if the left one leaves it open."""
    one, other = _boolean(left), _boolean(right)
    if operator == "&&":
        sql, reached = both(one.sql, other.sql), one.sql
    else:
        sql, reached = either(one.sql, other.sql), negated(one.sql)
    fails = either(one.fails, both(reached, other.fails))
    return Typed(BOOLEAN, sql, "boolean", fails=fails, notes=notes_of(one, other))


def unary(operator: str, operand: Typed) -> Typed:
    """`operator operand`."""
    if operator == "!":
        value = _boolean(operand)
        return replace(value, sql=negated(value.sql))
    value = unboxed(operand)
    if value.type.kind not in NUMERIC:
        raise RefusedError(f"Java has no {operator} for {described(operand.type)}")
    value = as_number(value, promoted(value.type.kind, "int"))
    if operator == "+":
        return value
    if operator == "~" and value.type.kind not in INTEGRAL:
        raise RefusedError(f"Java has no ~ for {described(operand.type)}")
    return replace(value, sql=Prefix(operator, value.sql))


def chosen(condition: Typed, then: Typed, otherwise: Typed) -> Typed:
    """`condition ? then : otherwise`; of the two only the one that is chosen can throw."""
    test = _boolean(condition)
    one, other = _alike(then, otherwise)
    spark = one.spark_type
    is_same = one.fails == other.fails
    failing = (
        one.fails if is_same else either(both(test.sql, one.fails), both(negated(test.sql), other.fails))
    )
    return Typed(
        one.type,
        _case(test.sql, one.sql, other.sql),
        spark,
        is_nullable=one.is_nullable or other.is_nullable,
        fails=either(test.fails, failing),
        notes=notes_of(test, one, other),
    )


def _case(test: Sql, then: Sql, otherwise: Sql) -> Sql:
    if test in (TRUE, FALSE):
        return then if test == TRUE else otherwise
    if isinstance(otherwise, Case):
        return Case(((test, then), *otherwise.branches), otherwise.otherwise)
    return Case(((test, then),), otherwise)


def _alike(one: Typed, other: Typed) -> tuple[Typed, Typed]:
    """Both operands of ?: in its type (JLS 15.25): a primitive if one is, null boxes the other."""
    if one.type.kind == "null" or other.type.kind == "null":
        return _beside_null(one, other)
    if one.type.kind == other.type.kind:
        type_ = JavaType(one.type.kind, is_boxed=one.type.is_boxed and other.type.is_boxed)
        return _same_spark(assigned(one, type_), assigned(other, type_))
    if one.type.kind in NUMERIC and other.type.kind in NUMERIC:
        kind = _common(one, other)
        return _as_kind(one, kind), _as_kind(other, kind)
    raise RefusedError(
        f"?: between {described(one.type)} and {described(other.type)} gives an Object, which no column is"
    )


def _common(one: Typed, other: Typed) -> Kind:
    kinds = {one.type.kind, other.type.kind}
    for constant, beside in ((one, other.type.kind), (other, one.type.kind)):
        if fits(constant, beside):
            return beside
    return "short" if kinds == {"byte", "short"} else promoted(one.type.kind, other.type.kind)


def _as_kind(value: Typed, kind: Kind) -> Typed:
    return narrowed_constant(value, kind) if fits(value, kind) else as_number(value, kind)


def _beside_null(one: Typed, other: Typed) -> tuple[Typed, Typed]:
    kind = other.type.kind if one.type.kind == "null" else one.type.kind
    type_ = JavaType(kind)
    values = [null_of(type_) if v.type.kind == "null" else assigned(v, type_) for v in (one, other)]
    return _same_spark(*values)


def _same_spark(one: Typed, other: Typed) -> tuple[Typed, Typed]:
    """Decimals of different scales in one that holds both; a null takes the other's type."""
    if one.spark_type == other.spark_type:
        return one, other
    if one.type.kind != "decimal":
        spark = spark_type(one.type.kind)
        return _recast(one, spark), _recast(other, spark)
    nulls = [isinstance(v.sql, Cast) and v.is_nullable and v.sql == null_of(v.type).sql for v in (one, other)]
    if nulls[0]:
        return _recast(one, other.spark_type), other
    if nulls[1]:
        return one, _recast(other, one.spark_type)
    spark = wider_decimal(one.spark_type, other.spark_type)
    return _recast(one, spark), _recast(other, spark)


def _recast(value: Typed, spark: str) -> Typed:
    if value.spark_type == spark:
        return value
    inner = (
        value.sql.value if value.sql == null_of(value.type).sql and isinstance(value.sql, Cast) else value.sql
    )
    return replace(value, sql=Cast(inner, spark), spark_type=spark)


def decimal_digits(spark: str) -> tuple[int, int]:
    """Precision and scale of `decimal(p,s)`."""
    precision, scale = spark.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)


def wider_decimal(one: str, other: str) -> str:
    """The decimal type that holds the values of both, as far as 38 digits go."""
    (precision, scale), (precision2, scale2) = decimal_digits(one), decimal_digits(other)
    most = max(scale, scale2)
    return f"decimal({min(38, max(precision - scale, precision2 - scale2) + most)},{most})"


def _boolean(value: Typed) -> Typed:
    if value.type.kind != "boolean":
        raise RefusedError(f"Java needs a boolean here, not {described(value.type)}")
    return unboxed(value)


def _equality(operator: str, left: Typed, right: Typed) -> Typed:
    for value, other in ((left, right), (right, left)):
        if other.type.kind == "null":
            return _against_null(operator, value)
    if left.type.is_boxed and right.type.is_boxed:
        raise RefusedError(_IDENTITY.format(operator=operator))
    one, other = unboxed(left), unboxed(right)
    kinds = {one.type.kind, other.type.kind}
    if len(kinds) > 1 and not kinds <= NUMERIC:
        raise RefusedError(
            f"{operator} between {described(left.type)} and {described(right.type)} has no translation"
        )
    return _comparison(_EQUALITY[operator], one, other)


def _against_null(operator: str, value: Typed) -> Typed:
    if not value.type.is_boxed:
        raise RefusedError(f"Java compares no {spelled(value.type)} with null: the job would not compile")
    test = TRUE if value.type.kind == "null" else is_null(value)
    return Typed(
        BOOLEAN,
        test if operator == "==" else negated(test),
        "boolean",
        fails=value.fails,
        notes=value.notes,
    )


def _order(operator: str, left: Typed, right: Typed) -> Typed:
    one, other = unboxed(left), unboxed(right)
    kinds = {one.type.kind, other.type.kind}
    if not (kinds <= NUMERIC or kinds == {"char"}):
        raise RefusedError(
            f"Java has no {operator} between {described(left.type)} and {described(right.type)}"
        )
    return _comparison(operator, one, other)


def _comparison(operator: str, one: Typed, other: Typed) -> Typed:
    """Java's comparisons with NaN are false, != true; Spark takes NaN for equal to itself and above all numbers."""
    sql = compared(operator, one.sql, other.sql)
    suspects = {">": [one], ">=": [one], "<": [other], "<=": [other]}.get(operator, [])
    if operator in ("=", "<>") and all(may_be_nan(v) for v in (one, other)):
        suspects = [one]
    guards = [Call("isnan", (v.sql,)) for v in suspects if may_be_nan(v)]
    sql = either(sql, *guards) if operator == "<>" else both(sql, *(negated(g) for g in guards))
    return Typed(BOOLEAN, sql, "boolean", fails=either(one.fails, other.fails), notes=notes_of(one, other))


def may_be_nan(value: Typed) -> bool:
    """Whether a number may be NaN: floating, and neither a literal nor made of a whole number."""
    return value.type.kind in ("float", "double") and not isinstance(value.sql, Number)


def _arithmetic(operator: str, left: Typed, right: Typed) -> Typed:
    one, other = unboxed(left), unboxed(right)
    for value in (one, other):
        if value.type.kind not in NUMERIC:
            raise RefusedError(f"{operator} of {described(value.type)} has no translation")
    kind = promoted(one.type.kind, other.type.kind)
    sql = _ARITHMETIC[operator](as_number(one, kind).sql, as_number(other, kind).sql, kind)
    fails = either(one.fails, other.fails, is_zero(other) if operator in "/%" and kind in INTEGRAL else FALSE)
    return Typed(
        JavaType(kind, is_boxed=False), sql, spark_type(kind), fails=fails, notes=notes_of(one, other)
    )


def is_zero(divisor: Typed) -> Sql:
    """When it is zero; decided where it is a literal."""
    if isinstance(divisor.sql, Number):
        return FALSE if divisor.sql.value else TRUE
    return Infix("=", divisor.sql, Number(0))


def _plain(operator: str) -> Callable[[Sql, Sql, Kind], Sql]:
    return lambda left, right, _: Infix(operator, left, right)


def _divided(left: Sql, right: Sql, kind: Kind) -> Sql:
    if kind in INTEGRAL:
        quotient = Infix("DIV", left, right)  # a bigint, whatever its operands are
        return quotient if kind == "long" else Cast(quotient, spark_type(kind))
    sql: Sql = Infix("/", left, right)
    if not (isinstance(right, Number) and right.value):
        # Spark answers NULL; Infinity times the dividend has its sign, and is NaN for zero. A zero below zero, which
        # only a calculation gives, is taken for one above it.
        sql = Case(((Infix("=", right, Number(0)), Infix("*", left, INFINITY)),), sql)
    return Cast(sql, "float") if kind == "float" else sql


def _remainder(left: Sql, right: Sql, kind: Kind) -> Sql:
    sql: Sql = Infix("%", left, right)
    if kind in INTEGRAL or (isinstance(right, Number) and right.value):
        return sql
    sql = Case(((Infix("=", right, Number(0)), NOT_A_NUMBER),), sql)
    return Cast(sql, "float") if kind == "float" else sql


_ARITHMETIC: dict[str, Callable[[Sql, Sql, Kind], Sql]] = {
    "+": _plain("+"),
    "-": _plain("-"),
    "*": _plain("*"),
    "/": _divided,
    "%": _remainder,
}


def _whole(value: Typed, operator: str) -> Typed:
    plain = unboxed(value)
    if plain.type.kind not in INTEGRAL:
        raise RefusedError(f"{operator} of {described(value.type)} has no translation")
    return as_number(plain, promoted(plain.type.kind, "int"))


def _shift(operator: str, left: Typed, right: Typed) -> Typed:
    one, count = _whole(left, operator), as_number(_whole(right, operator), "int")
    sql = Call(_SHIFTS[operator], (one.sql, count.sql))
    return replace(one, sql=sql, fails=either(one.fails, count.fails), notes=notes_of(one, count))


def _bitwise(operator: str, left: Typed, right: Typed) -> Typed:
    if "boolean" in (left.type.kind, right.type.kind):
        one, other = _boolean(left), _boolean(right)
        makers: dict[str, Callable[[Sql, Sql], Sql]] = {"&": both, "|": either, "^": _differ}
        sql = makers[operator](one.sql, other.sql)
        return Typed(
            BOOLEAN, sql, "boolean", fails=either(one.fails, other.fails), notes=notes_of(one, other)
        )
    one, other = _whole(left, operator), _whole(right, operator)
    kind = promoted(one.type.kind, other.type.kind)
    sql = Infix(operator, as_number(one, kind).sql, as_number(other, kind).sql)
    fails = either(one.fails, other.fails)
    return replace(as_number(one, kind), sql=sql, fails=fails, notes=notes_of(one, other))


def _differ(left: Sql, right: Sql) -> Sql:
    return Infix("<>", left, right)
