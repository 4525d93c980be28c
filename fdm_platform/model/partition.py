"""Business dates: ISO partition keys in Dagster, a table's own format in folders."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from fdm_platform.errors import ParameterError

FolderDateFormat = Literal["yyyyMMdd", "yyyy-MM-dd"]
"""How a table spells business dates in `biz_dt=` folders; both occur in legacy tables."""

BIZ_DT = "biz_dt"


def parse_biz_dt(text: str) -> date:
    """A business date from `2024-05-15` or `20240515`; anything else is a ParameterError."""
    try:
        if len(text) in (8, 10):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ParameterError(
        f"{text!r} is not a business date",
        field=BIZ_DT,
        remedy="write it as 2024-05-15",
    )


def folder_value(biz_dt: date, folder_format: FolderDateFormat) -> str:
    """The value of the biz_dt folder, for example 20240515."""
    return biz_dt.strftime("%Y%m%d") if folder_format == "yyyyMMdd" else biz_dt.isoformat()


def folder_name(biz_dt: date, folder_format: FolderDateFormat) -> str:
    """The name of the date's folder below its table, for example `biz_dt=20240515`."""
    return f"{BIZ_DT}={folder_value(biz_dt, folder_format)}"


def date_in_name(folder: str) -> date | None:
    """The business date of a folder `biz_dt=20240515`, in either spelling; None of every other."""
    name, _, value = folder.partition("=")
    try:
        return parse_biz_dt(value) if name.lower() == BIZ_DT else None
    except ParameterError:
        return None


def contiguous_runs(chosen: Iterable[date], known: Sequence[date]) -> list[list[date]]:
    """The chosen dates in runs that are neighbours among the known dates; an unknown one by itself.

    `known` is in order, so is the result.
    """
    runs: list[list[date]] = []
    for d in sorted(set(chosen)):
        at = bisect_left(known, d)
        is_known = at < len(known) and known[at] == d
        if runs and is_known and at and known[at - 1] == runs[-1][-1]:
            runs[-1].append(d)
        else:
            runs.append([d])
    return runs
