"""SQL expressions as trees, so that parentheses, quotes and names are right by construction. Printed by `render`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Ref:
    """A column, of a relation or by itself."""

    column: str
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric literal with Spark's suffix for its type: ``, `L`, `S`, `Y`, `F`, `D`, `BD`."""

    value: int | Decimal | float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """NULL, TRUE, FALSE."""

    word: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A parameter of the job, `'${name}'`: a quoted value where `is_quoted`, else a literal of its type."""

    name: str
    is_quoted: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments, `name(a, b)`."""

    name: str
    arguments: tuple[Sql, ...] = ()


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(value AS type)`."""

    value: Sql
    type: str


@dataclass(frozen=True, slots=True)
class Infix:
    """`left operator right`, e.g. `+`, `DIV`, `<=>`, `AND`, `RLIKE`."""

    operator: str
    left: Sql
    right: Sql


@dataclass(frozen=True, slots=True)
class Prefix:
    """`operator value`: `-`, `NOT`, `~`."""

    operator: str
    value: Sql


@dataclass(frozen=True, slots=True)
class IsNull:
    """`value IS NULL`, or `IS NOT NULL`."""

    value: Sql
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE WHEN … THEN … ELSE … END`."""

    branches: tuple[tuple[Sql, Sql], ...]
    otherwise: Sql


@dataclass(frozen=True, slots=True)
class Window:
    """`call OVER (PARTITION BY … ORDER BY …)`; an order is (expression, is_descending)."""

    call: Sql
    partition: tuple[Sql, ...] = ()
    order: tuple[tuple[Sql, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Todo:
    """What a person has to write: a NULL of a type, with the Java that it stands for in a comment."""

    type: str
    java: str
    reason: str


Sql = (
    Ref | Text | Number | Word | Placeholder | Call | Cast | Infix | Prefix | IsNull | Case | Window | Todo
)  # fmt: skip

NULL = Word("NULL")
TRUE = Word("TRUE")
FALSE = Word("FALSE")
