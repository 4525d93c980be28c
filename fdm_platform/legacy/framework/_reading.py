"""Readers of the contract. What this run has staged is read in place of what is live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from . import _platform
from ._options import options

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BAD_RECORD = "_bad_record"
_TOLERANT = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _BAD_RECORD}


def read_csv(
    spark: SparkSession, path: Any, schema: Any = None, opts: Mapping[str, Any] | None = None, **more: Any
) -> DataFrame:
    """A CSV file with a header. A bad record is NULL but for `_bad_record`, which a given schema gains.

    `schema` is a StructType or Spark's text of one. Without it all columns are text: types are inferred, by a pass of
    its own, only where `inferSchema` asks for it.
    """
    return _tolerantly(spark, "csv", path, schema, options({"header": True}, _TOLERANT, opts, more))


def read_json(
    spark: SparkSession, path: Any, schema: Any = None, opts: Mapping[str, Any] | None = None, **more: Any
) -> DataFrame:
    """JSON, one object a line unless `multiLine` says otherwise; bad records as in `read_csv`."""
    return _tolerantly(spark, "json", path, schema, options(_TOLERANT, opts, more))


def read_orc(
    spark: SparkSession, path: Any, schema: Any = None, opts: Mapping[str, Any] | None = None, **more: Any
) -> DataFrame:
    """ORC files."""
    return _read(spark, "orc", path, schema, options(opts, more))


def read_parquet(
    spark: SparkSession, path: Any, schema: Any = None, opts: Mapping[str, Any] | None = None, **more: Any
) -> DataFrame:
    """Parquet files."""
    return _read(spark, "parquet", path, schema, options(opts, more))


def _tolerantly(spark: SparkSession, fmt: str, path: Any, schema: Any, opts: dict[str, str]) -> DataFrame:
    is_tolerant = opts.get("mode", "").upper() == "PERMISSIVE"
    bad = next((v for n, v in opts.items() if n.lower() == "columnnameofcorruptrecord"), _BAD_RECORD)
    return _read(spark, fmt, path, _with_bad_record(schema, bad) if is_tolerant else schema, opts)


def _with_bad_record(schema: Any, name: str) -> Any:
    if schema is None:
        return None
    from pyspark.sql.types import StringType, StructField, StructType, _parse_datatype_string  # noqa: PLC0415

    struct = _parse_datatype_string(schema) if isinstance(schema, str) else schema
    if not isinstance(struct, StructType) or name.lower() in (n.lower() for n in struct.names):
        return schema
    return StructType([*struct.fields, StructField(name, StringType())])


def _read(spark: SparkSession, fmt: str, path: Any, schema: Any, opts: dict[str, str]) -> DataFrame:
    def load(at: Any, base: str | None = None) -> DataFrame:
        reader = spark.read.format(fmt).options(**opts)
        reader = reader.schema(schema) if schema is not None else reader
        return (reader.option("basePath", base) if base else reader).load(at)

    if not isinstance(path, str):
        return load([_platform.local_path(p) for p in path] if isinstance(path, list | tuple) else path)
    parts = _platform.staged_under(spark, path)
    frames = [_without(load(part.paths, part.base), part.but) for part in parts]
    if not frames:
        return load(_platform.local_path(path))
    return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)


def _without(df: DataFrame, dates: Sequence[str]) -> DataFrame:
    if not dates:
        return df
    from pyspark.sql import functions as f  # noqa: PLC0415 - with the platform only

    return df.filter(~f.col("biz_dt").cast("string").isin(list(dates)))
