"""Which folder of which table a write is for. Nothing but symbolic links is looked up."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote

from fdm_platform.errors import ContractError, ParameterError
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.partition import BIZ_DT, parse_biz_dt
from fdm_platform.model.plan import LoadPlan

from . import _paths

SNAPSHOT = date(1, 1, 1)
"""The ledger's date of an output that has none: a folder that is replaced whole."""
_DATE_FOLDER = re.compile(rf"{BIZ_DT}=(.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A write's place: all dates of a table, or one folder of it."""

    root: str
    """The live table's folder."""
    folder: str | None
    """Of the one date, or of an output without dates; None where the dates are in the frame."""
    below: str = ""
    """Where in that folder, if not all of it."""
    biz_dt: date | None = None
    """Of `folder`."""

    @property
    def place(self) -> str:
        """All that is written to."""
        return "/".join(filter(None, (self.root, self.folder, self.below)))


def target_of(plan: LoadPlan, path: str, partition_by: Sequence[str]) -> Target | None:
    """The write's target; None for a folder outside the landing root that is no table by business dates.

    ContractError: dates lie below another partition column, or a folder's date is none.
    """
    legacy = plan.legacy
    if legacy is None:
        return None
    place = place_of(legacy, path)
    columns = [c.lower() for c in partition_by]
    dated = _in_date_folder(place, path)
    is_ours = (
        BIZ_DT in columns
        or dated
        or _is_in(place, legacy.main_output)
        or _is_in(place, legacy.landing, or_is=False)
    )
    if not is_ours:
        return None
    if BIZ_DT in columns:
        if columns[0] != BIZ_DT or dated:
            raise ContractError(
                f"{path} is written by {', '.join(partition_by)}: a business date's folder has to be the table's first level",
                file=legacy.script,
                field="partitionBy",
                remedy=f"write partitionBy=['{BIZ_DT}', …] to the table's folder",
            )
        return Target(place, None)
    return dated or Target(posixpath.dirname(place), posixpath.basename(place), biz_dt=SNAPSHOT)


def place_of(legacy: LegacyPlan, path: str) -> str:
    """A script's path as the plan has it, also where a symbolic link leads into one of the plan's folders."""
    place = _paths.absolute(_paths.mapped(path, legacy.prefixes))
    for folder in map(_paths.absolute, (legacy.main_output, legacy.landing)):
        if _paths.is_uri(place) or _paths.is_uri(folder):
            continue
        real, base = os.path.realpath(place), os.path.realpath(folder)
        if real == base or real.startswith(f"{base}/"):
            return folder + real[len(base) :]
    return place


def date_of(folder: str, path: str) -> date:
    """The date of a `biz_dt=…` folder. ContractError where it is none, NULL for example."""
    value = unquote(folder.partition("=")[2])
    try:
        return parse_biz_dt(value)
    except ParameterError:
        raise ContractError(
            f"{path}: {value!r} in {BIZ_DT} is no business date",
            field=BIZ_DT,
            remedy="give every row one, as a date or as text like 20240515 or 2024-05-15",
        ) from None


def _in_date_folder(place: str, path: str) -> Target | None:
    parts = place.split("/")
    at = next((i for i, part in enumerate(parts) if _DATE_FOLDER.fullmatch(part)), None)
    if at is None:
        return None
    return Target("/".join(parts[:at]), parts[at], "/".join(parts[at + 1 :]), date_of(parts[at], path))


def _is_in(place: str, folder: str, *, or_is: bool = True) -> bool:
    base = _paths.absolute(folder)
    return place.startswith(base + "/") or (or_is and place == base)
