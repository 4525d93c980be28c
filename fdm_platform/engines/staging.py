"""Stage a DataFrame of a plain Python asset, in the same layout as the driver stages a declared table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from fdm_platform.engines.folders import Folders, Where, open_folders, parent_of, text_of
from fdm_platform.engines.orc_footer import Footer, merged, read_footer
from fdm_platform.errors import ContractError
from fdm_platform.model.manifest import Manifest, StagedFile
from fdm_platform.model.partition import BIZ_DT, FolderDateFormat, folder_value
from fdm_platform.model.table import ColumnSpec


@dataclass(frozen=True, slots=True)
class StagingArea:
    """Where one date of one table is staged, and how."""

    load_id: str
    table: str
    biz_dt: date
    staging: Where
    partition_by: tuple[str, ...]
    folder_date_format: FolderDateFormat = "yyyyMMdd"
    compression: str = "snappy"

    @property
    def place(self) -> str:
        """The date's folder, staged."""
        return f"{text_of(self.staging)}/{self.folder}"

    @property
    def biz_dt_value(self) -> str:
        """The date as the folder spells it."""
        return folder_value(self.biz_dt, self.folder_date_format)

    @property
    def folder(self) -> str:
        """Name of the date's folder."""
        return f"{BIZ_DT}={self.biz_dt_value}"


def stage_frame(frame: Any, area: StagingArea) -> Manifest:
    """Write a pandas DataFrame, a pyarrow Table or a Spark DataFrame; ContractError for anything else.

    The frame's rows all belong to the one date: a `biz_dt` column of its own is replaced by it.
    """
    module = type(frame).__module__
    if module.startswith("pyspark."):
        _write_spark(frame, area)
    elif module.startswith(("pandas.", "pyarrow.")):
        _write_arrow(_as_arrow(frame), area)
    else:
        raise ContractError(
            f"{area.table} returned {type(frame).__name__}, which has no rows to land",
            remedy="return a pandas DataFrame, a pyarrow Table or a Spark DataFrame",
        )
    return _manifest(area)


def _as_arrow(frame: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - a slow import that only these assets pay

    return frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)


def _write_arrow(table: Any, area: StagingArea) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import orc  # noqa: PLC0415

    rest = [c for c in area.partition_by if c != BIZ_DT]
    _require_columns(table.column_names, rest, area)
    data = table.drop_columns([c for c in table.column_names if c in area.partition_by])
    folders = open_folders(area.staging)
    groups = table.select(rest).group_by(rest).aggregate([]).to_pylist() if rest else [{}]
    for number, group in enumerate(groups):
        mask = pa.array([True] * table.num_rows) if not group else None
        for name, value in group.items():
            _require_value(name, value, area)
            same = pc.equal(table[name], pa.scalar(value, table[name].type))
            mask = same if mask is None else pc.and_(mask, same)
        parts = [area.place, *(f"{n}={v}" for n, v in group.items())]
        target = "/".join((*parts, f"part-{number:05d}-{area.load_id}.{area.compression}.orc"))
        folders.make(parent_of(target))
        with folders.writing(target) as stream:
            orc.write_table(data.filter(mask), stream, compression=area.compression)


def _write_spark(frame: Any, area: StagingArea) -> None:
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - Spark's own idiom

    _require_columns(frame.columns, [c for c in area.partition_by if c != BIZ_DT], area)
    dated = frame.withColumn(BIZ_DT, F.lit(area.biz_dt_value))
    writer = dated.write.mode("errorifexists").partitionBy(*area.partition_by)
    writer.option("compression", area.compression).orc(text_of(area.staging))
    written = open_folders(area.staging).files(text_of(area.staging))
    for name in area.partition_by:
        if any(f"{name}=__HIVE_DEFAULT_PARTITION__" in path.split("/") for path in written):
            _require_value(name, None, area)


def _require_columns(there: list[str], wanted: list[str], area: StagingArea) -> None:
    missing = [c for c in wanted if c not in there]
    if missing:
        raise ContractError(
            f"{area.table} is partitioned by {', '.join(missing)}, which its result does not have",
            field="partition_by",
            remedy=f"produce the column or change partition_by; the result has {', '.join(there)}",
        )


def _require_value(name: str, value: Any, area: StagingArea) -> None:
    if value is None:
        raise ContractError(
            f"{area.table} {area.biz_dt}: partition column {name} has NULLs",
            field=name,
            remedy="give every row a value, for example by coalesce",
        )


def _manifest(area: StagingArea) -> Manifest:
    folders = open_folders(area.staging)
    folders.make(area.place)  # a frame without rows is an empty date
    files, footers, columns = [], [], list[ColumnSpec]()
    for path, size in folders.files(area.place).items():
        footer, schema = _footer(folders, f"{area.place}/{path}")
        files.append(StagedFile(path, size, footer.rows))
        footers.append(footer)
        columns = columns or schema
    columns += [ColumnSpec(c, "date" if c == BIZ_DT else "string", nullable=False) for c in area.partition_by]
    return Manifest(
        load_id=area.load_id,
        table=area.table,
        biz_dt=area.biz_dt,
        folder=area.folder,
        staging=text_of(area.staging),
        files=tuple(files),
        schema=tuple(columns),
        columns=merged(footers, secret=()),
    )


def _footer(folders: Folders, file: str) -> tuple[Footer, list[ColumnSpec]]:
    """The footer and the data columns of a file."""
    from pyarrow import orc  # noqa: PLC0415

    with folders.reading(file) as source:
        opened = orc.ORCFile(source)
        return read_footer(source, opened), [ColumnSpec(f.name, str(f.type)) for f in opened.schema]
