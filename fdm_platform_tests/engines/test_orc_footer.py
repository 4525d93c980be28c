"""Footers read without Spark, of files that pyarrow wrote; and the manifest of a plain Python asset, which has them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

from fdm_platform.engines.orc_footer import merged, read_footer
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.model.manifest import ColumnStatistics

DAY = date(2024, 5, 15)
# More columns than fit into one chunk of 64 KiB, so that footers have several.
WIDE = pa.table({f"column_{n}": [f"{n} " + "x" * 200, None] for n in range(400)})


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "zlib", "zstd", "lz4"])
def test_every_compression(tmp_path: Path, compression: str) -> None:
    orc.write_table(WIDE, tmp_path / "a.orc", compression=compression)
    with (tmp_path / "a.orc").open("rb") as stream:
        footer = read_footer(stream, orc.ORCFile(stream))
    assert footer.rows == 2
    assert set(footer.columns) == set(WIDE.column_names)
    assert footer.columns["column_399"].min == WIDE["column_399"][0].as_py()
    assert merged([footer], secret={"column_0"})["column_0"] == ColumnStatistics(1)


def test_a_frames_columns_over_its_files(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, -3], pa.int32()),
            "amount": pa.array([Decimal("1.50"), Decimal("-2.25"), None], pa.decimal128(18, 2)),
            "text": ["b", "a", None],
            "day": pa.array([DAY, None, date(1969, 12, 31)]),
            "moment": pa.array([datetime(2024, 5, 15, 10, 0, 0, 123456), None, None], pa.timestamp("us")),  # noqa: DTZ001
            "biz_status": ["ACTIVE", "ACTIVE", "INACTIVE"],
        }
    )
    staging = tmp_path / ".staging" / "load-1" / str(DAY)
    manifest = stage_frame(table, StagingArea("load-1", "t", DAY, staging, ("biz_dt", "biz_status")))
    assert len(manifest.files) == 2
    assert manifest.columns == {
        "n": ColumnStatistics(1, -3, 1, -2),
        "amount": ColumnStatistics(1, "-2.25", "1.5", "-0.75"),
        "text": ColumnStatistics(1, "a", "b"),
        "day": ColumnStatistics(1, "1969-12-31", "2024-05-15"),
        "moment": ColumnStatistics(2, "2024-05-15T10:00:00.123456", "2024-05-15T10:00:00.123456"),
    }


def test_a_frame_without_rows_has_no_columns_to_tell_of(tmp_path: Path) -> None:
    staging = tmp_path / ".staging" / "load-1" / str(DAY)
    table = pa.table({"v": pa.array([], pa.string()), "biz_status": pa.array([], pa.string())})
    manifest = stage_frame(table, StagingArea("load-1", "t", DAY, staging, ("biz_dt", "biz_status")))
    assert (manifest.rows, manifest.columns) == (0, {})
