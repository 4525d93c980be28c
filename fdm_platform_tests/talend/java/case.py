"""Java expressions with the answers that Java gives, worked out by hand from its rules (JLS, and the classes' documents).

Columns are those of the flow row1, by Java's types; a boxed or object type may be null. A row has a value for each, and
the answer. `test_evaluating` holds the interpreter against them, `test_against_java` a JVM and Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Thrown(Enum):
    THROWS = "Java throws"


THROWS = Thrown.THROWS
NAN, INF = float("nan"), float("inf")
INT_MAX, INT_MIN, LONG_MIN = 2**31 - 1, -(2**31), -(2**63)
Row = tuple[tuple[object, ...], object]


@dataclass(frozen=True, slots=True)
class Case:
    java: str
    columns: str
    rows: Sequence[Row]

    @property
    def types(self) -> dict[str, str]:
        pairs = (column.split(":") for column in self.columns.split(";") if column)
        return {name.strip(): type_.strip() for name, type_ in pairs}

    def __str__(self) -> str:
        return f"{self.java} of {self.columns}"


def at(text: str) -> datetime:
    """A moment on the wall clock."""
    return datetime.fromisoformat(text)
