"""Writers of the contract: staged and published with the platform, in place and without loss where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _platform, _swap
from ._options import How, columns, options

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MODES = {"error": "error", "errorifexists": "error", "default": "error"}
_KNOWN = ("append", "overwrite", "error", "ignore")


def write_orc(
    df: DataFrame,
    path: str,
    mode: str = "append",
    partitionBy: str | Sequence[str] | None = None,  # noqa: N803 - the contract's name
    opts: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """Write ORC files. Overwriting a table that is partitioned by biz_dt replaces the dates of `df` alone."""
    write_df(df, path, mode, "orc", partitionBy, opts, **more)


def write_df(  # noqa: PLR0917 - the contract's
    df: DataFrame,
    path: str,
    mode: str = "append",
    fmt: str = "orc",
    partitionBy: str | Sequence[str] | None = None,  # noqa: N803 - the contract's name
    opts: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """Write files of any of Spark's formats; as `write_orc`. ValueError for a mode that Spark does not have."""
    name = str(mode).lower()
    spark_mode = _MODES.get(name, name)
    if spark_mode not in _KNOWN:
        raise ValueError(f"{mode!r} is no mode of writing: use one of {', '.join(_KNOWN)}")
    how = How(spark_mode, tuple(columns(partitionBy)), fmt.lower(), options(opts, more))
    if not _platform.stage(df, path, how):
        _swap.write(df, _platform.local_path(path), how)


def atomic_publish(  # noqa: PLR0917 - the contract's
    df: DataFrame,
    final_path: str,
    tmp_path: str | None = None,  # noqa: ARG001 - the contract's
    mode: str = "overwrite",
    fmt: str = "orc",
    partitionBy: str | Sequence[str] | None = None,  # noqa: N803 - the contract's name
    opts: Mapping[str, Any] | None = None,
    spark: SparkSession | None = None,  # noqa: ARG001 - the contract's
) -> None:
    """As `write_df`, which writes beside `final_path` and renames. `tmp_path` is not used: a rename from there need not
    be one, and what a crash left there would be taken for data.
    """  # noqa: D205 - one sentence
    write_df(df, final_path, mode, fmt, partitionBy, opts)
