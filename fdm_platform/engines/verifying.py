"""What is staged, held against its manifest before it is published; no second pass over the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

from fdm_platform.engines.folders import Folders, open_folders
from fdm_platform.engines.swapping import staged_folder
from fdm_platform.errors import PublishError
from fdm_platform.model.manifest import Manifest

_DAMAGED = "something else wrote here, or the disk lost data; run the date again"


def verify(manifest: Manifest) -> None:
    """Hold the staged files against the manifest: names, sizes, and rows where the format's footers tell them."""
    folders, folder = open_folders(manifest.staging), staged_folder(manifest)
    if not folders.exists(folder):
        raise PublishError(
            f"{manifest.table} {manifest.biz_dt}: the staged folder is gone",
            file=folder,
            remedy="run the date again",
        )
    there = folders.files(folder)
    told = {f.path: f.bytes for f in manifest.files}
    if there != told:
        odd = sorted({*there.items()} ^ {*told.items()})
        raise PublishError(
            f"staged files differ from the manifest of load {manifest.load_id}: {odd[:5]}",
            file=folder,
            remedy=_DAMAGED,
        )
    _verify_rows(folders, manifest, folder)


def _orc_rows(source: BinaryIO) -> int:
    from pyarrow import orc  # noqa: PLC0415 - half a second that only publishing pays

    return int(orc.ORCFile(source).nrows)


def _parquet_rows(source: BinaryIO) -> int:
    from pyarrow import parquet  # noqa: PLC0415

    return int(parquet.ParquetFile(source).metadata.num_rows)


_ROWS: Mapping[str, Callable[[BinaryIO], int]] = {"orc": _orc_rows, "parquet": _parquet_rows}
"""Formats whose files say how many rows they hold."""


def rows_of(file: str) -> int | None:
    """Rows of a file that is live, by its name's ending and its footer; None where that does not say."""
    rows_in = _ROWS.get(file.rpartition(".")[2])
    if rows_in is None:
        return None
    try:
        with open_folders(file).reading(file) as source:
            return rows_in(source)
    except (OSError, ValueError):
        return None


def _verify_rows(folders: Folders, manifest: Manifest, folder: str) -> None:
    rows_in = _ROWS.get(manifest.format)
    if rows_in is None:
        return
    for file in manifest.files:
        with folders.reading(f"{folder}/{file.path}") as source:
            try:
                rows = rows_in(source)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise  # the disk's, not the reader's
                what = f"cannot be read as {manifest.format.upper()}: {error}"
                raise PublishError(what, file=f"{folder}/{file.path}", remedy=_DAMAGED) from error
        if rows != file.rows:
            raise PublishError(
                f"holds {rows} rows, the manifest of load {manifest.load_id} says {file.rows}",
                file=f"{folder}/{file.path}",
                remedy="run the date again",
            )
