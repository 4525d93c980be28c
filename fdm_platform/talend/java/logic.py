"""Conditions in SQL, simplified as they are made, and what is known to hold on a path through an expression.

Three-valued logic does no harm: a condition's SQL is NULL only where Java would not have evaluated it, or would have
thrown on the way, and there an AND or OR before it has decided already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

from fdm_platform.talend.expression import FALSE, TRUE, Call, Cast, Infix, IsNull, Number, Prefix, Sql, Text
from fdm_platform.talend.java.typed import Typed

_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"=": "=", "<>": "<>", "<=>": "<=>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def both(*conditions: Sql) -> Sql:
    """All of them."""
    return _joined("AND", conditions, neutral=TRUE, decisive=FALSE)


def either(*conditions: Sql) -> Sql:
    """Any of them; each is said once."""
    return _joined("OR", conditions, neutral=FALSE, decisive=TRUE)


def negated(condition: Sql) -> Sql:
    """The opposite, without a NOT where there is another way."""
    match condition:
        case Prefix("NOT", value):
            return value
        case IsNull(value, is_negated):
            return IsNull(value, is_negated=not is_negated)
        case Infix(operator, left, right) if operator in _OPPOSITE:
            return Infix(_OPPOSITE[operator], left, right)
    if condition in (TRUE, FALSE):
        return FALSE if condition == TRUE else TRUE
    return Prefix("NOT", condition)


def compared(operator: str, left: Sql, right: Sql) -> Sql:
    """A comparison, the literal on its right."""
    if isinstance(left, Number | Text) and not isinstance(right, Number | Text):
        return Infix(_MIRRORED[operator], right, left)
    return Infix(operator, left, right)


def parts(operator: str, condition: Sql) -> Iterator[Sql]:
    """The conditions that `operator`, AND or OR, joins."""
    if isinstance(condition, Infix) and condition.operator == operator:
        yield from parts(operator, condition.left)
        yield from parts(operator, condition.right)
    else:
        yield condition


def _joined(operator: str, conditions: tuple[Sql, ...], *, neutral: Sql, decisive: Sql) -> Sql:
    said: dict[Sql, None] = {}
    for condition in conditions:
        said.update(dict.fromkeys(parts(operator, condition)))
    said.pop(neutral, None)
    if decisive in said:
        return decisive
    return reduce(lambda left, right: Infix(operator, left, right), said) if said else neutral


@dataclass(frozen=True, slots=True)
class Facts:
    """Conditions that hold where an expression is evaluated: after `x != null &&`, x is not null."""

    known: frozenset[Sql] = frozenset()

    def after(self, typed: Typed) -> Facts:
        """Once `typed` has been evaluated, and has not thrown."""
        return Facts(self.known | _implied(typed.fails, truth=False))

    def given(self, condition: Typed, *, truth: bool) -> Facts:
        """Where the condition was evaluated and came out so."""
        return Facts(self.after(condition).known | _implied(condition.sql, truth=truth))

    def applied(self, typed: Typed) -> Typed:
        """The expression without the nulls and the failures that cannot be here."""
        is_nullable = typed.is_nullable and IsNull(typed.sql, is_negated=True) not in self.known
        fails = either(*(p for p in parts("OR", typed.fails) if not self.excludes(p)))
        return replace(typed, is_nullable=is_nullable, fails=fails)

    def excludes(self, condition: Sql) -> bool:
        """Whether the condition cannot hold."""
        if isinstance(condition, Infix) and condition.operator == "AND":
            return any(self.excludes(p) for p in parts("AND", condition))
        if isinstance(condition, Infix) and condition.operator == "OR":
            return all(self.excludes(p) for p in parts("OR", condition))
        return negated(condition) in self.known or self._is_out_of_bounds(condition)

    def _is_out_of_bounds(self, condition: Sql) -> bool:
        wanted = _bounds(condition)
        if wanted is None:
            return False
        value, low, high = wanted
        for fact in self.known:
            found = _bounds(fact)
            if found is not None and found[0] == value:
                low, high = max(low, found[1]), min(high, found[2])
        return low > high


def _bounds(condition: Sql) -> tuple[Sql, float, float] | None:
    """Between which whole numbers a value lies by a comparison with a literal."""
    match condition:
        case Infix(operator, value, Number(int(bound), "" | "L")):
            ranges: dict[str, tuple[float, float]] = {
                "=": (bound, bound),
                "<": (-float("inf"), bound - 1),
                "<=": (-float("inf"), bound),
                ">": (bound + 1, float("inf")),
                ">=": (bound, float("inf")),
            }
            return (value, *ranges[operator]) if operator in ranges and _is_whole(value) else None
    return None


def _is_whole(value: Sql) -> bool:
    """Only lengths and positions are known by their looks to be whole numbers."""
    return getattr(value, "name", "") in ("length", "locate", "char_length")


def _implied(condition: Sql, *, truth: bool) -> frozenset[Sql]:
    match condition:
        case Prefix("NOT", value):
            return _implied(value, truth=not truth)
        case Infix("AND" | "OR" as operator, left, right):
            one, other = _implied(left, truth=truth), _implied(right, truth=truth)
            return one | other if truth == (operator == "AND") else one & other
        case Infix("=" | "<=>" as operator, left, right) if truth:
            sides = [left, right] if operator == "=" else [left] * isinstance(right, Text | Number)
            return frozenset({condition, *(IsNull(side, is_negated=True) for side in sides)})
        case IsNull(Cast(value) | Call("to_timestamp", (value, _)), is_negated) if is_negated == truth:
            # What is read from a text is there only if the text is.
            return frozenset({IsNull(condition.value, is_negated=True), IsNull(value, is_negated=True)})
    return frozenset({condition if truth else negated(condition)})
