"""Java's conversions of values from one type to another: unboxing, promotion, assignment, casts, text (JLS chapter 5)."""

from __future__ import annotations

from dataclasses import replace

from fdm_platform.talend.expression import (
    FALSE,
    NULL,
    Call,
    Cast,
    Infix,
    IsNull,
    Number,
    Sql,
    Text,
    Word,
)
from fdm_platform.talend.java.logic import either
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import (
    INT,
    INTEGRAL,
    NUMERIC,
    STRING,
    JavaType,
    Kind,
    described,
    is_primitive,
    spark_type,
    spelled,
    widens,
)
from fdm_platform.talend.java.values import wrapped

DECIMAL_TEXT = "the text of a BigDecimal has as many decimal places as the column's type, in Talend as many as the value came with"
_DATE_TEXT = "EEE MMM dd HH:mm:ss zzz yyyy"
_SUFFIX: dict[Kind, str] = {"byte": "Y", "short": "S", "int": "", "long": "L", "float": "F", "double": "D"}
_RANGE: dict[Kind, int] = {"byte": 2**7, "short": 2**15}


def is_null(typed: Typed) -> Sql:
    """When it is null; FALSE where it cannot be."""
    return IsNull(typed.sql) if typed.is_nullable else FALSE


def notes_of(*values: Typed) -> tuple[str, ...]:
    """The notes of all, each once."""
    return tuple(dict.fromkeys(note for value in values for note in value.notes))


def null_of(type_: JavaType) -> Typed:
    """null, as a value of this type."""
    spark = spark_type(type_.kind)
    return Typed(type_, NULL if spark == "void" else Cast(NULL, spark), spark, is_nullable=True)


def unboxed(value: Typed) -> Typed:
    """The primitive in a box; of null Java throws."""
    if not value.type.is_boxed:
        return value
    if not is_primitive(value.type.kind):
        raise RefusedError(f"Java calculates with no {spelled(value.type)}: the job would not compile")
    type_ = JavaType(value.type.kind, is_boxed=False)
    return replace(value, type=type_, is_nullable=False, fails=either(value.fails, is_null(value)))


def as_number(value: Typed, kind: Kind) -> Typed:
    """A number as another primitive kind, as a cast does it: low bits of whole numbers, saturated from floating ones."""
    plain = unboxed(value)
    if plain.type.kind not in NUMERIC:
        raise RefusedError(f"{spelled(plain.type)} taken as a number has no translation")
    type_, spark = JavaType(kind, is_boxed=False), spark_type(kind)
    sql = plain.sql
    if isinstance(sql, Number) and widens(plain.type.kind, kind):
        # 0.1f as a double is 0.10000000149011612.
        held = wrapped(plain.type.kind, float(sql.value)) if plain.type.kind == "float" else sql.value
        sql = Number(float(held) if kind in ("float", "double") else held, _SUFFIX[kind])
    elif plain.spark_type != spark:
        sql = Cast(sql, spark)
    return replace(plain, type=type_, sql=sql, spark_type=spark)


def assigned(value: Typed, want: JavaType) -> Typed:
    """The value in a column of this type (JLS 5.2). RefusedError where the job would not have compiled."""
    have = value.type
    if have.kind == "null" and want.is_boxed:
        return null_of(want)
    if want.kind in (have.kind, "object"):
        return _boxed_as(value, want)
    if not want.is_boxed and widens(have.kind, want.kind) and have.kind in NUMERIC:
        return as_number(value, want.kind)
    if fits(value, want.kind):
        return replace(narrowed_constant(value, want.kind), type=want)
    raise RefusedError(
        f"Java gives no {spelled(want)} {described(have)}: the job would not compile; convert it by hand"
    )


def _boxed_as(value: Typed, want: JavaType) -> Typed:
    return replace(value, type=want) if want.is_boxed else unboxed(value)


def fits(value: Typed, kind: Kind) -> bool:
    """Whether the value is a constant of type int that Java narrows unasked to a byte or short."""
    limit = _RANGE.get(kind, 0)
    return value.type == INT and isinstance(value.sql, Number) and -limit <= value.sql.value < limit


def narrowed_constant(value: Typed, kind: Kind) -> Typed:
    """A constant that `fits`, as a primitive of this kind."""
    assert isinstance(value.sql, Number)  # noqa: S101 - it fits
    return replace(
        value,
        type=JavaType(kind, is_boxed=False),
        sql=Number(value.sql.value, _SUFFIX[kind]),
        spark_type=spark_type(kind),
    )


def cast_to(value: Typed, to: JavaType) -> Typed:
    """`(to) value`."""
    have = value.type
    if have.kind in (to.kind, "null") or to.kind == "object":
        return assigned(value, to)
    is_legal = not to.is_boxed and (not have.is_boxed or widens(have.kind, to.kind))
    if is_legal and to.kind in NUMERIC and have.kind in NUMERIC:
        return as_number(value, to.kind)
    if have.kind == "object":
        raise RefusedError(f"what is cast to {spelled(to)} is known only when the job runs")
    if "char" in (have.kind, to.kind):
        raise RefusedError("a char that is taken as a number has no translation")
    raise RefusedError(f"Java casts no {spelled(have)} to {spelled(to)}: the job would not compile")


def as_text(value: Typed) -> Typed:
    """What `+` and String.valueOf make of a value: `null` for null, numbers as Java writes them."""
    notes = (*value.notes, DECIMAL_TEXT) if value.type.kind == "decimal" else value.notes
    return Typed(STRING, _text(value), "string", fails=value.fails, notes=notes)


def _text(value: Typed) -> Sql:
    known = _known_text(value.sql, value.type.kind)
    if known is not None:
        return known
    match value.type.kind:
        case "string" | "char":
            sql = value.sql
        case "date":
            sql = Call("date_format", (value.sql, Text(_DATE_TEXT)))
        case "bytes" | "object":
            raise RefusedError(f"the text of {described(value.type)} is known only when the job runs")
        case _:
            sql = Cast(value.sql, "STRING")
    return Call("coalesce", (sql, Text("null"))) if value.is_nullable else sql


def _known_text(sql: Sql, kind: Kind) -> Sql | None:
    match sql:
        case Number(value) if kind in INTEGRAL:
            return Text(str(value))
        case Word("TRUE" | "FALSE" as word):
            return Text(word.lower())
        case Word("NULL"):
            return Text("null")
    return None


def joined_text(left: Typed, right: Typed) -> Typed:
    """`left + right` where one of them is a String."""
    first, second = as_text(left), as_text(right)
    return Typed(
        STRING,
        _concatenated(first.sql, second.sql),
        "string",
        fails=either(first.fails, second.fails),
        notes=notes_of(first, second),
    )


def _concatenated(left: Sql, right: Sql) -> Sql:
    match left, right:
        case Text(before), Text(after):
            return Text(before + after)
        case Infix("||", first, Text(before)), Text(after):
            return Infix("||", first, Text(before + after))
        case Text(""), _:
            return right
        case _, Text(""):
            return left
    return Infix("||", left, right)
