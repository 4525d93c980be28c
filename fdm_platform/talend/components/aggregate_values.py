"""What tAggregateRow works out of a group's values, in Python: as Talend's Java adds, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from fdm_platform.talend.components.aggregates import FLOATING, Operation
from fdm_platform.talend.components.passing import default_of
from fdm_platform.talend.java.values import JavaError, wrapped

_PRECISION = 100


def work_out(operation: Operation, values: Sequence[Any]) -> object:
    """The operation over a group's values in their order, other than `list`. JavaError: Java throws."""
    kept = [v for v in values if v is not None or not operation.skips_null]
    with localcontext(prec=_PRECISION):
        found = _FUNCTIONS[operation.function](operation, kept)
    if found is not None or operation.wanted.is_boxed:
        return found
    if values and operation.given.is_boxed and not operation.skips_null:
        raise JavaError("NullPointerException", operation.target.name)
    return default_of(operation.target)


def _in(operation: Operation, number: float | Decimal) -> object:
    """A number in the output's type."""
    kind = operation.wanted.kind
    if kind == "decimal":
        return _decimal(number)
    return wrapped(kind, float(number) if kind in FLOATING else int(number))


def _decimal(number: float | Decimal) -> Decimal:
    return number if isinstance(number, Decimal) else Decimal(str(number))


def _added(operation: Operation, values: Sequence[Any]) -> float | Decimal | None:
    """The sum as Talend makes it; None: nothing was put into it."""
    if operation.fails_on_null and None in values:
        raise JavaError("NullPointerException", operation.source.name)
    if operation.is_exact:
        return sum((_decimal(v) for v in values), Decimal(0)) if values else None
    if not values:
        return None
    present = [v for v in values if v is not None]
    if operation.function == "avg":
        return float(sum(float(v) for v in present))
    if operation.wanted.kind in FLOATING:
        return float(sum(float(v) for v in present))
    return sum(int(v) for v in present)


def _sum(operation: Operation, values: Sequence[Any]) -> object:
    total = _added(operation, values)
    return None if total is None else _in(operation, total)


def _avg(operation: Operation, values: Sequence[Any]) -> object:
    total = _added(operation, values)
    if total is None:
        return _in(operation, 0)
    if isinstance(total, Decimal):
        quotient = total / len(values)
        return _in(operation, quotient.quantize(Decimal(1).scaleb(-operation.places), ROUND_HALF_UP))
    return _in(operation, total / len(values))


def _extreme(
    is_better: Callable[[Any, Any], bool],
) -> Callable[[Operation, Sequence[Any]], object]:
    def find(operation: Operation, values: Sequence[Any]) -> object:
        best = None
        for value in values:
            if value is None and (best is not None or not operation.wanted.is_boxed):
                raise JavaError("NullPointerException", operation.source.name)
            if best is None or is_better(value, best):
                best = value
        return best

    return find


_FUNCTIONS: Mapping[str, Callable[[Operation, Sequence[Any]], object]] = {
    "count": lambda operation, values: _in(operation, len(values)),
    "distinct": lambda operation, values: _in(operation, len(set(values))),
    "sum": _sum,
    "avg": _avg,
    "min": _extreme(lambda a, b: a < b),
    "max": _extreme(lambda a, b: a > b),
    "first": lambda _, values: values[0] if values else None,
    "last": lambda _, values: values[-1] if values else None,
}
