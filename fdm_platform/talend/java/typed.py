"""What a translation answers, and what it may refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fdm_platform.talend.expression import FALSE, Sql
from fdm_platform.talend.java.types import JavaType
from fdm_platform.talend.model import ContextVariable


@dataclass(frozen=True, slots=True)
class Typed:
    """A Java expression in SQL.

    A boolean is never NULL in SQL unless `is_nullable` (a `Boolean` that may be null), so that NOT is safe.
    """

    type: JavaType
    sql: Sql
    spark_type: str
    is_nullable: bool = False
    fails: Sql = FALSE
    """When Java would have thrown, e.g. an unboxed null or a division by zero; FALSE where it cannot."""
    notes: tuple[str, ...] = ()
    """Differences to be known, e.g. of strings beyond the Basic Multilingual Plane."""


@dataclass(frozen=True, slots=True)
class Untranslated:
    """Why there is no translation: a residue of the component that has the expression."""

    reason: str
    offset: int = 0
    """Of the part that is in the way, in characters of the expression."""


class RefusedError(Exception):
    """Within this package: why an expression has no translation. `translate` gives it as a value."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.untranslated = Untranslated(reason, offset)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that an expression may use."""

    flows: Mapping[str, Mapping[str, Typed]] = field(default_factory=dict)
    """Columns by flow: `row1.amount`, `Var.total`, `input_row.amount`."""
    context: Mapping[str, ContextVariable] = field(default_factory=dict)
    global_map: Mapping[str, Typed] = field(default_factory=dict)
    """Constants that tSetGlobalVar has put, by key."""
    routines: frozenset[str] = frozenset()
    """Names of the project's own routines, for the reason of a residue."""
