"""The folders of a committed version: live, what it replaced kept, staging gone. docs/publishing.md has the protocol.

Every step is one rename that fails once it is done, so two may take them at once, or one again after a crash, and
nothing is done twice: no lock is needed (docs/adr/0015-a-swap-that-is-safe-to-repeat.md).
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from fdm_platform.crash import reached
from fdm_platform.engines.filesystem import exchange, remove_if_empty, remove_tree, rename, write_durably
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.manifest import Manifest

log = logging.getLogger(__name__)

MARKER = "_fdm_version.json"
"""In every published date folder: which load and version it holds. Invisible to readers."""
STAGING = ".staging"
VERSIONS = ".versions"
REPLACED = "replaced"
"""In a date's staging folder: what was live before, where folders cannot be exchanged."""
INCOMING = "incoming-"
"""The staged folder while somebody moves it in, with a name of his own: who had it before can move it no more."""
_TRIES = 3
"""Whoever loses a step to another looks again; each look finds at least one step more done."""
_PAUSE_S = 0.05
"""Between looks that found nothing: a folder that is renamed just then can be missing in a listing."""


def staged_folder(manifest: Manifest) -> Path:
    """Where the date's files were staged."""
    return Path(manifest.staging) / manifest.folder


def mark(record: PublishRecord, manifest: Manifest) -> None:
    """Say in the staged folder which version it is about to be."""
    marker = {"load_id": record.load_id, "version": str(record.version)}
    write_durably(staged_folder(manifest) / MARKER, json.dumps(marker))


def make_ready(root: Path, folder: str) -> None:
    """Make what will be needed after the commit, when a disk that is full would come too late."""
    (root / VERSIONS / folder).mkdir(parents=True, exist_ok=True)


def bring_live(root: Path, manifest: Manifest) -> Path:
    """From wherever the swap of the newest version stands to its end. May be repeated, and done by two at once.

    A version whose files are neither live nor staged (someone removed them) stays so: the next load replaces it.
    FileExistsError: something else wrote into the live place while the swap was half done.
    """
    live = root / manifest.folder
    if Path(manifest.staging).exists():
        _move_in(live, manifest)
        _put_away(root, manifest)
    return live


def discard(staging: Path) -> None:
    """Remove a date's staging folder, whole or in part, that will not be published."""
    remove_tree(staging)
    remove_if_empty(staging.parent)


def keep(root: Path, folder: str, keep_versions: int) -> None:
    """Remove all but the newest kept versions; litter that stays is no reason to fail a publish."""
    oldest_first = [path for _, path in _kept(root, folder)]
    for old in oldest_first[: max(0, len(oldest_first) - keep_versions)]:
        try:
            remove_tree(old)
        except OSError as error:
            log.warning("kept an old version that could not be removed: %s", error)
    remove_if_empty(root / VERSIONS / folder)


def version_of(folder: Path) -> int:
    """The version that a date folder holds; 0 for a folder that the platform did not publish."""
    return int(_marker(folder).get("version", "0"))


def kept_versions(root: Path, folder: str) -> dict[int, Path]:
    """The date folders that are kept for a date, by version, oldest first."""
    found = {}
    for version, path in _kept(root, folder):
        # An earlier release kept the date folder itself.
        inside = [path] if (path / MARKER).exists() else _date_folders(path)
        if inside:
            found[version] = inside[0]
    return found


def _move_in(live: Path, manifest: Manifest) -> None:
    failure: OSError | None = None
    for _ in range(_TRIES):
        if _is_of(live, manifest.load_id):
            return
        taken = _take(manifest)
        if taken is None:
            time.sleep(_PAUSE_S)
            continue
        try:
            _move_in_once(live, taken)
        except (FileExistsError, FileNotFoundError) as error:
            failure = error  # another was here in between
        else:
            return
    if failure and Path(manifest.staging).exists():
        raise failure


def _take(manifest: Manifest) -> Path | None:
    """The staged folder under a name that this call alone knows; None where it is not there, or moved in.

    What it holds is looked at under the new name, where nobody can exchange it any more.
    """
    taken = Path(manifest.staging) / f"{INCOMING}{uuid4().hex}"
    for staged in _date_folders(Path(manifest.staging)):
        if staged.name != REPLACED:
            with suppress(FileNotFoundError):
                rename(staged, taken)
                return taken if _is_of(taken, manifest.load_id) else None
    return None


def _move_in_once(live: Path, staged: Path) -> None:
    if live.exists():
        if exchange(staged, live):
            reached("publish.exchanged")
            return
        rename(live, staged.parent / REPLACED)
        reached("publish.moved_aside")
    rename(staged, live)
    reached("publish.moved_in")


def _put_away(root: Path, manifest: Manifest) -> None:
    """What the version replaced is kept, in the staging folder as it is; one that replaced nothing leaves nothing."""
    staging = Path(manifest.staging)
    replaced = _date_folders(staging)
    if replaced:
        kept = root / VERSIONS / manifest.folder / f"v{version_of(replaced[0])}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            rename(staging, kept.with_name(f"{kept.name}-{manifest.load_id}") if kept.exists() else kept)
        except (FileExistsError, FileNotFoundError):
            if staging.exists():
                raise
    discard(staging)
    reached("publish.kept")


def _kept(root: Path, folder: str) -> list[tuple[int, Path]]:
    """Kept versions with their numbers, oldest first: `v3`, or `v3-<load>` where the number was kept before."""
    versions = root / VERSIONS / folder
    if not versions.is_dir():
        return []
    numbered = ((p.name.removeprefix("v").partition("-")[0], p) for p in versions.iterdir())
    return sorted((int(n), p) for n, p in numbered if n.isdecimal())


def _date_folders(staging: Path) -> list[Path]:
    """The date folders in a staging folder, what was moved aside first; Spark's own folders begin with `_`."""
    try:
        found = [p for p in staging.iterdir() if p.is_dir() and not p.name.startswith((".", "_"))]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda p: p.name != REPLACED)


def _is_of(folder: Path, load_id: str) -> bool:
    return _marker(folder).get("load_id") == load_id


def _marker(folder: Path) -> dict[str, str]:
    try:
        plain: dict[str, str] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}  # also a torn one: the ledger settles what the folder is
    return plain if isinstance(plain, dict) else {}
