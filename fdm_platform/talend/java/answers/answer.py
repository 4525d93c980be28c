"""How the interpreter answers a method: a Python function over the values of its arguments, the receiver first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fdm_platform.talend.java.types import JavaType, named, promoted
from fdm_platform.talend.java.values import CannotEvaluate, Held, JavaError, assigned, wrapped

Key = tuple[str, str, int]
"""Class, method, number of arguments; a constructor is called `new`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A method. `result` and `takes` are Java's types.

    `text` takes String or char, `any` whatever is given, as it is held. A result `same` has the type of the numbers
    given, `rounded` is Math.round's: a long of a double, else an int.
    """

    result: str
    takes: str
    python: Callable[..., Any]
    nulls: Literal["throw", "pass", "take"] = "throw"
    """What null does as an object among the arguments: throw, be the answer, or reach the function as None."""
    is_timed: bool = False
    """The function is given the clock's time before the arguments."""

    def type(self, arguments: Sequence[JavaType]) -> JavaType:
        """The type of its result, where the arguments have these types."""
        if self.result == "rounded":
            return JavaType("long" if arguments[0].kind == "double" else "int", is_boxed=False)
        if self.result != "same":
            return _type(self.result)
        kind = arguments[0].kind
        for other in arguments:
            kind = promoted(kind, other.kind)
        return JavaType(kind, is_boxed=False)

    def give(self, arguments: Sequence[Held], now: datetime | None) -> Held:
        """Its result."""
        type_ = self.type([a.type for a in arguments])
        types = self.takes.replace("same", type_.kind if self.result == "same" else "").split()
        values = [_taken(a, name) for a, name in zip(arguments, types, strict=True)]
        if self.nulls != "take" and any(value is None for value in values):
            if self.nulls == "throw":
                raise JavaError("NullPointerException", "a null argument")
            return Held(type_, None)
        if self.is_timed and now is None:
            raise CannotEvaluate("the time of the run")
        try:
            result = self.python(*([now] * self.is_timed), *values)
        except (ArithmeticError, ValueError) as error:  # e.g. a date after the year 9999
            raise CannotEvaluate(f"Python's numbers and dates are too small for it: {error}") from None
        is_number = isinstance(result, int | float) and not isinstance(result, bool)
        return Held(type_, wrapped(type_.kind, result) if is_number else result)


def _taken(value: Held, name: str) -> Any:
    if name == "any":
        return value
    if name == "text":
        if value.type.kind not in ("string", "char", "null"):
            raise CannotEvaluate("something else than text")
        return value.value
    return assigned(value, _type(name)).value


def _type(name: str) -> JavaType:
    type_ = named(name)
    if type_ is None:
        raise KeyError(name)
    return type_
