"""The files of published dates, of one version each, whatever is replaced meanwhile.

A date is listed folder by folder, and may be replaced between two of them. Its marker says which version was there
before and after (docs/publishing.md, "What readers see").
"""

from __future__ import annotations

import time
from collections.abc import Collection

from fdm_platform.engines.filesystem import WAITS_S
from fdm_platform.engines.folders import Folders, open_folders, refusal
from fdm_platform.engines.replaced import replaced
from fdm_platform.engines.swapping import MARKER
from fdm_platform.model.plan import SourceFile


def list_published(folder: str, folders: Folders | None = None) -> tuple[SourceFile, ...]:
    """The data files of a published date, all of one version.

    ReplacedError: it was replaced at each look, or was not there for a second. StorageAwayError, or PublishError where
    it cannot be read. `folders` are by default those that the folder's form says.
    """
    folders = folders or open_folders(folder)
    for wait_s in WAITS_S:
        try:
            before = _marker(folders, folder)
            found = tuple(SourceFile(f"{folder}/{p}", n) for p, n in folders.files(folder).items())
            if _marker(folders, folder) == before:
                return found
        except FileNotFoundError:
            pass
        except OSError as error:
            raise refusal("a published date cannot be listed", error, folder, ", then load again") from error
        time.sleep(wait_s)
    raise replaced(folder)


def missing(places: Collection[str]) -> list[str]:
    """Those of the folders of dates that are not there, and do not come in a second."""
    absent = list(places)
    for wait_s in WAITS_S:
        absent = [place for place in absent if not open_folders(place).exists(place)]
        if not absent:
            break
        time.sleep(wait_s)
    return absent


def _marker(folders: Folders, folder: str) -> str | None:
    """None where there is none: also of a folder that the platform did not publish."""
    try:
        return folders.read_text(f"{folder}/{MARKER}")
    except FileNotFoundError:
        return None
