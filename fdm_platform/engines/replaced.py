"""What is told of a published date that was replaced while it was read, and how that is found out.

A version's files have names of their own and go all at once, by the rename of their folder: where one of them is
there, all were until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fdm_platform.errors import ReplacedError


def replaced(folder: str, *, field: str | None = None) -> ReplacedError:
    """The error of a reader of a date's folder; `field` is the source that it is to the reader."""
    root, _, name = folder.rpartition("/")
    table = root.rpartition("/")[2]
    return ReplacedError(
        f"{table}, {name}, was replaced while it was read",
        file=folder,
        field=field,
        remedy=f"load it again, which reads the new version; if nothing is there, load that date of {table} first",
    )


def find_replaced(
    root: str, files: Iterable[str], exists: Callable[[str], bool], *, field: str | None = None
) -> ReplacedError | None:
    """The first date of the table in `root` whose files, of those that were listed, are not there any more."""
    one_of_each = {file.removeprefix(root).lstrip("/").partition("/")[0]: file for file in files}
    gone = next((folder for folder, file in one_of_each.items() if not exists(file)), None)
    return replaced(f"{root.rstrip('/')}/{gone}", field=field) if gone else None
