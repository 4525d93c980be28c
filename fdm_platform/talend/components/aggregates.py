"""What tAggregateRow works out of a group's values, in SQL: one function of Talend's each, NULLs as Java meets them.

Talend adds as it goes: into the output's own type, into a double for averages, or into a BigDecimal where the output is
one or USE_FINANCIAL_PRECISION asks for it. A BigDecimal cannot add a null: the job ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from fdm_platform.talend.components.ordering import NUMBER, joined_texts
from fdm_platform.talend.components.passing import default_value
from fdm_platform.talend.expression import (
    FALSE,
    NULL,
    Call,
    Case,
    Cast,
    Infix,
    IsNull,
    Number,
    Prefix,
    Ref,
    Sql,
)
from fdm_platform.talend.java.logic import either
from fdm_platform.talend.java.typed import Typed, Untranslated
from fdm_platform.talend.java.types import JavaType, Kind, java_type
from fdm_platform.talend.plan import SqlColumn

WHOLE: frozenset[Kind] = frozenset({"byte", "short", "int", "long"})
FLOATING: frozenset[Kind] = frozenset({"float", "double"})
FRACTIONS: frozenset[Kind] = FLOATING | {"decimal"}
NUMBERS: frozenset[Kind] = WHOLE | FRACTIONS
ORDERED = frozenset({"first", "last", "list"})
"""Functions whose answer depends on the order of rows."""
PLACES = 10
"""Digits after the point of an average in BigDecimal, where the column says none."""
_MOST_PLACES = 14
_COMPARED: frozenset[Kind] = NUMBERS | {"string", "date", "char"}
_EXACT = {"float": "decimal(38,18)", "double": "decimal(38,18)", "long": "decimal(20,0)"}


@dataclass(frozen=True)
class Operation:
    """One line of OPERATIONS."""

    function: str
    source: SqlColumn
    target: SqlColumn
    flow: str
    ignores_null: bool = False
    is_financial: bool = False
    places: int = PLACES
    text: Sql = NULL
    """Of `list`: a value as text, `null` for a null."""
    delimiter: Sql = NULL

    @cached_property
    def given(self) -> JavaType:
        return java_type(self.source.talend_type, nullable=self.source.nullable)

    @cached_property
    def wanted(self) -> JavaType:
        return java_type(self.target.talend_type, nullable=self.target.nullable)

    @property
    def value(self) -> Sql:
        return Ref(self.source.name, self.flow)

    @property
    def skips_null(self) -> bool:
        """A primitive has none to ignore."""
        return self.ignores_null and self.given.is_boxed

    @property
    def is_exact(self) -> bool:
        """The sum is a BigDecimal."""
        kinds = {self.given.kind, self.wanted.kind}
        is_financial = self.is_financial and kinds <= FRACTIONS
        return (
            self.wanted.kind == "decimal"
            or is_financial
            or (self.function == "avg" and self.wanted.kind == "long")
        )

    @property
    def fails_on_null(self) -> bool:
        """Adding a null throws: of a BigDecimal, and into a Byte or Short."""
        is_small = self.wanted.is_boxed and self.wanted.kind in ("byte", "short")
        return self.given.is_boxed and (self.is_exact or self.given.kind == "decimal" or is_small)

    @property
    def is_possible(self) -> bool:
        """Talend generates code for it: else the output column is left at its type's default."""
        numbers = self.given.kind in NUMBERS and self.wanted.kind in NUMBERS
        is_same = self.given.kind == self.wanted.kind
        return {
            "count": self.wanted.kind in NUMBERS,
            "distinct": self.wanted.kind in NUMBERS,
            "sum": numbers,
            "avg": numbers,
            "min": is_same and self.given.kind in _COMPARED,
            "max": is_same and self.given.kind in _COMPARED,
            "first": is_same,
            "last": is_same,
            "list": self.wanted.kind == "string",
        }.get(self.function, True)


def result_type(operation: Operation) -> str:
    """What the SQL gives, in Spark: a BigDecimal keeps the places that Java gives it, whatever the column's."""
    if operation.wanted.kind != "decimal":
        return operation.target.spark_type
    if operation.function == "sum":
        of_double = _scale_of(_EXACT["double"]) if operation.given.kind in FLOATING else 0
        return f"decimal(38,{max(_scale_of(operation.source.spark_type), of_double)})"
    if operation.function == "avg":
        return f"decimal(38,{operation.places})"
    return "decimal(20,0)" if operation.function in ("count", "distinct") else operation.source.spark_type


def aggregate(operation: Operation) -> Typed | Untranslated:
    """The operation in SQL, over the rows of a group; numbered by `_n` where its function asks for their order."""
    build = _FUNCTIONS.get(operation.function)
    if build is None:
        return Untranslated(f"{operation.function} has no counterpart that gives the same")
    found = build(operation)
    if isinstance(found, Untranslated):
        return found
    value, fails = found
    return Typed(operation.wanted, value, result_type(operation), operation.wanted.is_boxed, fails)


_Answer = tuple[Sql, Sql]
"""The value, and when Java throws."""
_ZERO = Number(0)


def _rows(operation: Operation) -> Sql:
    """How many rows count."""
    return Call("count", (operation.value,)) if operation.skips_null else Call("count", (Ref("*"),))


def _has_null(operation: Operation) -> Sql:
    return Infix("<", Call("count", (operation.value,)), Call("count", (Ref("*"),)))


def _when_null(operation: Operation, *, fails: bool) -> Sql:
    return _has_null(operation) if fails and not operation.skips_null else FALSE


def _as(operation: Operation, value: Sql, given: str = "") -> Sql:
    wanted = result_type(operation)
    return value if wanted == given else Cast(value, wanted)


def _count(operation: Operation) -> _Answer:
    return _as(operation, _rows(operation), "bigint"), FALSE


def _distinct(operation: Operation) -> _Answer:
    """NULL is a value like others."""
    different = Call("count", (Prefix("DISTINCT", operation.value),))
    if operation.skips_null or not operation.given.is_boxed:
        return _as(operation, different, "bigint"), FALSE
    null = Case(((_has_null(operation), Number(1)),), _ZERO)
    return _as(operation, Infix("+", different, null)), FALSE


def _exactly(operation: Operation) -> Sql:
    """The value as a BigDecimal has it."""
    kind = operation.given.kind
    return operation.value if kind == "decimal" else Cast(operation.value, _EXACT.get(kind, "decimal(10,0)"))


def _out_of_range(operation: Operation) -> Sql:
    """A double beyond what Spark's decimals hold: 20 digits before the point."""
    if operation.given.kind not in FLOATING:
        return FALSE
    return Infix("<", Call("count", (_exactly(operation),)), Call("count", (operation.value,)))


def _sum(operation: Operation) -> _Answer | Untranslated:
    given, wanted = operation.given.kind, operation.wanted
    if not operation.is_exact and given in FLOATING and wanted.kind in WHOLE:
        return Untranslated(
            "Talend cuts the decimals off after every row: the sum depends on the order of rows"
        )
    fails = _when_null(operation, fails=operation.fails_on_null)
    if operation.is_exact:
        total = Call("sum", (_exactly(operation),))
        fails = either(fails, _out_of_range(operation))
    else:
        cuts = given == "decimal" and wanted.kind != "decimal"
        total = Call("sum", (Cast(operation.value, result_type(operation)) if cuts else operation.value,))
    # Where nothing was added: an object that nothing was put into is null, else Talend begins with 0.
    stays_null = wanted.is_boxed and (operation.skips_null or operation.is_exact)
    return _as(operation, total if stays_null else Call("coalesce", (total, _ZERO))), fails


def _avg(operation: Operation) -> _Answer:
    """By the number of rows, of which those with NULL are some unless they are ignored. Of no values it is 0."""
    rows = _rows(operation)
    fails = _when_null(operation, fails=operation.fails_on_null)
    if operation.is_exact:
        # As many places as Spark's division keeps beside 19 digits and more before the point.
        scale = max(operation.places, min(_scale_of(operation.source.spark_type), _MOST_PLACES))
        total = Cast(Call("sum", (_exactly(operation),)), f"decimal(38,{scale})")
        quotient = Infix("/", total, Cast(rows, "decimal(10,0)"))
        rounded = Call("coalesce", (Call("round", (quotient, Number(operation.places))), _ZERO))
        return _as(operation, rounded), either(fails, _out_of_range(operation))
    is_double = operation.given.kind == "double"
    summed = Call("sum", (operation.value if is_double else Cast(operation.value, "double"),))
    return _as(operation, Call("coalesce", (Infix("/", summed, rows), Number(0.0, "D"))), "double"), fails


def _scale_of(spark_type: str) -> int:
    """Of a decimal its places; else 0."""
    return int(spark_type.rstrip(")").split(",")[1]) if "," in spark_type else 0


def _extreme(name: str) -> Callable[[Operation], _Answer]:
    def build(operation: Operation) -> _Answer:
        value = Call(name, (operation.value,))
        if not operation.given.is_boxed or operation.skips_null:
            return _landed(operation, value), FALSE
        has_null = _has_null(operation)
        if not operation.wanted.is_boxed:
            return value, has_null
        # A first NULL is kept, and compared with by none that follow it; what does not come first throws.
        return value, Infix("AND", Infix(">", Call("count", (operation.value,)), _ZERO), has_null)

    return build


def _landed(operation: Operation, value: Sql) -> Sql:
    """A primitive that nothing was put into is 0."""
    if operation.wanted.is_boxed or not operation.given.is_boxed:
        return value
    return Call("coalesce", (value, default_value(operation.target)))


def _at_end(name: str) -> Callable[[Operation], _Answer]:
    def build(operation: Operation) -> _Answer:
        by: Sql = Ref(NUMBER, operation.flow)
        if operation.skips_null:
            by = Case(((IsNull(operation.value, is_negated=True), by),), NULL)
            return _landed(operation, Call(name, (operation.value, by))), FALSE
        value = Call(name, (operation.value, by))
        is_unboxed = operation.given.is_boxed and not operation.wanted.is_boxed
        return value, IsNull(value) if is_unboxed else FALSE

    return build


def _list(operation: Operation) -> _Answer:
    where = IsNull(operation.value, is_negated=True) if operation.skips_null else None
    return joined_texts(operation.flow, operation.text, operation.delimiter, where=where), FALSE


_FUNCTIONS: Mapping[str, Callable[[Operation], _Answer | Untranslated]] = {
    "count": _count,
    "distinct": _distinct,
    "sum": _sum,
    "avg": _avg,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "first": _at_end("min_by"),
    "last": _at_end("max_by"),
    "list": _list,
}
