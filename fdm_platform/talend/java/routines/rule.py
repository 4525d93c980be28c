"""How a method of Java becomes SQL: a builder from its typed arguments, the receiver first; mostly made by `rule`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fdm_platform.talend.expression import FALSE, Sql
from fdm_platform.talend.java.conversions import assigned, is_null, notes_of
from fdm_platform.talend.java.logic import either
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import JavaType, described, named, spark_type

Key = tuple[str, str, int]
"""Class, method, number of arguments without the receiver."""
Builder = Callable[[Sequence[Typed]], Typed]
Nulls = Literal["throw", "pass", "take"]
"""What null does as an object among the arguments: Java throws, answers null, or the SQL knows what to do with it."""


def _never(*_: Sql) -> Sql:
    return FALSE


def rule(
    result: str,
    takes: str,
    sql: Callable[..., Sql],
    *,
    nulls: Nulls = "throw",
    throws: Callable[..., Sql] = _never,
    notes: tuple[str, ...] = (),
    spark: str | None = None,
) -> Builder:
    """The usual builder.

    `takes` are Java's types of the arguments, `text` for String or char; `sql` and `throws` are given the arguments'
    SQL; `throws` is when Java throws for other reasons than null.
    """
    types = takes.split()
    type_ = typed_as(result)

    def build(values: Sequence[Typed]) -> Typed:
        arguments = [taken(value, name) for value, name in zip(values, types, strict=True)]
        parts = [argument.sql for argument in arguments]
        nulls_of = [is_null(argument) for argument in arguments]
        fails = either(
            *(argument.fails for argument in arguments),
            *(nulls_of if nulls == "throw" else ()),
            throws(*parts),
        )
        return Typed(
            type_,
            sql(*parts),
            spark or spark_type(type_.kind),
            is_nullable=nulls == "pass" and any(argument.is_nullable for argument in arguments),
            fails=fails,
            notes=tuple(dict.fromkeys((*notes_of(*arguments), *notes))),
        )

    return build


def taken(value: Typed, name: str) -> Typed:
    """An argument as a parameter of this type."""
    if name == "text":
        if value.type.kind not in ("string", "char", "null"):
            raise RefusedError(f"{described(value.type)} as text has no translation")
        return value
    return assigned(value, typed_as(name))


def typed_as(name: str) -> JavaType:
    """The type that Java calls so. KeyError: a table of this package names one that there is not."""
    type_ = named(name)
    if type_ is None:
        raise KeyError(name)
    return type_


@dataclass(frozen=True, slots=True)
class Refusal:
    """A builder of a method that is known to have no translation."""

    reason: str

    def __call__(self, _: Sequence[Typed]) -> Typed:
        """Refuse."""
        raise RefusedError(self.reason)


def refusing(reason: str) -> Builder:
    """A method that is known to have no translation, and why."""
    return Refusal(reason)
