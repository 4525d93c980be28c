"""Java's operators on Java's values (JLS chapter 15), for the interpreter."""

from __future__ import annotations

import math
import operator as python
from collections.abc import Callable
from typing import Any

from fdm_platform.talend.java.types import (
    BOOLEAN,
    INTEGRAL,
    NUMERIC,
    STRING,
    JavaType,
    Kind,
    described,
    promoted,
    spelled,
)
from fdm_platform.talend.java.values import (
    CannotEvaluate,
    Held,
    JavaError,
    narrowed,
    numeric,
    text,
    unboxed,
    wrapped,
)

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "==": python.eq, "!=": python.ne, "<": python.lt, "<=": python.le, ">": python.gt, ">=": python.ge,
}  # fmt: skip
_BITWISE: dict[str, Callable[[int, int], int]] = {"&": python.and_, "|": python.or_, "^": python.xor}


def truth(value: Held) -> bool:
    """The boolean in a value."""
    plain = unboxed(value)
    if not isinstance(plain.value, bool):
        raise CannotEvaluate(f"Java needs a boolean, not {described(value.type)}")
    return plain.value


def binary(operator: str, left: Held, right: Held) -> Held:
    """`left operator right`, for all but && and ||."""
    if operator == "+" and "string" in (left.type.kind, right.type.kind):
        return Held(STRING, text(left) + text(right))
    if operator in _COMPARED:
        return Held(BOOLEAN, _compared(operator, left, right))
    if operator in _BITWISE:
        return _bitwise(operator, left, right)
    if operator in ("<<", ">>", ">>>"):
        return _shifted(operator, left, right)
    return _calculated(operator, left, right)


def unary(operator: str, operand: Held) -> Held:
    """`operator operand`."""
    if operator == "!":
        return Held(BOOLEAN, not truth(operand))
    kind = promoted(_number_kind(operand), "int")
    number = numeric(operand)
    if operator == "~":
        return Held(JavaType(kind, is_boxed=False), ~int(number))
    return Held(JavaType(kind, is_boxed=False), wrapped(kind, -number) if operator == "-" else number)


def _number_kind(value: Held) -> Kind:
    if value.type.kind not in NUMERIC:
        raise CannotEvaluate(f"{described(value.type)} taken as a number")
    return value.type.kind


def _compared(operator: str, left: Held, right: Held) -> bool:
    if "null" in (left.type.kind, right.type.kind):
        return _COMPARED[operator](left.value, right.value)
    if operator in ("==", "!=") and left.type.is_boxed and right.type.is_boxed:
        if left.value is None or right.value is None:
            return (left.value is right.value) == (operator == "==")
        raise CannotEvaluate("whether two objects are one and the same")
    kinds = {left.type.kind, right.type.kind}
    if not (kinds <= NUMERIC or len(kinds) == 1):
        raise CannotEvaluate(f"{spelled(left.type)} {operator} {spelled(right.type)}")
    if kinds <= NUMERIC:
        kind = promoted(left.type.kind, right.type.kind)
        left, right = narrowed(left, kind), narrowed(right, kind)
    return _COMPARED[operator](unboxed(left).value, unboxed(right).value)


def _bitwise(operator: str, left: Held, right: Held) -> Held:
    if left.type.kind == "boolean":
        return Held(BOOLEAN, bool(_BITWISE[operator](truth(left), truth(right))))
    kind = promoted(_number_kind(left), _number_kind(right))
    return Held(JavaType(kind, is_boxed=False), _BITWISE[operator](int(numeric(left)), int(numeric(right))))


def _shifted(operator: str, left: Held, right: Held) -> Held:
    kind = promoted(_number_kind(left), "int")
    bits = 64 if kind == "long" else 32
    number, count = int(numeric(left)), int(numeric(right)) % bits
    if operator == "<<":
        result = number << count
    else:
        result = (number % (1 << bits) if operator == ">>>" else number) >> count
    return Held(JavaType(kind, is_boxed=False), wrapped(kind, result))


def _calculated(operator: str, left: Held, right: Held) -> Held:
    kind = promoted(_number_kind(left), _number_kind(right))
    one, other = numeric(narrowed(left, kind)), numeric(narrowed(right, kind))
    if operator in _SIMPLE:
        result = _SIMPLE[operator](one, other)
    elif kind in INTEGRAL:
        result = _whole_division(operator, int(one), int(other))
    else:
        result = _floating_division(operator, one, other)
    return Held(JavaType(kind, is_boxed=False), wrapped(kind, result))


_SIMPLE: dict[str, Callable[[float, float], float]] = {"+": python.add, "-": python.sub, "*": python.mul}


def _whole_division(operator: str, one: int, other: int) -> int:
    if other == 0:
        raise JavaError("ArithmeticException", "/ by zero")
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return quotient if operator == "/" else one - quotient * other


def _floating_division(operator: str, one: float, other: float) -> float:
    if operator == "%":
        return math.nan if other == 0 or math.isinf(one) else math.fmod(one, other)
    if other != 0:
        return one / other
    if one == 0 or math.isnan(one):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1, other)
