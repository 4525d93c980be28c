"""What ORC's footers say of a file: rows, and the statistics of each top-level column. No data is read.

Spark's own ORC reader opens the file; its footer comes over as one protobuf message, so that a table
of a hundred columns costs as many calls into the JVM as one of two.
https://orc.apache.org/specification/ORCv1/ (Footer, Type)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from fdm_platform.engines.files import hadoop_configuration
from fdm_platform.engines.protobuf import fields_of, integers_of
from fdm_platform.engines.statistics import FileStatistics, merge, parse_statistics
from fdm_platform.model.manifest import ColumnStatistics

_FOOTER_TYPES, _FOOTER_ROWS, _FOOTER_STATISTICS = 4, 6, 7
_TYPE_SUBTYPES, _TYPE_NAMES = 2, 3


@dataclass(frozen=True, slots=True)
class Footer:
    """Rows of a file, and its columns by name."""

    rows: int
    columns: Mapping[str, FileStatistics]


class FooterReader:
    """Reads footers with the Java classes of one Spark session."""

    def __init__(self, spark: SparkSession) -> None:
        jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - no public way
        self._path = jvm.org.apache.hadoop.fs.Path
        self._orc = jvm.org.apache.orc.OrcFile
        self._configuration = hadoop_configuration(spark)

    def read(self, path: str) -> Footer:
        """The footer of one file."""
        # New options for each file: ORC keeps the footer that it has read in them.
        options = self._orc.readerOptions(self._configuration)
        reader = self._orc.createReader(self._path(path), options)
        try:
            return parse_footer(reader.getFileTail().getFooter().toByteArray())
        finally:
            reader.close()


def parse_footer(message: bytes) -> Footer:
    """A Footer out of the protobuf message of ORC's specification."""
    rows, types, statistics = 0, [], []
    for number, value in fields_of(message):
        if number == _FOOTER_ROWS:
            rows = value
        elif number == _FOOTER_TYPES:
            types.append(value)
        elif number == _FOOTER_STATISTICS:
            statistics.append(value)
    names, columns = _top_level(types[0])
    return Footer(rows, {n: parse_statistics(statistics[c]) for n, c in zip(names, columns, strict=True)})


def merged(footers: Sequence[Footer], secret: Collection[str]) -> dict[str, ColumnStatistics]:
    """The columns over all files of a date; `secret` are those, in lower case, whose values nobody may see."""
    names = list(dict.fromkeys(name for footer in footers for name in footer.columns))
    return {
        name: merge(
            ((f.rows, f.columns[name]) for f in footers if name in f.columns),
            is_secret=name.lower() in secret,
        )
        for name in names
    }


def _top_level(root: bytes) -> tuple[list[str], list[int]]:
    """Names and column ids of the root struct's fields."""
    names, columns = [], []
    for number, value in fields_of(root):
        if number == _TYPE_NAMES:
            names.append(value.decode())
        elif number == _TYPE_SUBTYPES:  # packed, or one by one
            columns += list(integers_of(value)) if isinstance(value, bytes) else [value]
    return names, columns
