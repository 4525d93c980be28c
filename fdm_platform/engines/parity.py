"""A published date held against what the old system made of it: one Spark job with one shuffle, whatever they differ in.

Both sides are projected onto their common columns, the old one's values cast to the new one's types; a value that
cannot be cast differs. Rows are grouped by the keys, counted by side and compared within the group: a key that a side
has more than once is told as such and does not multiply, and NULL keys are equal. Without keys whole rows are grouped
and their numbers compared. Counts are observed on the way to the samples, which are the first of each kind of
difference by a hash: no other row leaves the executors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, Window
from pyspark.sql import functions as f
from pyspark.sql.types import DataType, DateType, DecimalType, MapType, NumericType, StringType

from fdm_platform.engines.failure import to_failure
from fdm_platform.errors import ContractError, ParameterError
from fdm_platform.model.parity import Difference, ParityResult, ParitySample, ParitySpec
from fdm_platform.planning.names import suggest

_KINDS: tuple[Difference, ...] = ("changed", "missing", "extra", "duplicated")
_RAW = "raw"
"""The old side's values that cannot be cast, of the columns that are grouped by: they meet nothing of the new side."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of both outputs, as the new one writes them."""

    keys: tuple[str, ...]
    values: tuple[str, ...]
    types: dict[str, DataType]
    old: dict[str, str]
    """The old output's name for each."""
    only_new: tuple[str, ...]
    only_old: tuple[str, ...]

    @property
    def grouped(self) -> tuple[str, ...]:
        """What identifies a row."""
        return self.keys or self.values

    @property
    def compared(self) -> tuple[str, ...]:
        """What is compared where that is the same."""
        return self.values if self.keys else ()


def compare(
    new: DataFrame, old: DataFrame, spec: ParitySpec, *, samples: int = 5, empty_is_null: bool = False
) -> ParityResult:
    """What differs between two outputs. `samples` is how many rows of each kind of difference are shown.

    With `empty_is_null` an empty text equals NULL, as it must where a file holds no difference between them.
    ParameterError is for a key or tolerance of a column that one of them lacks, and a tolerance without keys or of what
    is no number; ContractError for outputs that cannot be compared. What Spark fails with is told as of a load.
    """
    columns = _columns(new, old, spec)
    sides = _side(new, columns, is_new=True, empty_is_null=empty_is_null).unionByName(
        _side(old, columns, is_new=False, empty_is_null=empty_is_null, dates=spec.options.get("dateFormat"))
    )
    observation = Observation()
    judged = _judged(sides, columns, spec).observe(observation, *_counts(columns))
    try:
        shown = _shown(judged, columns, samples).collect()
    except Exception as error:
        failure = to_failure(error)
        raise failure.to_error(failure.headline) from error
    counts = {name: int(count or 0) for name, count in observation.get.items()}
    by_column = {c: n for i, c in enumerate(columns.compared) if (n := counts.pop(f"column_{i}"))}
    return ParityResult(
        **counts,
        by_column=by_column,
        samples=tuple(_sample(row.asDict(), columns) for row in shown),
        only_new_columns=columns.only_new,
        only_old_columns=columns.only_old,
    )


def _columns(new: DataFrame, old: DataFrame, spec: ParitySpec) -> _Columns:
    ignored = {c.lower() for c in spec.ignore}
    renamed = {o.lower(): n.lower() for o, n in spec.renamed.items()}
    of_old = {renamed.get(c.lower(), c.lower()): c for c in old.columns}
    of_new = {c.lower(): c for c in new.columns if c.lower() not in ignored}
    common = {low: c for low, c in of_new.items() if low in of_old}
    keys = tuple(_known(key, common, "keys") for key in spec.keys)
    if not common:
        raise ContractError("the two outputs have no column in common", remedy="name pairs: --map OLD=NEW")
    columns = _Columns(
        keys=keys,
        values=tuple(c for c in common.values() if c not in keys),
        types={c: new.schema[c].dataType for c in common.values()},
        old={c: of_old[low] for low, c in common.items()},
        only_new=tuple(c for low, c in of_new.items() if low not in of_old),
        only_old=tuple(c for low, c in of_old.items() if low not in of_new and low not in ignored),
    )
    _require_comparable(columns, spec, common)
    return columns


def _known(name: str, common: dict[str, str], what: str) -> str:
    if name.lower() in common:
        return common[name.lower()]
    raise ParameterError(
        f"{name!r} is no column of both outputs",
        field=f"parity.{what}",
        remedy=suggest(name, common.values()),
    )


def _require_comparable(columns: _Columns, spec: ParitySpec, common: dict[str, str]) -> None:
    for name, kind in columns.types.items():
        if isinstance(kind, MapType):
            raise ContractError(
                f"{name} is a map, which cannot be compared", remedy=f"leave it out: --ignore {name}"
            )
    for name in spec.tolerance:
        if not isinstance(columns.types[_known(name, common, "tolerance")], NumericType):
            raise ParameterError(
                f"{name} is no number", field=f"parity.tolerance.{name}", remedy="leave it out"
            )
    if spec.tolerance and not columns.keys:
        raise ParameterError(
            "rows that are compared whole have no tolerance",
            field="parity.tolerance",
            remedy="say by --keys what identifies a row",
        )


def _side(
    frame: DataFrame, columns: _Columns, *, is_new: bool, empty_is_null: bool, dates: str | None = None
) -> DataFrame:
    """One row: which side, the columns that are grouped by, and a structure of those that are compared.

    Of the latter `v` is the value and `t` what the old side has as text where its type is another one.
    """

    def read(name: str) -> tuple[Column, Column]:
        own, to = name if is_new else columns.old[name], columns.types[name]
        if frame.schema[own].dataType == to:
            value, text = f.col(_quoted(own)), f.lit(None).cast("string")
        else:
            value, text = _cast(own, to, dates), f.col(_quoted(own)).cast("string")
        is_text = empty_is_null and isinstance(to, StringType)
        return (f.nullif(value, f.lit("")) if is_text else value), text

    grouped = [read(name) for name in columns.grouped]
    compared = [read(name) for name in columns.compared]
    lost = [f.when(value.isNull() & text.isNotNull(), text) for value, text in grouped]
    fields = [x for i, (v, t) in enumerate(compared) for x in (v.alias(f"v{i}"), t.alias(f"t{i}"))]
    return frame.select(
        f.lit(is_new).alias("is_new"),
        *(value.alias(f"k{i}") for i, (value, _) in enumerate(grouped)),
        f.nullif(f.concat_ws("\x01", *lost), f.lit("")).alias(_RAW),
        f.struct(f.lit(0).alias("_"), *fields).alias("row"),
    )


def _cast(name: str, to: DataType, dates: str | None) -> Column:
    """NULL where it cannot be cast, be it that ANSI would throw or that a number does not fit."""
    if dates and isinstance(to, DateType):
        return f.to_date(f.col(_quoted(name)).cast("string"), dates)
    return f.expr(f"try_cast({_quoted(name)} AS {to.simpleString()})")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _judged(sides: DataFrame, columns: _Columns, spec: ParitySpec) -> DataFrame:
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
    differs = {f"d{i}": _differs(i, c, columns, spec) for i, c in enumerate(columns.compared)}
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


def _differs(index: int, name: str, columns: _Columns, spec: ParitySpec) -> Column:
    """Of a pair of rows; never NULL. NULL equals NULL alone, and NaN itself."""
    new, old, text = f.col(f"new.v{index}"), f.col(f"old.v{index}"), f.col(f"old.t{index}")
    is_same = new.eqNullSafe(old)
    allowed = {c.lower(): t for c, t in spec.tolerance.items()}.get(name.lower())
    if allowed is not None:
        of_decimals = isinstance(columns.types[name], DecimalType)
        most = f.lit(allowed) if of_decimals else f.lit(float(allowed))
        is_same = is_same | f.coalesce(f.abs(new - old) <= most, f.expr("false"))
    return ~is_same | (old.isNull() & text.isNotNull())


def _counts(columns: _Columns) -> list[Column]:
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


def _shown(judged: DataFrame, columns: _Columns, samples: int) -> DataFrame:
    """The first rows of each kind by a hash: Spark drops the others before they are sent anywhere."""
    keys = [f.col(f"k{i}") for i in range(len(columns.grouped))]
    wrong = judged.where(f.col("kind") != "matched").withColumn("hash", f.xxhash64(*keys))
    rank = f.row_number().over(Window.partitionBy("kind").orderBy("hash"))
    first = wrong.withColumn("rank", rank).where(f.col("rank") <= samples)
    values = [
        f.when(f.col(f"d{i}"), f.array(_text("new", i), _text("old", i))).alias(f"c{i}")
        for i in range(len(columns.compared))
    ]
    texts = [key.cast("string").alias(f"k{i}") for i, key in enumerate(keys)]
    return first.select("kind", "n", "o", _RAW, *texts, *values)


def _text(side: str, index: int) -> Column:
    return f.coalesce(f.col(f"{side}.t{index}"), f.col(f"{side}.v{index}").cast("string"))


def _sample(row: dict[str, Any], columns: _Columns) -> ParitySample:
    raw = iter((row[_RAW] or "").split("\x01"))
    is_lost = row[_RAW] is not None
    keys = {c: row[f"k{i}"] for i, c in enumerate(columns.grouped)}
    if is_lost:  # values that could not be cast stand in their columns' order
        keys = {c: next(raw, None) if value is None else value for c, value in keys.items()}
    values = {c: tuple(pair) for i, c in enumerate(columns.compared) if (pair := row[f"c{i}"])}
    if row["kind"] == "duplicated" or not columns.keys:
        values = {"(rows)": (str(row["n"]), str(row["o"]))}
    return ParitySample(row["kind"], keys, values)
