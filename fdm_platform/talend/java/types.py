"""Java's types as far as Talend's columns have them, and what each is in Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "boolean", "byte", "short", "char", "int", "long", "float", "double",
    "decimal", "string", "date", "bytes", "object", "null",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class JavaType:
    """A type of an expression. `is_boxed`: an object, which may be null: `Integer`, not `int`."""

    kind: Kind
    is_boxed: bool = True


_KINDS: dict[str, Kind] = {
    "id_Boolean": "boolean",
    "id_Byte": "byte",
    "id_Short": "short",
    "id_Character": "char",
    "id_Integer": "int",
    "id_Long": "long",
    "id_Float": "float",
    "id_Double": "double",
    "id_BigDecimal": "decimal",
    "id_String": "string",
    "id_File": "string",
    "id_Directory": "string",
    "id_Password": "string",
    "id_Date": "date",
    "id_byte[]": "bytes",
}
_PRIMITIVE = frozenset({"boolean", "byte", "short", "char", "int", "long", "float", "double"})
_SPARK: dict[Kind, str] = {
    "boolean": "boolean",
    "byte": "tinyint",
    "short": "smallint",
    "char": "string",
    "int": "int",
    "long": "bigint",
    "float": "float",
    "double": "double",
    "decimal": "decimal(38,10)",
    "string": "string",
    "date": "timestamp",
    "bytes": "binary",
    "object": "string",
    "null": "void",
}


def java_type(talend: str, *, nullable: bool) -> JavaType:
    """The type that Talend generates for a column: a primitive where the column is not nullable and has one."""
    kind = _KINDS.get(talend, "object")
    return JavaType(kind, is_boxed=nullable or kind not in _PRIMITIVE)


def spark_type(kind: Kind, length: int | None = None, precision: int | None = None) -> str:
    """Spark's type within steps. Of a decimal `length` is the number of digits and `precision` those after the point.

    Talend's names; a decimal without them is decimal(38,10).
    """
    if kind != "decimal" or not length or length < 0:
        return _SPARK[kind]
    digits = min(length, 38)
    return f"decimal({digits},{min(max(precision or 0, 0), digits)})"
