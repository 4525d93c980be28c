"""Java's values in Python, for the interpreter: what they are, how they convert, what they look like as text.

A String or char is a str, whole numbers are int, float and double are float, BigDecimal is Decimal, Date is a datetime
without zone: the wall clock, of a zone without daylight saving where times are counted.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from fdm_platform.talend.java.types import (
    INT,
    NULL_TYPE,
    JavaType,
    Kind,
    described,
    is_primitive,
    spelled,
    widens,
)


class JavaError(Exception):
    """Java would have thrown. `kind` is the exception's class, such as `NullPointerException`."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind


class CannotEvaluate(Exception):  # noqa: N818 - it is no mistake of anybody's
    """The interpreter does not know what Java would answer."""


@dataclass(frozen=True, slots=True)
class Held:
    """A value with its type in Java; None is null."""

    type: JavaType
    value: object


_BITS: dict[Kind, int] = {"byte": 8, "short": 16, "int": 32, "long": 64}
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e7
NULL = Held(NULL_TYPE, None)


def wrapped(kind: Kind, value: float) -> int | float:
    """A number as its kind holds it: whole numbers keep their low bits, a float its 24 binary digits."""
    if kind in _BITS:
        half = 1 << (_BITS[kind] - 1)
        return (int(value) + half) % (2 * half) - half
    if kind == "float":
        return _single(float(value))
    return float(value)


def _single(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def held(value: object, type_: JavaType | None = None) -> Held:
    """A Python value as Java has it, by its column's type, else by what it is."""
    if type_ is not None:
        return Held(type_, _of_kind(value, type_.kind))
    if value is None:
        return NULL
    return Held(JavaType(_kind(value)), value)


def _of_kind(value: object, kind: Kind) -> object:
    if value is None:
        return None
    if kind == "decimal":
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - wall clock
    if kind in ("float", "double") and isinstance(value, int | float):
        return wrapped(kind, value)
    return value


def _kind(value: object) -> Kind:
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if wrapped("int", value) == value else "long"
    kinds: tuple[tuple[type, Kind], ...] = (
        (bool, "boolean"), (str, "string"), (float, "double"), (Decimal, "decimal"), (date, "date"), (bytes, "bytes"),
    )  # fmt: skip
    for python, kind in kinds:
        if isinstance(value, python):
            return kind
    raise CannotEvaluate(f"no column of Talend holds a {type(value).__name__}")


def unboxed(value: Held) -> Held:
    """The primitive in a box; a null throws."""
    if value.type.kind == "null" or (value.type.is_boxed and not is_primitive(value.type.kind)):
        raise CannotEvaluate(f"Java calculates with no {spelled(value.type)}")
    if value.value is None:
        raise JavaError("NullPointerException", f"a null {spelled(JavaType(value.type.kind))} as a number")
    return Held(JavaType(value.type.kind, is_boxed=False), value.value)


def numeric(value: Held) -> float:
    """The number in a value."""
    number = unboxed(value).value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise CannotEvaluate(f"{described(value.type)} taken as a number")
    return number


def narrowed(value: Held, kind: Kind) -> Held:
    """A number cast to another kind: floating ones saturate on their way to whole ones, NaN is 0 (JLS 5.1.3)."""
    number = numeric(value)
    if isinstance(number, float) and kind in _BITS:
        half = 1 << (63 if kind == "long" else 31)
        number = 0 if math.isnan(number) else int(max(-half, min(half - 1, number)))
    return Held(JavaType(kind, is_boxed=False), wrapped(kind, number))


def assigned(value: Held, want: JavaType) -> Held:
    """The value in a variable of this type (JLS 5.2)."""
    have = value.type
    if want.kind == "object":
        return value
    if have.kind == "null" and want.is_boxed:
        return Held(want, None)
    if have.kind == want.kind:
        return Held(want, (value if want.is_boxed else unboxed(value)).value)
    if have.kind == "object" or (have.kind == "char" and want.kind == "string"):
        raise CannotEvaluate(f"{described(have)} given to {described(want)}")
    if not want.is_boxed and widens(have.kind, want.kind):
        return narrowed(value, want.kind)
    if have == INT and want.kind in ("byte", "short"):
        return Held(want, value.value)
    raise CannotEvaluate(f"Java gives no {spelled(want)} {described(have)}")


def cast(value: Held, to: JavaType) -> Held:
    """`(to) value`."""
    is_legal = not value.type.is_boxed or widens(value.type.kind, to.kind)
    if is_legal and not to.is_boxed and to.kind != value.type.kind and to.kind not in ("boolean", "char"):
        return narrowed(value, to.kind)
    return assigned(value, to)


def text(value: Held) -> str:  # noqa: PLR0911 - one case a type
    """What `+` and String.valueOf make of it."""
    match value.value:
        case None:
            return "null"
        case bool(truth):
            return "true" if truth else "false"
        case float(number):
            return _floating(number, value.type.kind)
        case Decimal() as number:
            return decimal_text(number)
        case datetime() as moment:
            return moment.strftime("%a %b %d %H:%M:%S UTC %Y")
        case str(words):
            return words
        case int(number):
            return str(number)
    raise CannotEvaluate(f"the text of {described(value.type)}")


def decimal_text(number: Decimal) -> str:
    """BigDecimal.toString: plain unless it has many zeros after the point."""
    return re.sub(r"E([+-]?)(\d)", lambda m: f"E{m[1] or '+'}{m[2]}", str(number).upper())


def _floating(number: float, kind: Kind) -> str:
    """Double.toString: the fewest digits that tell it from its neighbours; with an exponent outside 10^-3 to 10^7."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    shortest = Decimal(_shortest(number, kind))
    if number == 0 or _PLAIN_FROM <= abs(number) < _PLAIN_TO:
        plain = f"{shortest:f}"
        plain = plain.rstrip("0") if "." in plain else plain + ".0"
        return plain + "0" if plain.endswith(".") else plain
    sign, digits, _ = shortest.as_tuple()
    kept = "".join(map(str, digits)).rstrip("0") or "0"
    return f"{'-' * sign}{kept[0]}.{kept[1:] or '0'}E{shortest.adjusted()}"


def _shortest(number: float, kind: Kind) -> str:
    if kind != "float":
        return repr(number)
    for precision in range(1, 10):
        candidate = f"{number:.{precision}g}"
        if _single(float(candidate)) == number:
            return candidate
    return repr(number)
