"""Read a published table, only the dates asked for, as pyarrow, pandas or Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import unquote

from fdm_platform.engines.folders import Folders, Where, name_of, open_folders, text_of
from fdm_platform.engines.published import list_published, missing
from fdm_platform.engines.replaced import find_replaced
from fdm_platform.errors import SourceError
from fdm_platform.model.partition import BIZ_DT, FolderDateFormat, folder_name
from fdm_platform.model.settings import is_uri

_TRIES = 3
"""Of a read whose dates are replaced meanwhile."""


@dataclass(frozen=True, slots=True)
class LandedDates:
    """Some dates (or, with `dates` None, all) of the published table in `root`.

    Partition columns come from folder names: `biz_dt` as a date, the others as strings.
    """

    root: Where
    folder_date_format: FolderDateFormat
    dates: tuple[date, ...] | None = None
    format: str = "orc"
    """What its files are, as Spark calls it; others than ORC are for `to_spark` alone."""

    def folders(self) -> list[str]:
        """The folders of the dates. SourceError names those that were never published."""
        of, root = open_folders(self.root), text_of(self.root)
        if self.dates is None:
            return [f"{root}/{name}" for name in of.children(root) if name.startswith(f"{BIZ_DT}=")]
        chosen = {d: f"{root}/{folder_name(d, self.folder_date_format)}" for d in self.dates}
        if absent := missing(chosen.values()):
            dates = (d.isoformat() for d, place in chosen.items() if place in absent)
            raise SourceError(
                f"not published: {', '.join(dates)}",
                file=root,
                remedy=f"materialize {name_of(root)} for these dates first",
            )
        return list(chosen.values())

    def to_arrow(self) -> Any:
        """A pyarrow Table."""
        import pyarrow as pa  # noqa: PLC0415 - half a second that only readers pay
        import pyarrow.compute as pc  # noqa: PLC0415

        of, root = open_folders(self.root), text_of(self.root)
        table = self._read(
            lambda files: _opened_one_by_one(of, root, files) if is_uri(root) else _as_dataset(root, files)
        )
        if BIZ_DT not in table.column_names:
            return table
        pattern = "%Y%m%d" if self.folder_date_format == "yyyyMMdd" else "%Y-%m-%d"
        days = pc.strptime(table[BIZ_DT], format=pattern, unit="s").cast(pa.date32())
        return table.set_column(table.column_names.index(BIZ_DT), BIZ_DT, days)

    def _read(self, read: Callable[[Sequence[str]], Any]) -> Any:
        """What `read` makes of the files, of one version of each date; made again where one is replaced meanwhile.

        ReplacedError: one was, each time.
        """
        of, root, tried = open_folders(self.root), text_of(self.root), 0
        while True:
            files = [file.path for folder in self.folders() for file in list_published(folder)]
            try:
                return read(files)
            except Exception as error:  # each library has its own for a file that is gone
                tried, gone = tried + 1, find_replaced(root, files, of.exists)
                if gone is None:
                    raise
                if tried == _TRIES:
                    raise gone from error

    def to_pandas(self) -> Any:
        """A pandas DataFrame."""
        return self.to_arrow().to_pandas()

    def to_spark(self, spark: Any) -> Any:
        """A Spark DataFrame in the given session, of the files that are there now."""
        from pyspark.sql import functions as F  # noqa: N812, PLC0415 - Spark's own idiom, and a slow import

        from fdm_platform.engines.files import literal_path  # noqa: PLC0415 - imports pyspark
        from fdm_platform.engines.session_settings import folder_values_as_text  # noqa: PLC0415 - imports pyspark

        of, root = open_folders(self.root), text_of(self.root)

        def read(files: Sequence[str]) -> Any:
            reader = spark.read.format(self.format).option("basePath", root)
            with folder_values_as_text(spark):
                frame = reader.load([literal_path(file) for file in files])
            if gone := find_replaced(root, files, of.exists):  # Spark may have left them out without a word
                raise gone
            return frame

        frame = self._read(read)
        return frame.withColumn(BIZ_DT, F.to_date(F.col(BIZ_DT).cast("string"), self.folder_date_format))


def read_as(landed: LandedDates, annotation: Any, spark: Callable[[], Any]) -> Any:
    """The dates in the annotated type: pyarrow.Table, pandas.DataFrame (also for Any) or a Spark DataFrame."""
    module = getattr(annotation, "__module__", "") or ""
    if module.startswith("pyspark"):
        return landed.to_spark(spark())
    return landed.to_arrow() if module.startswith("pyarrow") else landed.to_pandas()


def _as_dataset(root: str, files: Sequence[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.dataset as ds  # noqa: PLC0415

    names = _partition_columns(root, files)
    layout = ds.partitioning(pa.schema([(n, pa.string()) for n in names]), flavor="hive")
    return ds.dataset(files, format="orc", partitioning=layout, partition_base_dir=root).to_table()


def _opened_one_by_one(of: Folders, root: str, files: Sequence[str]) -> Any:
    """Where pyarrow itself knows no such file system."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import orc  # noqa: PLC0415

    tables = []
    for file in files:
        with of.reading(file) as source:
            table = orc.ORCFile(source).read()
        for part in file.removeprefix(f"{root}/").split("/")[:-1]:
            name, _, value = part.partition("=")
            table = table.append_column(name, pa.array([unquote(value)] * table.num_rows, pa.string()))
        tables.append(table)
    return pa.concat_tables(tables, promote_options="default") if tables else pa.table({})


def _partition_columns(root: str, files: Sequence[str]) -> list[str]:
    if not files:
        return []
    folders = files[0].removeprefix(f"{root}/").split("/")[:-1]
    return [f.split("=", 1)[0] for f in folders]
