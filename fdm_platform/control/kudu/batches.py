"""Rows cut into what one flush of a client may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

MAX_ROWS = 1000
MAX_CHARACTERS = 8 * 1024 * 1024
"""Of all texts of a batch. It is one message for each tablet, of which a server takes 50 MB by default; a
character is four bytes at most."""


def batches(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows in their order, in as few batches as the limits allow; a row is never cut."""
    start = characters = 0
    for end, row in enumerate(rows):
        size = sum(len(value) for value in row if isinstance(value, str))
        if end - start == MAX_ROWS or (end > start and characters + size > MAX_CHARACTERS):
            yield rows[start:end]
            start, characters = end, 0
        characters += size
    if rows:
        yield rows[start:]
