"""Several dates of a landing table as one source: planned, and read by real Spark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.load import run_date
from fdm_platform.engines.published import list_published
from fdm_platform.engines.reading import read_source
from fdm_platform.errors import SourceError
from fdm_platform.model.dependency import ParentDates, ParentState
from fdm_platform.model.table import SourceSpec, TableSpec
from fdm_platform.planning.parents import ParentSource
from fdm_platform_tests.engines.plans import date_plan, load_plan

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


def replaced(folder: Path) -> None:
    """The date has another version: files with other names."""
    for file in folder.glob("part-*"):
        file.rename(file.with_name(f"new-{file.name}"))


@pytest.mark.parametrize("where", [Path.as_posix, Path.as_uri])
def test_a_parent_that_is_replaced_after_it_was_planned_is_told_as_such(
    spark: SparkSession, tmp_path: Path, where: Callable[[Path], str]
) -> None:
    up = TableSpec("GELS", "FPMS", "t_up", "up.yaml", (), ())
    root = tmp_path / up.name
    for day in DAYS:
        spark.sql("SELECT 1 AS id, 'A%b' AS s").write.partitionBy("s").orc(str(root / f"biz_dt={day:%Y%m%d}"))
    source = SourceSpec("week", "orc", table=up.name, biz_dt=ParentDates("window", 3))
    plan = ParentSource(up, source, up, where(root), ParentState(dict.fromkeys(DAYS, 1), DAYS))
    planned = date_plan(tmp_path, [plan.plan(DAYS[-1], list_published)], "SELECT id, biz_dt FROM week")
    whole = read_source(spark.newSession(), planned.sources[0], "down.yaml")
    assert sorted((row.s, row.biz_dt) for row in whole.collect()) == [("A%b", day) for day in DAYS]
    replaced(root / f"biz_dt={DAYS[1]:%Y%m%d}" / "s=A%25b")
    failure = run_date(
        spark.newSession(), load_plan(tmp_path, [planned], partition_by=("biz_dt",)), planned
    ).failure
    assert failure
    assert (failure.error, failure.field) == ("ReplacedError", "sources.week")
    assert failure.headline == "gels_fpms_t_up, biz_dt=20240514, was replaced while it was read"
    assert "PATH_NOT_FOUND" in failure.detail


def test_landed_dates_are_handed_to_spark_by_their_files(spark: SparkSession, tmp_path: Path) -> None:
    for day in DAYS[:2]:
        spark.sql("SELECT 1 AS id, 'A%b' AS status, '012' AS branch").write.partitionBy(
            "status", "branch"
        ).orc(str(tmp_path / f"biz_dt={day:%Y%m%d}"))
    landed = LandedDates(tmp_path, "yyyyMMdd", tuple(DAYS[:2]))
    frame = landed.to_spark(spark)
    assert sorted(tuple(row) for row in frame.collect()) == [(1, d, "A%b", "012") for d in DAYS[:2]]
    replaced(tmp_path / f"biz_dt={DAYS[0]:%Y%m%d}" / "status=A%25b" / "branch=012")
    with pytest.raises(Exception, match="does not exist"):
        frame.count()
    assert landed.to_spark(spark).count() == len(DAYS[:2])
    with pytest.raises(SourceError, match=f"not published: {DAYS[2]}"):
        LandedDates(tmp_path, "yyyyMMdd", tuple(DAYS)).to_spark(spark)
