"""What ORC's footers say of a file: rows, and the statistics of each top-level column. No data is read.

The footer is a protobuf message, which Spark's reader hands over as it is (footers.py), and which a process without
Spark takes from the end of the file. https://orc.apache.org/specification/ORCv1/ (File Tail, Footer, Type)
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from fdm_platform.engines.protobuf import fields_of, integers_of
from fdm_platform.engines.statistics import FileStatistics, merge, parse_statistics
from fdm_platform.model.manifest import ColumnStatistics

_FOOTER_TYPES, _FOOTER_ROWS, _FOOTER_STATISTICS = 4, 6, 7
_TYPE_SUBTYPES, _TYPE_NAMES = 2, 3
_CHUNK_HEADER = 3
"""Bytes before each chunk: its length, and whether it is kept as it was."""


@dataclass(frozen=True, slots=True)
class Footer:
    """Rows of a file, and its columns by name."""

    rows: int
    columns: Mapping[str, FileStatistics]


def read_footer(stream: BinaryIO, opened: Any) -> Footer:
    """The footer of a file that is open, and opened as a pyarrow.orc.ORCFile."""
    length = opened.file_footer_length
    stream.seek(-(1 + opened.file_postscript_length + length), os.SEEK_END)
    return parse_footer(_decompressed(stream.read(length), opened))


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


def _decompressed(footer: bytes, opened: Any) -> bytes:
    if opened.compression == "UNCOMPRESSED":
        return footer
    decompress, chunks, start = _decompressor(opened), [], 0
    while start < len(footer):
        header = int.from_bytes(footer[start : start + _CHUNK_HEADER], "little")
        start, end = start + _CHUNK_HEADER, start + _CHUNK_HEADER + (header >> 1)
        is_as_it_was = header & 1
        chunks.append(footer[start:end] if is_as_it_was else decompress(footer[start:end]))
        start = end
    return b"".join(chunks)


def _decompressor(opened: Any) -> Callable[[bytes], bytes]:
    """For one chunk of a file."""
    import pyarrow as pa  # noqa: PLC0415 - a slow import

    def by_codec(name: str, size: int, chunk: bytes) -> bytes:
        plain: bytes = pa.Codec(name).decompress(chunk, decompressed_size=size, asbytes=True)
        return plain

    match opened.compression:
        case "ZLIB":
            return lambda chunk: zlib.decompress(chunk, wbits=-zlib.MAX_WBITS)
        case "SNAPPY":
            return lambda chunk: by_codec("snappy", next(integers_of(chunk)), chunk)
        case "LZ4":
            return lambda chunk: by_codec("lz4_raw", opened.compression_size, chunk)
        case _:
            return lambda chunk: pa.CompressedInputStream(pa.BufferReader(chunk), "zstd").read()
