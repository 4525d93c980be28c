"""A published date held against what the old system made of it: one Spark job, one shuffle of their rows.

Both sides are projected onto their common columns, cast to a type in which neither loses anything; an old value that
cannot be cast differs. Rows are grouped by the keys, counted by side and compared within the group: a key that a side
has more than once is told as such and does not multiply, and NULL keys are equal. Without keys whole rows are grouped
and their numbers compared. Counts are observed on the way to the samples, which are the first of each kind of
difference by a hash: no other row leaves the executors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Observation, Row, Window
from pyspark.sql import functions as f
from pyspark.sql.types import DateType, DecimalType, StringType, TimestampNTZType, TimestampType

from fdm_platform.engines.failure import to_failure
from fdm_platform.engines.parity_columns import Columns, Pair, pair_columns
from fdm_platform.model.parity import Difference, ParityResult, ParitySample, ParitySpec

_KINDS: tuple[Difference, ...] = ("changed", "missing", "extra", "duplicated")
_RAW = "raw"
"""The old side's values that cannot be cast, of the columns that are grouped by: they meet nothing of the new side."""


def compare(
    new: DataFrame, old: DataFrame, spec: ParitySpec, *, samples: int = 5, empty_is_null: bool = False
) -> ParityResult:
    """What differs between two outputs. `samples` is how many rows of each kind of difference are shown.

    With `empty_is_null` an empty text equals NULL, as it must where a file holds no difference between them.
    ParameterError and ContractError as of `pair_columns`. What Spark fails with is told as of a load.
    """
    columns = pair_columns(new.schema, old.schema, spec)
    observation = Observation()
    try:
        sides = _new_side(new, columns, empty_is_null=empty_is_null).unionByName(
            _old_side(old, columns, spec, empty_is_null=empty_is_null)
        )
        judged = _judged(sides, columns, spec).observe(observation, *_counts(columns))
        # Of no samples at all Spark would see beforehand that there are none, and read nothing.
        shown = _shown(judged, columns, max(samples, 1)).collect()
    except Exception as error:
        failure = to_failure(error)
        raise failure.to_error(failure.headline) from error
    counts = {name: int(count or 0) for name, count in observation.get.items()}
    by_column = {p.name: n for i, p in enumerate(columns.compared) if (n := counts.pop(f"column_{i}"))}
    return ParityResult(
        **counts,
        by_column=by_column,
        samples=tuple(_sample(row, columns) for row in shown) if samples else (),
        only_new_columns=columns.only_new,
        only_old_columns=columns.only_old,
    )


def _new_side(frame: DataFrame, columns: Columns, *, empty_is_null: bool) -> DataFrame:
    def read(pair: Pair) -> tuple[Column, Column]:
        value = _cast(_quoted(pair.name), pair) if pair.type != pair.shown else f.col(_quoted(pair.name))
        return _bare(value, pair, empty_is_null=empty_is_null), f.lit(None).cast("string")

    return _side(frame, columns, read, is_new=True)


def _old_side(frame: DataFrame, columns: Columns, spec: ParitySpec, *, empty_is_null: bool) -> DataFrame:
    def read(pair: Pair) -> tuple[Column, Column]:
        own, kind = _quoted(pair.old), frame.schema[pair.old].dataType
        if kind == pair.type:
            return _bare(f.col(own), pair, empty_is_null=empty_is_null), f.lit(None).cast("string")
        text = f.col(own).cast("string")
        value = _parsed(own, pair, spec) if isinstance(kind, StringType) else _cast(own, pair)
        return _bare(value, pair, empty_is_null=empty_is_null), f.nullif(
            text, f.lit("")
        ) if empty_is_null else text

    return _side(frame, columns, read, is_new=False)


def _side(
    frame: DataFrame, columns: Columns, read: Callable[[Pair], tuple[Column, Column]], *, is_new: bool
) -> DataFrame:
    """One row: which side, the columns that are grouped by, and a structure of those that are compared.

    Of the latter `v` is the value and `t` what the old side has as text where its type is another one.
    """
    grouped = [read(pair) for pair in columns.grouped]
    compared = [read(pair) for pair in columns.compared]
    lost = [f.when(value.isNull(), text) for value, text in grouped]
    fields = [x for i, (v, t) in enumerate(compared) for x in (v.alias(f"v{i}"), t.alias(f"t{i}"))]
    return frame.select(
        f.lit(is_new).alias("is_new"),
        *(value.alias(f"k{i}") for i, (value, _) in enumerate(grouped)),
        f.array(*lost).alias(_RAW),
        f.struct(f.lit(0).alias("_"), *fields).alias("row"),
    )


def _cast(name: str, pair: Pair) -> Column:
    """NULL where it cannot be cast, be it that ANSI would throw or that a number does not fit."""
    return f.expr(f"try_cast({name} AS {pair.type.simpleString()})")


def _parsed(name: str, pair: Pair, spec: ParitySpec) -> Column:
    """Text, of dates and times in the form that the reader's options say."""
    options = {option.lower(): form for option, form in spec.options.items()}
    is_time = isinstance(pair.shown, TimestampType | TimestampNTZType)
    form = options.get("timestampformat" if is_time else "dateformat")
    if form is None or not (is_time or isinstance(pair.shown, DateType)):
        return _cast(name, pair)
    return f.try_to_timestamp(f.col(name), f.lit(form)).cast(pair.type)


def _bare(value: Column, pair: Pair, *, empty_is_null: bool) -> Column:
    """Without the blanks of a CHAR(n), and an empty text where that is none."""
    value = f.rtrim(value) if pair.is_padded and isinstance(pair.type, StringType) else value
    return f.nullif(value, f.lit("")) if empty_is_null and isinstance(pair.type, StringType) else value


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _judged(sides: DataFrame, columns: Columns, spec: ParitySpec) -> DataFrame:
    """A group a row: how many rows of it each side has, what kind of difference it is, and in which columns."""
    names = [*(f"k{i}" for i in range(len(columns.grouped))), _RAW]
    is_new = f.col("is_new")
    grouped = sides.groupBy(*names).agg(
        f.count(f.when(is_new, 1)).alias("n"),
        f.count(f.when(~is_new, 1)).alias("o"),
        *(
            f.first(f.when(side, f.col("row")), ignorenulls=True).alias(name)
            for name, side in ((("new", is_new), ("old", ~is_new)) if columns.compared else ())
        ),
    )
    n, o = f.col("n"), f.col("o")
    if not columns.keys:
        return grouped.withColumn("kind", f.when(n > o, "extra").when(n < o, "missing").otherwise("matched"))
    pairs = grouped.withColumn("is_pair", (n == 1) & (o == 1))
    differs = {f"d{i}": _differs(i, p, spec) for i, p in enumerate(columns.compared)}
    pairs = pairs.withColumns({name: f.col("is_pair") & d for name, d in differs.items()})
    is_changed = reduce(or_, (f.col(name) for name in differs), f.expr("false"))
    return pairs.withColumn(
        "kind",
        f.when((n > 1) | (o > 1), "duplicated")
        .when(n == 0, "missing")
        .when(o == 0, "extra")
        .when(is_changed, "changed")
        .otherwise("matched"),
    )


def _differs(index: int, pair: Pair, spec: ParitySpec) -> Column:
    """Of a pair of rows; never NULL. NULL equals NULL alone, and NaN itself."""
    new, old, text = f.col(f"new.v{index}"), f.col(f"old.v{index}"), f.col(f"old.t{index}")
    is_same = new.eqNullSafe(old)
    allowed = {c.lower(): t for c, t in spec.tolerance.items()}.get(pair.name.lower())
    if allowed is not None:
        is_exact = isinstance(pair.type, DecimalType)
        most = f.expr(f"{allowed:f}BD") if is_exact else f.lit(float(allowed))
        is_same = is_same | f.coalesce(f.abs(f.try_subtract(new, old)) <= most, f.expr("false"))
    return ~is_same | (old.isNull() & text.isNotNull())


def _counts(columns: Columns) -> list[Column]:
    n, o, kind = f.col("n"), f.col("o"), f.col("kind")
    none = f.lit(0)
    by_kind = {k: f.count(f.when(kind == k, 1)) for k in ("matched", *_KINDS)}
    if not columns.keys:
        by_kind |= {
            "matched": f.sum(f.least(n, o)),
            "missing": f.sum(f.greatest(o - n, none)),
            "extra": f.sum(f.greatest(n - o, none)),
        }
    return [
        f.sum(n).alias("rows_new"),
        f.sum(o).alias("rows_old"),
        *(count.alias(k) for k, count in by_kind.items()),
        *(f.count(f.when(f.col(f"d{i}"), 1)).alias(f"column_{i}") for i in range(len(columns.compared))),
    ]


def _shown(judged: DataFrame, columns: Columns, samples: int) -> DataFrame:
    """The first rows of each kind by a hash: Spark drops the others before they are sent anywhere."""
    keys = [f.col(f"k{i}") for i in range(len(columns.grouped))]
    wrong = judged.where(f.col("kind") != "matched").withColumn("hash", f.xxhash64(*keys))
    rank = f.row_number().over(Window.partitionBy("kind").orderBy("hash"))
    first = wrong.withColumn("rank", rank).where(f.col("rank") <= samples)
    values = [
        f.when(f.col(f"d{i}"), f.array(_text("new", i, p), _text("old", i, p))).alias(f"c{i}")
        for i, p in enumerate(columns.compared)
    ]
    texts = [_in_form(f"k{i}", p).alias(f"k{i}") for i, p in enumerate(columns.grouped)]
    return first.select("kind", "n", "o", _RAW, *texts, *values)


def _text(side: str, index: int, pair: Pair) -> Column:
    return f.coalesce(f.col(f"{side}.t{index}"), _in_form(f"{side}.v{index}", pair))


def _in_form(value: str, pair: Pair) -> Column:
    """A value as the new output would show it, where that shows all of it."""
    if pair.type == pair.shown:
        return f.col(value).cast("string")
    own = f.expr(f"try_cast({value} AS {pair.shown.simpleString()})")
    is_whole, text = own.cast(pair.type).eqNullSafe(f.col(value)), f.col(value).cast("string")
    if isinstance(pair.type, DecimalType) and pair.type.scale:
        text = f.regexp_replace(text, r"\.?0+$", "")
    return f.when(is_whole, own.cast("string")).otherwise(text)


def _sample(row: Row, columns: Columns) -> ParitySample:
    grouped = enumerate(zip(columns.grouped, row[_RAW], strict=True))
    keys = {p.name: row[f"k{i}"] if raw is None else raw for i, (p, raw) in grouped}
    values = {p.name: tuple(pair) for i, p in enumerate(columns.compared) if (pair := row[f"c{i}"])}
    if row["kind"] == "duplicated" or not columns.keys:
        values = {"(rows)": (str(row["n"]), str(row["o"]))}
    return ParitySample(row["kind"], keys, values)
