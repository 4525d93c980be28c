"""How many rows of its sources a date may reject and still be published: a table's `max_rejected`."""

from __future__ import annotations

import re
from decimal import Decimal

MaxRejected = int | str
"""A count of rows, or a share of the rows that were read, such as `1%` or `0.5%`."""

REJECTED = "_rejected"
"""Folder beside a table's dates that holds their rejected rows; invisible to its readers."""

SHARE = r"(100|[0-9]{1,2}(\.[0-9]{1,6})?)%"
"""A share, as a regular expression."""


def is_limit(value: object) -> bool:
    """It is a count from 0 on or a share up to 100%."""
    if isinstance(value, str):
        return re.fullmatch(SHARE, value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def allows_any(limit: MaxRejected) -> bool:
    """There can be a date that rejects a row and is published."""
    return limit != 0 if isinstance(limit, int) else Decimal(limit.removesuffix("%")) > 0


def allows(limit: MaxRejected, rejected: int, rows_in: int) -> bool:
    """So many of so many rows may be rejected."""
    if isinstance(limit, int):
        return rejected <= limit
    return rejected * 100 <= Decimal(limit.removesuffix("%")) * rows_in
