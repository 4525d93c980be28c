"""What the old system made of a business date: CSV, ORC or Parquet files, or a table of Hive's, as one DataFrame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from fdm_platform.engines.filesystem import list_files
from fdm_platform.errors import ParameterError, SourceError
from fdm_platform.model.parity import ParityFormat
from fdm_platform.model.partition import BIZ_DT

_BY_EXTENSION: dict[str, ParityFormat] = {".csv": "csv", ".txt": "csv", ".orc": "orc", ".parquet": "parquet"}
_COMPRESSED = (".gz", ".bz2", ".zst", ".deflate")
_CSV = {"header": "true", "mode": "FAILFAST"}
"""A line with too many or too few fields ends the comparison: its values would be those of other columns."""


@dataclass(frozen=True, slots=True)
class OldOutput:
    """Where the old output is. `scope` says for people what of it is compared."""

    place: str
    format: ParityFormat
    files: int = 0
    bytes: int = 0
    """0 where the file system is not this machine's."""
    scope: str = ""


def find_old(place: str, declared: ParityFormat | None) -> OldOutput:
    """Its format and size. SourceError where there is no such file; ParameterError where its format is not known."""
    kind = declared or _guess(place)
    if kind == "hive":
        return OldOutput(place, kind)
    files = list_files(place)
    if not files:
        raise SourceError(
            "there is nothing to compare with", file=place, remedy="correct --against, or deliver the file"
        )
    return OldOutput(place, kind, len(files), sum(file.bytes for file in files))


def _guess(place: str) -> ParityFormat:
    suffixes = [s.lower() for s in PurePosixPath(place).suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    if suffixes and suffixes[-1] in _BY_EXTENSION:
        return _BY_EXTENSION[suffixes[-1]]
    if "/" not in place:
        return "hive"
    inside = {
        kind for file in list_files(place) if (kind := _BY_EXTENSION.get(PurePosixPath(file.path).suffix))
    }
    if len(inside) == 1:
        return inside.pop()
    raise ParameterError(
        f"nothing tells the format of {place}",
        field="parity.format",
        remedy="say it: --format csv, orc or parquet",
    )


def read_old(
    spark: SparkSession, old: OldOutput, options: Mapping[str, str], biz_dt: date
) -> tuple[DataFrame, str]:
    """Its rows of one date, and what they are of it. Nothing is inferred from a CSV: its values are text.

    Rows of other dates are left out where it has a column or folders `biz_dt`, in either spelling. SourceError: it
    cannot be read, or has no row of the date.
    """
    try:
        frame = _read(spark, old, options)
    except (AnalysisException, Py4JJavaError) as error:
        raise SourceError(
            f"cannot be read as {old.format}: {str(error).partition(chr(10))[0]}",
            file=old.place,
            remedy="correct --against, --format or --option",
        ) from error
    named = next((c for c in frame.columns if c.lower() == BIZ_DT), None)
    if named is None:
        return frame, f"all of it: it has no {BIZ_DT}"
    day = f.regexp_replace(f.substring(f.col(named).cast("string"), 1, 10), "-", "")
    return frame.where(day == f"{biz_dt:%Y%m%d}").drop(named), f"its rows of {biz_dt}"


def _read(spark: SparkSession, old: OldOutput, options: Mapping[str, str]) -> DataFrame:
    if old.format == "hive":
        return spark.table(old.place)
    given = {**(_CSV if old.format == "csv" else {}), **options}
    return spark.read.format(old.format).options(**given).load(old.place)
