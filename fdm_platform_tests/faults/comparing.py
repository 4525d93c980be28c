"""What must be true of a deployment of counted tables at rest, whatever died before: an empty list says that it is."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.filesystem import visible_files
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.swapping import STAGING, version_of
from fdm_platform.model.manifest import Manifest


def rows(root: Path) -> list[dict[str, Any]]:
    """All rows of a table in an order of their own; none where there is no table."""
    if not any(root.glob("biz_dt=*")):
        return []
    table = LandedDates(root, "yyyyMMdd").to_arrow()
    return sorted(table.to_pylist(), key=lambda row: json.dumps(row, default=str, sort_keys=True))


def row_hash(root: Path) -> str:
    """Of all rows of a table: the same where the same rows are, in whatever files."""
    text = json.dumps(rows(root), default=str, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def leftovers(platform: Platform) -> list[str]:
    """What loads have left that are over: nothing, where all is in order."""
    staged = sorted(platform.settings.landing_root.glob(f"*/{STAGING}/*"))
    journal = sorted(platform.settings.journal.glob("*"))
    secrets = sorted(platform.settings.work.glob("*/secrets.*"))
    return [
        *(f"staged: {path}" for path in staged),
        *(f"claim: {claim}" for claim in platform.claims.all()),
        *(f"load: {load}" for load in platform.loads.open_ones()),
        *(f"journal: {path.name}" for path in journal),
        *(f"secrets: {path}" for path in secrets),
    ]


def log_errors(platform: Platform) -> dict[str, list[str]]:
    """Attempts that are `lost`, `doubled` or `wrong`: each has one final line, and the one that the ledger says."""
    logged = list(platform.store.scan("execution_log"))
    by_date = list(platform.store.scan("fdm_attempts"))
    final = {row["id"]: row["status"] for row in logged}
    known = {row["id"] for row in by_date}
    lost = [f"{_name(row)} is not in execution_log" for row in by_date if row["id"] not in final]
    lost += [f"{row['id']} is still {row['status']}" for row in logged if row["status"] == "Started"]
    doubled = [f"{row['id']} of no date: {row['status']}" for row in logged if row["id"] not in known]
    loads = Counter((row["table_name"], row["biz_dt"], row["load_id"]) for row in by_date)
    doubled += [f"{n} times: {of}" for of, n in loads.items() if n > 1]
    wrong = [
        f"{_name(row)}: fdm_attempts says {row['status']}, execution_log {final[row['id']]}"
        for row in by_date
        if row["id"] in final and row["status"] != final[row["id"]]
    ]
    wrong += _against_ledger(platform, by_date)
    return {"lost": lost, "doubled": doubled, "wrong": wrong}


def _against_ledger(platform: Platform, attempts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    published = {
        (name, day, version.load_id)
        for name, day in {(row["table_name"], row["biz_dt"]) for row in attempts}
        for version in platform.ledger.versions(name, day)
    }
    for row in attempts:
        is_live = (row["table_name"], row["biz_dt"], row["load_id"]) in published
        if is_live != (row["status"] == "Completed") and row["status"] != "Started":
            yield f"{_name(row)}: {row['status']}, and the ledger {'has' if is_live else 'has not'} its version"
    known = {(row["table_name"], row["biz_dt"], row["load_id"]) for row in attempts}
    yield from (f"published without an attempt: {of}" for of in published - known)


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['table_name']} {row['biz_dt']} by {row['load_id']} ({row['id']})"


def live_errors(platform: Platform, table: str, dates: list[date]) -> list[str]:
    """Dates whose live folder is not the ledger's newest version, file by file."""
    root, found = platform.settings.landing_root / table, []
    for day in dates:
        current = platform.ledger.current(table, day)
        live = root / f"biz_dt={day:%Y%m%d}"
        if current is None:
            found += [f"{live} was never published"] if live.exists() else []
            continue
        manifest = Manifest.from_json(current.manifest)
        there = (
            {p.relative_to(live).as_posix(): p.stat().st_size for p in visible_files(live)}
            if live.exists()
            else {}
        )
        if version_of(live) != current.version or there != {f.path: f.bytes for f in manifest.files}:
            found.append(
                f"{live} holds version {version_of(live)} with {there}, the ledger says {current.version}"
            )
    return found


def attempts(platform: Platform, table: str, biz_dt: date) -> list[str]:
    """How attempts at a date ended, oldest first: Completed, Failed or Started."""
    of = [r for r in platform.store.scan("fdm_attempts") if (r["table_name"], r["biz_dt"]) == (table, biz_dt)]
    return [str(row["status"]).partition(":")[0] for row in sorted(of, key=lambda row: row["id"])]
