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

_NAMES: dict[str, JavaType] = {
    "boolean": JavaType("boolean", is_boxed=False),
    "byte": JavaType("byte", is_boxed=False),
    "short": JavaType("short", is_boxed=False),
    "char": JavaType("char", is_boxed=False),
    "int": JavaType("int", is_boxed=False),
    "long": JavaType("long", is_boxed=False),
    "float": JavaType("float", is_boxed=False),
    "double": JavaType("double", is_boxed=False),
    "Boolean": JavaType("boolean"),
    "Byte": JavaType("byte"),
    "Short": JavaType("short"),
    "Character": JavaType("char"),
    "Integer": JavaType("int"),
    "Long": JavaType("long"),
    "Float": JavaType("float"),
    "Double": JavaType("double"),
    "BigDecimal": JavaType("decimal"),
    "String": JavaType("string"),
    "Date": JavaType("date"),
    "byte[]": JavaType("bytes"),
    "Object": JavaType("object"),
    "null": JavaType("null"),
}
_SPELLED = {type_: name for name, type_ in _NAMES.items()}
_WIDENING: tuple[Kind, ...] = ("byte", "short", "int", "long", "float", "double")
BOOLEAN = _NAMES["boolean"]
INT = _NAMES["int"]
STRING = _NAMES["String"]
NULL_TYPE = _NAMES["null"]
NUMERIC: frozenset[Kind] = frozenset(_WIDENING)
"""Kinds that Java calculates with; `char`, which it also counts among them, is text in Spark."""
INTEGRAL: frozenset[Kind] = frozenset({"byte", "short", "int", "long"})


def named(java: str) -> JavaType | None:
    """The type that Java calls `java`, with or without its package; None where columns have no such type."""
    return _NAMES.get(java.rpartition(".")[2])


def spelled(type_: JavaType) -> str:
    """What Java calls it."""
    return _SPELLED[type_]


def described(type_: JavaType) -> str:
    """With its article: `an Integer`."""
    name = spelled(type_)
    return f"{'an' if name[0] in 'IOi' else 'a'} {name}"


def promoted(left: Kind, right: Kind) -> Kind:
    """The kind in which Java calculates with two numbers: at least int (JLS 5.6.2)."""
    return _WIDENING[max(_WIDENING.index(left), _WIDENING.index(right), _WIDENING.index("int"))]


def widens(kind: Kind, to: Kind) -> bool:
    """Whether Java turns a primitive into a wider one unasked (JLS 5.1.2)."""
    if kind not in NUMERIC or to not in NUMERIC:
        return kind == to
    return _WIDENING.index(kind) <= _WIDENING.index(to)


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


def is_primitive(kind: Kind) -> bool:
    """Whether Java has a primitive of this kind, with a box of its own."""
    return kind in _PRIMITIVE
