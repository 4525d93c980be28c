"""Methods of numbers, of BigDecimal and Math, and Talend's Mathematical and Relational."""

from __future__ import annotations

import decimal
import math
import operator as python
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from fdm_platform.talend.java import computing
from fdm_platform.talend.java.answers.answer import Answer, Key
from fdm_platform.talend.java.types import NUMERIC, JavaType, Kind, named
from fdm_platform.talend.java.values import (
    CannotEvaluate,
    Held,
    JavaError,
    assigned,
    decimal_text,
    narrowed,
    numeric,
    text,
    wrapped,
)

_EXACT = decimal.Context(prec=200, Emin=-10000, Emax=10000)
_FLOATING = re.compile(r"[\x00-\x20]*[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)[\x00-\x20]*")
_BLANKS = "".join(map(chr, range(0x21)))
_BOXES: Mapping[str, Kind] = {
    "Byte": "byte", "Short": "short", "Integer": "int", "Long": "long", "Float": "float", "Double": "double",
}  # fmt: skip
_PARSERS = {
    "Byte": "parseByte", "Short": "parseShort", "Integer": "parseInt", "Long": "parseLong", "Float": "parseFloat",
    "Double": "parseDouble",
}  # fmt: skip


def parsed(words: str | None, kind: Kind) -> float:
    """A text as a number of this kind, as Integer.parseInt and its like read it."""
    if words is None:
        raise JavaError(
            "NullPointerException" if kind in ("float", "double") else "NumberFormatException", "null"
        )
    if kind in ("float", "double"):
        if not _FLOATING.fullmatch(words):
            raise JavaError("NumberFormatException", repr(words))
        plain = words.strip(_BLANKS)
        return wrapped(kind, float(plain if plain.endswith(("NaN", "Infinity")) else plain.rstrip("fFdD")))
    if not re.fullmatch(r"[+-]?[0-9]+", words) or wrapped(kind, int(words)) != int(words):
        raise JavaError("NumberFormatException", repr(words))
    return int(words)


def _parser(kind: Kind) -> Callable[[str | None], float]:
    return lambda words: parsed(words, kind)


def _boxed(kind: Kind) -> Callable[[Held], float]:
    def box(value: Held) -> float:
        words = value.value
        if value.type.kind in ("string", "null"):
            return parsed(words if isinstance(words, str) else None, kind)
        return numeric(narrowed(value, kind))

    return box


def _text_of(kind: Kind) -> Callable[[Held], str]:
    return lambda value: text(assigned(value, JavaType(kind, is_boxed=False)))


def _sign(one: float | Decimal, other: float | Decimal) -> int:
    return (one > other) - (one < other)


def _order(one: float, other: float) -> int:
    first, second = _placed(one), _placed(other)
    return (first > second) - (first < second)


def _placed(number: float) -> tuple[bool, float, float]:
    """NaN comes last, -0.0 before 0.0."""
    return (True, 0, 0) if math.isnan(number) else (False, number, math.copysign(1, number))


def _is_true(value: Held) -> bool:
    if value.type.kind == "boolean":
        return computing.truth(value)
    return isinstance(value.value, str) and value.value.lower() == "true"


_OF_NUMBERS: dict[Key, Answer] = {
    **{
        (box, f"{kind}Value", 0): Answer(kind, "any", lambda v, kind=kind: numeric(narrowed(v, kind)))
        for box in _BOXES
        for kind in _BOXES.values()
    },
    **{(box, "compareTo", 1): Answer("int", f"{box} {box}", _sign) for box in ("Integer", "Long")},
    **{(box, "compareTo", 1): Answer("int", f"{box} {box}", python.sub) for box in ("Byte", "Short")},
    **{(box, "compareTo", 1): Answer("int", f"{box} {box}", _order) for box in ("Float", "Double")},
    ("Boolean", "compareTo", 1): Answer("int", "Boolean Boolean", _sign),
    ("Double", "isNaN", 0): Answer("boolean", "double", math.isnan),
    ("Boolean", "booleanValue", 0): Answer("boolean", "boolean", lambda b: b),
}


def _rounded(value: Held) -> float:
    """Math.round: a long of a double, an int of all else, taken as a float; the largest where it is larger."""
    is_double = value.type.kind == "double"
    number = numeric(value if is_double else narrowed(value, "float"))
    if math.isfinite(number):
        number = math.floor(Decimal(number) + Decimal("0.5"))
    largest = 2 ** (63 if is_double else 31)
    return 0 if math.isnan(number) else max(-largest, min(largest - 1, number))


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan


def _or_nan(function: Callable[[float], float]) -> Callable[[float], float]:
    def of(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return of


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: -math.inf if value == 0 else _or_nan(function)(value)


def _operated(operator: str, kind: str) -> Callable[..., object]:
    type_ = named(kind) or JavaType("null")

    def of(*values: float) -> object:
        return computing.binary(operator, *(Held(type_, value) for value in values)).value

    return of


def _whole(value: Callable[[float], int]) -> Callable[[float], float]:
    return lambda number: number if math.isinf(number) or math.isnan(number) else float(value(number))


def _math(name: str, python: Callable[[float], float]) -> dict[Key, Answer]:
    return {("Mathematical", name, 1): Answer("double", "double", _or_nan(python))}


_OF_CLASSES: dict[Key, Answer] = {
    **{
        (box, _PARSERS[box], 1): Answer(kind, "String", _parser(kind), nulls="take")
        for box, kind in _BOXES.items()
    },
    **{(box, "valueOf", 1): Answer(box, "any", _boxed(kind)) for box, kind in _BOXES.items()},
    **{
        (box, "toString", 1): Answer("String", "any", _text_of(kind))
        for box, kind in {**_BOXES, "Boolean": "boolean"}.items()
    },
    **{(box, "compare", 2): Answer("int", "long long", _sign) for box in ("Integer", "Long")},
    ("Boolean", "parseBoolean", 1): Answer("boolean", "any", _is_true),
    ("Boolean", "valueOf", 1): Answer("Boolean", "any", _is_true),
    ("Double", "isNaN", 1): Answer("boolean", "double", math.isnan),
    ("Math", "abs", 1): Answer("same", "same", abs),
    ("Math", "max", 2): Answer(
        "same", "same same", lambda a, b: a if math.isnan(a) else b if math.isnan(b) else max(a, b)
    ),
    ("Math", "min", 2): Answer(
        "same", "same same", lambda a, b: a if math.isnan(a) else b if math.isnan(b) else min(a, b)
    ),
    ("Math", "round", 1): Answer("rounded", "any", _rounded),
    ("Math", "floor", 1): Answer("double", "double", _whole(math.floor)),
    ("Math", "ceil", 1): Answer("double", "double", _whole(math.ceil)),
    ("Math", "pow", 2): Answer("double", "double double", _power),
    ("Math", "sqrt", 1): Answer("double", "double", _or_nan(math.sqrt)),
    ("Math", "exp", 1): Answer("double", "double", _or_nan(math.exp)),
    ("Math", "log", 1): Answer("double", "double", _logarithm(math.log)),
    ("Math", "log10", 1): Answer("double", "double", _logarithm(math.log10)),
    ("Relational", "ISNULL", 1): Answer("boolean", "any", lambda v: v.value is None),
    ("Relational", "isNull", 1): Answer("int", "any", lambda v: int(v.value is None)),
    ("Relational", "NOT", 1): Answer("boolean", "boolean", lambda b: not b),
    **_math("ABS", abs),
    **_math("ACOS", math.acos),
    **_math("ASIN", math.asin),
    **_math("ATAN", math.atan),
    **_math("COS", math.cos),
    **_math("COSH", math.cosh),
    **_math("SIN", math.sin),
    **_math("SINH", math.sinh),
    **_math("TAN", math.tan),
    **_math("TANH", math.tanh),
    **_math("EXP", math.exp),
    **_math("SQRT", math.sqrt),
    **_math("NEG", lambda a: -1 * a),
    ("Mathematical", "LN", 1): Answer("double", "double", _logarithm(math.log)),
    ("Mathematical", "MOD", 2): Answer("double", "double double", _operated("%", "double")),
    ("Mathematical", "DIV", 2): Answer(
        "int",
        "double double",
        lambda a, b: numeric(narrowed(computing.binary("/", _double(a), _double(b)), "int")),
    ),
    ("Mathematical", "SDIV", 2): Answer("int", "int int", _operated("/", "int")),
    ("Mathematical", "BITAND", 2): Answer("int", "int int", lambda a, b: a & b),
    ("Mathematical", "BITOR", 2): Answer("int", "int int", lambda a, b: a | b),
    ("Mathematical", "BITXOR", 2): Answer("int", "int int", lambda a, b: a ^ b),
    ("Mathematical", "BITNOT", 1): Answer("int", "int", lambda a: ~a),
    ("Mathematical", "INT", 1): Answer("int", "String", _parser("int"), nulls="take"),
    ("Mathematical", "REAL", 1): Answer("double", "String", _parser("double"), nulls="take"),
    ("Mathematical", "NUM", 1): Answer("int", "String", lambda s: int(bool(re.fullmatch(r"[0-9]+", s)))),
    ("Mathematical", "SADD", 2): Answer(
        "double", "String String", lambda a, b: parsed(a, "double") + parsed(b, "double"), nulls="take"
    ),
    ("Mathematical", "SMUL", 2): Answer(
        "double", "String String", lambda a, b: parsed(a, "double") * parsed(b, "double"), nulls="take"
    ),
}


def _double(value: float) -> Held:
    return Held(JavaType("double", is_boxed=False), value)


_MODES = {
    "UP": decimal.ROUND_UP, "DOWN": decimal.ROUND_DOWN, "CEILING": decimal.ROUND_CEILING,
    "FLOOR": decimal.ROUND_FLOOR, "HALF_UP": decimal.ROUND_HALF_UP, "HALF_DOWN": decimal.ROUND_HALF_DOWN,
    "HALF_EVEN": decimal.ROUND_HALF_EVEN,
}  # fmt: skip
_NUMBERED = ("UP", "DOWN", "CEILING", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN", "UNNECESSARY")


def _scaled(value: Held, places: Held, mode: Held | None = None) -> Decimal:
    number, digits = _decimal(value), int(numeric(places))
    unit = Decimal(1).scaleb(-digits)
    rounded = number.quantize(unit, _mode(mode) if mode else decimal.ROUND_DOWN, context=_EXACT)
    if mode is None and rounded != number:
        raise JavaError("ArithmeticException", "Rounding necessary")
    return rounded


def _divided(value: Held, by: Held, places: Held, mode: Held) -> Decimal:
    one, other = _decimal(value), _decimal(by)
    if other == 0:
        raise JavaError("ArithmeticException", "/ by zero")
    quotient = _EXACT.divide(one, other)
    return quotient.quantize(Decimal(1).scaleb(-int(numeric(places))), _mode(mode), context=_EXACT)


def _mode(mode: Held) -> str:
    name = _NUMBERED[mode.value] if isinstance(mode.value, int) else str(mode.value)
    if name not in _MODES:
        raise CannotEvaluate(f"rounding {name}")
    return _MODES[name]


def _decimal(value: Held) -> Decimal:
    if value.value is None:
        raise JavaError("NullPointerException", "a null BigDecimal")
    if not isinstance(value.value, Decimal):
        raise CannotEvaluate("a BigDecimal of something else")
    return value.value


def _read(value: Held) -> Decimal:
    number = value.value
    if value.type.kind in ("float", "double"):
        return Decimal(numeric(value))
    if value.type.kind in NUMERIC:
        return Decimal(int(numeric(value)))
    if number is None:
        raise JavaError("NullPointerException", "new BigDecimal(null)")
    if not isinstance(number, str) or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", number):
        raise JavaError("NumberFormatException", repr(number))
    return Decimal(number)


def _value_of(value: Held) -> Decimal:
    if value.type.kind not in ("float", "double"):
        return _read(value)
    double = narrowed(value, "double")
    if not math.isfinite(numeric(double)):
        raise JavaError("NumberFormatException", text(double))
    return Decimal(text(double))


def _low_bits(kind: Kind) -> Callable[[Decimal], float]:
    if kind in ("float", "double"):
        return lambda number: wrapped(kind, float(number))
    return lambda number: wrapped(kind, int(number))


_OF_DECIMALS: dict[Key, Answer] = {
    ("BigDecimal", "add", 1): Answer("BigDecimal", "BigDecimal BigDecimal", _EXACT.add),
    ("BigDecimal", "subtract", 1): Answer("BigDecimal", "BigDecimal BigDecimal", _EXACT.subtract),
    ("BigDecimal", "multiply", 1): Answer("BigDecimal", "BigDecimal BigDecimal", _EXACT.multiply),
    ("BigDecimal", "divide", 3): Answer("BigDecimal", "any any any any", _divided),
    ("BigDecimal", "negate", 0): Answer("BigDecimal", "BigDecimal", lambda a: -a),
    ("BigDecimal", "abs", 0): Answer("BigDecimal", "BigDecimal", abs),
    ("BigDecimal", "max", 1): Answer("BigDecimal", "BigDecimal BigDecimal", max),
    ("BigDecimal", "min", 1): Answer("BigDecimal", "BigDecimal BigDecimal", min),
    ("BigDecimal", "compareTo", 1): Answer("int", "BigDecimal BigDecimal", _sign),
    ("BigDecimal", "signum", 0): Answer("int", "BigDecimal", lambda a: _sign(a, 0)),
    ("BigDecimal", "setScale", 1): Answer("BigDecimal", "any any", _scaled),
    ("BigDecimal", "setScale", 2): Answer("BigDecimal", "any any any", _scaled),
    ("BigDecimal", "toPlainString", 0): Answer("String", "BigDecimal", lambda a: f"{a:f}"),
    ("BigDecimal", "toString", 0): Answer("String", "BigDecimal", decimal_text),
    **{
        ("BigDecimal", f"{kind}Value", 0): Answer(kind, "BigDecimal", _low_bits(kind))
        for kind in _BOXES.values()
    },
}
OF_VALUES: Mapping[Key, Answer] = {**_OF_NUMBERS, **_OF_DECIMALS}
OF_CLASSES: Mapping[Key, Answer] = {
    **_OF_CLASSES,
    ("BigDecimal", "valueOf", 1): Answer("BigDecimal", "any", _value_of),
}
CONSTRUCTED: Mapping[Key, Answer] = {
    ("BigDecimal", "new", 1): Answer("BigDecimal", "any", _read),
    **{(box, "new", 1): Answer(box, "any", _boxed(kind)) for box, kind in _BOXES.items()},
}


def _constant(java: str, value: object) -> Held:
    return Held(named(java) or JavaType("null"), value)


CONSTANTS: Mapping[str, Held] = {
    "Integer.MAX_VALUE": _constant("int", 2**31 - 1),
    "Integer.MIN_VALUE": _constant("int", -(2**31)),
    "Long.MAX_VALUE": _constant("long", 2**63 - 1),
    "Short.MAX_VALUE": _constant("short", 2**15 - 1),
    "Boolean.TRUE": _constant("Boolean", value=True),
    "Boolean.FALSE": _constant("Boolean", value=False),
    "Math.PI": _constant("double", math.pi),
    "BigDecimal.ZERO": _constant("BigDecimal", Decimal(0)),
    "BigDecimal.ONE": _constant("BigDecimal", Decimal(1)),
    "BigDecimal.TEN": _constant("BigDecimal", Decimal(10)),
    **{f"RoundingMode.{mode}": _constant("Object", mode) for mode in _MODES},
    **{f"BigDecimal.ROUND_{mode}": _constant("Object", mode) for mode in _MODES},
}
