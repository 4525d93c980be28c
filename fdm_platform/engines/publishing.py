"""From staging to live: verify, commit, swap, keep. The protocol is in docs/publishing.md.

A reader of a date sees its old version or its new version, whole. The ledger's insert is the commit
point: before it the old version is the truth and staging is litter; after it the new version is the
truth, and whoever comes next finishes the swap (`settle`). The commit also fences: a load commits
version base + 1, so of two loads that were planned on the same version one alone succeeds.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fdm_platform.crash import reached
from fdm_platform.engines.filesystem import (
    exchange,
    locked,
    remove_if_empty,
    remove_tree,
    visible_files,
    write_durably,
)
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import PublishConflictError, PublishError
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.ledger import PublishLedger
from fdm_platform.model.manifest import Manifest

log = logging.getLogger(__name__)

MARKER = "_fdm_version.json"
"""In every published date folder: which load and version it holds. Invisible to readers."""
STAGING = ".staging"
VERSIONS = ".versions"


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """One staged date and where it goes. `root` is the live table's folder."""

    root: Path
    manifest: Manifest
    base_version: int
    control_version: str
    keep_versions: int
    commit_wait_s: float = 3600.0
    """How long to wait for a control store that is away: the date is staged, loading it again costs more."""
    code_version: str = ""
    settings_version: str = ""
    parents: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """As in the plan."""


@dataclass(frozen=True, slots=True)
class PublishReport:
    """A date that is live: its version and the seconds of each phase."""

    version: int
    path: Path
    seconds: dict[str, float] = field(default_factory=dict)


def publish(request: PublishRequest, ledger: PublishLedger) -> PublishReport:
    """Make a staged date live.

    PublishConflictError, and PublishError before the commit, leave the old version as it was; so does
    ControlUnavailableError, of a store that stayed away longer than the request waits for it. A disk
    that fails after the commit is a PublishError too: the next load of the date finishes the swap.
    """
    try:
        return _publish(request, ledger)
    except OSError as error:
        raise PublishError(
            f"cannot publish {request.manifest.table} {request.manifest.biz_dt}: {error.strerror or error}",
            file=error.filename,
            remedy="free disk space or mend the permissions, then run the date again",
        ) from error


def _publish(request: PublishRequest, ledger: PublishLedger) -> PublishReport:
    manifest, root = request.manifest, request.root
    clock = [time.perf_counter()]
    verify(manifest)
    reached("publish.verified")
    clock.append(time.perf_counter())
    with locked(root / STAGING / f"{manifest.folder}.lock"):
        _require_base(request, ledger)
        record = _commit(request, ledger)
        clock.append(time.perf_counter())
        live = _swap(root, record)
    _keep(root, manifest.folder, request.keep_versions)
    clock.append(time.perf_counter())
    names = ("verify", "commit", "swap")
    seconds = {n: round(b - a, 4) for n, a, b in zip(names, clock, clock[1:], strict=False)}
    return PublishReport(record.version, live, seconds)


def verify(manifest: Manifest) -> None:
    """Hold the staged files against the manifest: names, sizes, and rows by ORC's footers."""
    folder = _staged(manifest)
    if not folder.is_dir():
        raise PublishError(
            f"{manifest.table} {manifest.biz_dt}: the staged folder is gone",
            file=str(folder),
            remedy="run the date again",
        )
    there = {p.relative_to(folder).as_posix(): p.stat().st_size for p in visible_files(folder)}
    told = {f.path: f.bytes for f in manifest.files}
    if there != told:
        odd = sorted({*there.items()} ^ {*told.items()})
        raise PublishError(
            f"staged files differ from the manifest of load {manifest.load_id}: {odd[:5]}",
            file=str(folder),
            remedy="something else wrote here, or the disk lost data; run the date again",
        )
    _verify_rows(manifest, folder)


def settle(root: Path, record: PublishRecord) -> None:
    """Finish the swap of a committed version if its publisher died before it had. Idempotent."""
    manifest = Manifest.from_json(record.manifest)
    with locked(root / STAGING / f"{manifest.folder}.lock"):
        if _is_half_done(root, record):
            _swap(root, record)


def discard(staging: Path) -> None:
    """Remove a date's staging folder, whole or in part, that will not be published."""
    remove_tree(staging)
    remove_if_empty(staging.parent)


def version_of(folder: Path) -> int:
    """The version that a date folder holds; 0 for a folder that the platform did not publish."""
    return int(_marker(folder).get("version", "0"))


def _verify_rows(manifest: Manifest, folder: Path) -> None:
    from pyarrow import orc  # noqa: PLC0415 - half a second that only publishing pays

    for file in manifest.files:
        rows = orc.ORCFile(folder / file.path).nrows
        if rows != file.rows:
            raise PublishError(
                f"holds {rows} rows, the manifest of load {manifest.load_id} says {file.rows}",
                file=str(folder / file.path),
                remedy="run the date again",
            )


def _require_base(request: PublishRequest, ledger: PublishLedger) -> None:
    """The date must still stand at the version that the load was planned on, swapped to the end."""
    manifest = request.manifest
    current = patiently(
        lambda: ledger.current(manifest.table, manifest.biz_dt),
        f"read the ledger for {manifest.table} {manifest.biz_dt}",
        request.commit_wait_s,
    )
    if current is not None and _is_half_done(request.root, current):
        _swap(request.root, current)
    version = current.version if current else 0
    if current and version != request.base_version:
        discard(Path(manifest.staging))
        raise PublishConflictError(
            f"{manifest.table} {manifest.biz_dt} was published as version {version} by load "
            f"{current.load_id} while load {manifest.load_id} ran on version {request.base_version}",
            remedy="run the date again if its newer sources matter",
        )


def _commit(request: PublishRequest, ledger: PublishLedger) -> PublishRecord:
    manifest = request.manifest
    record = PublishRecord(
        table_name=manifest.table,
        biz_dt=manifest.biz_dt,
        version=request.base_version + 1,
        load_id=manifest.load_id,
        control_version=request.control_version,
        manifest=manifest.to_json(),
        published_at=datetime.now(UTC),
        code_version=request.code_version,
        settings_version=request.settings_version,
        parents=json.dumps(request.parents) if request.parents else None,
    )
    marker = {"load_id": record.load_id, "version": str(record.version)}
    write_durably(_staged(manifest) / MARKER, json.dumps(marker))
    reached("publish.marked")
    what = f"commit {manifest.table} {manifest.biz_dt}, which is staged"
    patiently(lambda: ledger.commit(record), what, request.commit_wait_s)
    reached("publish.committed")
    return record


def _swap(root: Path, record: PublishRecord) -> Path:
    """Bring a committed version's folder to its live place, unless it is there. Needs the date's lock."""
    manifest = Manifest.from_json(record.manifest)
    live, staged = root / manifest.folder, _staged(manifest)
    if _marker(live).get("load_id") != record.load_id:
        _move_in(root, live, staged)
    if staged.exists():  # after an exchange: the version that was replaced
        _move_to_versions(root, staged)
        reached("publish.kept")
    discard(Path(manifest.staging))
    reached("publish.cleaned")
    return live


def _is_half_done(root: Path, record: PublishRecord) -> bool:
    """Committed, but the swap or its cleaning up has not come to its end.

    A version whose files are neither live nor staged (someone removed them) is not half done:
    the next load replaces it.
    """
    manifest = Manifest.from_json(record.manifest)
    is_live = _marker(root / manifest.folder).get("load_id") == record.load_id
    is_staged = _marker(_staged(manifest)).get("load_id") == record.load_id
    return is_staged or (is_live and _staged(manifest).exists())


def _move_in(root: Path, live: Path, staged: Path) -> None:
    if live.exists() and exchange(staged, live):
        reached("publish.exchanged")
        return
    if live.exists():
        _move_to_versions(root, live)
        reached("publish.moved_aside")
    staged.rename(live)
    reached("publish.moved_in")


def _move_to_versions(root: Path, folder: Path) -> None:
    kept = root / VERSIONS / folder.name / f"v{version_of(folder)}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    remove_tree(kept)
    folder.rename(kept)


def _keep(root: Path, folder: str, keep_versions: int) -> None:
    """Remove all but the newest kept versions; litter that stays is no reason to fail a publish."""
    versions = root / VERSIONS / folder
    if not versions.is_dir():
        return
    oldest_first = sorted(versions.iterdir(), key=lambda p: int(p.name.removeprefix("v")))
    for old in oldest_first[: len(oldest_first) - keep_versions]:
        try:
            remove_tree(old)
        except OSError as error:
            log.warning("kept an old version that could not be removed: %s", error)
    remove_if_empty(versions)


def _staged(manifest: Manifest) -> Path:
    return Path(manifest.staging) / manifest.folder


def _marker(folder: Path) -> dict[str, str]:
    try:
        plain: dict[str, str] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # also a torn one: the ledger settles what the folder is
    return plain if isinstance(plain, dict) else {}
