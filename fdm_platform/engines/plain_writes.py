"""Writes that bypass the framework: what a legacy script changed below its output by itself.

They are left alone, and found by comparing two listings of the output, one before the script and one after it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fdm_platform.engines.folders import Folders, Where, open_folders, text_of
from fdm_platform.engines.published import missing
from fdm_platform.engines.swapping import MARKER

BESIDE = ""
"""Stands for files that lie in no date's folder."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An output at one moment: each file's size and time, by path, the markers of published dates among them."""

    root: str
    stamps: Mapping[str, str]

    @property
    def dates(self) -> dict[str, dict[str, str]]:
        """The same by the name of the date's folder."""
        found: dict[str, dict[str, str]] = {}
        for path, stamp in self.stamps.items():
            folder = path.partition("/")[0]
            found.setdefault(folder if "=" in folder else BESIDE, {})[path] = stamp
        return found

    def files_of(self, folder: str) -> list[str]:
        """The data files of a date's folder, relative to it."""
        inside = self.dates.get(folder, {})
        return sorted(p.removeprefix(f"{folder}/") for p in inside if not p.endswith(MARKER))

    def save(self, file: Path) -> None:
        """Keep it for whoever publishes, which may be another process."""
        file.write_text(json.dumps({"root": self.root, "stamps": dict(self.stamps)}), encoding="utf-8")

    @classmethod
    def saved(cls, file: Path) -> Listing | None:
        """What `save` has kept; None where there is nothing of the kind."""
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class PlainWrites:
    """What a script wrote by itself: live at once, in parts, and for good."""

    files: Mapping[str, int]
    """New and changed files, by the date's folder."""
    vanished: tuple[str, ...]
    """Folders of dates that were there before, and are not any more."""


def listing(root: Where, folders: Folders | None = None) -> Listing:
    """The output as it is now; of each file one look at its size and time, nothing is read.

    OSError where the file system refuses. `folders` are by default those that the root's form says.
    """
    place = text_of(root)
    return Listing(place, (folders or open_folders(place)).stamps(place, also=MARKER))


def changed(before: Listing, after: Listing) -> PlainWrites:
    """What was written to the output between the two, and not published by a load of the platform."""
    old, new = before.dates, after.dates
    files = Counter[str]()
    for folder, stamps in new.items():
        was = old.get(folder, {})
        if _is_published(folder, was, stamps):
            continue
        files[folder] = sum(was.get(p) != s for p, s in stamps.items() if not p.endswith(MARKER))
    gone = [f"{before.root}/{folder}" for folder in sorted(old.keys() - new.keys() - {BESIDE})]
    vanished = missing(gone)  # one that is being replaced just then comes back
    return PlainWrites(+files, tuple(place.rpartition("/")[2] for place in vanished))


def _is_published(folder: str, was: Mapping[str, str], stamps: Mapping[str, str]) -> bool:
    """Another load has brought a version of the date live meanwhile."""
    marker = f"{folder}/{MARKER}" if folder else MARKER
    return marker in stamps and stamps[marker] != was.get(marker)
