"""Which folder a table of the ledger is published in. No Dagster here.

A declared table's, and a legacy job's own output, are told by its declaration (planning/places.py). What else a legacy
job writes is in the ledger under the folder, whichever job it is: two that write to one place take turns. That is
`:side_output`, and where it has no business dates, the folder that holds it and its own name: `:|codes`.
"""

from __future__ import annotations

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.folders import open_folders
from fdm_platform.model.settings import Settings, is_uri
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.places import output_root

_AT = ":"
_SNAPSHOT = "|"


def root_of(platform: Platform, table: str) -> str:
    """The folder of a table, of another output of legacy jobs, or of a table that is declared no more."""
    name, at, place = table.partition(_AT)
    if at:
        folder = place.partition(_SNAPSHOT)[0]
        is_whole = folder.startswith("/") or is_uri(folder)
        return folder if is_whole else f"{platform.settings.landing}/{folder}".rstrip("/")
    spec = platform.catalog.tables.get(name)
    return output_root(platform.settings, spec) if spec else platform.settings.table_root(name)


def output_name(settings: Settings, root: str, snapshot: str = "") -> str:
    """What the ledger calls a folder that legacy jobs write and that is no table's. The inverse of `root_of`.

    `snapshot` is the name of an output below the root that has no business dates.
    """
    below = "" if root == settings.landing else root.removeprefix(f"{settings.landing}/")
    return f"{_AT}{below}{_SNAPSHOT if snapshot else ''}{snapshot}"


def owner_of(platform: Platform, root: str) -> TableSpec | None:
    """The table that is published in a folder."""
    tables = platform.catalog.tables.values()
    return next((s for s in tables if output_root(platform.settings, s) == root), None)


def table_at(platform: Platform, root: str, snapshot: str = "") -> str:
    """What the ledger calls a folder: after the table whose it is, so that its own loads and a script's take turns."""
    owner = None if snapshot else owner_of(platform, root)
    return owner.name if owner else output_name(platform.settings, root, snapshot)


def landed_roots(platform: Platform) -> dict[str, str]:
    """The landing root, every folder below it, and those that tables are published in elsewhere: tables by folder.

    OSError where the landing root cannot be listed.
    """
    landing = platform.settings.landing
    below = {f"{landing}/{name}": name for name in open_folders(landing).children(landing)}
    declared = {output_root(platform.settings, s): s.name for s in platform.catalog.tables.values()}
    return {landing: output_name(platform.settings, landing)} | below | declared
