"""Names and conditions as commands on control tables are given them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from fdm_platform.control.schema import ControlTable
from fdm_platform.control.store import Operator, Predicate
from fdm_platform.control.values import parse_text
from fdm_platform.errors import ControlError

_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|=|<|>)(.*)", re.DOTALL)


def split_names(names: Sequence[str]) -> list[str]:
    """Names that are repeated or joined by commas; none for `all`."""
    parts = [part.strip() for name in names for part in name.split(",")]
    return [] if parts == ["all"] else [part for part in parts if part]


def condition(table: ControlTable, text: str) -> Predicate:
    """The predicate of a text such as `biz_dt>=2024-05-15`; nothing behind the sign means NULL."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ControlError(
            f"{text!r} is no condition",
            field="--where",
            remedy="write it as biz_dt=2024-05-15, with one of = < <= > >=",
        )
    name, op, value = match.groups()
    column = table.column(name)
    if value == "":
        return Predicate(name, "is_null", True)
    # Text that a JSON column is compared with need not be JSON.
    parsed = value if column.type == "string" else parse_text(column, value)
    return Predicate(name, cast("Operator", op), parsed)
