"""What ORC's footers say of a file: rows, and NULLs of each top-level column. No data is read.

Spark's own ORC reader opens the file; its footer comes over as one protobuf message, so that a table
of a hundred columns costs as many calls into the JVM as one of two.
https://orc.apache.org/specification/ORCv1/ (Footer, Type, ColumnStatistics)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from fdm_platform.engines.files import hadoop_configuration

_FOOTER_TYPES, _FOOTER_ROWS, _FOOTER_STATISTICS = 4, 6, 7
_TYPE_SUBTYPES, _TYPE_NAMES = 2, 3
_STATISTICS_VALUES = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Footer:
    """Rows of a file and NULLs by column name."""

    rows: int
    nulls: Mapping[str, int]


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
    for number, value in _fields(message):
        if number == _FOOTER_ROWS:
            rows = value
        elif number == _FOOTER_TYPES:
            types.append(value)
        elif number == _FOOTER_STATISTICS:
            statistics.append(value)
    names, columns = _top_level(types[0])
    values = [_number_of_values(statistics[c]) for c in columns]
    return Footer(rows, {n: rows - v for n, v in zip(names, values, strict=True)})


def _top_level(root: bytes) -> tuple[list[str], list[int]]:
    """Names and column ids of the root struct's fields."""
    names, columns = [], []
    for number, value in _fields(root):
        if number == _TYPE_NAMES:
            names.append(value.decode())
        elif number == _TYPE_SUBTYPES:  # packed, or one by one
            columns += list(_varints(value)) if isinstance(value, bytes) else [value]
    return names, columns


def _number_of_values(statistics: bytes) -> int:
    return next((v for n, v in _fields(statistics) if n == _STATISTICS_VALUES), 0)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field: integers as int, everything with a length as bytes."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
        elif kind == _BYTES:
            length, position = _varint(message, position)
            yield number, message[position : position + length]
            position += length
        else:
            position += {_FIXED64: 8, _FIXED32: 4}[kind]


def _varints(packed: bytes) -> Iterator[int]:
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, position
        shift += 7
