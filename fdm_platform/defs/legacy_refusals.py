"""What a legacy job's script may not have published: rows would be lost, count twice, or be seen by no check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache

import dagster as dg

from fdm_platform.defs.load import Load
from fdm_platform.defs.plain_writes import HOW, PlainWritesFound
from fdm_platform.engines.folders import Folders, open_folders, refusal
from fdm_platform.engines.plain_writes import BESIDE
from fdm_platform.errors import ContractError, LockedError
from fdm_platform.model.manifest import Manifest, digest_of_names
from fdm_platform.model.partition import BIZ_DT, date_in_name
from fdm_platform.model.plan import DatePlan, LoadPlan

SNAPSHOT = date(1, 1, 1)
"""The date that the ledger has for an output without business dates."""
Place = tuple[str, date, str]
"""Where something is staged: by live folder, date, and name of an output without dates."""
Staged = Mapping[Place, Manifest]


def require_no_loss(staged: Staged, plan: LoadPlan) -> None:
    """ContractError where what is staged would take the place of dates, or stand beside a date in another spelling."""
    children = cache(_children)  # a script may write thousands of dates of one table
    for (root, biz_dt, _), manifest in staged.items():
        is_snapshot = biz_dt == SNAPSHOT
        place = f"{root}/{manifest.folder}" if is_snapshot else root
        dates = [n for n in children(place) if (day := date_in_name(n)) and (is_snapshot or day == biz_dt)]
        if is_snapshot and dates:
            raise ContractError(
                f"{place} holds {len(dates)} business dates, which a write without {BIZ_DT} would replace",
                file=plan.file,
                field="partitionBy",
                remedy=f"write it with partitionBy=['{BIZ_DT}', …], or to a folder of its own",
            )
        if other := [n for n in dates if n != manifest.folder]:
            raise ContractError(
                f"{root} has {biz_dt} as {other[0]}, and the script wrote {manifest.folder}: its rows would count twice",
                file=plan.file,
                field=BIZ_DT,
                remedy="write dates as the table's folders have them, or rename those",
            )


def require_one_way(staged: Staged, plan: LoadPlan, found: PlainWritesFound) -> None:
    """ContractError where a date was written both ways: what is staged would take the place of the other files."""
    own = {m.folder for (root, _, _), m in staged.items() if root == found.after.root}
    if both := sorted(own & found.writes.files.keys()):
        raise ContractError(
            f"the script wrote {', '.join(both)} by the framework and by itself: publishing would undo the latter",
            file=plan.file,
            remedy=f"write all of a date one way: {HOW}",
        )


def require_checked(
    context: dg.OutputContext | dg.AssetExecutionContext,
    load: Load,
    planned: DatePlan,
    staged: Staged,
    found: PlainWritesFound,
) -> None:
    """Of a date of which nothing is staged: ContractError where a check that would keep it back had nothing to look at."""
    day, plan = planned.biz_dt, load.plan
    if plan is None:
        return
    if own := sorted({d for root, d, _ in staged if root == found.after.root}):
        text = "%s: the script wrote %s of its output, and nothing of the date that it was run for"
        context.log.warning(text, day, ", ".join(map(str, own)))
    blocking = [c.name for c in plan.output.checks if c.severity == "error"]
    by_itself = any(f == BESIDE or date_in_name(f) == day for f in found.writes.files)
    stands = plan.output.allow_empty or load.platform.ledger.published(plan.table, [day])
    if blocking and (by_itself or not stands):
        raise ContractError(
            f"nothing of {day} was written by the framework, so that nobody could check {', '.join(blocking)}"
            + ("; what the script wrote by itself is live all the same" if by_itself else ""),
            file=plan.file,
            field="checks",
            remedy="write the date with framework.write_orc and partitionBy=['biz_dt', …], or make the checks warnings",
        )


def require_base(root: str, manifest: Manifest) -> None:
    """LockedError where the files that a write was added to are not those that are live now."""
    if manifest.added_to is None:
        return
    live = f"{root}/{manifest.folder}"
    with _looking_at(live) as folders:
        there = folders.files(live) if folders.exists(live) else ()
        is_same = digest_of_names(there) == manifest.added_to
    if not is_same:
        raise LockedError(
            f"{live} was changed by another load while {manifest.load_id} added to it",
            remedy="run the date again: it then adds to what is live now",
        )


def _children(place: str) -> list[str]:
    with _looking_at(place) as folders:
        return folders.children(place)


@contextmanager
def _looking_at(place: str) -> Iterator[Folders]:
    try:
        yield open_folders(place)
    except OSError as error:
        raise refusal("what is live cannot be listed", error, place, ", then run the date again") from error
