"""The folders of a committed version: live, what it replaced kept, staging gone. docs/publishing.md has the protocol.

Every step is one rename that fails once it is done, so two may take them at once, or one again after a crash, and
nothing is done twice: no lock is needed (docs/adr/0015-a-swap-that-is-safe-to-repeat.md).
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from fdm_platform.crash import reached
from fdm_platform.engines.folders import Folders, Where, name_of, open_folders, parent_of, refusal, text_of
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
_TRIES = 6
"""Whoever loses a step to another looks again; each look finds at least one step more done, if not always the last."""
_PAUSE_S = 0.05
"""Between looks that found nothing: a folder that is renamed just then can be missing in a listing. And, each time once
more, between looks of one who loses again and again: of eight at one swap somebody did in one of thirty.
"""


def staged_folder(manifest: Manifest) -> str:
    """Where the date's files were staged."""
    return f"{manifest.staging}/{manifest.folder}"


def mark(record: PublishRecord, manifest: Manifest) -> None:
    """Say in the staged folder which version it is about to be."""
    marker = {"load_id": record.load_id, "version": str(record.version), "table": record.table_name}
    open_folders(manifest.staging).write_durably(f"{staged_folder(manifest)}/{MARKER}", json.dumps(marker))


def require_writable(root: Where, load_id: str) -> None:
    """Make a load's staging folder, before any work is done. PublishError where the table cannot be written."""
    try:
        open_folders(root).make(f"{text_of(root)}/{STAGING}/{load_id}")
    except OSError as error:
        raise refusal("the table cannot be written", error, text_of(root), ", then load again") from error


def make_ready(root: Where, folder: str) -> None:
    """Make what will be needed after the commit, when a disk that is full would come too late."""
    open_folders(root).make(f"{text_of(root)}/{VERSIONS}/{folder}")


def bring_live(root: Where, manifest: Manifest, folders: Folders | None = None) -> str:
    """From wherever the swap of the newest version stands to its end. May be repeated, and done by two at once.

    `root` is the table's folder; the date's live folder is returned. A version whose files are neither live nor
    staged (someone removed them) stays so: the next load replaces it. FileExistsError: something else wrote into
    the live place while the swap was half done. `folders` are by default those that the root's form says.
    """
    swap = _Swap(folders or open_folders(root), text_of(root), manifest)
    if swap.folders.exists(manifest.staging):
        swap.move_in()
        swap.put_away()
    return swap.live


def discard(staging: Where) -> None:
    """Remove a date's staging folder, whole or in part, that will not be published."""
    _remove(open_folders(staging), text_of(staging))


def drop(staging: Where) -> None:
    """Discard what is staged, as far as the file system lets us: recovery removes what stays."""
    try:
        discard(staging)
    except OSError as error:
        log.warning("what was staged is not removed yet: %s", error)


def keep(root: Where, folder: str, keep_versions: int) -> None:
    """Remove all but the newest kept versions; litter that stays is no reason to fail a publish."""
    folders, kept = open_folders(root), f"{text_of(root)}/{VERSIONS}/{folder}"
    try:
        oldest_first = [place for _, place in _kept(folders, kept)]
        for old in oldest_first[: max(0, len(oldest_first) - keep_versions)]:
            folders.remove(old)
        folders.remove_if_empty(kept)
    except OSError as error:
        log.warning("kept an old version that could not be removed: %s", error)


def table_of(folders: Folders, staging: str) -> str | None:
    """The table of which a date is staged, as the ledger calls it; None before its version is marked.

    What a legacy job writes need not lie in a folder of the table's name.
    """
    markers = (_marker(folders, folder) for folder in _date_folders(folders, staging))
    return next((m["table"] for m in markers if "table" in m), None)


def version_of(folder: Where) -> int:
    """The version that a date folder holds; 0 for a folder that the platform did not publish."""
    return _version_in(open_folders(folder), text_of(folder))


def kept_versions(root: Where, folder: str) -> dict[int, str]:
    """The date folders that are kept for a date, by version, oldest first."""
    folders, found = open_folders(root), {}
    for version, place in _kept(folders, f"{text_of(root)}/{VERSIONS}/{folder}"):
        # An earlier release kept the date folder itself.
        inside = [place] if folders.exists(f"{place}/{MARKER}") else _date_folders(folders, place)
        if inside:
            found[version] = inside[0]
    return found


@dataclass(frozen=True, slots=True)
class _Swap:
    """A committed version on its way from staging to live."""

    folders: Folders
    root: str
    manifest: Manifest

    @property
    def live(self) -> str:
        return f"{self.root}/{self.manifest.folder}"

    @property
    def staging(self) -> str:
        return self.manifest.staging

    def move_in(self) -> None:
        failure: OSError | None = None
        for tried in range(_TRIES):
            if self.is_this(self.live):
                return
            # Before taking: what is live once this version was taken may be what another has just moved in.
            is_there = self.folders.exists(self.live)
            taken = self.take()
            if taken is None:
                time.sleep(_PAUSE_S)
                continue
            try:
                self.move_in_once(taken, replaces=is_there)
            except (FileExistsError, FileNotFoundError) as error:
                failure = error  # another was here in between
                time.sleep(tried * _PAUSE_S)
            else:
                return
        if failure and not self.is_this(self.live) and self.folders.exists(self.staging):
            raise failure

    def take(self) -> str | None:
        """The staged folder under a name that this call alone knows; None where it is not there, or moved in.

        What it holds is looked at under the new name, where nobody can exchange it any more.
        """
        taken = f"{self.staging}/{INCOMING}{uuid4().hex}"
        for staged in _date_folders(self.folders, self.staging):
            if name_of(staged) != REPLACED:
                with suppress(FileNotFoundError):
                    self.folders.rename(staged, taken)
                    return taken if self.is_this(taken) else None
        return None

    def move_in_once(self, staged: str, *, replaces: bool) -> None:
        if replaces:
            if self.folders.exchange(staged, self.live):
                reached("publish.exchanged")
                return
            self.folders.rename(self.live, f"{self.staging}/{REPLACED}")
            reached("publish.moved_aside")
        self.folders.rename(staged, self.live)
        reached("publish.moved_in")

    def put_away(self) -> None:
        """What was replaced is kept, in the staging folder as it is; a version that replaced nothing leaves nothing.

        While another still has this version in hand, all stays: who comes next finds it there.
        """
        replaced = _date_folders(self.folders, self.staging)
        if any(self.is_this(folder) for folder in replaced):
            return
        if replaced:
            version = _version_in(self.folders, replaced[0])
            if not version and not self.folders.exists(replaced[0]):
                self.put_away()  # another has just taken it in hand, and found that it is not this version
                return
            self.keep(version)
        _remove(self.folders, self.staging)
        reached("publish.kept")

    def keep(self, version: int) -> None:
        kept = f"{self.root}/{VERSIONS}/{self.manifest.folder}/v{version}"
        self.folders.make(parent_of(kept))
        is_taken = self.folders.exists(kept)
        try:
            self.folders.rename(self.staging, f"{kept}-{self.manifest.load_id}" if is_taken else kept)
        except (FileExistsError, FileNotFoundError):
            if self.folders.exists(self.staging):
                raise

    def is_this(self, folder: str) -> bool:
        """The folder holds this version."""
        return _marker(self.folders, folder).get("load_id") == self.manifest.load_id


def _remove(folders: Folders, staging: str) -> None:
    folders.remove(staging)
    folders.remove_if_empty(parent_of(staging))


def _kept(folders: Folders, versions: str) -> list[tuple[int, str]]:
    """Kept versions with their numbers, oldest first: `v3`, or `v3-<load>` where the number was kept before."""
    names = folders.children(versions)
    numbered = ((n.removeprefix("v").partition("-")[0], n) for n in names)
    return sorted((int(n), f"{versions}/{name}") for n, name in numbered if n.isdecimal())


def _date_folders(folders: Folders, staging: str) -> list[str]:
    """The date folders in a staging folder, what was moved aside first; Spark's own folders begin with `_`."""
    found = [n for n in folders.children(staging) if not n.startswith((".", "_"))]
    return [f"{staging}/{n}" for n in sorted(found, key=lambda n: n != REPLACED)]


def _version_in(folders: Folders, folder: str) -> int:
    return int(_marker(folders, folder).get("version", "0"))


def _marker(folders: Folders, folder: str) -> dict[str, str]:
    try:
        plain: dict[str, str] = json.loads(folders.read_text(f"{folder}/{MARKER}"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}  # also a torn one: the ledger settles what the folder is
    return plain if isinstance(plain, dict) else {}
