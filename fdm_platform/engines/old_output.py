"""What the old system made of a business date: CSV, ORC or Parquet files, or a table of Hive's, as one DataFrame."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import get_args

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from fdm_platform.engines.files import exists
from fdm_platform.engines.filesystem import list_files
from fdm_platform.errors import FdmError, ParameterError, SourceError
from fdm_platform.model.parity import ParityFormat, ParitySpec
from fdm_platform.model.partition import BIZ_DT, FolderDateFormat, folder_name

_BY_EXTENSION: dict[str, ParityFormat] = {".csv": "csv", ".txt": "csv", ".orc": "orc", ".parquet": "parquet"}
_COMPRESSED = (".gz", ".bz2", ".zst", ".deflate")
_CSV = {"header": "true", "mode": "FAILFAST", "enforceSchema": "false", "columnPruning": "false"}
"""A line with too many or too few fields ends the comparison, and so does a file with another header than the first.

Its values would be those of other columns. Of a line of which it needs not all, Spark would not see it.
"""

_OF_CSV = re.compile(r"MALFORMED_CSV_RECORD|MALFORMED_RECORD_IN_PARSING|CSV header does not conform")


@dataclass(frozen=True, slots=True)
class OldOutput:
    """Where the old output is."""

    place: str
    format: ParityFormat
    files: int = 0
    bytes: int = 0
    """0 where the file system is not this machine's."""
    root: str = ""
    """The folder above `place`, where that is the date's own."""


def find_old(place: str, declared: ParityFormat | None, biz_dt: date) -> OldOutput:
    """Its format and size: of the date's own folder, where the place has such folders.

    SourceError where there is no such file; ParameterError where its format is not known.
    """
    kind = declared or _guess(place)
    if kind == "hive":
        return OldOutput(place, kind)
    is_here = "://" not in place
    root, place = place, _folder_of(place, biz_dt, os.path.isdir) if is_here else place
    files = list_files(place)
    if not files:
        raise SourceError(
            "there is nothing to compare with", file=place, remedy="correct --against, or deliver the file"
        )
    above = root if place != root else ""
    return OldOutput(place, kind, len(files), sum(file.bytes for file in files), above)


def _folder_of(place: str, biz_dt: date, is_there: Callable[[str], bool]) -> str:
    """The date's own: other dates are then not even listed, and a column that they lack is not missed."""
    own = (f"{place.rstrip('/')}/{folder_name(biz_dt, spelling)}" for spelling in get_args(FolderDateFormat))
    return next((folder for folder in own if is_there(folder)), place)


def _guess(place: str) -> ParityFormat:
    if kind := _of_extension(place):
        return kind
    if "/" not in place:
        return "hive"
    inside = {kind for file in list_files(place) if (kind := _of_extension(file.path))}
    if len(inside) == 1:
        return inside.pop()
    raise ParameterError(
        f"nothing tells the format of {place}",
        field="parity.format",
        remedy="say it: --format csv, orc or parquet",
    )


def _of_extension(path: str) -> ParityFormat | None:
    suffixes = [s.lower() for s in PurePosixPath(path).suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return _BY_EXTENSION.get(suffixes[-1]) if suffixes else None


def read_old(spark: SparkSession, old: OldOutput, spec: ParitySpec, biz_dt: date) -> tuple[DataFrame, str]:
    """Its rows of one date, and what they are of it. Nothing is inferred from a CSV: its values are text.

    Rows of other dates are left out where it has a column or folders `biz_dt`, in either spelling, or in the form of
    the option `dateFormat`. SourceError: it cannot be read.
    """
    try:
        frame = _read(spark, old, spec.options, biz_dt)
    except (PySparkException, Py4JJavaError) as error:
        raise SourceError(
            f"cannot be read as {old.format}: {str(error).partition(chr(10))[0]}",
            file=old.place,
            remedy="correct --against, --format or --option",
        ) from error
    renamed = {name.lower(): to.lower() for name, to in spec.renamed.items()}
    named = next((c for c in frame.columns if renamed.get(c.lower(), c.lower()) == BIZ_DT), None)
    if named is None:
        return frame, f"all of it: it has no {BIZ_DT}"
    column = f.col(f"`{named}`").cast("string")
    day = f.regexp_replace(f.substring(column, 1, 10), "-", "") == f"{biz_dt:%Y%m%d}"
    form = next((v for k, v in spec.options.items() if k.lower() == "dateformat"), None)
    if form:
        day |= f.coalesce(f.try_to_timestamp(column, f.lit(form)).cast("date") == f.lit(biz_dt), f.lit(False))
    return frame.where(day).drop(named), f"its rows of {biz_dt}"


def explain(error: FdmError, old: OldOutput) -> FdmError:
    """The error itself, unless it is of a CSV's lines: of them Spark says neither the file nor what to do."""
    if not _OF_CSV.search(error.message):
        return error
    return SourceError(
        error.message.partition("\n")[0],
        file=old.place,
        remedy="mend the file, or say by --option how it is written: sep, quote, escape, header, encoding, "
        "multiLine=true where fields hold line ends",
    )


def _read(spark: SparkSession, old: OldOutput, options: Mapping[str, str], biz_dt: date) -> DataFrame:
    if old.format == "hive":
        return spark.table(old.place)
    root, place = old.root, old.place
    if "://" in place:
        root, place = place, _folder_of(place, biz_dt, lambda folder: exists(spark, folder))
    given = {
        **(_CSV if old.format == "csv" else {}),
        **({"basePath": root} if root not in ("", place) else {}),
    }
    return spark.read.format(old.format).options(**{**given, **options}).load(place)
