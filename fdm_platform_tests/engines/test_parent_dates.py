"""Several dates of a landing table as one source: planned, and read by real Spark."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fdm_platform.engines.published import list_published
from fdm_platform.engines.reading import read_source
from fdm_platform.model.dependency import ParentDates, ParentState
from fdm_platform.model.table import SourceSpec, TableSpec
from fdm_platform.planning.parents import ParentSource

pytestmark = pytest.mark.spark

DAYS = [date(2024, 5, day) for day in (13, 14, 15)]


@pytest.mark.parametrize("folder_format", ["yyyyMMdd", "yyyy-MM-dd"])
@pytest.mark.parametrize("wide", DAYS)
def test_a_column_that_came_later_is_read_whichever_date_has_it(
    spark: SparkSession, tmp_path: Path, wide: date, folder_format: str
) -> None:
    up = TableSpec("GELS", "FPMS", "t_up", "up.yaml", (), (), folder_date_format=folder_format)  # type: ignore[arg-type]
    for day in DAYS:
        name = f"{day:%Y%m%d}" if folder_format == "yyyyMMdd" else day.isoformat()
        columns = "1 AS id, 'x' AS later" if day == wide else "1 AS id"
        spark.sql(f"SELECT {columns}").write.orc(str(tmp_path / f"biz_dt={name}"))
    state = ParentState(dict.fromkeys(DAYS, 1), DAYS)
    source = SourceSpec("week", "orc", table=up.name, biz_dt=ParentDates("window", 3))
    plan = ParentSource(up, source, up, str(tmp_path), state).plan(DAYS[-1], list_published)
    frame = read_source(spark.newSession(), plan, "down.yaml")
    found = {row.biz_dt: (row.id, row.later) for row in frame.collect()}
    assert found == {day: (1, "x" if day == wide else None) for day in DAYS}
