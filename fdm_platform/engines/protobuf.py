"""The fields of a protobuf message, as much of them as ORC's footers use.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LENGTHS = {_FIXED64: 8, _FIXED32: 4}


def fields_of(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field: integers as int, everything else as its bytes."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        length = _LENGTHS.get(kind, 0)
        if kind == _BYTES:
            length, position = _varint(message, position)
        yield tag >> 3, message[position : position + length]
        position += length


def integers_of(packed: bytes) -> Iterator[int]:
    """The integers of a packed field."""
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def signed(value: int) -> int:
    """What a field of type sint32 or sint64 says (zigzag)."""
    return (value >> 1) ^ -(value & 1)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, position
        shift += 7
