"""Columns of a source that raise an error, in the pass that reads them, where a value must not be.

Spark puts U+FFFD for bytes that an encoding does not know and goes on; a NULL in a column declared NOT
NULL it does not look at. One projection over the source does both. Where rows may be rejected, the same
rules say of each row what is wrong with it instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import types as t

from fdm_platform.engines.headers import encoding_error, encoding_of, is_lenient, option
from fdm_platform.engines.raised import name, raising, telling
from fdm_platform.errors import SourceError
from fdm_platform.model.plan import SourcePlan

REPLACEMENT = "\ufffd"
"""What Java puts for bytes that an encoding does not know."""
REASON, RAW, FILE = "_fdm_reason", "_fdm_raw", "_fdm_file"
"""Columns of a judged source: why a row is rejected, the row as text, its file; NULL in a good row."""


@dataclass(frozen=True, slots=True)
class _Guard:
    """What holds of one column, as SQL."""

    column: str
    value: str
    """The value; NULL or as it stands where it may not be."""
    guarded: str
    """The value; an error where it may not be."""
    problem: str | None = None
    """Why it may not be; NULL for a sound value."""


def as_read(fields: Sequence[t.StructField], options: Mapping[str, str]) -> t.StructType:
    """A schema to read CSV with: decimals as text, for Spark's reader rounds what does not fit.

    The guards make them what is declared, and refuse a value that this would change. With a `locale`
    of its own, a source is left to the reader.
    """
    if option(options, "locale"):
        return t.StructType(list(fields))
    return t.StructType([t.StructField(x.name, _read_type(x.dataType), x.nullable) for x in fields])


def _read_type(declared: t.DataType) -> t.DataType:
    return t.StringType() if isinstance(declared, t.DecimalType) else declared


def guard(
    df: DataFrame, source: SourcePlan, columns: Sequence[str], schema: t.StructType | None = None
) -> DataFrame:
    """The columns, in this order, of a text format: sound text, exact decimals, no NULL where none may be.

    `schema` is what is declared, where decimals were read `as_read`. A source that was read to be judged
    keeps its rows, and its columns REASON, RAW and FILE.
    """
    kinds = {x.name.lower(): x.dataType for x in schema.fields} if schema else {}
    text = {x.name.lower() for x in df.schema.fields if isinstance(x.dataType, t.StringType)}
    decimals = {n: k for n, k in kinds.items() if isinstance(k, t.DecimalType) and n in text}
    texts = set() if is_lenient(source.options) else text
    return _select(df, source, [_guard(c, source, texts, decimals) for c in columns])


def guard_nulls(df: DataFrame, source: SourcePlan) -> DataFrame:
    """The same columns, with no NULL where none may be."""
    columns = [c for c in df.columns if c not in (REASON, RAW, FILE)]
    return _select(df, source, [_guard(c, source, set(), {}) for c in columns])


def _guard(column: str, source: SourcePlan, texts: set[str], decimals: Mapping[str, t.DecimalType]) -> _Guard:
    if column.lower() in decimals:
        return _exact_decimal(column, decimals[column.lower()], source)
    return (
        _sound_text(column, source) if column.lower() in texts else _Guard(column, name(column), name(column))
    )


def _select(df: DataFrame, source: SourcePlan, guards: Sequence[_Guard]) -> DataFrame:
    required = {c.name.lower() for c in source.columns if not c.nullable}
    if REASON in df.columns:
        return _judge(df, source, guards, required)
    expressions = []
    for x in guards:
        value = x.guarded
        if x.column.lower() in required:
            value = f"coalesce({value}, {raising(_null_error(source, x.column))})"
        expressions.append(f"{value} as {name(x.column)}")
    return df.selectExpr(*expressions)


def _judge(df: DataFrame, source: SourcePlan, guards: Sequence[_Guard], required: set[str]) -> DataFrame:
    problems = [x.problem for x in guards if x.problem]
    for x in guards:
        if x.column.lower() in required:
            told = telling(_null_error(source, x.column))
            sound = f"({x.problem}) is null and " if x.problem else ""
            problems.append(f"case when {sound}({x.value}) is null then {told} end")
    own = f"nullif(concat_ws('; ', {', '.join(problems)}), '')" if problems else "cast(null as string)"
    values = [f"{x.value} as {name(x.column)}" for x in guards]
    judged = df.selectExpr(*values, f"coalesce({REASON}, {own}) as {REASON}", RAW, FILE)
    kept = [f"case when {REASON} is not null then {c} end as {c}" for c in (RAW, FILE)]
    return judged.selectExpr(*[name(x.column) for x in guards], REASON, *kept)


def _sound_text(column: str, source: SourcePlan) -> _Guard:
    file = source.files[0].path if len(source.files) == 1 else source.path or source.view
    field = f"sources.{source.view}.columns.{column}"
    error = encoding_error(file, encoding_of(source.options), f"column {column} holds {{value}}", field=field)
    value = name(column)
    is_odd = f"contains({value}, '{REPLACEMENT}')"
    guarded = f"case when {is_odd} then {raising(error, value)} else {value} end"
    return _Guard(column, value, guarded, f"case when {is_odd} then {telling(error, value)} end")


def _exact_decimal(column: str, kind: t.DecimalType, source: SourcePlan) -> _Guard:
    """The text as a decimal: no more digits behind the point than declared, but for zeros.

    An exponent is refused, and so are blanks, as by Spark's reader: its cast takes both.
    """
    text, declared = name(column), kind.simpleString()
    digits = f"length(rtrim('0', substring_index({text}, '.', -1)))"
    odd = " or ".join(f"contains({text}, '{x}')" for x in ("E", "e", " "))
    is_exact = f"(not contains({text}, '.') or {digits} <= {kind.scale}) and not ({odd})"
    error = SourceError(
        f"column {column}: '{{value}}' is not of type {declared}",
        file=source.path,
        field=f"sources.{source.view}.columns.{column}",
        remedy="have the source mended, or declare the scale that it has and ROUND it in a step",
    )
    exact = f"case when {is_exact} then try_cast({text} as {declared}) end"
    guarded = f"case when {text} is null then null else coalesce({exact}, {raising(error, text)}) end"
    problem = f"case when {text} is not null and ({exact}) is null then {telling(error, text)} end"
    return _Guard(column, exact, guarded, problem)


def _null_error(source: SourcePlan, column: str) -> SourceError:
    return SourceError(
        f"column {column} is declared NOT NULL and holds NULL",
        file=source.path,
        field=f"sources.{source.view}.columns.{column}",
        remedy="have the source mended, or declare the column nullable",
    )
